//! Reads PyTorch's `.pth` files: a pickled dictionary of tensors, and their numbers. They are in a
//! zip archive, or, before version 1.6, one after the other.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::ops::Range;
use std::rc::Rc;

use zip::read::{ArchiveOffset, Config};
use zip::{CompressionMethod, ZipArchive};

use super::pickle::{self, Tensor, Value};
use super::{TensorFile, numbers};
use crate::base::text;
use crate::model::weights::error::FormatError;

/// Largest pickle of a zipped file in bytes.
const LARGEST_PICKLE: u64 = 16 << 20;
/// The keys under which training scripts store the tensors of a model.
const USUAL: [&str; 2] = ["state_dict", "model"];
/// Most keys of a dictionary that are listed.
const MOST_KEYS: usize = 8;
/// The beginning of the record at the end of a zip archive.
const END: &[u8] = b"PK\x05\x06";
/// Magic number of files of the older format.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The tensors of a state dictionary.
struct State {
    tensors: BTreeMap<String, Tensor>,
    shapes: BTreeMap<String, Vec<usize>>,
}

/// The tensors directly in a dictionary.
fn tensors(value: &Value) -> BTreeMap<String, Tensor> {
    let Value::Dict(dict, _) = value else { return BTreeMap::new() };
    dict.iter()
        .filter_map(|(name, value)| match value {
            Value::Tensor(tensor) => Some((name.to_string(), (**tensor).clone())),
            _ => None,
        })
        .collect()
}

/// The tensors in the only value of a dictionary that is a dictionary of tensors.
fn only_tensors(dict: &BTreeMap<Rc<str>, Value>) -> Result<BTreeMap<String, Tensor>, FormatError> {
    let found = dict.iter().map(|(key, value)| (key, tensors(value)));
    let mut found: Vec<_> = found.filter(|(_, tensors)| !tensors.is_empty()).collect();
    let read = text::all_of(USUAL);
    match found.len() {
        1 => Ok(found.remove(0).1),
        0 if dict.is_empty() => Ok(BTreeMap::new()),
        0 => {
            let mut keys: Vec<String> = dict.keys().map(|key| format!("`{key}`")).collect();
            if keys.len() > MOST_KEYS {
                keys.truncate(MOST_KEYS - 1);
                keys.push(format!("{} more", dict.len() - keys.len()));
            }
            let keys = text::join(keys, "and");
            Err(FormatError::no_tensors(format!(
                "it contains no dictionary of tensors, but only {keys}; {read} are read"
            )))
        }
        _ => {
            let keys = text::all_of(found.iter().map(|(key, _)| &***key));
            Err(FormatError::no_tensors(format!(
                "it contains several dictionaries of tensors: {keys}; of several, {read} are read"
            )))
        }
    }
}

impl State {
    /// The tensors in the dictionary of a pickle, or in the one under `state_dict` or `model`,
    /// where training scripts store them, or in the only one.
    fn of(value: &Value) -> Result<Self, FormatError> {
        let mut found = tensors(value);
        if let Value::Dict(dict, _) = value
            && found.is_empty()
        {
            let usual = USUAL.iter().find_map(|key| dict.get(*key)).map(tensors);
            found = usual.unwrap_or_default();
            if found.is_empty() {
                found = only_tensors(dict)?;
            }
        }
        if found.is_empty() {
            return Err(FormatError::no_tensors("it contains no dictionary of tensors"));
        }
        let shapes =
            found.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone())).collect();
        Ok(Self { tensors: found, shapes })
    }

    /// The values of a tensor, taken from its storage.
    fn view(&self, name: &str, storage: &[u8]) -> Result<Vec<f32>, FormatError> {
        let tensor = &self.tensors[name];
        let beyond = || FormatError::new(format!("tensor {name} reaches beyond its storage"));
        let n_stored = storage.len() / tensor.kind.n_bytes();
        let mut last = tensor.offset;
        for (&n, &stride) in tensor.shape.iter().zip(&tensor.strides) {
            let reach = n.checked_sub(1).and_then(|n| n.checked_mul(stride)).ok_or_else(beyond)?;
            last = last.checked_add(reach).ok_or_else(beyond)?;
        }
        if last >= n_stored {
            return Err(beyond());
        }
        let stored = numbers(storage, tensor.kind);
        let n: usize = tensor.shape.iter().product();
        let mut values = Vec::with_capacity(n);
        let mut place = vec![0; tensor.shape.len()];
        for _ in 0..n {
            let steps = place.iter().zip(&tensor.strides).map(|(at, stride)| at * stride);
            values.push(stored[tensor.offset + steps.sum::<usize>()]);
            for axis in (0..place.len()).rev() {
                place[axis] += 1;
                if place[axis] < tensor.shape[axis] {
                    break;
                }
                place[axis] = 0;
            }
        }
        Ok(values)
    }
}

