//! Tensors of an ONNX file that are stored in other files next to it.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{GraphProto, TensorProto};

use crate::base::fs;

/// Loads the tensors that are stored in other files of a directory into the graph.
///
/// # Errors
/// With the problem of the first tensor that cannot be loaded.
pub(super) fn bring_in(graph: &mut GraphProto, folder: &Path) -> Result<(), String> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for tensor in &mut graph.initializer {
        if tensor.data_location != Some(DataLocation::External as i32) {
            continue;
        }
        let location =
            entry(tensor, "location").ok_or("a tensor is stored in a file without a name")?;
        let is_beside =
            Path::new(&location).components().all(|c| matches!(c, Component::Normal(_)));
        if !is_beside {
            return Err(format!(
                "tensor {} is in `{location}`, outside its directory",
                tensor.name
            ));
        }
        if !files.contains_key(&location) {
            let bytes = fs::read(&folder.join(&location));
            let bytes = bytes.map_err(|error| format!("{error}: {}", error.source))?;
            files.insert(location.clone(), bytes);
        }
        let bytes = &files[&location];
        let number = |key: &str| entry(tensor, key).map(|text| text.parse::<usize>());
        let start = number("offset").unwrap_or(Ok(0));
        let length = number("length").unwrap_or(Ok(bytes.len()));
        let (Ok(start), Ok(length)) = (start, length) else {
            return Err(format!("tensor {} has no readable place in `{location}`", tensor.name));
        };
        let end = start.saturating_add(length).min(bytes.len().max(start));
        let part = bytes
            .get(start..end)
            .filter(|part| part.len() == length || entry(tensor, "length").is_none());
        let part = part.ok_or_else(|| {
            format!("tensor {} reaches beyond the end of `{location}`", tensor.name)
        })?;
        tensor.raw_data = part.to_vec();
        tensor.external_data.clear();
        tensor.data_location = None;
    }
    Ok(())
}

fn entry(tensor: &TensorProto, key: &str) -> Option<String> {
    tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.clone())
}
