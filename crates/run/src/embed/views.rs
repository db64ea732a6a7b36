//! The views of an image that are embedded.

use rayon::prelude::*;
use seqjepa_data::{
    ActionSpace, AugmentParams, DataError, ImageView, Normalization, Scratch, SequenceConfig, SequenceKey,
    Split,
};
use serde::{Deserialize, Serialize};

use super::error::EmbedError;
use crate::config::{Config, invalid};
use crate::registry::Registry;

/// Which views of an image are embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmbeddedViews {
    /// The image itself, as one view without augmentation. z_AGG then aggregates one token: that of the last observed
    /// view, which carries no action embedding.
    Identity,
    /// `count` views drawn from the training distribution of observed views, and a target's parameters with them, by which
    /// the published action normalisation scales: the sequences of the frozen evaluation.
    Augmented {
        /// Views of each image, M.
        count: usize,
        /// Seed of the draws; image n has the same views whatever else is embedded.
        seed: u64,
    },
}

/// Makes the views, in parallel.
#[derive(Debug, Clone)]
pub(super) struct ViewMaker {
    pub(super) views: EmbeddedViews,
    /// The distribution of augmented views; `None` if the images are embedded as they are.
    sequence: Option<SequenceConfig>,
    pub(super) normalization: Normalization,
    pub(super) space: ActionSpace,
    side: usize,
}

/// The views of some images.
#[derive(Default)]
pub(super) struct Views {
    /// `[images, views, 3, side, side]`
    pub(super) pixels: Vec<f32>,
    /// As they were drawn, `[images, views, parameters]`.
    pub(super) parameters: Vec<f32>,
    /// Normalised, `[images, views + 1, parameters]`.
    pub(super) actions: Vec<f32>,
    /// From each view to the next, `[images, views, parameters]`.
    pub(super) relative: Vec<f32>,
}

impl ViewMaker {
    pub(super) fn new(
        registry: &Registry,
        config: &Config,
        views: EmbeddedViews,
    ) -> Result<Self, EmbedError> {
        let entry = registry.data_set(config)?;
        let normalization = entry.normalization(config)?;
        let side = config.model.img_size;
        let (sequence, space) = match views {
            _ if !entry.augments() => (None, entry.actions(config)?),
            EmbeddedViews::Identity => {
                (None, config.sequences(1, normalization)?.layout(side, side)?.actions)
            }
            EmbeddedViews::Augmented { count, .. } => {
                let sequence = config.sequences(count, normalization)?;
                let space = sequence.layout(side, side)?.actions;
                (Some(sequence), space)
            }
        };
        if sequence.is_none() && views != EmbeddedViews::Identity {
            let expected = "a data set whose views are augmentations, to embed more than the image itself";
            return Err(invalid("dataset.name", expected, &config.dataset.name).into());
        }
        Ok(Self { views, sequence, normalization, space, side })
    }

    pub(super) fn count(&self) -> usize {
        self.sequence.as_ref().map_or(1, |sequence| sequence.observed_views)
    }

    pub(super) fn side(&self) -> usize {
        self.side
    }

    /// The views of `images`, the first of which has the number `first`.
    pub(super) fn make(&self, images: &[ImageView<'_>], first: usize) -> Result<Views, DataError> {
        let (views, view_len) = (self.count(), 3 * self.side() * self.side());
        let mut pixels = vec![0.0; images.len() * views * view_len];
        let rows = pixels
            .par_chunks_exact_mut(views * view_len)
            .zip(images)
            .enumerate()
            .map_init(Scratch::new, |scratch, (index, (out, image))| {
                self.fill(*image, first + index, scratch, out)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut made = Views { pixels, ..Views::default() };
        for [parameters, actions, relative] in rows {
            made.parameters.extend(parameters);
            made.actions.extend(actions);
            made.relative.extend(relative);
        }
        Ok(made)
    }

    /// Writes the views of one image; returns their parameters, actions and relative actions.
    fn fill(
        &self,
        image: ImageView<'_>,
        number: usize,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) -> Result<[Vec<f32>; 3], DataError> {
        let side = self.side();
        let mut square = vec![0; 3 * side * side];
        AugmentParams::centre_square(image.height(), image.width(), side).apply(
            image,
            scratch,
            &mut square,
        )?;
        let square = ImageView::new(&square, side, side)?;
        let (params, raw) = match (self.views, &self.sequence) {
            (EmbeddedViews::Augmented { seed, .. }, Some(sequence)) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "beyond what a `u32` counts the draws repeat"
                )]
                let sample = number as u32;
                let key = SequenceKey { seed, split: Split::Test, epoch: 0, sample };
                let params = sequence.sample(key, side, side);
                let raw = params.iter().flat_map(AugmentParams::action).collect();
                (params, raw)
            }
            // The image, and a target like it.
            _ => (vec![AugmentParams::identity(side, side)], self.space.identity().repeat(2)),
        };
        for (params, out) in params.iter().zip(out.chunks_exact_mut(3 * side * side)) {
            params.apply_normalized(square, &self.normalization, scratch, out)?;
        }
        let raw: Vec<f32> = raw;
        let width = self.space.width();
        let (mut actions, mut relative) = (vec![0.0; raw.len()], vec![0.0; raw.len() - width]);
        self.space.sequence(&raw, &mut actions, &mut relative)?;
        Ok([raw[..self.count() * width].to_vec(), actions, relative])
    }
}
