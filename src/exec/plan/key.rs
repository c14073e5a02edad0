//! The key of a stage: everything that determines its result, as one readable document.
//!
//! A key is the whole spec without the values that are known not to affect results. So a value that
//! is added to the spec later counts until it is shown not to matter.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::base::digest::Digest;
use crate::base::leaves::{self, Change};
use crate::spec::{
    Convention, FreezeSpec, HARMLESS, PipelineSpec, Precision, StageKind, StageSpec,
};

/// The program that computes, and its settings; not a value of the pipeline.
pub const PROGRAM: &str = "program";
/// The images: the content of the dataset, not its location.
pub const IMAGES: &str = "pictures";
/// The weights file: its content, not its name.
pub const WEIGHTS: &str = "weights";
/// The convention that the network is built by. The content of the weights file does not always
/// decide it.
pub const CONVENTION: &str = "convention";
/// The teacher of the stage: its content, not its location.
pub const TEACHER: &str = "teacher";
/// The content of the images without labels, if the stage has a teacher.
pub const UNLABELED: &str = "unlabeled";
/// The key of the stage that this one starts from.
pub const UPSTREAM: &str = "upstream";

/// The key of each stage whose weights it averages with its own.
pub const SOUP: &str = "soup";

/// What all stages freeze, if layers that none of them trains compute differently.
pub const FROZEN: &str = "frozen";

/// Everything that determines the result of a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct StageKey {
    document: Value,
    digest: Digest,
}

/// Inputs that determine results besides the pipeline.
pub(crate) struct Inputs {
    /// The program that computes, and its settings.
    pub(crate) program: String,
    /// The fingerprint of the dataset.
    pub(crate) images: Digest,
    /// The digest of the weights file.
    pub(crate) weights: Option<Digest>,
    /// The convention that the network is built by.
    pub(crate) convention: Convention,
    /// The digest of the teacher of each stage that has one.
    pub(crate) teachers: BTreeMap<String, Digest>,
    /// The fingerprint of the images without labels.
    pub(crate) unlabeled: Option<Digest>,
}

impl StageKey {
    fn new(document: Value) -> Self {
        let text = serde_json::to_vec(&document).expect("a key is plain data");
        Self { document, digest: Digest::of(&text) }
    }

    /// The key as a document with the paths of the pipeline file.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The digest of the document.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The changes since an earlier document.
    pub(crate) fn changes_since(&self, earlier: &Value) -> Vec<Change> {
        leaves::changes(earlier, &self.document)
    }
}

/// The keys of all stages.
pub(crate) fn keys(spec: &PipelineSpec, inputs: &Inputs) -> Vec<StageKey> {
    let mut keys: Vec<StageKey> = vec![];
    for stage in &spec.stages {
        let from = stage.from().and_then(|from| spec.stages.iter().position(|s| s.name == from));
        let mut common = serde_json::to_value(alone(spec, stage)).expect("a spec is plain data");
        for path in HARMLESS {
            remove(&mut common, path);
        }
        let mut document = Map::new();
        document.insert(PROGRAM.to_owned(), json!(inputs.program));
        document.insert(IMAGES.to_owned(), json!(inputs.images));
        document.insert(WEIGHTS.to_owned(), json!(inputs.weights));
        document.insert(CONVENTION.to_owned(), json!(inputs.convention.name()));
        document.insert(UPSTREAM.to_owned(), json!(from.map(|from| keys[from].digest)));
        let soup = stage.soup_with().iter().filter_map(|name| {
            let position = spec.stages.iter().position(|stage| stage.name == *name);
            Some((name.clone(), json!(keys[position?].digest)))
        });
        let soup: Map<String, Value> = soup.collect();
        if !soup.is_empty() {
            document.insert(SOUP.to_owned(), soup.into());
        }
        if let Some(teacher) = inputs.teachers.get(&stage.name) {
            remove(&mut common, &["stages", &stage.name, "train", "teacher", "model"]);
            document.insert(TEACHER.to_owned(), json!(teacher));
            if let Some(unlabeled) = inputs.unlabeled {
                document.insert(UNLABELED.to_owned(), json!(unlabeled));
            }
        }
        document.extend(common.as_object().expect("a spec is a mapping").clone());
        if spec.model.precision == Precision::Int8 {
            document.insert(FROZEN.to_owned(), json!(frozen(&spec.stages)));
        }
        keys.push(StageKey::new(Value::Object(document)));
    }
    keys
}

