//! The quality of the predictor.

use seqjepa_probes::ranking::{RankingScore, Ranks};
use seqjepa_probes::{Estimate, Features, InputError};
use seqjepa_train::observer::Observer;

use super::session::{Read, Session, with_notes};
use crate::card::{Fit, Measured};
use crate::error::EvaluationError;
use crate::extraction::section;

/// Ranks among target views of the same image and of other images, or why there are none, and the rows of the former.
type AllRanks = (Result<Ranks, String>, Result<Ranks, String>, Vec<usize>);

/// Why there is nothing to tell the target view from.
const NO_CANDIDATES: &str = "the data have no further target views of an image";

impl Session<'_> {
    /// How well the predicted representation of the target view is told from others.
    pub(super) fn retrieval(&mut self, observer: &mut dyn Observer) -> Result<(), EvaluationError> {
        let (same, other, rows) = match self.passes.no_predictions() {
            Some(reason) => (Err(reason.to_owned()), Err(reason.to_owned()), Vec::new()),
            None => self.ranks(observer)?,
        };
        let score = |ranks: Result<Ranks, String>| {
            ranks.and_then(|ranks| ranks.score(&self.bootstrap).map_err(|error| error.to_string()))
        };
        let (same, other, images) = (score(same), score(other), self.passes.splits.test.samples);
        self.rank_figures("same", &same, rows.len(), |score| {
            format!("{} target views of the same image", score.candidates)
        });
        self.rank_figures("other", &other, images, |score| {
            format!("the target views of {} images", score.candidates)
        });
        Ok(())
    }

    /// The ranks among target views of the same image and of other images, and the rows of the former.
    fn ranks(&self, observer: &mut dyn Observer) -> Result<AllRanks, EvaluationError> {
        let width = self.passes.layout.equivariant.width;
        let (prediction, target) = (self.test.read(section::PREDICTION)?, self.test.read(section::TARGET)?);
        let other = other_images(&prediction, &target, self.passes.settings.other_candidates, width);
        let other = other.map_err(|error| error.to_string());
        let Some((file, rows)) = self.passes.candidates(observer)? else {
            return Ok((Err(NO_CANDIDATES.into()), other, Vec::new()));
        };
        let further = file.read(section::CANDIDATES)?;
        let same = same_image(&prediction, &target, &further, &rows, width);
        Ok((same.map_err(|error| error.to_string()), other, rows))
    }

    /// The three figures of one set of candidates.
    fn rank_figures(
        &mut self,
        suffix: &str,
        score: &Result<RankingScore, String>,
        predictions: usize,
        among: impl FnOnce(&RankingScore) -> String,
    ) {
        let read = Read {
            sections: vec![section::PREDICTION.into()],
            label: "predictor's output".into(),
            views: self.passes.headline_views(),
        };
        let among = score.as_ref().map_or_else(|_| "target views".into(), among);
        let probe = format!("cosine rank among {among}, ties against it");
        let target = if self.passes.layout.target_encoder { "target" } else { "online" };
        let target = format!("the {target} encoder's representation of the target view");
        let mut protocol = self.protocol("retrieval", &read, target, probe, Fit::None);
        protocol.test_samples = score.as_ref().map_or(predictions, |score| score.predictions);
        for figure in ["mrr", "hit1", "hit5"] {
            let measured = match score {
                Err(reason) => Measured::absent(reason),
                Ok(score) => {
                    let (estimate, chance) = match figure {
                        "mrr" => (score.mean_reciprocal_rank, score.chance_mean_reciprocal_rank),
                        "hit1" => (percent(score.hit1), 100.0 * score.chance_hit1),
                        _ => (percent(score.hit5), 100.0 * score.chance_hit5),
                    };
                    let few = format!("{} candidates are too few", score.candidates);
                    with_notes(estimate, None, &[format!("chance {chance:.3}")], &few)
                }
            };
            self.push(format!("{figure}_{suffix}"), &protocol, measured);
        }
    }
}

/// Ranks of the true targets of some rows among them and further views of the same images.
fn same_image(
    prediction: &[f32],
    target: &[f32],
    further: &[f32],
    rows: &[usize],
    width: usize,
) -> Result<Ranks, InputError> {
    let row = |values: &'_ [f32], row: usize| values[row * width..(row + 1) * width].to_vec();
    let predictions: Vec<f32> = rows.iter().flat_map(|index| row(prediction, *index)).collect();
    let each = further.len() / rows.len().max(1);
    let mut candidates = Vec::with_capacity(further.len() + predictions.len());
    for (index, further) in rows.iter().zip(further.chunks_exact(each.max(1))) {
        candidates.extend(row(target, *index));
        candidates.extend_from_slice(further);
    }
    Ranks::within(
        &Features::new(&predictions, width)?,
        &Features::new(&candidates, width)?,
        &vec![0; rows.len()],
    )
}

/// Ranks of the true targets among those of as many images, in blocks of test images in order; a last block of fewer
/// images is left out, unless it is the only one.
fn other_images(
    prediction: &[f32],
    target: &[f32],
    candidates: usize,
    width: usize,
) -> Result<Ranks, InputError> {
    let images = target.len() / width.max(1);
    let size = candidates.min(images).max(1);
    let truths: Vec<usize> = (0..size).collect();
    let blocks = prediction.chunks_exact(size * width).zip(target.chunks_exact(size * width));
    let ranks = blocks.map(|(prediction, target)| {
        Ranks::among(&Features::new(prediction, width)?, &Features::new(target, width)?, &truths)
    });
    ranks.reduce(|all, block| all?.join(block?)).unwrap_or_else(|| {
        Ranks::within(&Features::new(&[], width.max(1))?, &Features::new(&[], width.max(1))?, &[])
    })
}

fn percent(estimate: Option<Estimate>) -> Option<Estimate> {
    estimate.map(|estimate| estimate.scaled(100.0))
}
