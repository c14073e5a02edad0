//! What can be known about a run before it starts, in milliseconds: whether the dataset directory
//! has classes, whether the weights fit the model, and whether this build has the device.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::base::{self, Opened};
use super::error::RunError;
use super::evaluate;
use super::export::ExportError;
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::key_path::KeyPath;
use crate::base::text;
use crate::dataset::decode;
use crate::dataset::scan::{self, Candidate, Listing, Origin};
use crate::engine::autodiff::Layers;
use crate::fetch::sha256::Sha256;
use crate::fetch::{self, FetchError, Kept};
use crate::model::imagenet;
use crate::model::network::{Base, Network};
use crate::model::published::{self, PublishedFile};
use crate::model::weights::Weights;
use crate::model::weights::file::WeightsError;
use crate::model::weights::import::WeightsFile;
use crate::onnx;
use crate::run_dir::layout;
use crate::spec::problem::{Code, Problem};
use crate::spec::{
    BaseModel, Convention, EvaluateOn, EvaluateSpec, ExportSpec, ModelSpec, PipelineSpec, Source,
    TaskKind, TaskSpec, TopSpec, WeightsSpec,
};

/// A run that can start.
pub struct Prepared {
    /// The files of the dataset.
    pub listing: Listing,
    /// The classifier.
    pub network: Network,
    /// The weights of the base model, if they come from a file.
    pub base_weights: Option<BaseWeights>,
    /// What runs the trainable part.
    pub layers: Layers,
}

impl Prepared {
    /// How many images there are, by the first bytes of each file; whether they can be read is not
    /// known yet.
    pub fn n_images(&self) -> usize {
        let is_image = |candidate: &&Candidate| match &candidate.origin {
            Origin::File(file) => decode::is_image_file(file),
            Origin::Drawn { .. } => true,
        };
        self.listing.candidates.par_iter().filter(is_image).count()
    }
}

/// Weights that were read from a file.
pub struct BaseWeights {
    /// The file as the pipeline names it.
    pub source: String,
    /// Where its publisher has it, and its SHA-256, if it is a published file.
    pub published: Option<(String, Sha256)>,
    /// The digest of the file.
    pub digest: Digest,
    /// The weights: those of the base model, and of the head where it is the one that came with
    /// them.
    pub weights: Weights,
}

/// Says what is wrong with a file that a model names, if it names one that cannot be used.
///
/// # Errors
/// With the problem.
pub fn check_file(spec: &PipelineSpec) -> Result<(), Problem> {
    match spec.model.weights {
        WeightsSpec::File(_) | WeightsSpec::InBase => find_base(spec, None).map(drop),
        WeightsSpec::Random(_) | WeightsSpec::Builtin | WeightsSpec::Published(_) => Ok(()),
    }
}

/// The published file that a model asks for, if it asks for one.
pub fn published(model: &ModelSpec) -> Option<PublishedFile> {
    let WeightsSpec::Published(spec) = &model.weights else { return None };
    let found = published::find(model.width(), spec, model.top);
    Some(found.expect("pipelines are checked for what has been published"))
}

/// Looks at the dataset directory and the weights of a pipeline; published weights are looked for
/// in the cache at `cache`, never on a network.
///
/// # Errors
/// With everything that is wrong with them.
pub fn prepare(spec: &PipelineSpec, cache: Option<&Path>) -> Result<Prepared, Vec<Problem>> {
    let mut problems = vec![];
    let listing = scan::list(&spec.dataset)
        .map_err(|error| {
            let at = KeyPath::of(&["dataset", "directory"]);
            let code = error.code().unwrap_or(Code::DatasetDirectory);
            problems.push(Problem::new(code, at, error.to_string()).hints(error.hints()));
        })
        .ok();
    let model = find_base(spec, cache).and_then(|base| {
        let classes = listing.as_ref().map(|listing| &listing.classes[..]);
        built(spec, base, classes)
    });
    let model = model.map_err(|problem| problems.push(problem)).ok();
    if let Some(listing) = &listing {
        let is_opaque = model.as_ref().is_some_and(|(network, _)| network.is_opaque());
        check_tasks(spec, &listing.classes, is_opaque, &mut problems);
    }
    let layers = Layers::of(spec.device);
    if layers.is_none() {
        let message = "this build of alpaca-run has no `libtorch` device";
        let problem = Problem::new(Code::DeviceUnavailable, KeyPath::of(&["device"]), message);
        problems.push(problem.hint(
            "build it with the feature `libtorch` (docs/devices.md says how), or write `device: cpu`",
        ));
    }
    match (listing, model, layers) {
        (Some(listing), Some((network, base_weights)), Some(layers)) if problems.is_empty() => {
            Ok(Prepared { listing, network, base_weights, layers })
        }
        _ => Err(problems),
    }
}

