//! Progress bars on a terminal, one line an epoch elsewhere (feature `progress`).

use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use seqjepa_evaluation::plain_text;
use seqjepa_train::MetricsRow;
use seqjepa_train::observer::{Event, Observer, ObserverError, Stage};

/// Draws progress on standard error.
#[derive(Debug)]
pub struct ProgressBars {
    bar: ProgressBar,
    epochs: usize,
    epoch: usize,
    learning_rate: f64,
    started: Instant,
    first_epoch: usize,
}

impl Default for ProgressBars {
    fn default() -> Self {
        Self::new()
    }
}

impl ProgressBars {
    /// Progress of a run that is about to start.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            epochs: 0,
            epoch: 0,
            learning_rate: 0.0,
            started: Instant::now(),
            first_epoch: 1,
        }
    }

    fn start(&mut self, label: String, length: u64, unit: &str) {
        self.bar.finish_and_clear();
        let template =
            format!("{{prefix:<26}} {{bar:30}} {{pos}}/{{len}} {unit} {{elapsed}} (eta {{eta}}) {{msg}}");
        let style = ProgressStyle::with_template(&template).expect("the template is a constant");
        self.bar = ProgressBar::new(length).with_style(style).with_prefix(label);
        // A thread moves a bar that is seen; without a terminal, or a thread to be had, it stands still.
        if !self.bar.is_hidden() && std::thread::Builder::new().spawn(|| {}).is_ok() {
            self.bar.enable_steady_tick(Duration::from_millis(200));
        }
    }

    /// Prints a line above the bar, or plainly where there is no terminal.
    fn line(&self, text: &str) {
        // Names from files of others must not drive the terminal, nor pass for other lines.
        let text = plain_text(&text.replace(['\n', '\r', '\t'], " "));
        self.bar.suspend(|| {
            // Nothing can be done about a closed standard error.
            let _ = writeln!(std::io::stderr(), "{text}");
        });
    }

    fn epoch_line(&self, row: &MetricsRow) -> String {
        let done = self.epoch + 1 - self.first_epoch;
        let left = self.epochs - self.epoch;
        let remaining = self.started.elapsed().div_f64(done.max(1) as f64).mul_f64(left as f64);
        let mut text = format!("epoch {:>3}/{}", self.epoch, self.epochs);
        for (name, label, digits) in [
            ("ep_loss", "loss", 4),
            ("online_linacc_test", "top-1 %", 2),
            ("online_r2_test", "R2", 3),
            ("leakage_linacc_test", "leakage top-1 %", 2),
            ("leakage_r2_test", "leakage R2", 3),
        ] {
            if let Some(value) = row.get(name) {
                text.push_str(&format!("  {label} {value:.digits$}"));
            }
        }
        let time = row.get("ep_time").unwrap_or(0.0);
        let wait = row.get("data_wait_share").unwrap_or(0.0) * 100.0;
        text.push_str(&format!(
            "  [{time:.1} s, waiting for data {wait:.0} %, lr {:.1e}, {} left]",
            self.learning_rate,
            clock(remaining)
        ));
        text
    }
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

impl Observer for ProgressBars {
    fn observe(&mut self, event: &Event) -> Result<(), ObserverError> {
        match event {
            Event::CheckpointDamaged { problem } => self.line(&format!("warning: {problem}")),
            Event::Resumed { path: Some(path), epoch, batch } => {
                let path = path.display();
                self.line(&format!("continuing from {path}: {epoch} epochs and {batch} batches done"));
            }
            Event::Resumed { path: None, .. } => {
                self.line("the run has no checkpoint yet: starting from the beginning");
            }
            Event::StepSkipped { step, what, indices } => {
                self.line(&format!("warning: {what} at step {step}; left out images {indices:?}"));
            }
            Event::RunStarted { first_epoch, epochs, parameters, .. } => {
                (self.first_epoch, self.epochs, self.started) = (*first_epoch, *epochs, Instant::now());
                self.line(&format!("{parameters} trainable parameters"));
            }
            Event::EpochStarted { epoch, batches, done, learning_rate } => {
                (self.epoch, self.learning_rate) = (*epoch, *learning_rate);
                self.start(format!("epoch {epoch}/{} training", self.epochs), *batches as u64, "steps");
                self.bar.set_position(*done as u64);
            }
            Event::StepFinished { .. } => self.bar.inc(1),
            Event::StepLogged { loss, learning_rate, .. } => {
                self.learning_rate = *learning_rate;
                self.bar.set_message(format!("loss {loss:.4}"));
            }
            Event::TestStarted { batches } => {
                self.start(
                    format!("epoch {}/{} testing", self.epoch, self.epochs),
                    *batches as u64,
                    "batches",
                );
            }
            Event::TestBatchFinished { .. } => self.bar.inc(1),
            Event::EpochFinished { row } => {
                self.bar.finish_and_clear();
                self.line(&self.epoch_line(row));
            }
            Event::Progress { stage, what, done, total } => {
                const MIB: u64 = 1 << 20;
                let (label, unit, size) = match stage {
                    Stage::Downloading => ("downloading", "MiB", MIB),
                    Stage::Decoding => ("decoding images", "images", 1),
                    Stage::ExtractingFeatures => ("encoding for frozen probes", "sequences", 1),
                    Stage::FittingProbes => ("fitting exact probes", "probes", 1),
                    Stage::TrainingProbes => ("training frozen probes", "epochs", 1),
                    Stage::Embedding => ("embedding", "images", 1),
                    _ => ("working", "steps", 1),
                };
                self.advance(label, done / size, total.unwrap_or(0).div_ceil(size), unit);
                if let Some(what) = what {
                    self.bar.set_message(plain_text(what));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl ProgressBars {
    fn advance(&mut self, label: &str, done: u64, total: u64, unit: &str) {
        if self.bar.is_finished() || self.bar.prefix() != label || self.bar.length() != Some(total) {
            self.start(label.to_owned(), total, unit);
        }
        self.bar.set_position(done);
        if done >= total {
            self.bar.finish_and_clear();
        }
    }
}
