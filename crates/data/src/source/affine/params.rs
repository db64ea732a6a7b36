//! The parameters of one affine view.

use serde::{Deserialize, Serialize};

use super::warp::Source;
use crate::augment::ImageView;
use crate::augment::math::exp;
use crate::error::DataError;
use crate::source::square;

/// Pixels of black ground that are thought around an image on each side before it is transformed: 6 makes 40 of 28.
///
/// The ground is black beyond it too, so that it changes nothing but how the arithmetic rounds.
pub(super) const PADDING: u16 = 6;

/// What is done to an image: scaled and rotated about its centre, then moved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AffineParams {
    /// Angle in degrees, counter-clockwise.
    pub rotation: f32,
    /// Pixels to the right.
    pub right: i16,
    /// Pixels down.
    pub down: i16,
    /// Natural logarithm of the scale; below 0 the image becomes smaller.
    pub log_scale: f32,
}

impl AffineParams {
    /// The image as it is.
    pub const IDENTITY: Self = Self { rotation: 0.0, right: 0, down: 0, log_scale: 0.0 };

    /// The action vector, raw: `[sin, cos | right, down | log_scale]`, the way in shares of `max_translation` pixels.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "computed in f64, rounded once")]
    pub fn action(&self, max_translation: u16) -> [f32; 5] {
        let (sine, cosine) = libm::sincos(f64::from(self.rotation).to_radians());
        let most = f32::from(max_translation.max(1));
        let way = [self.right, self.down].map(|pixels| f32::from(pixels) / most);
        [sine as f32, cosine as f32, way[0], way[1], self.log_scale]
    }

    /// The view of a square image, of its size: RGB bytes, `[side, side, 3]`, those of torchvision's `affine` with its bilinear
    /// filter on an 8-bit PIL image that is padded by 6 black pixels, the middle cut out of it.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] for an image that is no square.
    pub fn apply(&self, image: ImageView<'_>) -> Result<Vec<u8>, DataError> {
        square::check(image, image.height(), 0)?;
        let mut buffer = Vec::new();
        Ok(Source::new(image, &mut buffer).bytes(&self.matrix(image.height())))
    }

    /// From a place in the padded view to the place in the padded image that is seen there, as Pillow's
    /// `Image.transform(AFFINE)` takes it: the six numbers that torchvision's `affine` makes, `angle` being clockwise there.
    pub(super) fn matrix(&self, side: usize) -> [f64; 6] {
        let (sine, cosine) = libm::sincos((-f64::from(self.rotation)).to_radians());
        let scale = exp(f64::from(self.log_scale));
        let centre = (side + 2 * usize::from(PADDING)) as f64 * 0.5;
        let [right, down] = [self.right, self.down].map(f64::from);
        let [a, b, d, e] = [cosine / scale, sine / scale, -sine / scale, cosine / scale];
        let from_centre = [-centre - right, -centre - down];
        let c = a * from_centre[0] + b * from_centre[1] + centre;
        let f = d * from_centre[0] + e * from_centre[1] + centre;
        [a, b, c, d, e, f]
    }
}
