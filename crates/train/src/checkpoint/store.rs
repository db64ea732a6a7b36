//! The checkpoints of a run: the newest, those before it, the best.

use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::content::{Checkpoint, NoRecord, UnderWay};
use super::error::CheckpointError;
use crate::storage::Folder;

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
    folder: Folder,
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

/// How the best checkpoint was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BestState {
    /// There and whole.
    Whole,
    /// It was not, and is again.
    Restored {
        /// What was wrong with it.
        problem: String,
        /// The checkpoint of the same epoch that it is now.
        from: PathBuf,
    },
    /// It is not, and nothing can take its place.
    Lost {
        /// What is wrong with it.
        problem: String,
    },
}

impl CheckpointStore {
    /// The checkpoints in `folder`, which need not exist yet; `keep` is how many to keep with the newest, at least 1.
    #[must_use]
    pub fn new(folder: Folder, keep: usize) -> Self {
        Self { folder, keep: keep.max(1), newest: None }
    }

    /// The newest checkpoint.
    #[must_use]
    pub fn last(&self) -> PathBuf {
        self.folder.path().join(LAST)
    }

    /// The best checkpoint by `run.best_metric`.
    #[must_use]
    pub fn best(&self) -> PathBuf {
        self.folder.path().join(BEST)
    }

