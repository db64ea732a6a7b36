//! The settings of glimpses.

use serde::{Deserialize, Serialize};

use super::GlimpseGeometry;
use crate::action::{ActionGroup, ActionParameter, ActionSpace};
use crate::augment::Normalization;
use crate::error::DataError;
use crate::source::SequenceLayout;

/// How glimpses are made of an image.
///
/// Plain data: change what you need; [`Glimpses::new`](crate::Glimpses::new) checks it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlimpseConfig {
    /// Number of observed glimpses M, 1 to 256; one more is the target. Published: 4.
    pub observed_views: usize,
    /// Side of a glimpse in pixels, 2 to that of the images. Published: 32.
    pub glimpse_size: usize,
    /// Half-width, inclusive, in pixels of the square around a point where no further point is drawn, 0 to 1024; `None`
    /// allows every return. Published: half the side of a glimpse, 16.
    pub inhibition: Option<usize>,
    /// Which pixels a glimpse shows for its point.
    pub geometry: GlimpseGeometry,
    /// Mean and standard deviation of the pixels.
    pub normalization: Normalization,
}

impl GlimpseConfig {
    /// The published settings on STL-10 with `observed_views` observed glimpses, but for the geometry, which is
    /// [`Centered`](GlimpseGeometry::Centered).
    #[must_use]
    pub fn new(observed_views: usize) -> Self {
        Self {
            observed_views,
            glimpse_size: 32,
            inhibition: Some(16),
            geometry: GlimpseGeometry::Centered,
            normalization: Normalization::STL10,
        }
    }

    /// The actions of glimpses: row and column of the point over the side of the image.
    #[must_use]
    pub fn actions() -> ActionSpace {
        // Its largest value, (side - 1) / side, is below 1 for every side. The middle of the image is looked at by itself.
        let parameter = |name: &str| ActionParameter {
            name: name.into(),
            unit: "of the image's side".into(),
            low: 0.0,
            high: 1.0,
            identity: 0.5,
        };
        ActionSpace::new(
            vec![parameter("row"), parameter("column")],
            vec![ActionGroup::vector("position", 0..2)],
        )
        .expect("the names differ and the group lies inside")
    }

    /// Checks the settings for images of `side` pixels, and says what sequences of them look like.
    pub(super) fn layout(&self, side: usize) -> Result<SequenceLayout, DataError> {
        self.normalization.validate()?;
        if !(2..=side).contains(&self.glimpse_size) {
            let expected = format!("2 to {side}, the side of the images in pixels");
            return Err(DataError::invalid("glimpse_size", expected, self.glimpse_size));
        }
        if let Some(radius) = self.inhibition.filter(|radius| *radius > super::MAX_SIDE) {
            return Err(DataError::invalid("inhibition", format!("0 to {} pixels", super::MAX_SIDE), radius));
        }
        let layout = SequenceLayout {
            observed_views: self.observed_views,
            channels: 3,
            height: self.glimpse_size,
            width: self.glimpse_size,
            actions: Self::actions(),
        };
        layout.validate()?;
        Ok(layout)
    }
}
