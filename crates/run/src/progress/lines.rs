//! Dated lines, for a log.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use seqjepa_evaluation::one_line;
use seqjepa_train::observer::Event;
use time::OffsetDateTime;

use super::display::with_date;
use super::level::Levels;

/// The longest silence of work that goes on, and the first.
const SILENCE: Duration = Duration::from_secs(60);
const FIRST: Duration = Duration::from_secs(10);

/// What has been said, and what there is to say.
struct Log {
    levels: Levels,
    spoken: Instant,
    /// Whether there has been word of work under way.
    begun: bool,
    ended: bool,
    output: Box<dyn Write + Send>,
}

impl Log {
    fn new(now: Instant, output: Box<dyn Write + Send>) -> Self {
        Self { levels: Levels::new(now), spoken: now, begun: false, ended: false, output }
    }

    fn take(&mut self, event: &Event, now: Instant) {
        self.levels.take(event, now);
        if let Some(line) = self.levels.said(event, now) {
            self.line(&line, now);
        }
        self.remind(now);
    }

    /// Says how the work goes if that has not been said for long.
    fn remind(&mut self, now: Instant) {
        let silence = if self.begun { SILENCE } else { FIRST };
        if now.saturating_duration_since(self.spoken) < silence {
            return;
        }
        if let Some(line) = self.levels.one_line(now) {
            self.begun = true;
            self.line(&line, now);
        }
    }

    fn line(&mut self, line: &str, now: Instant) {
        self.spoken = now;
        // Names from files of others must not drive the terminal, nor pass for other lines. Nothing can be done about a closed standard error.
        let line = with_date(&one_line(line), OffsetDateTime::now_utc());
        let _ = writeln!(self.output, "{line}");
    }
}

/// Dated lines on standard error; a thread of their own says something even while a single step takes minutes.
pub(super) struct Lines {
    log: Arc<(Mutex<Log>, Condvar)>,
}

impl Lines {
    pub(super) fn new() -> Self {
        let log = Log::new(Instant::now(), Box::new(std::io::stderr()));
        let log = Arc::new((Mutex::new(log), Condvar::new()));
        let watched = Arc::clone(&log);
        // Without a thread to be had, events alone bring lines.
        drop(std::thread::Builder::new().name("progress".into()).spawn(move || watch(&watched)));
        Self { log }
    }

    pub(super) fn take(&mut self, event: &Event, now: Instant) {
        held(&self.log.0).take(event, now);
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        held(&self.log.0).ended = true;
        self.log.1.notify_all();
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Lines").finish_non_exhaustive()
    }
}

fn watch((log, ends): &(Mutex<Log>, Condvar)) {
    let mut log = held(log);
    while !log.ended {
        log.remind(Instant::now());
        log = ends.wait_timeout(log, Duration::from_secs(5)).unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// The log, also after a panic within it: a line is whole or not there.
fn held(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_epoch_of_hours_is_heard_of_every_minute() {
        let (start, kept) = (Instant::now(), Kept::default());
        let mut log = Log::new(start, Box::new(kept.clone()));
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        log.take(&Event::RunStarted { first_epoch: 1, epochs: 1, steps: (0, 7200), parameters: 7 }, at(0));
        log.take(&Event::EpochStarted { epoch: 1, batches: 7200, done: 0, learning_rate: 1e-3 }, at(0));
        for step in 1..=3600u64 {
            let batch = usize::try_from(step).unwrap() - 1;
            log.take(&Event::StepFinished { step, batch, sequences: 8, data_wait: Duration::ZERO }, at(step));
        }
        // One step takes ten minutes: the thread looks every few seconds.
        for second in (3600..4200).step_by(5) {
            log.remind(at(second));
        }
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!((60..=75).contains(&text.lines().count()), "{text}");
        let second = text.lines().nth(1).unwrap();
        assert!(second.ends_with(" epoch 1/1: step 10/7200, 8.00 sequences/s, 0 % of the time waiting for data, 1:59:50 left in the epoch, 1:59:50 left in the run"), "{second}");
        for line in text.lines() {
            let (date, _) = line.split_once(' ').unwrap();
            assert!(date.len() == 20 && date.ends_with('Z') && date.contains('T'), "{line}");
        }
    }

    #[test]
    fn short_work_is_not_talked_of() {
        let (start, kept) = (Instant::now(), Kept::default());
        let mut log = Log::new(start, Box::new(kept.clone()));
        for done in 1..=5 {
            let stage = seqjepa_train::observer::Stage::Decoding;
            log.take(
                &Event::Progress { stage, what: None, done, total: Some(5) },
                start + Duration::from_secs(done),
            );
        }
        assert!(kept.0.lock().unwrap().is_empty());
    }
}