/// A file of PyTorch 1.6 or later.
pub(super) struct Zipped {
    bytes: Vec<u8>,
    /// Directory in the archive that contains all files.
    root: String,
    state: State,
}

impl Zipped {
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, FormatError> {
        let mut archive = archive(&bytes)?;
        let root = archive
            .file_names()
            .find_map(|name| name.ok()?.strip_suffix("data.pkl").map(str::to_owned))
            .ok_or_else(|| FormatError::new("it is a zip archive without a PyTorch pickle"))?;
        let order = format!("{root}byteorder");
        if archive.index_for_name(&order).is_some()
            && entry(&mut archive, &order, 16)?.trim_ascii() != b"little"
        {
            return Err(FormatError::new("its numbers are big-endian"));
        }
        let pickle = entry(&mut archive, &format!("{root}data.pkl"), LARGEST_PICKLE)?;
        let state = State::of(&pickle::read(&pickle)?.0)?;
        Ok(Self { bytes, root, state })
    }
}

fn archive(bytes: &[u8]) -> Result<ZipArchive<Cursor<&[u8]>>, FormatError> {
    // Archives here begin with their first file. To detect a beginning, the library takes the record
    // in front of the end of PyTorch's archives for part of the directory.
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    if !bytes.windows(END.len()).rev().any(|window| window == END) {
        return Err(FormatError::cut_off("its zip archive has no end"));
    }
    ZipArchive::with_config(config, Cursor::new(bytes))
        .map_err(|error| FormatError::new(format!("its zip archive cannot be read: {error}")))
}

/// Reads a file of the archive. PyTorch stores without compression, so a file is never larger than
/// the archive.
fn entry(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    name: &str,
    most: u64,
) -> Result<Vec<u8>, FormatError> {
    let failed = |error: &dyn ToString| {
        FormatError::new(format!("`{name}` in its zip archive: {}", error.to_string()))
    };
    let file = archive.by_name(name).map_err(|error| failed(&error))?;
    if file.compression() != CompressionMethod::Stored {
        return Err(failed(&"is compressed, which PyTorch never does"));
    }
    if file.size() > most {
        return Err(failed(&"is larger than allowed"));
    }
    let mut bytes = vec![];
    file.take(most).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    Ok(bytes)
}

