//! The checkpoints of a run: the newest, those before it, the best.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::content::{Checkpoint, NoRecord};
use super::error::CheckpointError;
use crate::storage::{self, StorageError};

const LAST: &str = "last.safetensors";
const BEST: &str = "best.safetensors";
const DIAGNOSTIC: &str = "diagnostic.safetensors";

/// The folder `checkpoints/` of a run.
///
/// `last.safetensors` is the newest checkpoint; `step-NNNNNNNNNN.safetensors` are those before it, as many as are kept;
/// `best.safetensors` is the best by a chosen metric. A name never stands for a file that is not whole: the newest gets
/// its second name (a hard link) before the next one takes its first.
#[derive(Debug)]
pub struct CheckpointStore {
    folder: PathBuf,
    keep: usize,
    /// Step of `last.safetensors`, where that is known to be good.
    newest: Option<u64>,
}

/// The newest checkpoint that can be used.
#[derive(Debug)]
pub struct Found<R = NoRecord> {
    /// The checkpoint.
    pub checkpoint: Checkpoint<R>,
    /// Its file.
    pub path: PathBuf,
    /// Newer ones that are damaged, each with what is wrong.
    pub damaged: Vec<CheckpointError>,
}

impl CheckpointStore {
    /// The checkpoints in `folder`, which need not exist yet; `keep` is how many to keep with the newest, at least 1.
    #[must_use]
    pub fn new(folder: &Path, keep: usize) -> Self {
        Self { folder: folder.to_owned(), keep: keep.max(1), newest: None }
    }

    /// The newest checkpoint.
    #[must_use]
    pub fn last(&self) -> PathBuf {
        self.folder.join(LAST)
    }

    /// The best checkpoint by `run.best_metric`.
    #[must_use]
    pub fn best(&self) -> PathBuf {
        self.folder.join(BEST)
    }

    /// The state before a step whose loss or gradient was not finite.
    #[must_use]
    pub fn diagnostic(&self) -> PathBuf {
        self.folder.join(DIAGNOSTIC)
    }

    /// Changes how many checkpoints are kept from the next save on.
    pub fn keep(&mut self, keep: usize) {
        self.keep = keep.max(1);
    }

    /// Loads the newest checkpoint that is whole: `last`, else the one before, and so on; the best comes last. `None` if
    /// there is no checkpoint at all.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::NoneUsable`], if there are checkpoints and all are damaged; [`CheckpointError::Storage`], if it cannot be
    /// seen whether there are any.
    pub fn load_newest<R: Serialize + DeserializeOwned>(
        &mut self,
    ) -> Result<Option<Found<R>>, CheckpointError> {
        let mut candidates = vec![self.last()];
        candidates.extend(self.earlier()?.into_iter().rev().map(|(_, path)| path));
        candidates.push(self.best());
        let mut damaged = Vec::new();
        for path in candidates {
            if !path.try_exists().map_err(|source| StorageError::new("look for", &path, source))? {
                continue;
            }
            match Checkpoint::load(&path) {
                Ok(checkpoint) => {
                    self.newest = (path == self.last()).then_some(checkpoint.progress.step);
                    return Ok(Some(Found { checkpoint, path, damaged }));
                }
                Err(error) => damaged.push(error),
            }
        }
        match damaged.is_empty() {
            true => Ok(None),
            false => Err(CheckpointError::NoneUsable {
                path: self.folder.clone(),
                found: damaged.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            }),
        }
    }

