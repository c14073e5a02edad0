//! Resolves `preprocessing:` of a base model that is an ONNX file: as written, or from a JSON file in
//! the directory of the ONNX file, or in the one above if that directory is called `onnx`.

use std::iter;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::base::fs;
use crate::base::key_path::KeyPath;
use crate::base::names;
use crate::pipeline::raw::{RawPreprocessing, RawStatistics};
use crate::spec::problem::{Code, Problem};
use crate::spec::{Location, Preprocessing};

/// Reads the preprocessing from JSON. `None` if it is not there.
type Reader = fn(&Json) -> Result<Option<Preprocessing>, Refusal>;

/// Why the preprocessing in a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    /// The reason, as a predicate of the file.
    reason: String,
    /// What to do.
    hint: &'static str,
}

impl<T: Into<String>> From<T> for Refusal {
    fn from(reason: T) -> Self {
        let hint = "write `preprocessing` under `base`, which takes the place of this file";
        Self { reason: reason.into(), hint }
    }
}

/// The files that can state the preprocessing, in the order in which they are tried.
const FILES: [(&str, Reader); 2] =
    [("preprocessor_config.json", hugging_face), ("config.json", timm)];
/// The directory below the JSON files in repositories of Hugging Face that have ONNX files beside
/// other ones.
const ONNX: &str = "onnx";
/// Largest JSON file in bytes.
const MOST_BYTES: u64 = 1 << 20;
/// Largest value of a pixel.
const WHITE: f64 = 255.0;

/// Resolves the preprocessing of an ONNX file.
pub(super) fn resolve(
    raw: Option<RawPreprocessing>,
    onnx: &Location,
    is_partial: bool,
    problems: &mut Vec<Problem>,
) -> Preprocessing {
    let at = KeyPath::of(&["model", "base"]);
    if let Some(raw) = raw {
        return written(raw, &at, problems);
    }
    let directories = directories(&onnx.path);
    let mut found = directories.iter().map(|directory| in_directory(directory));
    match found.find(|found| *found != Ok(None)).unwrap_or(Ok(None)) {
        Ok(Some(found)) => return found,
        // It may have been removed because it was invalid. A path with `~` is a problem of its own.
        Ok(None) if is_partial || onnx.written.starts_with('~') => {}
        Ok(None) => problems.push(missing(onnx, &directories, &at)),
        Err((file, Refusal { reason, hint })) => {
            let message = format!("`{}` {reason}", names::text_of_path(&file));
            let problem = Problem::new(Code::PreprocessingFile, at.key("onnx"), message);
            problems.push(problem.hint(hint));
        }
    }
    Preprocessing::ZeroToOne
}

/// The preprocessing as the pipeline states it.
fn written(raw: RawPreprocessing, at: &KeyPath, problems: &mut Vec<Problem>) -> Preprocessing {
    match raw {
        RawPreprocessing::MinusOneToOne => Preprocessing::MinusOneToOne,
        RawPreprocessing::ZeroToOne => Preprocessing::ZeroToOne,
        RawPreprocessing::ZeroTo255 => Preprocessing::ZeroTo255,
        RawPreprocessing::ImagenetStatistics => Preprocessing::ImagenetStatistics,
        RawPreprocessing::Statistics(RawStatistics { mean, deviation }) => {
            let at = at.key("preprocessing").key("statistics");
            for (key, values, least) in
                [("mean", &mean, 0.0), ("deviation", &deviation, f32::MIN_POSITIVE)]
            {
                if !values.iter().all(|value| (least..=1.0).contains(value)) {
                    let message = if values.contains(&0.0) && key == "deviation" {
                        "`deviation` must not be zero".to_owned()
                    } else {
                        format!("`{key}` must be that of values between 0 and 1")
                    };
                    let problem = Problem::new(Code::OutOfRange, at.key(key), message);
                    problems.push(problem.hint("divide statistics of values from 0 to 255 by 255"));
                }
            }
            Preprocessing::Statistics { mean, deviation }
        }
    }
}

/// The directories whose JSON files can state the preprocessing of an ONNX file, first the first to
/// be tried.
fn directories(onnx: &Path) -> Vec<&Path> {
    let directory = onnx.parent().unwrap_or(Path::new(""));
    let is_below = directory.file_name().is_some_and(|name| name == ONNX);
    let above = directory.parent().filter(|_| is_below);
    iter::once(directory).chain(above).collect()
}

