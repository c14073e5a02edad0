//! Something wrong with what the user asked for, and the codes by which it is known.

use std::fmt;

use crate::base::key_path::KeyPath;

/// A problem of a pipeline, located by the key it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its stable code.
    pub code: Code,
    /// The value it is about.
    pub at: KeyPath,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// A few words to stand beside the value.
    pub label: String,
    /// What to do about it.
    pub hints: Vec<String>,
}

impl Problem {
    /// A problem with the value at `at`.
    pub fn new(code: Code, at: KeyPath, message: impl Into<String>) -> Self {
        Self { code, at, message: message.into(), label: String::new(), hints: vec![] }
    }

    /// Adds a few words that stand beside the value.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what to do about it, if there is anything to say.
    #[must_use]
    pub fn hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(hints);
        self
    }
}

/// Declares the codes with their numbers and the sentence that documents each.
macro_rules! codes {
    ($($(#[doc = $text:literal])+ $name:ident = $number:literal;)+) => {
        /// A stable name of a kind of problem: it may be searched for, and never changes meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $text])+ $name,)+
        }

        impl Code {
            /// All codes in order.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The code as printed.
            pub fn number(self) -> &'static str {
                match self { $(Self::$name => $number),+ }
            }

            /// What the code means.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($text),+).trim_ascii()),+ }
            }
        }
    };
}

codes! {
    /// The text is not valid YAML.
    Syntax = "P001";
    /// A key is given twice in one mapping.
    DuplicateKey = "P002";
    /// A key that pipelines do not have.
    UnknownKey = "P003";
    /// A key that must be there is not.
    MissingKey = "P004";
    /// A value of another type than the key takes.
    WrongType = "P005";
    /// A word that is not among the choices of its key.
    UnknownChoice = "P006";
    /// A number or list outside the range of its key.
    OutOfRange = "P007";
    /// Keys that exclude each other, or a choice made twice.
    Conflict = "P008";
    /// YAML that pipelines do not use: tags, several documents, merge keys.
    UnsupportedYaml = "P009";
    /// A `-S` option that is not `KEY=VALUE` or leads nowhere.
    BadOverride = "P010";
    /// A name that cannot be a folder or file name.
    BadName = "P011";
    /// A path that begins with `~`, which is not expanded.
    HomeDirectory = "P012";
    /// Shares of the split that do not sum to one.
    SplitSum = "P020";
    /// A stage that starts from a stage that does not exist.
    UnknownStage = "P030";
    /// Stages that start from each other in a circle.
    StageCycle = "P031";
    /// A freeze point that names no layer.
    UnknownLayer = "P040";
    /// A freeze point that leaves nothing of the base model to train.
    NothingToTrain = "P041";
    /// A size of pictures that the network cannot take.
    ImageSize = "P042";
    /// A dataset directory that cannot be read.
    DatasetDirectory = "D001";
    /// A dataset directory without one folder per class.
    DatasetLayout = "D002";
    /// A class without pictures.
    EmptyClass = "D003";
    /// Files that are not readable pictures.
    BadImages = "D004";
    /// The same picture in training and in validation.
    SplitLeak = "D005";
    /// A split that leaves a class without pictures on one side.
    EmptySplit = "D006";
    /// Class directories of one name, which is written in two ways.
    SameName = "D007";
    /// The same image in more than one class.
    TwoClasses = "D008";
    /// A weights file that cannot be read.
    WeightsFile = "W001";
    /// Weights that do not fit the model.
    WeightsMismatch = "W002";
    /// Weights that were never published, or that have not been downloaded.
    WeightsUnavailable = "W003";
    /// Classes that a classifier of ImageNet does not know.
    NotInImagenet = "W004";
    /// Weights that cannot be downloaded.
    Download = "W005";
    /// A base model that cannot be read or run.
    BaseFile = "M001";
    /// A node that a base model does not have.
    UnknownNode = "M002";
    /// A base model that does not fit the pictures or the head.
    BaseMismatch = "M003";
    /// A device that this build does not have.
    DeviceUnavailable = "E001";
    /// The loss stopped being a number.
    LossNotFinite = "T001";
    /// A frozen weight that changed.
    FrozenChanged = "T002";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}