    /// Makes `checkpoint` the newest, and removes those that are not kept. Returns its file.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Storage`]; the newest is then what it was before.
    pub fn save<R: Serialize + DeserializeOwned>(
        &mut self,
        checkpoint: &Checkpoint<R>,
    ) -> Result<PathBuf, CheckpointError> {
        let step = checkpoint.progress.step;
        let last = self.last();
        storage::make_folder(&self.folder)?;
        match self.newest {
            Some(newest) if newest < step && self.keep > 1 && last.exists() => {
                storage::share(&last, &self.step_file(newest))?;
            }
            _ => {}
        }
        checkpoint.save(&last)?;
        self.newest = Some(step);
        // What claims to be newer than the newest was found damaged, or belongs to a course that was given up.
        let (earlier, newer): (Vec<_>, Vec<_>) =
            self.earlier()?.into_iter().partition(|(earlier, _)| *earlier < step);
        let surplus = earlier.len().saturating_sub(self.keep - 1);
        for (_, path) in newer.iter().chain(&earlier[..surplus]) {
            storage::remove(path)?;
        }
        Ok(last)
    }

    /// Removes the best checkpoint, which is no longer the best by what is asked for now.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Storage`].
    pub fn forget_best(&self) -> Result<(), CheckpointError> {
        if self.best().exists() {
            storage::remove(&self.best())?;
        }
        Ok(())
    }

    /// Makes the newest checkpoint the best.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Storage`]; the best is then what it was before.
    pub fn mark_best(&self) -> Result<(), CheckpointError> {
        Ok(storage::share(&self.last(), &self.best())?)
    }

    fn step_file(&self, step: u64) -> PathBuf {
        self.folder.join(format!("step-{step:010}.safetensors"))
    }

    /// The checkpoints before the newest, by step.
    fn earlier(&self) -> Result<Vec<(u64, PathBuf)>, CheckpointError> {
        let step = |path: &Path| {
            let name = path.file_name()?.to_str()?;
            name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse::<u64>().ok()
        };
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.and_then(Iterator::collect::<Result<Vec<_>, _>>),
        };
        let entries = entries.map_err(|source| StorageError::new("list", &self.folder, source))?;
        let mut found: Vec<_> =
            entries.iter().filter_map(|entry| Some((step(&entry.path())?, entry.path()))).collect();
        found.sort();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::checkpoint;
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_last_few_and_the_best_are_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let mut store = CheckpointStore::new(scratch.path(), 3);
        assert!(store.load_newest::<NoRecord>().unwrap().is_none());
        for step in [2, 4, 6, 8, 10] {
            store.save(&checkpoint(step)).unwrap();
            if step == 4 {
                store.mark_best().unwrap();
            }
        }
        let expected = [
            "best.safetensors",
            "last.safetensors",
            "step-0000000006.safetensors",
            "step-0000000008.safetensors",
        ];
        assert_eq!(names(scratch.path()), expected);
        assert_eq!(Checkpoint::<NoRecord>::load(&store.best()).unwrap().progress.step, 4);
        assert_eq!(store.load_newest::<NoRecord>().unwrap().unwrap().checkpoint.progress.step, 10);
        store.keep(1);
        store.save(&checkpoint(12)).unwrap();
        assert_eq!(names(scratch.path()), expected[..2]);
    }

    #[test]
    fn a_damaged_newest_gives_way_to_the_one_before() {
        let scratch = tempfile::tempdir().unwrap();
        let mut store = CheckpointStore::new(scratch.path(), 3);
        for step in [2, 4, 6] {
            store.save(&checkpoint(step)).unwrap();
        }
        fs::write(store.last(), "damaged").unwrap();
        let mut store = CheckpointStore::new(scratch.path(), 3);
        let found = store.load_newest::<NoRecord>().unwrap().unwrap();
        assert_eq!(found.checkpoint.progress.step, 4);
        assert!(found.damaged[0].to_string().contains("last.safetensors"), "{:?}", found.damaged);
        // The damaged file is not kept as one of those before.
        store.save(&checkpoint(5)).unwrap();
        assert_eq!(
            names(scratch.path()),
            ["last.safetensors", "step-0000000002.safetensors", "step-0000000004.safetensors"]
        );

        fs::write(store.last(), "damaged").unwrap();
        for step in [2, 4] {
            fs::write(store.step_file(step), "damaged").unwrap();
        }
        let message = store.load_newest::<NoRecord>().unwrap_err().to_string();
        assert!(message.contains("step-0000000002") && message.contains("last"), "{message}");
    }
}
