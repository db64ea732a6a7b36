//! A procedural data set: real work for an augmentation pipeline and a small network, without a download.

mod color;
mod figures;
mod object;
mod paint;
mod pattern;
mod scene;

use std::path::Path;

use rayon::prelude::*;

use crate::augment::Normalization;
use crate::dataset::ImageSet;
use crate::dataset::file::try_reserve;
use crate::error::DataError;
use crate::rng::{Split, ViewKey};
use object::ObjectScene;
use pattern::Pattern;
use scene::Scene;

/// Keeps scenes apart from the views of a run with the same seed.
const DOMAIN: u64 = 0x7363_656e_6500_0000;

/// Keeps objects apart from scenes.
const OBJECT_DOMAIN: u64 = 0x6f62_6a65_6374_0000;

/// The classes: a name and a pattern each.
const CLASSES: [(&str, Pattern); 10] = [
    ("stripes", Pattern::Stripes),
    ("bands", Pattern::Bands),
    ("twill", Pattern::Twill),
    ("checks", Pattern::Checks),
    ("diamonds", Pattern::Diamonds),
    ("dots", Pattern::Dots),
    ("rings", Pattern::Rings),
    ("crosses", Pattern::Crosses),
    ("chevrons", Pattern::Chevrons),
    ("bricks", Pattern::Bricks),
];

/// Renders image `index` of the given key's set to `[side, side, 3]`: a patterned disc on a muted ground, of class `index % 10`.
pub(in crate::dataset) fn render_object(
    seed: u64,
    split: Split,
    set: u32,
    index: usize,
    side: usize,
    out: &mut [u8],
) {
    let key = ViewKey { seed: seed ^ OBJECT_DOMAIN, split, epoch: 0, sample: index as u64, view: set };
    let (_, pattern) = CLASSES[index % CLASSES.len()];
    ObjectScene::sample(pattern, key.rng()).render(side, out);
}

/// The classes' names, in order.
pub(in crate::dataset) fn class_names() -> impl Iterator<Item = &'static str> {
    CLASSES.iter().map(|(name, _)| *name)
}

/// Ten classes of patterned cloth under a lamp, rendered from a seed.
///
/// A pattern is many small figures over the whole image, so every crop shows some. Its period, the share that the figures
/// cover, place, tilt, colours and contrast are drawn for each image independently of its class, and every pattern has the same
/// length of edge: the class cannot be read from mean colour, brightness or the strength of edges, only from the figures.
/// Edges are sharp, so that blur shows; light and hue change over the image, so that a crop's place and size do.
/// Train and test images are different draws. Image `i` has label `i % 10`. The same seed gives the same bytes on every platform
/// and thread count; image `i` does not depend on how many images are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synthetic {
    /// Side of the square images in pixels, 8 to 512; 32 by default.
    pub image_size: usize,
    /// Number of training images, 5000 by default.
    pub train_images: usize,
    /// Number of test images, 1000 by default.
    pub test_images: usize,
    /// Seed of all scenes, 0 by default.
    pub seed: u64,
}

impl Default for Synthetic {
    fn default() -> Self {
        Self { image_size: 32, train_images: 5000, test_images: 1000, seed: 0 }
    }
}

impl Synthetic {
    /// Mean 0.47 and standard deviation 0.26 of every channel, about those of the images.
    pub const NORMALIZATION: Normalization = Normalization { mean: [0.47; 3], std: [0.26; 3] };

    /// Renders all images of a split, on all cores.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] for an image size outside 8 to 512 or a number of images outside 1 to
    /// 10 million; [`DataError::TooLarge`] when they do not fit in memory.
    pub fn load(&self, split: Split) -> Result<ImageSet, DataError> {
        const LIMIT: usize = 10_000_000;
        let (name, count) = match split {
            Split::Train => ("train_images", self.train_images),
            Split::Test => ("test_images", self.test_images),
        };
        if !(8..=512).contains(&self.image_size) {
            return Err(DataError::invalid("image_size", "8 to 512 pixels", self.image_size));
        }
        if !(1..=LIMIT).contains(&count) {
            return Err(DataError::invalid(name, format!("1 to {LIMIT}"), count));
        }
        let bytes_each = self.image_size * self.image_size * 3;
        let mut pixels = try_reserve(Path::new("synthetic"), (count * bytes_each) as u64)?;
        pixels.resize(count * bytes_each, 0);
        pixels.par_chunks_exact_mut(bytes_each).enumerate().for_each(|(index, out)| {
            let key = ViewKey { seed: self.seed ^ DOMAIN, split, epoch: 0, sample: index as u64, view: 0 };
            let (_, pattern) = CLASSES[index % CLASSES.len()];
            Scene::sample(pattern, key.rng()).render(self.image_size, out);
        });
        let labels = (0..).zip(CLASSES).map(|(label, _)| label).cycle().take(count).collect();
        let names = CLASSES.iter().map(|(name, ..)| (*name).to_owned()).collect();
        ImageSet::new(pixels, self.image_size, self.image_size, labels, names)
    }
}
