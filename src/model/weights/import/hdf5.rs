//! Reads HDF5 files as written by Keras.

use std::collections::BTreeMap;

use hdf5_reader::group::Group;
use hdf5_reader::{Hdf5File, OpenOptions};

use super::TensorFile;
use crate::base::text;
use crate::model::weights::error::FormatError;

/// Largest tensor in bytes: several times the largest one of any supported network.
const MOST_BYTES: usize = 64 << 20;
/// Deepest nesting of groups.
const DEEPEST: usize = 8;
/// Most groups and datasets.
const MOST_MEMBERS: usize = 20_000;

/// An HDF5 file.
pub(super) struct Hdf5 {
    file: Hdf5File,
    shapes: BTreeMap<String, Vec<usize>>,
}

impl Hdf5 {
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, FormatError> {
        let found = bytes.len() as u64;
        if let Some(n_bytes) = size(&bytes).filter(|n_bytes| *n_bytes > found) {
            let [found, n_bytes] = [found, n_bytes].map(|n| text::thousands(n as usize));
            return Err(FormatError::cut_off(format!("it has {found} bytes of {n_bytes}")));
        }
        let options = OpenOptions::default()
            .with_max_read_bytes(MOST_BYTES)
            .with_max_chunk_bytes(MOST_BYTES)
            .with_max_object_header_bytes(1 << 20);
        let file = Hdf5File::from_vec_with_options(bytes, options).map_err(|e| failed(&e))?;
        let mut shapes = BTreeMap::new();
        let root = file.root_group().map_err(|e| failed(&e))?;
        collect(&root, "", 0, &mut 0, &mut shapes)?;
        Ok(Self { file, shapes })
    }
}

/// The size of a file as its superblock states it; `None` for superblocks of other versions.
fn size(bytes: &[u8]) -> Option<u64> {
    let at = match (bytes.get(8)?, bytes.get(9)?, bytes.get(13)?) {
        (0, _, 8) => 40,
        (1, _, 8) => 44,
        (2 | 3, 8, _) => 28,
        _ => return None,
    };
    let end = bytes.get(at..at + 8)?;
    Some(u64::from_le_bytes(end.try_into().expect("eight bytes")))
}

fn failed(error: &impl ToString) -> FormatError {
    FormatError::new(format!("its HDF5 cannot be read: {}", error.to_string()))
}

fn collect(
    group: &Group,
    path: &str,
    depth: usize,
    n_members: &mut usize,
    shapes: &mut BTreeMap<String, Vec<usize>>,
) -> Result<(), FormatError> {
    let (groups, datasets) = group.members().map_err(|e| failed(&e))?;
    *n_members += groups.len() + datasets.len();
    if depth > DEEPEST || *n_members > MOST_MEMBERS {
        return Err(FormatError::new("it has more groups than a weights file needs"));
    }
    let join = |name: &str| {
        // Some versions of the library return whole paths, others only the last part.
        let name = name.rsplit('/').next().unwrap_or(name);
        if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
    };
    for dataset in datasets {
        let shape = dataset.shape().iter().map(|&n| usize::try_from(n).unwrap_or(usize::MAX));
        shapes.insert(join(dataset.name()), shape.collect());
    }
    for inner in groups {
        collect(&inner, &join(inner.name()), depth + 1, n_members, shapes)?;
    }
    Ok(())
}

impl TensorFile for Hdf5 {
    fn shapes(&self) -> &BTreeMap<String, Vec<usize>> {
        &self.shapes
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, FormatError> {
        let failed = |error: &dyn ToString| {
            FormatError::new(format!("tensor {name}: {}", error.to_string()))
        };
        let dataset = self.file.dataset(name).map_err(|e| failed(&e))?;
        if let Ok(array) = dataset.read_array::<f32>() {
            return Ok(array.into_iter().collect());
        }
        let array = dataset.read_array::<f64>().map_err(|e| failed(&e))?;
        Ok(array.into_iter().map(|value| value as f32).collect())
    }
}
