//! Problems with a pipeline or with the files it names, and their codes.

use std::error::Error;
use std::fmt;
use std::iter;

use crate::base::key_path::KeyPath;

/// A problem with a pipeline, located by the key it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable code.
    pub code: Code,
    /// Path of the value it is about.
    pub at: KeyPath,
    /// Message that states the problem, as one sentence without a full stop.
    pub message: String,
    /// Short text shown next to the value.
    pub label: String,
    /// Causes and details.
    pub notes: Vec<String>,
    /// Hints on how to fix it.
    pub hints: Vec<String>,
}

impl Problem {
    /// A problem with the value at `at`.
    pub fn new(code: Code, at: KeyPath, message: impl Into<String>) -> Self {
        let (message, label) = (message.into(), String::new());
        Self { code, at, message, label, notes: vec![], hints: vec![] }
    }

    /// A problem with the value at `at` that is an error, with its causes as notes.
    pub fn caused(code: Code, at: KeyPath, error: &dyn Error) -> Self {
        let causes = iter::successors(error.source(), |&cause| cause.source());
        Self::new(code, at, error.to_string()).notes(causes.map(ToString::to_string))
    }

    /// Adds a short text shown next to the value.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds any number of causes and details.
    #[must_use]
    pub fn notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// Adds a hint on how to fix it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds any number of hints.
    #[must_use]
    pub fn hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(hints);
        self
    }
}

/// Declares the codes with their numbers and the text that documents each.
macro_rules! codes {
    ($($(#[doc = $text:literal])+ $name:ident = $number:literal;)+) => {
        /// A stable name for a kind of problem. It can be searched for and never changes its
        /// meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $text])+ $name,)+
        }

        impl Code {
            /// All codes in order.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The code as printed, such as `P001`.
            pub fn number(self) -> &'static str {
                match self { $(Self::$name => $number),+ }
            }

            /// Explanation of the code.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($text),+).trim_ascii()),+ }
            }
        }
    };
}

codes! {
    /// The pipeline file is not valid YAML.
    Syntax = "P001";
    /// A key occurs twice in one mapping.
    DuplicateKey = "P002";
    /// A key is not known to pipelines.
    UnknownKey = "P003";
    /// A required key is missing.
    MissingKey = "P004";
    /// A value has a different type than its key takes.
    WrongType = "P005";
    /// A word is not one of the choices of its key.
    UnknownChoice = "P006";
    /// A number, or the length of a list, is outside the range of its key.
    OutOfRange = "P007";
    /// Keys exclude each other, have no effect together, or make a choice twice.
    Conflict = "P008";
    /// The file uses YAML that pipelines do not support: tags, several documents or merge keys.
    UnsupportedYaml = "P009";
    /// A `-S` option is not `KEY=VALUE`, or its key does not exist.
    BadOverride = "P010";
    /// A name cannot be used as a directory or file name.
    BadName = "P011";
    /// A path begins with `~`, which is not expanded.
    HomeDirectory = "P012";
    /// The fractions of the split do not sum to one.
    SplitSum = "P020";
    /// A regular expression cannot be read.
    BadPattern = "P021";
    /// A stage starts from a stage that does not exist.
    UnknownStage = "P030";
    /// Stages start from each other in a cycle.
    StageCycle = "P031";
    /// A freeze point names a layer that does not exist.
    UnknownLayer = "P040";
    /// A freeze point leaves nothing of the base model to train.
    NothingToTrain = "P041";
    /// The network cannot take images of this size.
    ImageSize = "P042";
    /// A class weight is missing, or is for a class that the dataset does not have.
    ClassWeights = "P050";
    /// The dataset directory cannot be read.
    DatasetDirectory = "D001";
    /// The dataset directory does not have one subdirectory per class.
    DatasetLayout = "D002";
    /// A class has no images.
    EmptyClass = "D003";
    /// Files of the dataset are not readable images.
    BadImages = "D004";
    /// The same image is in more than one part of the split.
    SplitLeak = "D005";
    /// A part of the split has no images of a class.
    EmptySplit = "D006";
    /// Two class directories have the same name, encoded in two ways.
    SameName = "D007";
    /// The same image is in more than one class, or has different labels in different places.
    TwoClasses = "D008";
    /// The parts of a dataset that is split already do not have the same classes.
    OtherClasses = "D009";
    /// The dataset is split already, and a part of the split cannot be drawn.
    GivenSplit = "D010";
    /// An image belongs to no group.
    NoGroup = "D011";
    /// A table of images cannot be read, or some of its rows cannot be used.
    Table = "D012";
    /// A name under `classes` is not that of a class of the dataset.
    NoClass = "D013";
    /// An archive or shards cannot be read, or some of the samples cannot be used.
    Archive = "D014";
    /// A weights file cannot be read.
    WeightsFile = "W001";
    /// The weights do not fit the model.
    WeightsMismatch = "W002";
    /// The weights were never published, or have not been downloaded.
    WeightsUnavailable = "W003";
    /// Classes of the dataset are not classes of ImageNet, which `top: pretrained` needs.
    NotInImagenet = "W004";
    /// The weights cannot be downloaded.
    Download = "W005";
    /// The teacher of a stage is not a finished run or an exported file, or cannot be read.
    TeacherFile = "W006";
    /// The teacher of a stage does not predict what the dataset has.
    TeacherMismatch = "W007";
    /// The base model cannot be read or run.
    BaseFile = "M001";
    /// The base model does not have this node.
    UnknownNode = "M002";
    /// The base model does not fit the images or the head.
    BaseMismatch = "M003";
    /// A JSON file in the directory of the base model does not state usable preprocessing.
    PreprocessingFile = "M004";
    /// This build does not support the device.
    DeviceUnavailable = "E001";
    /// The loss became infinite or not a number (NaN).
    LossNotFinite = "T001";
    /// A frozen weight changed during training.
    FrozenChanged = "T002";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}