impl TensorFile for Zipped {
    fn shapes(&self) -> &BTreeMap<String, Vec<usize>> {
        &self.state.shapes
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, FormatError> {
        let file = format!("{}data/{}", self.root, self.state.tensors[name].storage);
        let storage = entry(&mut archive(&self.bytes)?, &file, self.bytes.len() as u64)?;
        self.state.view(name, &storage)
    }
}

/// A file of PyTorch before 1.6.
pub(super) struct Legacy {
    bytes: Vec<u8>,
    /// Location of the numbers of each storage.
    storages: BTreeMap<String, Range<usize>>,
    state: State,
}

impl Legacy {
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, FormatError> {
        let mut at = 0;
        let mut next = || -> Result<Value, FormatError> {
            let (value, n) = pickle::read(&bytes[at..])?;
            at += n;
            Ok(value)
        };
        if !matches!(next()?, Value::Huge(number) if number[..] == MAGIC) {
            return Err(FormatError::new("it is a pickle, but not one of PyTorch's"));
        }
        // The version of the protocol, and sizes of types.
        next()?;
        next()?;
        let value = next()?;
        let Value::List(keys, _) = next()? else {
            return Err(FormatError::cut_off("it ends before its list of storages"));
        };
        let state = State::of(&value)?;
        let mut storages = BTreeMap::new();
        for key in keys.iter() {
            let Value::Text(key) = key else {
                return Err(FormatError::new("its list of storages is damaged"));
            };
            let found = state.tensors.values().find(|tensor| tensor.storage == *key);
            let bytes_each = found.map_or(4, |tensor| tensor.kind.n_bytes());
            let truncated = || FormatError::cut_off("it ends in the middle of a storage");
            let head = bytes.get(at..at + 8).ok_or_else(truncated)?;
            let n = u64::from_le_bytes(head.try_into().expect("eight bytes"));
            let n = usize::try_from(n).ok().and_then(|n| n.checked_mul(bytes_each));
            let end = n.and_then(|n| n.checked_add(at + 8)).filter(|end| *end <= bytes.len());
            let end = end.ok_or_else(truncated)?;
            storages.insert(key.to_string(), at + 8..end);
            at = end;
        }
        Ok(Self { bytes, storages, state })
    }
}

impl TensorFile for Legacy {
    fn shapes(&self) -> &BTreeMap<String, Vec<usize>> {
        &self.state.shapes
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, FormatError> {
        let key = &*self.state.tensors[name].storage;
        let place = self.storages.get(key).ok_or_else(|| {
            FormatError::new(format!("tensor {name} is in a storage that does not exist"))
        })?;
        self.state.view(name, &self.bytes[place.clone()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::weights::import::Kind;

    fn view(offset: usize, shape: &[usize], strides: &[usize]) -> Result<Vec<f32>, FormatError> {
        let (shape, strides) = (shape.to_vec(), strides.to_vec());
        let (storage, n_stored) = ("0".into(), 6);
        let tensor = Tensor { storage, kind: Kind::F32, n_stored, offset, shape, strides };
        let state = State { tensors: [("a".to_owned(), tensor)].into(), shapes: BTreeMap::new() };
        let storage: Vec<u8> = (0u8..6).flat_map(|n| f32::from(n).to_le_bytes()).collect();
        state.view("a", &storage)
    }

    #[test]
    fn a_dictionary_of_tensors_is_found_under_a_usual_key_or_the_only_one() {
        let tensor = Tensor {
            storage: "0".into(),
            kind: Kind::F32,
            n_stored: 1,
            offset: 0,
            shape: vec![1],
            strides: vec![1],
        };
        let dict = |entries: Vec<(&str, Value)>| {
            let entries = entries.into_iter().map(|(key, value)| (key.into(), value));
            Value::Dict(Rc::new(entries.collect()), 1)
        };
        let of = |name| dict(vec![(name, Value::Tensor(Rc::new(tensor.clone())))]);
        let found = |value: Value| {
            State::of(&value).map(|state| state.shapes.into_keys().next().unwrap_or_default())
        };
        assert_eq!(found(of("a")).unwrap(), "a");
        let beside =
            |key| vec![("epoch", Value::Int(3)), ("optimizer", dict(vec![])), (key, of("a"))];
        for key in ["state_dict", "model", "net", "model_ema"] {
            assert_eq!(found(dict(beside(key))).unwrap(), "a", "{key}");
        }
        assert_eq!(found(dict(vec![("model", of("a")), ("model_ema", of("b"))])).unwrap(), "a");
        for (value, expected) in [
            (
                dict(vec![("ema", of("a")), ("net", of("b"))]),
                "several dictionaries of tensors: `ema` and `net`",
            ),
            (
                dict(vec![("epoch", Value::Int(3)), ("lr", Value::Float)]),
                "only `epoch` and `lr`; `state_dict` and `model` are read",
            ),
            (Value::Int(3), "no dictionary of tensors"),
        ] {
            let said = found(value).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn views_follow_their_strides_and_stay_in_their_storage() {
        assert_eq!(view(0, &[2, 3], &[3, 1]).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(view(0, &[3, 2], &[1, 3]).unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(view(4, &[2], &[1]).unwrap(), [4.0, 5.0]);
        assert_eq!(view(5, &[], &[]).unwrap(), [5.0]);
        for (offset, shape, strides) in [
            (6, &[][..], &[][..]),
            (5, &[2], &[1]),
            (0, &[2, 3], &[4, 1]),
            (0, &[0], &[1]),
            (0, &[usize::MAX, 2], &[2, 1]),
            (usize::MAX, &[2], &[1]),
        ] {
            assert!(view(offset, shape, strides).is_err(), "{offset} {shape:?} {strides:?}");
        }
    }
}
