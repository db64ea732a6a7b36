//! The sample as a SafeTensors file, which may be anybody's.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use seqjepa_data::ActionSpace;
use seqjepa_train::storage::{Folder, StorageError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::content::{EvaluationSample, Pictures, SampleTable};
use crate::names::Invariant;

/// Version of the layout.
const FORMAT: u32 = 1;
/// Where the header stands in the file's metadata.
const HEADER: &str = "seqjepa_sample";
/// Most bytes of a file that is read: some times those of the largest that is written.
const LONGEST: u64 = 64 << 20;
/// Most classes, sequences, columns of actions and pixels of a picture's side that are believed.
const MOST: [usize; 4] = [1 << 16, 1 << 14, 1 << 10, 1 << 10];

/// Why a sample is not read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The file cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The file is no sample, or a damaged one.
    #[error("{}: expected a sample of an evaluation, found {found}", path.display())]
    NoSample {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    model_sha256: String,
    data: String,
    invariant: Invariant,
    observed_views: usize,
    sequence_views: usize,
    seed: u64,
    class_names: Vec<String>,
    actions: ActionSpace,
}

impl EvaluationSample {
    /// The sample as a SafeTensors file: the same bytes for the same sample.
    ///
    /// # Panics
    ///
    /// Where a table or the pictures do not have the shape that they say.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = Header {
            format: FORMAT,
            model_sha256: self.model_sha256.clone(),
            data: self.data.clone(),
            invariant: self.invariant.clone(),
            observed_views: self.observed_views,
            sequence_views: self.sequence_views,
            seed: self.seed,
            class_names: self.class_names.clone(),
            actions: self.actions.clone(),
        };
        let header = serde_json::to_string(&header).expect("a header is plain data");
        let integers =
            |values: &[u32]| (Dtype::U32, vec![values.len()], little_endian(values.iter().copied()));
        let table = |table: &SampleTable| {
            let bits = table.values.iter().map(|value| value.to_bits());
            (Dtype::F32, vec![table.rows(), table.width], little_endian(bits))
        };
        let pictures = |pictures: &Pictures| {
            let [height, width] = pictures.size;
            (Dtype::U8, vec![pictures.len(), height, width, 3], pictures.pixels.clone())
        };
        let parts = [
            ("labels", integers(&self.labels)),
            ("predicted", integers(&self.predicted)),
            ("rows", integers(&self.rows)),
            ("first", table(&self.first)),
            ("aggregate", table(&self.aggregate)),
            ("relative", table(&self.relative)),
            ("sequence_actions", table(&self.sequence_actions)),
            ("thumbnails", pictures(&self.thumbnails)),
            ("sequences", pictures(&self.sequences)),
        ];
        let views = parts.iter().map(|(name, (kind, shape, bytes))| {
            let view =
                TensorView::new(*kind, shape.clone(), bytes).expect("a part is as long as its shape says");
            (*name, view)
        });
        // One entry alone: the order of several is that of a hash map.
        let metadata = HashMap::from([(HEADER.to_owned(), header)]);
        safetensors::serialize(views, Some(metadata)).expect("a header is below 100 MB")
    }

    /// Reads what [`to_bytes`](Self::to_bytes) made from a file in a folder that may be anybody's: links are not followed, no declared
    /// size is believed, and every index and shape is checked. Numbers need not be finite.
    ///
    /// # Errors
    ///
    /// [`SampleError`] if the file cannot be read, is no regular file of at most 64 MiB, or no whole sample.
    pub fn load_in(folder: &Folder, name: &str) -> Result<Self, SampleError> {
        let bytes = folder.read(name, LONGEST)?;
        Self::from_bytes(&bytes, &folder.path().join(name))
    }

    /// The same from bytes; `path` names them in errors.
    ///
    /// # Errors
    ///
    /// [`SampleError::NoSample`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, SampleError> {
        read(bytes).map_err(|found| SampleError::NoSample { path: path.to_owned(), found })
    }
}

fn little_endian(values: impl Iterator<Item = u32>) -> Vec<u8> {
    values.flat_map(u32::to_le_bytes).collect()
}