/// The problem of preprocessing that neither the pipeline nor a file states.
fn missing(onnx: &Location, directories: &[&Path], at: &KeyPath) -> Problem {
    if let Err(error) = fs::open(&onnx.path) {
        return Problem::caused(Code::BaseFile, at.key("onnx"), &error);
    }
    let directories = directories.iter().map(|directory| match names::text_of_path(directory) {
        here if here.is_empty() => "`.`".to_owned(),
        directory => format!("`{directory}`"),
    });
    let directories = directories.collect::<Vec<_>>().join(" or ");
    let [(first, _), (second, _)] = FILES;
    Problem::new(Code::MissingKey, at.clone(), "`base` has no `preprocessing`")
        .notes([format!("there is no `{first}` or `{second}` in {directories} that states it")])
        .hint(
            "write what the network was trained with: `imagenet_statistics` (torchvision, most of \
             timm), `minus_one_to_one` (most of Keras), `zero_to_one`, `zero_to_255`, or \
             `statistics: { mean: […], deviation: […] }`",
        )
}

/// The preprocessing that a file of a directory states. The error has the file.
fn in_directory(directory: &Path) -> Result<Option<Preprocessing>, (PathBuf, Refusal)> {
    for (name, read) in FILES {
        let path = directory.join(name);
        if !path.exists() {
            continue;
        }
        let found = fs::read_bounded(&path, MOST_BYTES)
            .map_err(|error| Refusal::from(format!("cannot be read: {}", error.source)))
            .and_then(|bytes| {
                serde_json::from_slice(&bytes)
                    .map_err(|error| Refusal::from(format!("is not JSON: {error}")))
            })
            .and_then(|json| read(&json));
        match found {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            Err(refusal) => return Err((path, refusal)),
        }
    }
    Ok(None)
}

/// A value of a mapping. `null` is no value.
fn get<'a>(json: &'a Json, key: &str) -> Option<&'a Json> {
    json.get(key).filter(|value| !value.is_null())
}

/// The preprocessing of a network of timm: a mean and a deviation of values between 0 and 1.
fn timm(json: &Json) -> Result<Option<Preprocessing>, Refusal> {
    let own = get(json, "pretrained_cfg").filter(|inner| get(inner, "mean").is_some());
    let json = own.unwrap_or(json);
    match (get(json, "mean"), get(json, "std")) {
        (None, None) => Ok(None),
        _ => Scaling::default().with_statistics(json, ["mean", "std"]).map(Some),
    }
}

/// The preprocessing of an image processor of Hugging Face.
fn hugging_face(json: &Json) -> Result<Option<Preprocessing>, Refusal> {
    const STATISTICS: [&str; 2] = ["image_mean", "image_std"];
    let is_stated = |key: &&str| get(json, key).is_some();
    let other = ["do_rescale", "rescale_factor", "do_normalize"];
    if !STATISTICS.iter().chain(&other).any(&is_stated) {
        return Ok(None);
    }
    let flag = |key: &str, default: bool| match get(json, key) {
        None => Ok(default),
        Some(value) => value.as_bool().ok_or(format!("must have true or false as `{key}`")),
    };
    if flag("do_flip_channel_order", false)? {
        return Err(Refusal {
            reason: "says that the network expects blue, green and red (`do_flip_channel_order`), \
                     but images here are red, green and blue"
                .to_owned(),
            hint: "reverse the channels inside the ONNX file, by a `Gather` with the indices 2, 1 and \
                   0 after its input or by reversing the input channels of its first convolution; \
                   then write `preprocessing` under `base`",
        });
    }
    let mut scaling = Scaling::default();
    if !flag("do_rescale", true)? {
        scaling.white = WHITE;
    } else if let Some(factor) = get(json, "rescale_factor") {
        let factor = factor.as_f64().filter(|factor| *factor > 0.0 && factor.is_finite());
        let factor = factor.ok_or("must have a positive number as `rescale_factor`")?;
        // Written with few digits, 1/255 is still 1/255.
        scaling.white = f64::from((factor * WHITE) as f32);
        scaling.offset = if flag("rescale_offset", false)? { 1.0 } else { 0.0 };
    }
    if flag("do_normalize", STATISTICS.iter().any(&is_stated))? {
        return scaling.with_statistics(json, STATISTICS).map(Some);
    }
    if scaling.white < 1.0 {
        return Err("has a `rescale_factor` below 1/255".into());
    }
    Ok(Some(scaling.then([0.0; 3], [1.0; 3])))
}

/// Scaling of pixel values before a mean is subtracted: to `x / 255 · white - offset`.
struct Scaling {
    white: f64,
    offset: f64,
}

impl Default for Scaling {
    fn default() -> Self {
        Self { white: 1.0, offset: 0.0 }
    }
}

impl Scaling {
    /// This scaling, followed by a mean and a standard deviation.
    fn then(&self, mean: [f64; 3], deviation: [f64; 3]) -> Preprocessing {
        let mean = mean.map(|mean| ((mean + self.offset) / self.white) as f32);
        Preprocessing::of_statistics(mean, deviation.map(|value| (value / self.white) as f32))
    }

