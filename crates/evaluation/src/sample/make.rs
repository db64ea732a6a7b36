//! The sample of an evaluation under way.

use image::{RgbImage, imageops};
use seqjepa_data::picture::sequence_views;

use super::content::{EvaluationSample, Pictures, SampleTable};
use crate::error::EvaluationError;
use crate::extraction::{Passes, section, spread};
use crate::features::FeatureFile;

/// Most sequences of a sample.
const SEQUENCES: usize = 1024;
/// Most bytes of their features.
const FEATURES: usize = 16 << 20;
/// Most test images whose classes are kept.
const LABELS: usize = 1 << 20;
/// Sequences all of whose views are kept.
const DRAWN: usize = 6;
/// Longest sides, in pixels, of a thumbnail and of such a view.
const SIDES: [u32; 2] = [32, 64];

/// What the figures of a model leave over for its sample.
pub(crate) type Kept = Option<EvaluationSample>;

/// The sample of a model whose test features are at hand; `predicted` are the classes that its exact probe predicts.
pub(crate) fn kept(
    passes: &Passes,
    test: &FeatureFile,
    predicted: Option<Vec<u32>>,
) -> Result<EvaluationSample, EvaluationError> {
    let split = &passes.splits.test;
    let source = &*split.source;
    let aggregate = section::aggregate(passes.headline_views());
    let aggregate = if passes.invariant.is_first() { section::FIRST } else { &aggregate };
    let width = |name: &str| test.shape(name).map_or(1, |[_, width]| width.max(1));
    let bytes = 4 * (width(section::FIRST) + width(aggregate));
    let rows = spread(split.samples, SEQUENCES.min(FEATURES / bytes).max(1));
    let table = |name: &str| -> Result<SampleTable, EvaluationError> {
        let (all, width) = (test.read(name)?, width(name));
        let values = rows.iter().flat_map(|row| &all[row * width..(row + 1) * width]).copied().collect();
        Ok(SampleTable { width, values })
    };
    let (first, aggregate, relative) = (table(section::FIRST)?, table(aggregate)?, table(section::RELATIVE)?);

    let mut thumbnails = Pictures::default();
    for row in &rows {
        let drawn = sequence_views(source, passes.test_key(*row), 1, false)?;
        push(&mut thumbnails, drawn.size, &drawn.views, SIDES[0]);
    }
    let mut sequences = Pictures::default();
    let parameters = source.layout().actions.width();
    let mut actions = SampleTable { width: parameters, values: Vec::new() };
    let observed = passes.settings.seq_len.min(source.layout().observed_views);
    for row in rows.iter().take(DRAWN) {
        let drawn = sequence_views(source, passes.test_key(*row), observed, true)?;
        push(&mut sequences, drawn.size, &drawn.views, SIDES[1]);
        let target = source.layout().observed_views * parameters;
        actions.values.extend(&drawn.parameters[..observed * parameters]);
        actions.values.extend(&drawn.parameters[target..]);
    }

    let labelled = split.samples <= LABELS && split.labelled;
    let labels = if labelled { test.read_integers(section::LABELS)? } else { Vec::new() };
    let predicted = predicted.filter(|_| labelled).unwrap_or_default();
    let whole =
        |row: &usize| u32::try_from(*row).expect("a loader takes no more samples than a `u32` counts");
    Ok(EvaluationSample {
        model_sha256: passes.model_hash().to_owned(),
        data: passes.data.clone(),
        invariant: passes.invariant.clone(),
        observed_views: passes.headline_views(),
        seed: passes.seed,
        class_names: if labelled { source.class_names().to_vec() } else { Vec::new() },
        actions: source.layout().actions.clone(),
        labels,
        predicted,
        rows: rows.iter().map(whole).collect(),
        first,
        aggregate,
        relative,
        thumbnails,
        sequence_views: observed + 1,
        sequences,
        sequence_actions: actions,
    })
}

/// Adds views, each shrunk until no side is longer than `side`.
fn push(pictures: &mut Pictures, [height, width]: [usize; 2], views: &[Vec<u8>], side: u32) {
    let [height, width] = [height, width].map(|side| u32::try_from(side).unwrap_or(u32::MAX));
    let longest = height.max(width).max(1);
    let scaled = |length: u32| if longest <= side { length } else { (length * side / longest).max(1) };
    let size = [scaled(height), scaled(width)];
    pictures.size = size.map(|side| side as usize);
    for view in views {
        let view =
            RgbImage::from_raw(width, height, view.clone()).expect("a view is as long as its size says");
        let view = if size == [height, width] { view } else { imageops::thumbnail(&view, size[1], size[0]) };
        pictures.pixels.extend(view.into_raw());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_shrunk_to_the_longest_side_and_small_ones_kept() {
        let mut pictures = Pictures::default();
        push(&mut pictures, [2, 3], &[vec![9; 18], vec![1; 18]], 32);
        assert_eq!((pictures.size, pictures.len()), ([2, 3], 2));
        assert_eq!(pictures.picture(1), [1; 18]);
        let mut pictures = Pictures::default();
        push(&mut pictures, [64, 48], &[vec![9; 64 * 48 * 3]], 32);
        assert_eq!((pictures.size, pictures.len()), ([32, 24], 1));
        assert!(pictures.pixels.iter().all(|pixel| *pixel == 9));
    }
}
