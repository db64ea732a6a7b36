//! How far a run of a sweep is.

use std::path::Path;

use seqjepa_evaluation::ResultCard;
use seqjepa_train::storage::Folder;

use super::card;
use super::error::SweepError;
use super::index::IndexedRun;
use super::plan::PlannedRun;
use crate::config::Config;
use crate::folder::lock::is_held;
use crate::folder::status::{Life, RunState, Status, inspect};
use crate::folder::{FolderError, RunFolder};
use crate::gates::evaluate_gates;
use crate::registry::Registry;
use crate::run::RunError;

/// How far a run is, as its folder has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing of it is there.
    Absent,
    /// Begun, and ended before its end, by a signal or a kill: it goes on where it was.
    Unfinished,
    /// Ended with an error.
    Failed,
    /// A process is at work on it.
    Running,
    /// Trained for all its epochs, and measured.
    Finished,
}

impl Standing {
    /// The standing in a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Absent => "not begun",
            Self::Unfinished => "unfinished",
            Self::Failed => "failed",
            Self::Running => "running",
            Self::Finished => "finished",
        }
    }
}

/// What the folder of a run holds.
#[derive(Debug)]
pub struct Look {
    /// How far the run is.
    pub standing: Standing,
    /// The figures, of a finished run.
    pub card: Option<ResultCard>,
    /// Why the card that is there is not taken for that of the run. With it the run is not finished: it is measured again.
    pub doubt: Option<String>,
}

impl Look {
    fn at(standing: Standing) -> Self {
        Self { standing, card: None, doubt: None }
    }

    /// What the folder of a run holds that should have this config: by nothing else is a run called finished.
    fn into(registry: &Registry, root: &Path, wanted: &Config) -> Self {
        let status = match occupied(root) {
            Ok(status) => status,
            Err(standing) => return Self::at(standing),
        };
        if status.state == RunState::Failed {
            return Self::at(Standing::Failed);
        }
        // A run that was made longer is finished only once it is trained and measured anew.
        if status.state != RunState::Finished || status.epochs != wanted.run.epochs {
            return Self::at(Standing::Unfinished);
        }
        match card::of_run(registry, root, wanted) {
            Ok(Some(card)) => Self { standing: Standing::Finished, card: Some(card), doubt: None },
            Ok(None) => Self::at(Standing::Unfinished),
            Err(doubt) => Self { standing: Standing::Unfinished, card: None, doubt: Some(doubt) },
        }
    }
}

/// The last status of a run at which nobody is at work, or how far the run is where it says no more.
fn occupied(root: &Path) -> Result<Status, Standing> {
    // First the lock: a process that has just begun has written nothing yet.
    if is_held(&Folder::at(root)) {
        return Err(Standing::Running);
    }
    if RunFolder::at(root).used_by().is_none() {
        return Err(Standing::Absent);
    }
    match inspect(root) {
        Ok((_, Life::Running)) => Err(Standing::Running),
        Ok((status, Life::Ended)) => Ok(status),
        // A run that was killed before its first status has none.
        Ok((_, Life::Died)) | Err(_) => Err(Standing::Unfinished),
    }
}

impl IndexedRun {
    /// How far the run is, in the folder of its sweep: by the config in its own folder, as there is no other.
    #[must_use]
    pub fn standing(&self, registry: &Registry, root: &Path) -> Standing {
        let root = self.folder(root);
        let Ok((_, mut wanted)) = RunFolder::open(registry, &root) else {
            return match occupied(&root) {
                Ok(status) if status.state == RunState::Failed => Standing::Failed,
                Ok(_) => Standing::Unfinished,
                Err(standing) => standing,
            };
        };
        wanted.run.seed = self.seed;
        wanted.run.epochs = self.epochs.unwrap_or(wanted.run.epochs);
        Look::into(registry, &root, &wanted).standing
    }
}

impl PlannedRun {
    /// What the run's folder holds.
    ///
    /// # Errors
    ///
    /// [`SweepError::Changed`] if its folder holds a run of other settings, [`SweepError::Run`] if what it holds cannot be read, or is in the
    /// way.
    pub fn look(&self, registry: &Registry) -> Result<Look, SweepError> {
        let root = self.folder();
        let found = Look::into(registry, root, &self.config);
        if found.standing == Standing::Absent {
            RunFolder::check(&self.config).map_err(|error| SweepError::of_run(&self.to_string(), error))?;
            return Ok(found);
        }
        let (_, held) = match RunFolder::open(registry, root) {
            Ok(opened) => opened,
            // Written a moment later by the process at work there, or lost, which the resume says better.
            Err(_) if !RunFolder::at(root).config().exists() => return Ok(found),
            Err(error) => return Err(SweepError::of_run(&self.to_string(), RunError::from(error))),
        };
        let differences = held.changes(&self.config);
        if !differences.is_empty() {
            return Err(SweepError::Changed { run: self.to_string(), path: root.to_owned(), differences });
        }
        Ok(found)
    }