    /// This scaling, followed by the mean and the standard deviation in a file.
    fn with_statistics(
        &self,
        json: &Json,
        [mean, deviation]: [&str; 2],
    ) -> Result<Preprocessing, Refusal> {
        let (means, deviations) = (channels(json, mean)?, channels(json, deviation)?);
        let (least, most) = (0.0 - self.offset, self.white - self.offset);
        if let Some(value) = means.iter().find(|value| !(least..=most).contains(*value)) {
            let range = format!("whose values must be from {least} to {most}");
            return Err(format!("has {value} in `{mean}`, {range}").into());
        }
        if deviations.contains(&0.0) {
            return Err(format!("has a zero in `{deviation}`").into());
        }
        let is_used = |value: &f64| *value / self.white >= f64::from(f32::MIN_POSITIVE);
        let is_wrong = |value: &&f64| !is_used(value) || **value > self.white;
        if let Some(value) = deviations.iter().find(is_wrong) {
            let range = format!("whose values must be above 0, up to {}", self.white);
            return Err(format!("has {value} in `{deviation}`, {range}").into());
        }
        Ok(self.then(means, deviations))
    }
}

/// A number for each channel.
fn channels(json: &Json, key: &str) -> Result<[f64; 3], String> {
    let Some(value) = get(json, key) else { return Err(format!("has no `{key}`")) };
    let numbers: Option<Vec<f64>> =
        value.as_array().and_then(|list| list.iter().map(Json::as_f64).collect());
    let numbers = numbers.ok_or_else(|| format!("must have a list of three numbers as `{key}`"))?;
    let n = numbers.len();
    numbers.try_into().map_err(|_| format!("must have three numbers as `{key}`, not {n}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_of_hugging_face_are_read_as_their_libraries_do() {
        let cases = [
            (
                json!({ "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225] }),
                Preprocessing::ImagenetStatistics,
            ),
            (
                json!({ "do_rescale": true, "rescale_factor": 0.003_921_568_627_450_98, "do_normalize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5] }),
                Preprocessing::MinusOneToOne,
            ),
            (
                json!({ "rescale_factor": 0.003_921_568_6, "do_normalize": false, "image_mean": [9, 9, 9] }),
                Preprocessing::ZeroToOne,
            ),
            (
                json!({ "rescale_factor": 1.0 / 127.5, "rescale_offset": true, "do_normalize": false }),
                Preprocessing::MinusOneToOne,
            ),
            (json!({ "do_rescale": false, "do_normalize": false }), Preprocessing::ZeroTo255),
            (
                json!({ "do_rescale": false, "image_mean": [51, 102, 127.5], "image_std": [51, 51, 255] }),
                Preprocessing::Statistics { mean: [0.2, 0.4, 0.5], deviation: [0.2, 0.2, 1.0] },
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(hugging_face(&json), Ok(Some(expected)), "{json}");
        }
        assert_eq!(hugging_face(&json!({ "size": 224 })), Ok(None));
    }

    #[test]
    fn files_of_timm_are_read_in_both_layouts() {
        let own = json!({ "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6] });
        let expected =
            Preprocessing::Statistics { mean: [0.1, 0.2, 0.3], deviation: [0.4, 0.5, 0.6] };
        assert_eq!(timm(&own), Ok(Some(expected)));
        assert_eq!(timm(&json!({ "pretrained_cfg": own, "mean": null })), Ok(Some(expected)));
        assert_eq!(timm(&json!({ "model_type": "vit" })), Ok(None));
        assert_eq!(timm(&json!([1])), Ok(None));
    }

    #[test]
    fn values_that_cannot_be_used_are_named_with_their_key() {
        let mean = [0.5, 0.5, 0.5];
        let cases = [
            (json!({ "image_mean": mean }), "no `image_std`"),
            (
                json!({ "image_mean": [0.5], "image_std": mean }),
                "three numbers as `image_mean`, not 1",
            ),
            (json!({ "image_mean": 0.5, "image_std": mean }), "list of three numbers"),
            (json!({ "image_mean": mean, "image_std": [0.5, 0, 0.5] }), "zero in `image_std`"),
            (
                json!({ "image_mean": [123.7, 116.3, 103.5], "image_std": mean }),
                "has 123.7 in `image_mean`, whose values must be from 0 to 1",
            ),
            (json!({ "rescale_factor": 0 }), "positive number as `rescale_factor`"),
            (json!({ "rescale_factor": 0.001, "do_normalize": false }), "below 1/255"),
            (json!({ "do_rescale": "yes" }), "true or false as `do_rescale`"),
            (
                json!({ "do_flip_channel_order": true, "do_rescale": true }),
                "expects blue, green and red",
            ),
        ];
        for (json, expected) in cases {
            let Refusal { reason, hint } = hugging_face(&json).unwrap_err();
            assert!(reason.contains(expected), "{json}: {reason}");
            // `preprocessing` alone would run such a network on the wrong channels.
            let is_reversed = json.get("do_flip_channel_order").is_some();
            assert_eq!(hint.starts_with("reverse the channels"), is_reversed, "{hint}");
        }
    }
}
