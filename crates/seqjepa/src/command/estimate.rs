//! How long a frozen evaluation takes, said before it is waited for.

use std::time::{Duration, Instant};

use burn::tensor::Tensor;
use seqjepa_evaluation::EvaluationSettings;
use seqjepa_model::EncoderChoice;
use seqjepa_nn::host;
use seqjepa_run::{LoadedModel, RunData};
use seqjepa_train::observer::{Event, Observer, ObserverError, Stage};

use super::device::may_be_unmeant;
use super::pace::words;
use super::terminal::note;

/// Images whose encoding is timed.
const TIMED: usize = 64;

/// What is shorter needs no word.
const WORTH_A_WORD: Duration = Duration::from_secs(20);

/// From here on a faster device is worth a word too.
const LONG: Duration = Duration::from_secs(2 * 3600);

/// Test images whose further candidates are encoded.
const RETRIEVED: usize = 2048;

/// The trained model and the one as initialised.
const MODELS: usize = 2;

/// Says on standard error about how long the images take to encode, from a few that are encoded here.
pub(super) fn announce(loaded: &LoadedModel, data: &RunData) {
    let config = &loaded.config;
    let side = config.model.img_size;
    let encode = || {
        let images = Tensor::<4>::zeros([TIMED, config.model.n_channels, side, side], &loaded.device);
        if let Some(encoded) = loaded.method.encode(images, EncoderChoice::Online) {
            let _ = host::read(encoded);
        }
    };
    // The first also starts threads, and on some devices compiles.
    encode();
    let started = Instant::now();
    encode();
    let images = encoded_images(&config.eval, [data.fitted_samples(), data.samples()[1]]);
    let time = started.elapsed().mul_f64(images as f64 / TIMED as f64);
    if time < WORTH_A_WORD {
        return;
    }
    let shorter = if descends(&config.eval) {
        "; eval.feature_passes, eval.probe_epochs and dataset.subset_train make it shorter"
    } else {
        ""
    };
    let device = if time > LONG && may_be_unmeant(&config.run.device) {
        "; `seqjepa devices` lists faster devices, if there are any"
    } else {
        ""
    };
    note!(
        "estimate: encoding {images} views takes about {}, less what the cache of features holds{}{shorter}{device}",
        words(time),
        if descends(&config.eval) {
            "; the time of the probes is said once one epoch of them is done"
        } else {
            ""
        },
    );
}

fn descends(eval: &EvaluationSettings) -> bool {
    eval.protocols().iter().any(|protocol| protocol.name() != "exact")
}

/// Views that go through an encoder, of both models.
fn encoded_images(eval: &EvaluationSettings, [train, test]: [usize; 2]) -> usize {
    let exact = eval.protocols().iter().any(|protocol| protocol.name() == "exact");
    let views = if exact { eval.views() } else { eval.seq_len };
    let first = if exact { eval.exact_passes } else { 0 };
    let later = if descends(eval) { eval.passes().saturating_sub(first) } else { 0 };
    let training = train.saturating_mul(views * first + eval.seq_len * later);
    // The observed views, the target by both encoders, and the first view by the other one.
    let testing = test * (views + 3) + test.min(RETRIEVED) * eval.candidates;
    MODELS.saturating_mul(training.saturating_add(testing))
}

/// Says how long probes take that are trained, once their first epoch is done.
#[derive(Debug, Default)]
pub(super) struct ProbePace {
    /// Start of the probes of one model.
    started: Option<Instant>,
}

impl Observer for ProbePace {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), ObserverError> {
        let Event::Progress { stage, what, done, total } = event else { return Ok(()) };
        // The first features of a protocol are extracted before its first epoch is done.
        let started = *self.started.get_or_insert_with(Instant::now);
        if *stage != Stage::TrainingProbes {
            return Ok(());
        }
        let (done, total) = (*done, total.unwrap_or(0));
        let left = started.elapsed().mul_f64(total.saturating_sub(done) as f64 / done.max(1) as f64);
        if done == 1 && left > WORTH_A_WORD {
            note!(
                "estimate: the {total} epochs of the probes of protocol {} take about {} more for this model of two",
                what.unwrap_or("by gradient descent"),
                words(left)
            );
        }
        if done >= total {
            self.started = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use seqjepa_evaluation::ProtocolKind;

    use super::*;

    #[test]
    fn views_are_counted_by_protocol() {
        let exact = EvaluationSettings::default();
        // 8 views of each training image once; 11 of each test image and 16 candidates; both models.
        assert_eq!(encoded_images(&exact, [1000, 100]), 2 * (8000 + 1100 + 1600));
        let linear = EvaluationSettings { protocols: Some(vec![ProtocolKind::Linear]), ..exact };
        assert_eq!(encoded_images(&linear, [1000, 100]), 2 * (500_000 + 800 + 1600));
    }
}
