//! A run of a sweep in a process of its own.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::Context;
use seqjepa_data::regular::open_regular;
use seqjepa_run::Registry;
use seqjepa_run::folder::status::inspect;
use seqjepa_run::sweep::{PlannedRun, Standing};

use super::super::finish::GATES_FAILED;
use super::last_words;

/// The variable by which the pool of threads knows its size.
const POOL: &str = "RAYON_NUM_THREADS";

/// A process at work on a run.
#[derive(Debug)]
pub(super) struct Worker<'a> {
    pub(super) run: &'a PlannedRun,
    pub(super) started: Instant,
    /// What it prints.
    pub(super) log: PathBuf,
    child: Child,
}

/// How a process ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The run is trained and measured; one that failed its gates is finished all the same.
    Finished { gates_failed: bool },
    /// It is not, and why.
    Failed(String),
}

impl<'a> Worker<'a> {
    /// Starts the run of a config, or goes on with it, on so many threads where that is given: a number of the user's own is left.
    pub(super) fn start(
        run: &'a PlannedRun,
        config: &Path,
        log: &Path,
        threads: Option<usize>,
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("could not find this program")?;
        let file = OpenOptions::new().create(true).append(true).open(log);
        let file = file.with_context(|| format!("could not write {}", log.display()))?;
        let mut command = Command::new(program);
        command.args(["train", "--resume", "auto", "--config"]).arg(config);
        if let Some(threads) = threads {
            if std::env::var_os(POOL).is_none() {
                command.env(POOL, threads.to_string());
            }
            for (key, own) in [
                ("dataset.num_workers", run.config.dataset.num_workers),
                ("eval.num_workers", run.config.eval.num_workers),
            ] {
                if own.is_none() {
                    command.args(["--set", &format!("{key}={threads}")]);
                }
            }
        }
        // A group of its own: Ctrl-C reaches the sweep alone, which passes it on once.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let errors = file.try_clone().with_context(|| format!("could not write {}", log.display()))?;
        let child = command.stdin(Stdio::null()).stdout(file).stderr(errors).spawn();
        let child = child.context("could not start a process of this program")?;
        Ok(Self { run, started: Instant::now(), log: log.to_owned(), child })
    }

    /// Asks the process to save and to end.
    pub(super) fn stop(&self) {
        #[cfg(unix)]
        if let Ok(process) = i32::try_from(self.child.id()) {
            // SAFETY: the call only sends a signal. The process was started here and has not been waited for to its end, so that its
            // number is no other's.
            unsafe {
                libc::kill(process, libc::SIGTERM);
            }
        }
        // Elsewhere it comes to its end, or is ended with this process.
    }

    /// Whether the process has ended since another was at work on the run, or has finished it meanwhile.
    pub(super) fn is_elsewhere(&self, registry: &Registry) -> bool {
        match self.run.standing(registry) {
            Ok(Standing::Running) => true,
            Ok(Standing::Finished) => {
                inspect(self.run.folder()).is_ok_and(|(status, _)| status.pid != self.child.id())
            }
            _ => false,
        }
    }

    /// How the process ended, once it has.
    pub(super) fn ended(&mut self) -> io::Result<Option<Ended>> {
        let status = self.child.try_wait()?;
        Ok(status.map(|status| self.judged(status)))
    }

    fn judged(&self, status: ExitStatus) -> Ended {
        match status.code() {
            Some(0) => Ended::Finished { gates_failed: false },
            Some(code) if code == i32::from(GATES_FAILED) => Ended::Finished { gates_failed: true },
            Some(_) => Ended::Failed(last_words(&self.log)),
            None => Ended::Failed(format!("killed ({status})")),
        }
    }
}

/// The end of what a run has printed.
pub(super) fn end_of(log: &Path) -> io::Result<String> {
    const END: u64 = 1 << 16;
    let (mut file, length) = open_regular(log, u64::MAX)?;
    file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}
