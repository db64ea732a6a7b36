//! Signals. Before there is something to save, one ends the process at once; from then on the first asks the work to stop, and the
//! second ends the process.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Context;
use seqjepa_run::RunError;
use seqjepa_train::StopFlag;
use seqjepa_train::observer::{Event, Observer, ObserverError};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::failure;
use super::terminal;

/// Work that was given up since a signal asked for it.
#[derive(Debug)]
struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("stopped by a signal; nothing was written")
    }
}

impl std::error::Error for Interrupted {}

/// Work that a signal has stopped, in words that say how it goes on.
#[derive(Debug)]
pub(super) struct StoppedWork(pub(super) String);

impl std::fmt::Display for StoppedWork {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for StoppedWork {}

/// Whether a signal has asked for an end.
#[derive(Debug)]
pub(super) struct Stop {
    asked: Arc<AtomicBool>,
    /// Set while a signal has nothing to wait for.
    at_once: Arc<AtomicBool>,
}

impl Stop {
    /// From here on there is something to save or to clear away: a signal stops the work, and no longer the process.
    pub(super) fn begin(&self) {
        self.at_once.store(false, Ordering::Relaxed);
    }

    /// The flag by which a run knows.
    pub(super) fn flag(&self) -> StopFlag {
        StopFlag::from(Arc::clone(&self.asked))
    }

    /// Refuses to go on once a signal has come.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.asked.load(Ordering::Relaxed) { Err(Interrupted.into()) } else { Ok(()) }
    }

    /// An observer that ends the work that it watches once a signal has come, and tells `inner` all else.
    pub(super) fn watch<'a>(&'a self, inner: &'a mut dyn Observer) -> impl Observer + 'a {
        move |event: &Event<'_>| -> Result<(), ObserverError> {
            inner.observe(event)?;
            if self.asked.load(Ordering::Relaxed) { Err(Interrupted.into()) } else { Ok(()) }
        }
    }
}

/// Runs a command that can be stopped. One that was ends with exit code 130 after SIGINT, 143 after SIGTERM and 129 after
/// SIGHUP, as shells have it.
pub(super) fn stoppable(command: impl FnOnce(&Stop) -> anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    let stop = Stop { asked: Arc::default(), at_once: Arc::new(AtomicBool::new(true)) };
    let caught = Arc::new(AtomicUsize::new(0));
    for signal in heeded() {
        let register = || -> std::io::Result<()> {
            // In this order, so that only a second signal finds `asked` set.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop.at_once))?;
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop.asked))?;
            flag::register_usize(signal, Arc::clone(&caught), signal.unsigned_abs() as usize)?;
            flag::register(signal, Arc::clone(&stop.asked))?;
            Ok(())
        };
        register().with_context(|| format!("could not listen for signal {signal}"))?;
    }
    match command(&stop) {
        // Whatever an interrupted library says of it, the signal is why.
        Err(error) if stop.asked.load(Ordering::Relaxed) => {
            if error.is::<StoppedWork>() || matches!(error.downcast_ref(), Some(RunError::Stopped { .. })) {
                terminal::error(format_args!("{}", failure::message(&error)));
            } else {
                terminal::error(format_args!("{Interrupted}"));
            }
            let signal = u8::try_from(caught.load(Ordering::Relaxed)).unwrap_or_default();
            Ok(ExitCode::from(128 + signal))
        }
        result => result,
    }
}

/// The signals that ask for an end. A hangup is none for a process that was told to ignore it (`nohup`).
fn heeded() -> Vec<i32> {
    let mut signals = vec![SIGINT, SIGTERM];
    #[cfg(unix)]
    if !is_ignored(signal_hook::consts::SIGHUP) {
        signals.push(signal_hook::consts::SIGHUP);
    }
    signals
}

#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action the call only writes the present one to `action`, which is as large as it must be; zero bytes
    // are a valid value of it should the call fail.
    let action = unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}