/// The classifier of a pipeline, and the weights that its base model starts from.
fn built(
    spec: &PipelineSpec,
    base: FoundBase,
    classes: Option<&[String]>,
) -> Result<(Network, Option<BaseWeights>), Problem> {
    // The base model is the same for any number of classes, so weights can be judged without them.
    let n_classes = classes.map_or(2, <[String]>::len);
    match base {
        FoundBase::Random => Ok((network(spec, Convention::default(), n_classes), None)),
        FoundBase::File { source, opened: Opened { base, weights, digest, .. } } => {
            let weights = BaseWeights { source, published: None, digest, weights };
            Ok((network(spec, base, n_classes), Some(weights)))
        }
        FoundBase::Weights(File { source, published, content }) => {
            // Weights, graph and preprocessing are one thing.
            let network = network(spec, content.convention(), n_classes);
            let mut weights = read(&content, &network)?;
            if let (TopSpec::Pretrained, Some(classes)) = (spec.model.top, classes) {
                weights.extend(pretrained_head(&content, classes)?);
            }
            let digest = content.digest();
            Ok((network, Some(BaseWeights { source, published, digest, weights })))
        }
    }
}

/// The classifier of a pipeline without its weights, whose file is not looked for.
pub(super) fn outline(spec: &PipelineSpec, n_classes: usize) -> Result<Network, Problem> {
    let base = match &spec.model.base {
        BaseModel::MobilenetV2 => Convention::default().into(),
        BaseModel::Onnx(onnx) => base::of_pipeline(onnx, spec)?.base,
    };
    Ok(network(spec, base, n_classes))
}

fn network(spec: &PipelineSpec, base: impl Into<Base>, n_classes: usize) -> Network {
    Network::build(&spec.model, base, spec.dataset.image_size, n_classes)
        .expect("the engines have units for every layer of the base models")
}

/// What a base model is made of, before it is built.
enum FoundBase {
    /// Random weights.
    Random,
    /// Weights from a file.
    Weights(File),
    /// A file that is a base model.
    File { source: String, opened: Opened },
}

/// Reads the file that a base model is, or starts from.
fn find_base(spec: &PipelineSpec, cache: Option<&Path>) -> Result<FoundBase, Problem> {
    if let BaseModel::Onnx(onnx) = &spec.model.base {
        let opened = base::of_pipeline(onnx, spec)?;
        return Ok(FoundBase::File { source: onnx.onnx.written.clone(), opened });
    }
    Ok(open(&spec.model, cache)?.map_or(FoundBase::Random, FoundBase::Weights))
}

