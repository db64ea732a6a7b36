//! The quality of the predictor.

use seqjepa_probes::ranking::Ranks;
use seqjepa_probes::{Estimate, Features, ProbeError};

use super::super::card::{Fit, Measured};
use super::super::extract::name;
use super::{Read, Session, with_notes};
use crate::TrainError;
use crate::observer::Observer;

impl Session<'_> {
    /// How well the predicted code of the target view is told from others.
    pub fn retrieval(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let read = Read {
            sections: vec![name::PREDICTION.into()],
            label: "predictor's output",
            views: self.observed(),
        };
        let eval = &self.passes.config.eval;
        let code = self.test.shape(name::TARGET).map_or(0, |[_, width]| width);
        let known = self.passes.has_target || !self.passes.config.model.ema;
        let (prediction, target) = (self.test.read(name::PREDICTION)?, self.test.read(name::TARGET)?);
        let mut same = Err("the checkpoint has no target encoder".to_owned());
        let mut other = same.clone();
        let mut rows = Vec::new();
        if known {
            let (file, some) = self.passes.candidates(observer)?;
            rows = some;
            let further = file.read(name::CANDIDATES)?;
            same = same_image(&prediction, &target, &further, &rows, code).map_err(|error| error.to_string());
            other = other_images(&prediction, &target, eval.other_candidates, code)
                .map_err(|error| error.to_string());
        }
        let images = self.passes.images[1];
        for (ranks, suffix, predictions) in [(same, "same", rows.len()), (other, "other", images)] {
            let score =
                ranks.and_then(|ranks| ranks.score(&self.bootstrap).map_err(|error| error.to_string()));
            let among = match (&score, suffix) {
                (Ok(score), "same") => format!("{} target views of the same image", score.candidates),
                (Ok(score), _) => format!("the target views of {} images", score.candidates),
                (Err(_), _) => "target views".into(),
            };
            let probe = format!("cosine rank among {among}, ties against it");
            let mut protocol = self.protocol(
                "retrieval",
                &read,
                "the target encoder's code of the target view".into(),
                probe,
                Fit::None,
            );
            protocol.test_samples = score.as_ref().map_or(predictions, |score| score.predictions);
            for figure in ["mrr", "hit1", "hit5"] {
                let measured = match &score {
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
        Ok(())
    }
}

/// Ranks of the true targets of some rows among them and further views of the same images.
fn same_image(
    prediction: &[f32],
    target: &[f32],
    further: &[f32],
    rows: &[usize],
    code: usize,
) -> Result<Ranks, ProbeError> {
    let row = |values: &'_ [f32], row: usize| values[row * code..(row + 1) * code].to_vec();
    let predictions: Vec<f32> = rows.iter().flat_map(|index| row(prediction, *index)).collect();
    let each = further.len() / rows.len().max(1);
    let mut candidates = Vec::with_capacity(further.len() + predictions.len());
    for (index, further) in rows.iter().zip(further.chunks_exact(each.max(1))) {
        candidates.extend(row(target, *index));
        candidates.extend_from_slice(further);
    }
    Ranks::within(
        &Features::new(&predictions, code)?,
        &Features::new(&candidates, code)?,
        &vec![0; rows.len()],
    )
}

/// Ranks of the true targets among those of as many images, in blocks of test images in order; a last block of fewer
/// images is left out, unless it is the only one.
fn other_images(
    prediction: &[f32],
    target: &[f32],
    candidates: usize,
    code: usize,
) -> Result<Ranks, ProbeError> {
    let images = target.len() / code.max(1);
    let size = candidates.min(images).max(1);
    let truths: Vec<usize> = (0..size).collect();
    let blocks = prediction.chunks_exact(size * code).zip(target.chunks_exact(size * code));
    let ranks = blocks.map(|(prediction, target)| {
        Ranks::among(&Features::new(prediction, code)?, &Features::new(target, code)?, &truths)
    });
    ranks.reduce(|all, block| all?.join(block?)).unwrap_or_else(|| {
        Ranks::within(&Features::new(&[], code.max(1))?, &Features::new(&[], code.max(1))?, &[])
    })
}

fn percent(estimate: Option<Estimate>) -> Option<Estimate> {
    estimate.map(|estimate| estimate.scaled(100.0))
}
