use std::collections::BTreeSet;

use seqjepa_train::MetricsRow;

/// Name of the figure along which W&B draws the others; also of one in `metrics.jsonl`.
pub(super) const STEP: &str = "step";
pub(super) const EPOCH: &str = "epoch";
/// Name of the picture of views.
pub(super) const VIEWS: &str = "views";
/// What begins the names of what an evaluation logs, which the next one of the same state logs again.
pub(super) const EVALUATED: [&str; 3] = ["frozen/", "pictures/", "report/"];

/// How far the run is, and which of what a log holds is of it: what was logged after the checkpoint that it goes on from will be logged
/// again.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    pub rows: Vec<MetricsRow>,
    pub step: u64,
    pub steps_per_epoch: u64,
    /// Whether an evaluation is about to be logged.
    pub evaluating: bool,
}

/// What a log holds already.
#[derive(Debug, Default)]
pub(super) struct Held {
    epochs: BTreeSet<usize>,
    pub views: bool,
}

impl Progress {
    /// Whether an entry of a log is kept; of one that is, `held` is told.
    pub(super) fn keeps<'n>(
        &self,
        held: &mut Held,
        step: Option<f64>,
        epoch: Option<f64>,
        mut names: impl Iterator<Item = &'n str>,
    ) -> bool {
        let step = step.unwrap_or(0.0);
        if step > self.step as f64 || epoch.is_some_and(|epoch| epoch > self.rows.len() as f64) {
            return false;
        }
        if let Some(epoch) = epoch {
            // A log that holds an epoch twice is cut off at the second.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "at most as many as rows"
            )]
            return held.epochs.insert(epoch as usize);
        }
        let again = self.evaluating && step >= self.step as f64;
        !names.any(|name| {
            held.views |= name == VIEWS;
            again && EVALUATED.iter().any(|prefix| name.starts_with(prefix))
        })
    }

    /// The rows that a log lacks, each with the step at its end.
    pub(super) fn missing(&self, held: &Held) -> impl Iterator<Item = (u64, &MetricsRow)> {
        let epochs = held.epochs.clone();
        self.rows.iter().filter(move |row| !epochs.contains(&row.epoch)).map(|row| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a cast is cut to the range"
            )]
            let own = row.get(STEP).map(|step| step as u64);
            let end = own.unwrap_or_else(|| (row.epoch as u64).saturating_mul(self.steps_per_epoch));
            (end.min(self.step), row)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(evaluating: bool) -> Progress {
        Progress {
            rows: vec![MetricsRow::new(1), MetricsRow::new(2)],
            step: 20,
            steps_per_epoch: 10,
            evaluating,
        }
    }

    #[test]
    fn what_comes_after_the_checkpoint_is_not_kept() {
        let mut held = Held::default();
        let progress = progress(false);
        let mut keeps = |step, epoch, name| progress.keeps(&mut held, Some(step), epoch, [name].into_iter());
        assert!(keeps(0.0, None, VIEWS) && keeps(10.0, None, "train/loss") && keeps(10.0, Some(1.0), "a"));
        assert!(keeps(20.0, None, "frozen/top1"));
        assert!(!keeps(10.0, Some(1.0), "a") && !keeps(20.0, Some(3.0), "a") && !keeps(21.0, None, "a"));
        assert!(held.views);
        let missing: Vec<_> = progress.missing(&held).map(|(step, row)| (step, row.epoch)).collect();
        assert_eq!(missing, [(20, 2)]);
    }

    #[test]
    fn an_evaluation_takes_the_place_of_the_last() {
        let mut held = Held::default();
        let progress = progress(true);
        let mut keeps = |step, name| progress.keeps(&mut held, Some(step), None, [name].into_iter());
        assert!(keeps(10.0, "frozen/top1") && keeps(20.0, "train/loss"));
        assert!(
            !keeps(20.0, "frozen/top1") && !keeps(20.0, "pictures/a.png") && !keeps(20.0, "report/confusion")
        );
    }
}
