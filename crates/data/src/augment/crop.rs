//! The sampler of the resized crop.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "torchvision rounds to f32 and to whole pixels; sizes are not negative"
)]

use rand::Rng;

use super::math::exp;
use super::params::Crop;
use crate::rng::{below, uniform};

/// Draws a crop as torchvision's `RandomResizedCrop.get_params` does: an area share uniform in `scale`, an
/// aspect ratio (width / height) log-uniform in `ratio`, up to ten tries to fit both into the image, a
/// uniformly random place; failing that, the largest central crop within the ratio's bounds.
///
/// Draws are f32 and the arithmetic after them f64, as in torchvision; halves round to even.
pub(super) fn sample_crop<R: Rng + ?Sized>(
    rng: &mut R,
    scale: [f32; 2],
    ratio: [f32; 2],
    image_height: usize,
    image_width: usize,
) -> Crop {
    let area = image_height as f64 * image_width as f64;
    let log_ratio = ratio.map(|bound| f64::from(bound).ln() as f32);
    for _ in 0..10 {
        let target_area = area * f64::from(uniform(rng, scale));
        let aspect = f64::from(exp(f64::from(uniform(rng, log_ratio))) as f32);
        let width = (target_area * aspect).sqrt().round_ties_even() as usize;
        let height = (target_area / aspect).sqrt().round_ties_even() as usize;
        if (1..=image_width).contains(&width) && (1..=image_height).contains(&height) {
            let top = below(rng, image_height - height + 1);
            let left = below(rng, image_width - width + 1);
            return Crop { top, left, height, width };
        }
    }
    central_crop(ratio, image_height, image_width)
}

fn central_crop([narrowest, widest]: [f32; 2], image_height: usize, image_width: usize) -> Crop {
    let aspect = image_width as f64 / image_height as f64;
    let (mut height, mut width) = (image_height, image_width);
    if aspect < f64::from(narrowest) {
        height = (width as f64 / f64::from(narrowest)).round_ties_even() as usize;
    } else if aspect > f64::from(widest) {
        width = (height as f64 * f64::from(widest)).round_ties_even() as usize;
    }
    // A range narrower than one pixel can round to nothing or, by the f32 bounds, to one pixel too many.
    height = height.clamp(1, image_height.max(1));
    width = width.clamp(1, image_width.max(1));
    Crop {
        top: (image_height - height.min(image_height)) / 2,
        left: (image_width - width.min(image_width)) / 2,
        height,
        width,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{ShuffleKey, Split};

    // torchvision.transforms.RandomResizedCrop.get_params(img, scale=(1, 1), ratio=(3 / 4, 4 / 3)), images of
    // 30 x 90, 90 x 30 and 32 x 32 pixels: no try fits the first two, so the central crop is taken.
    #[test]
    fn falls_back_to_the_central_crop() {
        let mut rng = ShuffleKey { seed: 1, split: Split::Train, epoch: 0 }.rng();
        let ratio = [0.75, 4.0 / 3.0];
        let mut crop = |height, width| sample_crop(&mut rng, [1.0, 1.0], ratio, height, width);
        assert_eq!(crop(30, 90), Crop { top: 0, left: 25, height: 30, width: 40 });
        assert_eq!(crop(90, 30), Crop { top: 25, left: 0, height: 40, width: 30 });
        assert_eq!(central_crop(ratio, 32, 32), Crop { top: 0, left: 0, height: 32, width: 32 });
    }

    #[test]
    fn crops_stay_inside() {
        let mut rng = ShuffleKey { seed: 2, split: Split::Train, epoch: 0 }.rng();
        for (height, width) in [(1, 1), (1, 50), (32, 32), (7, 5), (224, 31)] {
            for _ in 0..500 {
                let crop = sample_crop(&mut rng, [0.01, 1.0], [0.1, 10.0], height, width);
                assert!(crop.height >= 1 && crop.top + crop.height <= height, "{crop:?}");
                assert!(crop.width >= 1 && crop.left + crop.width <= width, "{crop:?}");
            }
        }
    }
}
