//! The record beside features: which they are, of what images, with which labels.

use std::path::{Path, PathBuf};

use seqjepa_data::regular::read_regular;
use seqjepa_train::storage::{StorageError, json_value, read_json};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::EmbedError;
use super::output::EmbeddedArray;
use super::views::EmbeddedViews;

/// The longest record that is read, in bytes: that of some million images.
const MAX_RECORD: u64 = 1 << 30;

/// What was embedded and where it is: the content of the JSON file beside the features.
///
/// It knows its features by their digests, so that labels are never taken for those of other features: ask for
/// [`check`](Self::check) before any use of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbeddedFiles {
    /// The arrays: name, file, shape and digest of each.
    pub arrays: Vec<EmbeddedArray>,
    /// The images' paths relative to their folder, in the order of the arrays' first axis.
    pub files: Vec<String>,
    /// The class of each image where the folder has sub-folders.
    pub labels: Option<Vec<u32>>,
    /// Names of the classes; empty without labels.
    pub class_names: Vec<String>,
    /// The views that were embedded.
    pub views: EmbeddedViews,
    /// Side of the views in pixels, to which the centre square of each image was resized by PIL's bicubic filter.
    pub image_size: usize,
    /// Pixels were divided by 255, this mean subtracted, the result divided by `std`.
    pub mean: [f32; 3],
    /// See `mean`.
    pub std: [f32; 3],
    /// The encoder of the representations: always the online one, in evaluation mode.
    pub encoder: String,
    /// Version of this project.
    pub version: String,
}

impl EmbeddedFiles {
    /// The record that belongs to a file of features: `NAME.json` of `NAME.safetensors`, and of `NAME.z_t.npy`. Nothing where there is
    /// none, or a JSON file of another kind.
    ///
    /// # Errors
    ///
    /// [`EmbedError::Storage`] if it cannot be read, [`EmbedError::Record`] if it is a record that is damaged, or one of other files.
    pub fn beside(features: &Path) -> Result<Option<(PathBuf, Self)>, EmbedError> {
        let name = features.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let base = features.with_extension("");
        let bases = match features.extension().is_some_and(|extension| extension == "npy") {
            true => vec![base.with_extension(""), base],
            false => vec![base],
        };
        let beside = |base: PathBuf| {
            let mut name = base.into_os_string();
            name.push(".json");
            PathBuf::from(name)
        };
        let Some(path) = bases.into_iter().map(beside).find(|path| path.is_file()) else { return Ok(None) };
        let fail = |source| EmbedError::from(StorageError::new("read", &path, source));
        let text = read_regular(&path, MAX_RECORD).map_err(fail)?;
        // Without the labels that it may hold, the features would be taken for others.
        let refuse = |found| EmbedError::record(&path, "the record of `embed`, or other JSON".into(), found);
        let value: serde_json::Value = read_json(&text).map_err(refuse)?;
        // Some other program's has neither.
        if value.get("arrays").is_none() || value.get("image_size").is_none() {
            return Ok(None);
        }
        let record: Self = json_value(value)
            .map_err(|found| EmbedError::record(&path, "a record of `embed`".into(), found))?;
        if !record.arrays.iter().any(|array| array.file == name) {
            let found: Vec<_> = record.arrays.iter().map(|array| array.file.as_str()).collect();
            return Err(EmbedError::record(
                &path,
                format!("the record of {name}"),
                format!("that of {}, whose labels it holds", found.join(", ")),
            ));
        }
        if let Some(labels) = &record.labels {
            let classes = record.class_names.len();
            if labels.len() != record.files.len() {
                let found = format!("{} labels", labels.len());
                return Err(EmbedError::record(&path, format!("{} labels", record.files.len()), found));
            }
            if let Some(label) = labels.iter().find(|label| **label as usize >= classes) {
                let found = format!("label {label}");
                return Err(EmbedError::record(
                    &path,
                    format!("labels below its {classes} class names"),
                    found,
                ));
            }
        }
        Ok(Some((path, record)))
    }