/// Says before anything trains which tasks cannot be done afterwards.
fn check_tasks(
    spec: &PipelineSpec,
    classes: &[String],
    is_opaque: bool,
    problems: &mut Vec<Problem>,
) {
    for TaskSpec { name, kind } in &spec.tasks {
        let at = |key: &str| KeyPath::of(&["stages", name]).key(key);
        match kind {
            TaskKind::Evaluate(EvaluateSpec { on: EvaluateOn::Directory(folder), .. }) => {
                let at = at("evaluate").key("directory");
                let listing = scan::scan_some(&folder.path).map_err(RunError::from);
                let fits = listing.and_then(|listing| evaluate::check_classes(&listing, classes));
                problems.extend(fits.err().map(|error| {
                    let code = error.code().unwrap_or(Code::Conflict);
                    Problem::new(code, at, error.to_string()).hints(error.hints())
                }));
            }
            TaskKind::Export(_) if is_opaque => {
                let error = ExportError::Backbone;
                problems.push(
                    Problem::new(Code::Conflict, at("export"), error.to_string())
                        .hints(error.hints()),
                );
            }
            TaskKind::Export(ExportSpec { normalised: false, .. }) => {
                let fits = onnx::check_resize(spec.dataset.resize);
                problems.extend(fits.err().map(|error| {
                    Problem::new(Code::Conflict, at("export"), error.to_string())
                        .hints(ExportError::from(error).hints())
                }));
            }
            TaskKind::Evaluate(_) | TaskKind::Export(_) => {}
        }
    }
}

/// The network of a pipeline with an output for each of ImageNet's 1,000 classes, and the weights
/// that its authors gave it.
///
/// # Errors
/// When the weights are not here, do not fit, or come with no classifier.
pub fn pretrained(
    spec: &PipelineSpec,
    cache: Option<&Path>,
) -> Result<(Network, Weights), Problem> {
    let n_classes = imagenet::N_CLASSES;
    let at = || KeyPath::of(&["model", "weights"]);
    let Some(File { content, .. }) = open(&spec.model, cache)? else {
        let message = "random weights say nothing about pictures";
        return Err(Problem::new(Code::Conflict, at(), message));
    };
    let network = network(spec, content.convention(), n_classes);
    let mut weights = read(&content, &network)?;
    let classifier = content.classifier().map_err(|error| weights_problem(&error))?;
    weights.extend(classifier.head_for(&(0..n_classes).collect::<Vec<_>>()));
    Ok((network, weights))
}

/// A file of weights that was found.
struct File {
    source: String,
    published: Option<(String, Sha256)>,
    content: WeightsFile,
}

/// Opens the file that a model starts from, if it starts from one.
fn open(model: &ModelSpec, cache: Option<&Path>) -> Result<Option<File>, Problem> {
    let (source, published, path): (String, _, PathBuf) = match &model.weights {
        WeightsSpec::Random(_) | WeightsSpec::InBase => return Ok(None),
        WeightsSpec::Builtin => {
            let content = WeightsFile::builtin();
            return Ok(Some(File { source: "builtin".to_owned(), published: None, content }));
        }
        WeightsSpec::File(location) => (location.written.clone(), None, location.path.clone()),
        WeightsSpec::Published(_) => {
            let Some(file) = published(model) else { return Ok(None) };
            let Kept { path, sha256, .. } = find(&file, cache)?;
            (file.name, Some((file.url, sha256)), path)
        }
    };
    let content = WeightsFile::open(&path).map_err(|error| {
        let meant = meant(&path).filter(|_| !path.exists());
        let mut problem = weights_problem(&error);
        problem.hints.extend(meant);
        problem
    })?;
    Ok(Some(File { source, published, content }))
}

/// What somebody may have meant who named a file that is not there.
fn meant(path: &Path) -> Option<String> {
    let word = path.file_name()?.to_string_lossy().to_lowercase();
    let folder = path.parent()?;
    if folder.file_name().is_some_and(|name| name == layout::WEIGHTS) {
        return Some(of_run(&fs::normalise(folder.parent()?)));
    }
    let has = |part: &str| path.components().any(|found| found.as_os_str() == part);
    if Source::ALL.iter().any(|source| source.name() == word) {
        return Some(format!("published weights are named `{{ source: {word} }}`"));
    }
    if has("http:") || has("https:") {
        let text =
            "weights are not downloaded from any address; download the file and name it here";
        return Some(text.to_owned());
    }
    if has("~") {
        return Some("`~` means nothing here; write the whole path".to_owned());
    }
    let names = text::nearest(&word, ["builtin", "imagenet", "none"], 1);
    names.first().map(|name| format!("did you mean `{name}`?"))
}

