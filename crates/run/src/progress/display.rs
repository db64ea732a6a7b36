//! What the process has of standard error: one terminal, which all live lines share.

use std::io::IsTerminal;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{MultiProgress, ProgressDrawTarget};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

static QUIET: AtomicBool = AtomicBool::new(false);

pub(super) static LIVE: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));

/// Whether progress is shown at all, from the next [`ProgressBars`](super::ProgressBars) on.
pub fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

pub(super) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Whether standard error is a terminal that can draw live lines.
#[must_use]
pub fn is_live() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Runs what writes to the terminal with the live lines out of its way; they are drawn anew below what it wrote.
pub fn above<T>(write: impl FnOnce() -> T) -> T {
    if is_live() { LIVE.suspend(write) } else { write() }
}

/// A line as it stands among those of others in a log: on a terminal as it is, elsewhere behind the time (RFC 3339, UTC).
#[must_use]
pub fn dated(line: &str) -> String {
    if is_live() { line.to_owned() } else { with_date(line, OffsetDateTime::now_utc()) }
}

pub(super) fn with_date(line: &str, time: OffsetDateTime) -> String {
    let whole = time.replace_nanosecond(0).unwrap_or(time);
    match whole.format(&Rfc3339) {
        Ok(time) => format!("{time} {line}"),
        // A year of five digits.
        Err(_) => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_of_rfc_3339() {
        // date -u -d @1764378000 --iso-8601=seconds
        let time = OffsetDateTime::from_unix_timestamp_nanos(1_764_378_000_987_654_321).unwrap();
        assert_eq!(with_date("epoch 1/2", time), "2025-11-29T01:00:00Z epoch 1/2");
    }
}