fn read(bytes: &[u8]) -> Result<EvaluationSample, String> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let text = metadata.metadata().as_ref().and_then(|metadata| metadata.get(HEADER));
    let text = text.ok_or_else(|| format!("no metadata `{HEADER}`"))?;
    let header: Header = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if header.format != FORMAT {
        return Err(format!("layout {}, which this version does not know", header.format));
    }
    let tensors = Tensors(SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?);
    let [classes, sequences, columns, _] = MOST;
    let (names, width) = (header.class_names.len(), header.actions.width());
    at_most("class names", names, classes)?;
    at_most("action parameters", width, columns)?;
    let labels = tensors.integers("labels")?;
    let predicted = tensors.integers("predicted")?;
    let rows = tensors.integers("rows")?;
    at_most("sequences", rows.len(), sequences)?;
    if rows.is_empty() || !rows.is_sorted_by(|a, b| a < b) {
        return Err("rows that do not ascend".into());
    }
    if !labels.is_empty() {
        let last = rows.last().map_or(0, |row| *row as usize);
        at_most("rows", last + 1, labels.len())?;
    }
    equal("predicted classes", predicted.len(), if predicted.is_empty() { 0 } else { labels.len() })?;
    for class in labels.iter().chain(&predicted) {
        at_most("a class", *class as usize + 1, names)?;
    }
    let [first, aggregate, relative, sequence_actions] =
        ["first", "aggregate", "relative", "sequence_actions"].map(|name| tensors.table(name));
    let (first, aggregate, relative, sequence_actions) = (first?, aggregate?, relative?, sequence_actions?);
    for (name, table) in [("first", &first), ("aggregate", &aggregate), ("relative", &relative)] {
        equal(name, table.rows(), rows.len())?;
    }
    equal("columns of the actions", relative.width, width)?;
    equal("columns of the views' actions", sequence_actions.width, width)?;
    let thumbnails = tensors.pictures("thumbnails")?;
    let sequences = tensors.pictures("sequences")?;
    equal("thumbnails", thumbnails.len(), rows.len())?;
    equal("views", sequences.len(), sequence_actions.rows())?;
    at_most("observed views", header.observed_views, 255)?;
    if header.sequence_views == 0 || !sequences.len().is_multiple_of(header.sequence_views) {
        return Err(format!("{} views in sequences of {}", sequences.len(), header.sequence_views));
    }
    Ok(EvaluationSample {
        model_sha256: header.model_sha256,
        data: header.data,
        invariant: header.invariant,
        observed_views: header.observed_views,
        seed: header.seed,
        class_names: header.class_names,
        actions: header.actions,
        labels,
        predicted,
        rows,
        first,
        aggregate,
        relative,
        thumbnails,
        sequence_views: header.sequence_views,
        sequences,
        sequence_actions,
    })
}

fn at_most(what: &str, found: usize, most: usize) -> Result<(), String> {
    if found <= most { Ok(()) } else { Err(format!("{what}: {found}, more than {most}")) }
}

fn equal(what: &str, found: usize, expected: usize) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found}, not {expected}")) }
}

/// The tensors of a file, whose shapes fit their bytes.
struct Tensors<'a>(SafeTensors<'a>);

impl Tensors<'_> {
    fn part(&self, name: &str, kind: Dtype, axes: usize) -> Result<TensorView<'_>, String> {
        let part = self.0.tensor(name).map_err(|_| format!("no tensor `{name}`"))?;
        if part.dtype() != kind || part.shape().len() != axes {
            return Err(format!("`{name}` as {:?} of {:?}", part.dtype(), part.shape()));
        }
        Ok(part)
    }

    fn integers(&self, name: &str) -> Result<Vec<u32>, String> {
        Ok(words(self.part(name, Dtype::U32, 1)?.data()).collect())
    }

    fn table(&self, name: &str) -> Result<SampleTable, String> {
        let part = self.part(name, Dtype::F32, 2)?;
        let width = part.shape()[1];
        if width == 0 {
            return Err(format!("`{name}` without columns"));
        }
        Ok(SampleTable { width, values: words(part.data()).map(f32::from_bits).collect() })
    }

    fn pictures(&self, name: &str) -> Result<Pictures, String> {
        let part = self.part(name, Dtype::U8, 4)?;
        let &[_, height, width, channels] = part.shape() else { unreachable!("four axes") };
        let side = 1..=MOST[3];
        if channels != 3 || !side.contains(&height) || !side.contains(&width) {
            return Err(format!("`{name}` of {:?}", part.shape()));
        }
        Ok(Pictures { size: [height, width], pixels: part.data().to_vec() })
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|bytes| u32::from_le_bytes(bytes.try_into().expect("four bytes")))
}

