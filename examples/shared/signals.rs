//! SIGINT and SIGTERM: the first asks the run to stop, the second ends the process at once.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use seqjepa::train::{StopFlag, TrainError};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Runs a command whose run stops on the flag that it is given. A run that was stopped ends with exit code 130 after
/// SIGINT and 143 after SIGTERM, as shells have it.
pub fn stoppable(command: impl FnOnce(StopFlag) -> anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    let stop = Arc::new(AtomicBool::new(false));
    let caught = Arc::new(AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM] {
        // In this order, so that only a second signal finds the flag set.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))?;
        flag::register_usize(signal, Arc::clone(&caught), signal as usize)?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    match command(StopFlag::from(stop)) {
        Err(error) if matches!(error.downcast_ref(), Some(TrainError::Stopped { .. })) => {
            say_stopped(&error);
            Ok(ExitCode::from(128 + caught.load(Ordering::Relaxed) as u8))
        }
        result => result,
    }
}

#[expect(clippy::print_stderr, reason = "a command speaks to its user")]
fn say_stopped(error: &anyhow::Error) {
    eprintln!("{error}");
}
