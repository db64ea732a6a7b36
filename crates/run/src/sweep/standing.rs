//! How far a run of a sweep is.

use std::path::Path;

use super::error::SweepError;
use super::plan::PlannedRun;
use crate::folder::RunFolder;
use crate::folder::status::{Life, RunState, inspect};
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

/// How far the run in a folder is.
#[must_use]
pub fn standing_of(root: &Path) -> Standing {
    let folder = RunFolder::at(root);
    if folder.used_by().is_none() {
        return Standing::Absent;
    }
    match inspect(root) {
        Ok((_, Life::Running)) => Standing::Running,
        Ok((status, Life::Ended)) if status.state == RunState::Failed => Standing::Failed,
        Ok((status, Life::Ended)) if status.state == RunState::Finished && folder.evaluation().exists() => {
            Standing::Finished
        }
        // A run that was killed before its first status has none.
        _ => Standing::Unfinished,
    }
}

impl PlannedRun {
    /// How far the run is.
    ///
    /// # Errors
    ///
    /// [`SweepError::Changed`] if its folder holds a run of other settings, [`SweepError::Run`] if what it holds cannot be read, or is in the
    /// way.
    pub fn standing(&self, registry: &Registry) -> Result<Standing, SweepError> {
        let root = self.folder();
        let found = standing_of(root);
        if found == Standing::Absent {
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
        let longer = held.run.epochs < self.config.run.epochs;
        Ok(if longer && found == Standing::Finished { Standing::Unfinished } else { found })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;
    use crate::config::Config;

    fn run(folder: &Path) -> PlannedRun {
        let mut config = Config::default();
        config.run.output_dir = Some(folder.to_owned());
        PlannedRun { data_set: "d".into(), method: "m".into(), seed: 42, id: "d/m/seed42".into(), config }
    }

    fn status(folder: &Path, state: &str) {
        let status = json!({"state": state, "name": "x", "pid": 1, "version": "0", "started": 0, "updated": 0, "epoch": 1,
            "epochs": 1, "batch": 0, "batches": 0, "step": 0, "steps": 0});
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
            status(run.folder(), state);
            assert_eq!(standing(), expected, "{state}");
        }
        fs::write(run.folder().join("evaluation.json"), "{}").unwrap();
        assert_eq!(standing(), Standing::Finished);
        let mut longer = run.clone();
        longer.config.run.epochs += 1;
        assert_eq!(longer.standing(&registry).unwrap(), Standing::Unfinished);
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
