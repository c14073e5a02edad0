//! The key of a stage: everything that determines its result, as one readable document.
//!
//! A key is the whole spec without the values that are known not to affect results. So a value that
//! is added to the spec later counts until it is shown not to matter.

use serde_json::{Map, Value, json};

use crate::base::digest::Digest;
use crate::base::leaves::{self, Change};
use crate::spec::{HARMLESS, PipelineSpec};

/// The program that computes, and its settings; not a value of the pipeline.
pub const PROGRAM: &str = "program";
/// The images: the content of the dataset, not its location.
pub const IMAGES: &str = "pictures";
/// The weights file: its content, not its name.
pub const WEIGHTS: &str = "weights";
/// The key of the stage that this one starts from.
pub const UPSTREAM: &str = "upstream";

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
    let mut common = serde_json::to_value(spec).expect("a spec is plain data");
    let stages = remove(&mut common, &["stages"]).unwrap_or_default();
    for path in HARMLESS {
        remove(&mut common, path);
    }
    let mut keys: Vec<StageKey> = vec![];
    for stage in &spec.stages {
        let from = stage.from().and_then(|from| spec.stages.iter().position(|s| s.name == from));
        let mut document = Map::new();
        document.insert(PROGRAM.to_owned(), json!(inputs.program));
        document.insert(IMAGES.to_owned(), json!(inputs.images));
        document.insert(WEIGHTS.to_owned(), json!(inputs.weights));
        document.insert(UPSTREAM.to_owned(), json!(from.map(|from| keys[from].digest)));
        document.extend(common.as_object().expect("a spec is a mapping").clone());
        let mut own = stages[&stage.name].clone();
        if stage.train.augmentation.is_some() {
            // Changes of its own count instead of those of the pipeline.
            for key in ["augmentation", "augmentation_views"] {
                document.remove(key);
                if let Some(value) = remove(&mut own, &["train", key]) {
                    document.insert(key.to_owned(), value);
                }
            }
        }
        let own: Map<String, Value> = [(stage.name.clone(), own)].into_iter().collect();
        document.insert("stages".to_owned(), Value::Object(own));
        keys.push(StageKey::new(Value::Object(document)));
    }
    keys
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