/// What the stages freeze: all, nothing, or the layers before one.
fn frozen(stages: &[StageSpec]) -> String {
    let rules = stages.iter().map(|stage| match stage.freeze() {
        FreezeSpec::All => "all",
        FreezeSpec::None => "none",
        FreezeSpec::Before { layer } => layer,
    });
    rules.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

/// Values of a stage that only decide how its trainable part is trained.
pub const OF_TRAINABLE_PART: [&str; 21] = [
    "from",
    "from_weights",
    "sampling",
    "epochs",
    "optimizer",
    "schedule",
    "warmup",
    "layer_decay",
    "parameters",
    "batch_norm",
    "loss",
    "label_smoothing",
    "class_weights",
    "gradient_clipping",
    "weight_average",
    "soup",
    "mixing",
    "teacher",
    "best_by",
    "early_stopping",
    "micro_batches",
];

/// The digest of everything that determines the features of a stage besides the weights of its
/// frozen part: its key without the values known to decide only the split and the trainable part.
/// Images that are not augmented have the same features in every stage.
pub(crate) fn of_features(key: &StageKey, is_augmented: bool) -> Digest {
    const NEVER: [&[&str]; 5] =
        [&[UPSTREAM], &[SOUP], &[TEACHER], &["dataset", "split"], &["dataset", "batch_size"]];
    const IF_AUGMENTED: [&[&str]; 3] = [&["augmentation"], &["augmentation_views"], &["seed"]];
    let mut document = key.document.clone();
    for path in NEVER.into_iter().chain(IF_AUGMENTED.into_iter().filter(|_| !is_augmented)) {
        remove(&mut document, path);
    }
    let stages = remove(&mut document, &["stages"]).unwrap_or_default();
    for (name, mut stage) in stages.as_object().cloned().unwrap_or_default() {
        OF_TRAINABLE_PART.iter().for_each(|value| drop(remove(&mut stage, &["train", value])));
        // A head is fitted to features of the whole base model.
        if remove(&mut stage, &["fit"]).is_some() {
            stage = json!({ "train": { "freeze": "all" } });
        }
        let name = if is_augmented { name } else { String::new() };
        document[format!("stage {name}")] = stage;
    }
    Digest::of(document.to_string().as_bytes())
}

/// The pipeline with one stage and without tasks. Its augmentation is that of the stage, wherever it
/// was written.
fn alone(spec: &PipelineSpec, stage: &StageSpec) -> PipelineSpec {
    let (augmentation, augmentation_views) = spec.augmentation_of(stage);
    let mut stage = stage.clone();
    match &mut stage.kind {
        StageKind::Train(train) => {
            (train.augmentation, train.augmentation_views) = (None, None);
        }
        StageKind::Fit(fit) => (fit.augmentation, fit.augmentation_views) = (vec![], None),
    }
    PipelineSpec {
        augmentation: augmentation.to_vec(),
        augmentation_views,
        stages: vec![stage],
        tasks: vec![],
        ..spec.clone()
    }
}

/// Removes the value at a path from a tree, and returns it.
fn remove(tree: &mut Value, path: &[&str]) -> Option<Value> {
    let (last, above) = path.split_last()?;
    let mut place = tree;
    for key in above {
        place = place.get_mut(*key)?;
    }
    place.as_object_mut()?.remove(*last)
}