    /// How far the run is.
    ///
    /// # Errors
    ///
    /// As [`look`](Self::look).
    pub fn standing(&self, registry: &Registry) -> Result<Standing, SweepError> {
        Ok(self.look(registry)?.standing)
    }

    /// Removes a card from the run's folder that is damaged or of another run, so that the run is measured again. Where another process
    /// is at work on the run, nothing is done.
    ///
    /// # Errors
    ///
    /// [`SweepError::Run`] if the folder cannot be taken or the file not removed.
    pub fn remove_foreign_card(&self, registry: &Registry) -> Result<(), SweepError> {
        let root = self.folder();
        let fail = |error: RunError| SweepError::of_run(&self.to_string(), error);
        let lock = match RunFolder::at(root).take() {
            Ok(lock) => lock,
            Err(FolderError::Locked { .. }) => return Ok(()),
            Err(error) => return Err(fail(error.into())),
        };
        if card::of_run(registry, root, &self.config).is_ok() {
            return Ok(());
        }
        lock.folder().remove(ResultCard::FILE_NAME).map_err(|error| fail(error.into()))
    }

    /// The gates that the run, which is finished, has not passed.
    #[must_use]
    pub fn failed_gates(&self) -> Vec<String> {
        let row = Status::read_in(&Folder::at(self.folder())).ok().and_then(|status| status.last_metrics);
        row.map(|row| evaluate_gates(&self.config.gating, &row).reasons).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::super::card::tests::card;
    use super::*;
    use crate::folder::RunLock;

    fn run(folder: &Path) -> PlannedRun {
        let mut config = Config::default();
        config.run.output_dir = Some(folder.to_owned());
        PlannedRun { data_set: "d".into(), method: "m".into(), seed: 42, id: "d/m/seed42".into(), config }
    }

    fn status(folder: &Path, state: &str, epochs: usize) {
        let status = json!({"state": state, "name": "x", "pid": 1, "version": "0", "started": 0, "updated": 0, "epoch": epochs,
            "epochs": epochs, "batch": 0, "batches": 0, "step": 0, "steps": 0});
        fs::write(folder.join("status.json"), status.to_string()).unwrap();
    }

    #[test]
    fn a_folder_says_how_far_its_run_is() {
        let scratch = tempfile::tempdir().unwrap();
        let run = run(&scratch.path().join("run"));
        let registry = Registry::standard();
        let standing = || run.standing(&registry).unwrap();
        assert_eq!(standing(), Standing::Absent);
        fs::create_dir(run.folder()).unwrap();
        assert_eq!(standing(), Standing::Absent);
        fs::write(run.folder().join("config.yaml"), run.config.to_yaml()).unwrap();
        assert_eq!(standing(), Standing::Unfinished);
        for (state, expected) in [
            ("training", Standing::Unfinished),
            ("stopped", Standing::Unfinished),
            ("trained", Standing::Unfinished),
            ("failed", Standing::Failed),
            ("finished", Standing::Unfinished),
        ] {
            status(run.folder(), state, 10);
            assert_eq!(standing(), expected, "{state}");
        }
        fs::write(run.folder().join("evaluation.json"), card(&run.config).to_string()).unwrap();
        assert_eq!(standing(), Standing::Finished);
        assert!(run.look(&registry).unwrap().card.is_some());
        let lock = RunLock::take(run.folder()).unwrap();
        assert_eq!(standing(), Standing::Running);
        drop(lock);
        // Taken by a process that has written nothing yet.
        let mut taken = run.clone();
        taken.config.run.output_dir = Some(scratch.path().join("taken"));
        let lock = RunLock::take(taken.folder()).unwrap();
        assert_eq!(taken.standing(&registry).unwrap(), Standing::Running);
        drop(lock);
        assert_eq!(taken.standing(&registry).unwrap(), Standing::Absent);
    }

    #[test]
    fn a_run_of_another_length_is_not_finished() {
        let scratch = tempfile::tempdir().unwrap();
        let short = run(&scratch.path().join("run"));
        let mut longer = short.clone();
        longer.config.run.epochs = 12;
        let registry = Registry::standard();
        let standing = || longer.look(&registry).unwrap().standing;
        let indexed = |epochs| {
            let (data_set, method) = (longer.data_set.clone(), longer.method.clone());
            let run = IndexedRun { data_set, method, seed: 42, epochs, id: "run".into() };
            run.standing(&registry, scratch.path())
        };
        fs::create_dir(short.folder()).unwrap();
        let write = |name: &str, text: String| fs::write(short.folder().join(name), text).unwrap();
        write("config.yaml", short.config.to_yaml());
        write("evaluation.json", card(&short.config).to_string());
        status(short.folder(), "finished", 10);
        assert_eq!(short.standing(&registry).unwrap(), Standing::Finished);
        assert_eq!(standing(), Standing::Unfinished);
        assert_eq!(
            (indexed(None), indexed(Some(10)), indexed(Some(12))),
            (Standing::Finished, Standing::Finished, Standing::Unfinished)
        );
        // Stopped between the config of the longer run and its first step.
        write("config.yaml", longer.config.to_yaml());
        assert_eq!((standing(), indexed(None)), (Standing::Unfinished, Standing::Unfinished));
        // Trained to its new end, with the card of the old one.
        status(short.folder(), "finished", 12);
        assert_eq!((standing(), indexed(None)), (Standing::Unfinished, Standing::Unfinished));
        assert!(longer.look(&registry).unwrap().doubt.unwrap().contains("expected the number of epochs 12"));
        write("evaluation.json", card(&longer.config).to_string());
        assert_eq!((standing(), indexed(Some(12))), (Standing::Finished, Standing::Finished));
    }

    #[test]
    fn a_card_of_another_run_is_removed_and_its_own_is_left() {
        let scratch = tempfile::tempdir().unwrap();
        let run = run(&scratch.path().join("run"));
        let registry = Registry::standard();
        fs::create_dir(run.folder()).unwrap();
        fs::write(run.folder().join("config.yaml"), run.config.to_yaml()).unwrap();
        status(run.folder(), "finished", 10);
        let path = run.folder().join("evaluation.json");
        let mut other = run.config.clone();
        other.run.seed = 1;
        fs::write(&path, card(&other).to_string()).unwrap();
        let look = run.look(&registry).unwrap();
        assert!(look.standing == Standing::Unfinished && look.card.is_none(), "{look:?}");
        assert!(look.doubt.unwrap().contains("expected the seed 42, found 1"));
        let lock = RunLock::take(run.folder()).unwrap();
        run.remove_foreign_card(&registry).unwrap();
        assert!(path.exists(), "another process is at work there");
        drop(lock);
        run.remove_foreign_card(&registry).unwrap();
        assert!(!path.exists());
        run.remove_foreign_card(&registry).unwrap();
        fs::write(&path, card(&run.config).to_string()).unwrap();
        run.remove_foreign_card(&registry).unwrap();
        assert_eq!(run.standing(&registry).unwrap(), Standing::Finished);
    }

    #[test]
    fn failed_gates_are_those_of_the_last_epoch() {
        let scratch = tempfile::tempdir().unwrap();
        let mut run = run(scratch.path());
        status(run.folder(), "finished", 10);
        assert!(run.failed_gates().is_empty());
        let path = run.folder().join("status.json");
        let mut held: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        held["last_metrics"] = json!({"epoch": 10, "ep_loss": 2.0});
        fs::write(&path, held.to_string()).unwrap();
        run.config.gating.loss_max = Some(3.0);
        assert!(run.failed_gates().is_empty());
        run.config.gating.loss_max = Some(1.0);
        assert!(run.failed_gates()[0].contains("ep_loss"), "{:?}", run.failed_gates());
    }

    #[test]
    fn a_run_of_other_settings_is_refused_with_the_key() {
        let scratch = tempfile::tempdir().unwrap();
        let mut run = run(&scratch.path().join("run"));
        fs::create_dir(run.folder()).unwrap();
        fs::write(run.folder().join("config.yaml"), run.config.to_yaml()).unwrap();
        run.config.dataset.num_workers = Some(1);
        run.standing(&Registry::standard()).unwrap();
        run.config.optim.lr = 0.5;
        let error = run.standing(&Registry::standard()).unwrap_err().to_string();
        assert!(
            error.starts_with("d, m, seed 42: ")
                && error.contains("`optim.lr`: the run has 0.001, given is 0.5"),
            "{error}"
        );
        let file = scratch.path().join("file");
        fs::write(&file, "").unwrap();
        run.config.run.output_dir = Some(file.join("x"));
        assert!(
            run.standing(&Registry::standard())
                .unwrap_err()
                .to_string()
                .contains("d, m, seed 42: run.output_dir")
        );
    }
}