/// How weights come to lie in a run directory.
fn of_run(directory: &Path) -> String {
    let shown = directory.display();
    if directory.join(layout::MANIFEST).exists() {
        let [best, last] = [layout::BEST_WEIGHTS, layout::LAST_WEIGHTS];
        return format!("the run in `{shown}` has `{best}` and `{last}`");
    }
    if directory.exists() {
        return format!("`alpaca-run resume {shown}` goes on with that run; its end leaves them");
    }
    let elsewhere = match directory.parent().and_then(Path::to_str) {
        None | Some("runs") => String::new(),
        Some("") => " with `--runs-dir .`".to_owned(),
        Some(runs) => format!(" with `--runs-dir {runs}`"),
    };
    format!("a finished run in `{shown}` has them: run its pipeline first{elsewhere}")
}

/// A published file that was downloaded before.
fn find(file: &PublishedFile, cache: Option<&Path>) -> Result<Kept, Problem> {
    let at = || KeyPath::of(&["model", "weights"]);
    let Some(cache) = cache else {
        let message = "published weights need a folder to be kept in, and this system names none";
        let problem = Problem::new(Code::WeightsUnavailable, at(), message);
        return Err(problem.hint("give one with --cache-dir"));
    };
    let path = fetch::path_of(cache, file);
    match fetch::find(cache, file) {
        Ok(Some(kept)) => Ok(kept),
        Ok(None) => {
            let message = format!("`{}` has not been downloaded", file.name);
            let problem = Problem::new(Code::WeightsUnavailable, at(), message);
            Err(problem
                .hint("`alpaca-run fetch PIPELINE`, with the same -S options, downloads it")
                .hint(fetch::by_hand(&path, &file.url)))
        }
        Err(error) => {
            let hints = match &error {
                FetchError::File(error) => vec![format!("the system says: {}", error.source)],
                error => error.hints(cache, file),
            };
            Err(Problem::new(Code::WeightsFile, at(), error.to_string()).hints(hints))
        }
    }
}

/// The weights of the base model of a network.
fn read(file: &WeightsFile, network: &Network) -> Result<Weights, Problem> {
    file.weights(&network.base_parameters()).map_err(|error| weights_problem(&error))
}

/// The part of the classifier in a file that is about `classes`.
fn pretrained_head(file: &WeightsFile, classes: &[String]) -> Result<Weights, Problem> {
    let outputs = imagenet::indices(classes).map_err(|error| {
        let at = KeyPath::of(&["model", "top"]);
        Problem::new(Code::NotInImagenet, at, error.to_string()).hints(error.hints())
    })?;
    let classifier = file.classifier().map_err(|error| weights_problem(&error))?;
    Ok(classifier.head_for(&outputs))
}

fn weights_problem(error: &WeightsError) -> Problem {
    let code = match error {
        WeightsError::Mismatch { .. } | WeightsError::NoClassifier { .. } => Code::WeightsMismatch,
        WeightsError::File(_) | WeightsError::Format { .. } => Code::WeightsFile,
    };
    Problem::new(code, KeyPath::of(&["model", "weights"]), error.to_string()).hints(error.hints())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_a_run_did_not_leave_are_explained() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("runs/a/weights/best.safetensors");
        let hint = || meant(&file).unwrap();
        assert!(hint().contains("run its pipeline first with `--runs-dir"), "{}", hint());
        let here = meant(Path::new("never_run/weights/best.safetensors")).unwrap();
        assert!(here.ends_with("run its pipeline first with `--runs-dir .`"), "{here}");
        fs::create_dir_all(&root.path().join("runs/a")).unwrap();
        assert!(hint().starts_with("`alpaca-run resume "), "{}", hint());
        fs::write_atomic(&root.path().join("runs/a/manifest.json"), b"{}").unwrap();
        assert!(hint().ends_with("has `best.safetensors` and `last.safetensors`"), "{}", hint());
    }
}
