//! From a picture as a function of the plane to its pixels.

use rand::Rng;

use super::color::Color;
use super::pattern::Point;
use crate::rng::KeyedRng;

/// Samples along each side of a pixel.
const SUBPIXELS: usize = 2;

/// Paints `[side, side, 3]`. `color` is that at a point, whose coordinates run from -1 to 1 over the image, y upwards; edges are to be
/// softened over the second argument to either side. `grain` is its standard deviation of 255, the same for the three channels of a pixel.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
pub(super) fn paint(
    side: usize,
    grain: f32,
    rng: &mut KeyedRng,
    out: &mut [u8],
    color: impl Fn(Point, f32) -> Color,
) {
    let spacing = 2.0 / (side * SUBPIXELS) as f32;
    let weight = 1.0 / (SUBPIXELS * SUBPIXELS) as f32;
    for (index, pixel) in out.chunks_exact_mut(3).enumerate() {
        let (row, column) = (index / side, index % side);
        let mut sum = [0.0; 3];
        for sub in 0..SUBPIXELS * SUBPIXELS {
            let x = (column * SUBPIXELS + sub % SUBPIXELS) as f32 + 0.5;
            let y = (row * SUBPIXELS + sub / SUBPIXELS) as f32 + 0.5;
            let color = color([x * spacing - 1.0, 1.0 - y * spacing], 0.5 * spacing);
            sum = [0, 1, 2].map(|channel| sum[channel] + color[channel]);
        }
        let grain = grain * noise(rng);
        for (byte, sum) in pixel.iter_mut().zip(sum) {
            *byte = (sum * weight * 255.0 + grain).clamp(0.0, 255.0) as u8;
        }
    }
}

/// Noise of about unit variance: the four bytes of one draw, summed (a variance of 4 x (256^2 - 1) / 12 = 21 845).
fn noise(rng: &mut KeyedRng) -> f32 {
    let sum: u32 = rng.next_u32().to_le_bytes().iter().map(|&byte| u32::from(byte)).sum();
    (sum as f32 - 510.0) / 147.8
}
