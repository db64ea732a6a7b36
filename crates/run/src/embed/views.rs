//! The views of an image that are embedded.

use rayon::prelude::*;
use seqjepa_data::dataset::DatasetSource;
use seqjepa_data::{
    ActionNormalization, AugmentError, AugmentParams, ImageView, Scratch, SequenceConfig, Split,
    relative_actions,
};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::config::Config;

/// Parameters of a view.
pub(super) const PARAMETERS: usize = 9;

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
    pub(super) sequence: SequenceConfig,
}

/// The views of some images.
#[derive(Default)]
pub(super) struct Views {
    /// `[images, views, 3, side, side]`
    pub(super) pixels: Vec<f32>,
    /// As they were drawn, `[images, views, 9]`.
    pub(super) parameters: Vec<f32>,
    /// Normalised, `[images, views + 1, 9]`.
    pub(super) actions: Vec<f32>,
    /// From each view to the next, `[images, views, 9]`.
    pub(super) relative: Vec<f32>,
}

impl ViewMaker {
    pub(super) fn new(config: &Config, views: EmbeddedViews) -> Result<Self, TrainError> {
        let count = match views {
            EmbeddedViews::Identity => 1,
            EmbeddedViews::Augmented { count, .. } => count,
        };
        let dataset = &config.dataset;
        let source = DatasetSource::from_name(&dataset.name, &dataset.data_root, config.model.img_size)?;
        let mut sequence = config.sequence_config(count, source.normalization())?;
        if let EmbeddedViews::Augmented { seed, .. } = views {
            sequence.seed = seed;
        }
        Ok(Self { views, sequence })
    }

    pub(super) fn count(&self) -> usize {
        self.sequence.observed_views
    }

    pub(super) fn side(&self) -> usize {
        self.sequence.observed.output_height
    }

    /// The views of `images`, the first of which has the number `first`.
    pub(super) fn make(&self, images: &[ImageView<'_>], first: usize) -> Result<Views, TrainError> {
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
    ) -> Result<[Vec<f32>; 3], AugmentError> {
        let side = self.side();
        let mut square = vec![0; 3 * side * side];
        AugmentParams::centre_square(image.height(), image.width(), side).apply(
            image,
            scratch,
            &mut square,
        )?;
        let square = ImageView::new(&square, side, side)?;
        let params = match self.views {
            EmbeddedViews::Identity => vec![AugmentParams::identity(side, side); 2],
            // A data set has no more images than a `u32` can count; beyond, the draws repeat.
            EmbeddedViews::Augmented { .. } => {
                self.sequence.sample(Split::Test, 0, number as u32, side, side)
            }
        };
        for (params, out) in params.iter().zip(out.chunks_exact_mut(3 * side * side)) {
            params.apply_normalized(square, &self.sequence.normalization, scratch, out)?;
        }
        let mut actions: Vec<f32> = params.iter().flat_map(AugmentParams::action).collect();
        let parameters = actions[..self.count() * PARAMETERS].to_vec();
        let normalization: &ActionNormalization = &self.sequence.action_normalization;
        normalization.apply(&mut actions, PARAMETERS)?;
        let mut relative = vec![0.0; self.count() * PARAMETERS];
        relative_actions(&actions, PARAMETERS, &mut relative)?;
        Ok([parameters, actions, relative])
    }
}
