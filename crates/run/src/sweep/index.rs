//! What a sweep's folder says of itself, for whoever has no sweep file at hand.

use std::path::{Component, Path, PathBuf};

use seqjepa_train::storage::{Folder, StorageError, read_json};
use serde::{Deserialize, Serialize};

use super::error::SweepError;
use super::plan::SweepPlan;

/// Version of the file's layout.
const FORMAT: u32 = 1;

/// Far more than the most runs take.
const LONGEST: u64 = 16 << 20;

/// The file `sweep.json` of a sweep's folder: its runs, in the order of the last call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepIndex {
    format: u32,
    /// Every run.
    pub runs: Vec<IndexedRun>,
}

/// A run of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexedRun {
    /// Name of its data set in tables.
    pub data_set: String,
    /// Name of its method in tables.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// Epochs that it is trained for; none in the index of an earlier version.
    #[serde(default)]
    pub epochs: Option<usize>,
    /// Its folder below that of the sweep.
    pub id: String,
}

impl SweepIndex {
    /// The name of its file.
    pub const FILE_NAME: &str = "sweep.json";

    /// The index of a plan.
    #[must_use]
    pub fn of(plan: &SweepPlan) -> Self {
        let indexed = plan.runs().iter().map(|run| IndexedRun {
            data_set: run.data_set.clone(),
            method: run.method.clone(),
            seed: run.seed,
            epochs: Some(run.config.run.epochs),
            id: run.id.clone(),
        });
        Self { format: FORMAT, runs: indexed.collect() }
    }

    /// Makes the folder of a sweep and writes the index into it, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`SweepError::Folder`] if the folder is not empty and no sweep's, [`SweepError::Storage`] if nothing can be written there.
    pub fn write(&self, root: &Path) -> Result<(), SweepError> {
        Self::check_folder(root)?;
        let folder = Folder::at(root);
        folder.make()?;
        let mut text = serde_json::to_vec_pretty(self).expect("an index is plain data");
        text.push(b'\n');
        Ok(folder.write(Self::FILE_NAME, &text)?)
    }

    /// Refuses a folder that holds anything but a sweep.
    ///
    /// # Errors
    ///
    /// [`SweepError::Folder`] says what is there.
    pub fn check_folder(root: &Path) -> Result<(), SweepError> {
        let refuse = |found: String| Err(SweepError::Folder { path: root.to_owned(), found });
        if root.symlink_metadata().is_err() {
            return Ok(());
        }
        if !root.is_dir() {
            return refuse("a file".into());
        }
        if root.join(Self::FILE_NAME).exists() {
            return Ok(());
        }
        let entries = std::fs::read_dir(root).map_err(|source| StorageError::new("read", root, source))?;
        match entries.flatten().next() {
            Some(entry) => refuse(format!("`{}` without it", entry.file_name().to_string_lossy())),
            None => Ok(()),
        }
    }

    /// Reads the index of a sweep's folder; none where there is none.
    ///
    /// # Errors
    ///
    /// [`SweepError::Index`] if the file is no index, [`SweepError::Storage`] if it cannot be read.
    pub fn read(root: &Path) -> Result<Option<Self>, SweepError> {
        let path = root.join(Self::FILE_NAME);
        if !path.exists() {
            return Ok(None);
        }
        let refuse = |found: String| SweepError::Index { path: path.clone(), found };
        let text = Folder::at(root).read(Self::FILE_NAME, LONGEST)?;
        let index: Self = read_json(&text).map_err(refuse)?;
        if index.format != FORMAT {
            return Err(refuse(format!("the layout {}, not {FORMAT}", index.format)));
        }
        match index.runs.iter().find(|run| !is_below(Path::new(&run.id))) {
            Some(run) => Err(refuse(format!("a run outside of the folder, `{}`", run.id))),
            None => Ok(Some(index)),
        }
    }
}

impl IndexedRun {
    /// The run folder in that of the sweep.
    #[must_use]
    pub fn folder(&self, root: &Path) -> PathBuf {
        root.join(&self.id)
    }
}

/// Whether a path leads down only.
fn is_below(path: &Path) -> bool {
    path.components().next().is_some() && path.components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn index(id: &str) -> SweepIndex {
        let run =
            IndexedRun { data_set: "d".into(), method: "m".into(), seed: 1, epochs: None, id: id.into() };
        SweepIndex { format: FORMAT, runs: vec![run] }
    }

    #[test]
    fn an_index_reads_back() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("a/b");
        assert_eq!(SweepIndex::read(&root).unwrap(), None);
        index("d/m/seed1").write(&root).unwrap();
        assert_eq!(SweepIndex::read(&root).unwrap(), Some(index("d/m/seed1")));
        fs::write(root.join("table.md"), "").unwrap();
        index("d/m/seed2").write(&root).unwrap();
    }

    #[test]
    fn folders_of_others_are_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("mine.txt"), "").unwrap();
        let error = index("d").write(scratch.path()).unwrap_err().to_string();
        assert!(error.contains("`mine.txt` without it"), "{error}");
        let error = index("d").write(&scratch.path().join("mine.txt")).unwrap_err().to_string();
        assert!(error.contains("found a file"), "{error}");
    }

    #[test]
    fn what_is_no_index_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        for text in ["", "{}", "{\"format\": 2, \"runs\": []}"] {
            fs::write(scratch.path().join("sweep.json"), text).unwrap();
            assert!(
                SweepIndex::read(scratch.path()).unwrap_err().to_string().contains("sweep.json"),
                "{text}"
            );
        }
        for id in ["../x", "/etc", "", "a/../../b"] {
            index(id).write(scratch.path()).unwrap();
            assert!(SweepIndex::read(scratch.path()).unwrap_err().to_string().contains("outside"), "{id}");
        }
    }
}