    /// Keeps the state before a step whose loss or gradient was not finite. Returns its file.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::save`].
    pub fn save_diagnostic<R: Serialize + DeserializeOwned>(
        &self,
        checkpoint: &Checkpoint<R>,
    ) -> Result<PathBuf, CheckpointError> {
        checkpoint.save_in(&self.folder, DIAGNOSTIC)?;
        Ok(self.folder.path().join(DIAGNOSTIC))
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
        let names = self.folder.names()?;
        let mut candidates = vec![LAST.to_owned()];
        candidates.extend(self.earlier()?.into_iter().rev().map(|(_, name)| name));
        candidates.push(BEST.to_owned());
        candidates.retain(|name| names.iter().any(|there| there.to_str() == Some(name)));
        let mut damaged = Vec::new();
        for name in candidates {
            match Checkpoint::load_in(&self.folder, &name) {
                Ok(checkpoint) => {
                    self.newest = (name == LAST).then_some(checkpoint.progress.step);
                    return Ok(Some(Found { checkpoint, path: self.folder.path().join(name), damaged }));
                }
                Err(error) => damaged.push(error),
            }
        }
        match damaged.is_empty() {
            true => Ok(None),
            false => Err(CheckpointError::NoneUsable {
                path: self.folder.path().to_owned(),
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
        self.folder.make()?;
        match self.newest {
            Some(newest) if newest < step && self.keep > 1 && self.folder.contains(LAST) => {
                self.folder.share(LAST, &step_file(newest))?;
            }
            _ => {}
        }
        checkpoint.save_in(&self.folder, LAST)?;
        self.newest = Some(step);
        // What claims to be newer than the newest was found damaged, or belongs to a course that was given up.
        let (earlier, newer): (Vec<_>, Vec<_>) =
            self.earlier()?.into_iter().partition(|(earlier, _)| *earlier < step);
        let surplus = earlier.len().saturating_sub(self.keep - 1);
        for (_, name) in newer.iter().chain(&earlier[..surplus]) {
            self.folder.remove(name)?;
        }
        Ok(self.last())
    }

    /// Removes the best checkpoint, which is no longer the best by what is asked for now.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Storage`].
    pub fn forget_best(&self) -> Result<(), CheckpointError> {
        if self.folder.contains(BEST) {
            self.folder.remove(BEST)?;
        }
        Ok(())
    }

    /// Makes the newest checkpoint the best.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Storage`]; the best is then what it was before.
    pub fn mark_best(&self) -> Result<(), CheckpointError> {
        Ok(self.folder.share(LAST, BEST)?)
    }

    /// Looks whether the best checkpoint, that of `epoch`, is there and whole; `is_best` says of a whole one why it cannot be the best.
    /// If it is not, and another of the checkpoints kept is that of `epoch`, that one becomes the best.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Storage`], if the best cannot be replaced.
    pub fn check_best<R: Serialize + DeserializeOwned>(
        &self,
        epoch: usize,
        is_best: impl Fn(&Checkpoint<R>) -> Result<(), String>,
    ) -> Result<BestState, CheckpointError> {
        let problem = match Checkpoint::<R>::load_in(&self.folder, BEST) {
            Ok(best) => match is_best(&best) {
                Ok(()) => return Ok(BestState::Whole),
                Err(problem) => problem,
            },
            Err(_) if !self.folder.contains(BEST) => "it is not there".to_owned(),
            Err(error) => error.to_string(),
        };
        let mut candidates = vec![LAST.to_owned()];
        candidates.extend(self.earlier()?.into_iter().rev().map(|(_, name)| name));
        for name in candidates {
            let is_it = |found: Checkpoint<R>| {
                let progress = &found.progress;
                progress.epoch == epoch
                    && progress.under_way == UnderWay::default()
                    && is_best(&found).is_ok()
            };
            if Checkpoint::load_in(&self.folder, &name).is_ok_and(is_it) {
                self.folder.share(&name, BEST)?;
                return Ok(BestState::Restored { problem, from: self.folder.path().join(name) });
            }
        }
        Ok(BestState::Lost { problem })
    }

    /// The checkpoints before the newest, by step.
    fn earlier(&self) -> Result<Vec<(u64, String)>, CheckpointError> {
        let step = |name: &str| name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse::<u64>().ok();
        let names = self.folder.names()?;
        let mut found: Vec<_> = names
            .into_iter()
            .filter_map(|name| name.into_string().ok())
            .filter_map(|name| Some((step(&name)?, name)))
            .collect();
        found.sort();
        Ok(found)
    }
}

fn step_file(step: u64) -> String {
    format!("step-{step:010}.safetensors")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

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
        let mut store = CheckpointStore::new(Folder::at(scratch.path()), 3);
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
    fn a_best_that_is_damaged_or_missing_is_found_and_made_again_where_that_can_be() {
        let scratch = tempfile::tempdir().unwrap();
        let mut store = CheckpointStore::new(Folder::at(scratch.path()), 3);
        // Step 2 is in epoch 2, step 4 the end of it, step 6 that of epoch 3.
        for (step, epoch, done) in [(2, 2, 3), (4, 2, 0), (6, 3, 0)] {
            let mut checkpoint = checkpoint(step);
            checkpoint.progress.epoch = epoch;
            checkpoint.progress.under_way = UnderWay { train_batches: done, ..UnderWay::default() };
            store.save(&checkpoint).unwrap();
            if step == 4 {
                store.mark_best().unwrap();
            }
        }
        let best = store.best();
        let whole = fs::read(&best).unwrap();
        let check = |epoch| {
            let is_best = |found: &Checkpoint<NoRecord>| match found.progress.epoch {
                found if found >= epoch => Ok(()),
                found => Err(format!("it is that of epoch {found}")),
            };
            store.check_best(epoch, is_best).unwrap()
        };
        assert_eq!(check(2), BestState::Whole);
        // The caller has said so.
        assert_eq!(check(1), BestState::Whole);
        // Not through the name that it shares with another.
        fs::remove_file(&best).unwrap();
        fs::write(&best, &whole[..whole.len() - 1]).unwrap();
        let BestState::Restored { problem, from } = check(2) else { panic!("not restored") };
        assert!(
            problem.contains("SafeTensors") && from.ends_with("step-0000000004.safetensors"),
            "{problem}"
        );
        assert_eq!(fs::read(&best).unwrap(), whole);
        assert_eq!(check(2), BestState::Whole);
        fs::remove_file(&best).unwrap();
        assert_eq!(check(4), BestState::Lost { problem: "it is not there".into() });
        assert!(!best.exists());
    }

    #[test]
    fn a_damaged_newest_gives_way_to_the_one_before() {
        let scratch = tempfile::tempdir().unwrap();
        let mut store = CheckpointStore::new(Folder::at(scratch.path()), 3);
        for step in [2, 4, 6] {
            store.save(&checkpoint(step)).unwrap();
        }
        fs::write(store.last(), "damaged").unwrap();
        let mut store = CheckpointStore::new(Folder::at(scratch.path()), 3);
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
            fs::write(scratch.path().join(step_file(step)), "damaged").unwrap();
        }
        let message = store.load_newest::<NoRecord>().unwrap_err().to_string();
        assert!(message.contains("step-0000000002") && message.contains("last"), "{message}");
    }
}