    /// Checks that these are the features that the record is of: `array` by name (`z_t`, `z_agg`), its values as they lie in the file,
    /// little-endian f32. Records of versions that wrote no digests have only the length to compare.
    ///
    /// # Errors
    ///
    /// [`EmbedError::Record`] if they are others.
    pub fn check(&self, record: &Path, array: &str, values: &[u8]) -> Result<(), EmbedError> {
        let Some(known) = self.arrays.iter().find(|known| known.name == array) else {
            return Err(EmbedError::record(record, format!("the array `{array}`"), "none of this name"));
        };
        let bytes =
            known.shape.iter().try_fold(size_of::<f32>(), |product, extent| product.checked_mul(*extent));
        if bytes != Some(values.len()) {
            let expected = format!("`{array}` of shape {:?} in {}", known.shape, known.file);
            return Err(EmbedError::record(record, expected, format!("{} bytes", values.len())));
        }
        let found = format!("{:x}", Sha256::digest(values));
        match &known.sha256 {
            Some(expected) if *expected != found => Err(EmbedError::record(
                record,
                format!("`{array}` in {} with SHA-256 {expected}", known.file),
                format!("{found}: its labels are those of other features"),
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn record(array: EmbeddedArray) -> EmbeddedFiles {
        EmbeddedFiles {
            arrays: vec![array],
            files: vec!["a/1.png".into(), "b/2.png".into()],
            labels: Some(vec![0, 1]),
            class_names: vec!["a".into(), "b".into()],
            views: EmbeddedViews::Identity,
            image_size: 32,
            mean: [0.5; 3],
            std: [0.5; 3],
            encoder: "online".into(),
            version: "0".into(),
        }
    }

    fn array(file: &str, values: &[u8]) -> EmbeddedArray {
        let sha256 = Some(format!("{:x}", Sha256::digest(values)));
        EmbeddedArray { name: "z_agg".into(), file: file.into(), shape: vec![2, 1], sha256 }
    }

    #[test]
    fn a_record_is_found_beside_its_features_and_knows_them() {
        let scratch = tempfile::tempdir().unwrap();
        let values = [1_u8, 2, 3, 4, 5, 6, 7, 8];
        let write = |name: &str, record: &EmbeddedFiles| {
            fs::write(scratch.path().join(name), serde_json::to_vec(record).unwrap()).unwrap();
        };
        let beside = |name: &str| EmbeddedFiles::beside(&scratch.path().join(name));
        assert!(beside("f.safetensors").unwrap().is_none());
        write("f.json", &record(array("f.safetensors", &values)));
        let (path, found) = beside("f.safetensors").unwrap().unwrap();
        found.check(&path, "z_agg", &values).unwrap();
        for (name, values) in [("z_agg", &[0; 8][..]), ("z_agg", &values[..4]), ("z_t", &values)] {
            let message = found.check(&path, name, values).unwrap_err().to_string();
            assert!(message.contains("f.json") && message.contains("expected"), "{message}");
        }
        // Of other files: an earlier NAME.npy, whose NAME.json this is.
        write("f.json", &record(array("f.z_agg.npy", &values)));
        assert!(beside("f.z_agg.npy").unwrap().is_some());
        let message = beside("f.safetensors").unwrap_err().to_string();
        assert!(message.contains("f.z_agg.npy"), "{message}");
        // Another program's.
        fs::write(scratch.path().join("f.json"), r#"{"arrays": 3}"#).unwrap();
        assert!(beside("f.safetensors").unwrap().is_none());
        // A damaged one.
        fs::write(scratch.path().join("f.json"), r#"{"arrays": [{"na"#).unwrap();
        let message = beside("f.safetensors").unwrap_err().to_string();
        assert!(
            message.contains("f.json: expected") && message.contains("JSON that ends early"),
            "{message}"
        );
        let mut wrong = record(array("f.safetensors", &values));
        wrong.labels = Some(vec![0, 2]);
        write("f.json", &wrong);
        assert!(beside("f.safetensors").unwrap_err().to_string().contains("label 2"));
    }
}