#[cfg(test)]
mod tests {
    use seqjepa_data::ActionParameter;

    use super::*;

    fn sample() -> EvaluationSample {
        let parameter =
            ActionParameter { name: "x".into(), unit: "pixels".into(), low: 0.0, high: 1.0, identity: 0.0 };
        let table = |rows: usize, width: usize| SampleTable {
            width,
            values: (0..rows * width).map(|value| value as f32).collect(),
        };
        let pictures = |count: usize| Pictures { size: [2, 3], pixels: vec![7; count * 18] };
        EvaluationSample {
            model_sha256: "00".into(),
            data: "synthetic".into(),
            invariant: Invariant { name: "z_AGG".into(), of_sequence: true },
            observed_views: 5,
            seed: 42,
            class_names: vec!["a".into(), "b".into()],
            actions: ActionSpace::new(vec![parameter], vec![]).unwrap(),
            labels: vec![0, 1, 1, 0],
            predicted: vec![0, 1, 0, 0],
            rows: vec![0, 2],
            first: table(2, 4),
            aggregate: table(2, 3),
            relative: table(2, 1),
            thumbnails: pictures(2),
            sequence_views: 3,
            sequences: pictures(3),
            sequence_actions: table(3, 1),
        }
    }

    fn refused(change: impl FnOnce(&mut EvaluationSample)) -> String {
        let mut changed = sample();
        change(&mut changed);
        EvaluationSample::from_bytes(&changed.to_bytes(), Path::new("x")).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_read_back_and_the_same_twice() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Folder::at(scratch.path());
        folder.write("s", &sample().to_bytes()).unwrap();
        assert_eq!(EvaluationSample::load_in(&folder, "s").unwrap(), sample());
        assert_eq!(sample().to_bytes(), sample().to_bytes());
        assert_eq!(sample().sample_labels(), Some(vec![0, 1]));
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        for (found, words) in [
            (refused(|sample| sample.labels[1] = 2), "a class: 3, more than 2"),
            (refused(|sample| sample.predicted[1] = 9), "a class: 10"),
            (refused(|sample| sample.predicted.truncate(1)), "predicted classes: 1, not 4"),
            (refused(|sample| sample.rows = vec![2, 0]), "do not ascend"),
            (refused(|sample| sample.rows = vec![0, 4]), "rows: 5, more than 4"),
            (refused(|sample| sample.rows = vec![0]), "first: 2, not 1"),
            (refused(|sample| sample.thumbnails.pixels.truncate(18)), "thumbnails: 1, not 2"),
            (refused(|sample| sample.sequences.pixels.truncate(18)), "views: 1, not 3"),
            (refused(|sample| sample.observed_views = 1 << 40), "observed views"),
            (refused(|sample| sample.sequence_views = 0), "3 views in sequences of 0"),
            (refused(|sample| sample.class_names = vec![String::new(); 1 << 17]), "class names"),
        ] {
            assert!(found.contains(words), "{found}");
        }
    }

    #[test]
    fn damaged_and_other_files_are_refused_without_a_panic() {
        let whole = sample().to_bytes();
        for length in 0..whole.len() {
            assert!(EvaluationSample::from_bytes(&whole[..length], Path::new("x")).is_err(), "{length}");
        }
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x55;
            // Pixels and features may be anything.
            let _ = EvaluationSample::from_bytes(&bytes, Path::new("x"));
        }
    }
}
