//! The command-line arguments.

use std::path::PathBuf;
use std::str::FromStr;

/// The usage message.
pub const USAGE: &str = "usage: draw_alpacas DIR [--sheet FILE.png] [--only N] [--seed N]";

/// The parsed arguments.
#[derive(Debug, PartialEq, Eq)]
pub struct Arguments {
    /// The output directory.
    pub folder: PathBuf,
    /// The file for an overview of all images.
    pub sheet: Option<PathBuf>,
    /// The number of images of each class to draw; all if `None`.
    pub only: Option<u32>,
    pub seed: u64,
}

impl Arguments {
    /// Parses the words after the program name.
    pub fn read(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let (mut folder, mut sheet, mut only, mut seed) = (None, None, None, 1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--sheet" => sheet = Some(PathBuf::from(value()?)),
                "--only" => only = Some(number(&value()?)?),
                "--seed" => seed = number(&value()?)?,
                other if other.starts_with('-') => return Err(format!("unknown option {other}")),
                other if folder.is_none() => folder = Some(PathBuf::from(other)),
                other => return Err(format!("unexpected {other}")),
            }
        }
        let folder = folder.ok_or("the output directory is missing")?;
        Ok(Self { folder, sheet, only, seed })
    }
}

fn number<Number: FromStr>(word: &str) -> Result<Number, String> {
    word.parse().map_err(|_| format!("{word} is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, String> {
        Arguments::read(line.split_whitespace().map(String::from))
    }

    #[test]
    fn options_may_stand_before_and_after_the_folder() {
        let arguments = read("--only 3 pictures --sheet all.png").expect("the words are valid");
        assert_eq!(arguments.folder, PathBuf::from("pictures"));
        assert_eq!(arguments.sheet, Some(PathBuf::from("all.png")));
        assert_eq!((arguments.only, arguments.seed), (Some(3), 1));
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        assert_eq!(read("--only"), Err("--only needs a value".into()));
        assert_eq!(read("pictures --only many"), Err("many is not a number".into()));
        assert_eq!(read("--what"), Err("unknown option --what".into()));
        assert_eq!(read(""), Err("the output directory is missing".into()));
    }
}
