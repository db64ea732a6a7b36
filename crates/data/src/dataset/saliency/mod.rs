//! Where in an image a gaze is likely to fall.

mod contrast;
mod maps;

pub use contrast::contrast_map;
pub use maps::SaliencyMaps;

use crate::augment::ImageView;
use crate::dataset::image_source::ImageSource;
use crate::dataset::pixel_cache::PixelCache;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;

/// Saliency maps of the images of a source: the probability of each pixel that a gaze falls there.
///
/// The paper's maps are those that the network DeepGaze IIE (Linardos et al., ICCV 2021) predicts. This crate has no such
/// network: [`Maps`](Self::Maps) reads what it made, [`Contrast`](Self::Contrast) is a plain formula in its stead, and results
/// with one are not results with the other.
#[derive(Debug)]
#[non_exhaustive]
pub enum Saliency {
    /// Every pixel is as likely: no saliency.
    Uniform,
    /// Centre-surround contrast, which [`contrast_map`] computes of each image. Not the paper's maps.
    Contrast(ContrastSaliency),
    /// Maps that were made before, as the published ones of DeepGaze IIE: see [`SaliencyMaps`].
    Maps(SaliencyMaps),
}

/// Maps by [`contrast_map`], made when they are asked for: [`Saliency::contrast`].
#[derive(Debug)]
pub struct ContrastSaliency {
    images: usize,
    side: usize,
    maps: PixelCache,
}

impl Saliency {
    /// Centre-surround contrast of the images of a source.
    ///
    /// A map takes one byte a pixel. Those that are asked for first stay in memory, up to `cache_bytes`: 922 MB for all of
    /// STL-10's 100 000 unlabelled images; the others are computed each time, in about a millisecond.
    #[must_use]
    pub fn contrast(images: &dyn ImageSource, cache_bytes: u64) -> Self {
        let ([height, width], images) = (images.max_size(), images.len());
        let maps = PixelCache::new(images, height * width, cache_bytes);
        Self::Contrast(ContrastSaliency { images, side: height, maps })
    }

    /// The kind: `uniform`, `contrast` or `maps`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Contrast(_) => "contrast",
            Self::Maps(_) => "maps",
        }
    }

    /// The kind in words.
    pub(crate) fn description(&self) -> &'static str {
        match self {
            Self::Uniform => "all pixels alike",
            Self::Contrast(_) => "centre-surround contrast (not the paper's saliency maps)",
            Self::Maps(_) => "given saliency maps",
        }
    }

    /// The digest of maps that are data of their own; `None` where they follow from the images.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        match self {
            Self::Uniform | Self::Contrast(_) => None,
            Self::Maps(maps) => Some(maps.fingerprint()),
        }
    }

    /// Refuses images that these maps are not of.
    pub(crate) fn check(&self, images: usize, side: usize) -> Result<(), DataError> {
        let own = match self {
            Self::Uniform => return Ok(()),
            Self::Contrast(contrast) => [contrast.images, contrast.side],
            Self::Maps(maps) => [maps.len(), maps.side()],
        };
        if own == [images, side] {
            return Ok(());
        }
        let [expected, found] = [[images, side], own]
            .map(|[images, side]| format!("maps of {images} images of {side}x{side} pixels"));
        Err(DataError::invalid("saliency", expected, found))
    }

    /// Writes the map of `image`, which is number `index` of its source, to `[side, side]`: all at least 0, of sum 1 but for
    /// rounding.
    ///
    /// `bytes` is working memory.
    ///
    /// # Errors
    /// [`DataError`] for a map that cannot be read, or has a value that is below 0 or not a number.
    pub fn weights(
        &self,
        index: usize,
        image: ImageView<'_>,
        bytes: &mut Vec<u8>,
        out: &mut [f32],
    ) -> Result<(), DataError> {
        match self {
            Self::Uniform => uniform(out),
            Self::Contrast(contrast) => contrast.weights(index, image, out),
            Self::Maps(maps) => maps.weights(index, bytes, out)?,
        }
        Ok(())
    }
}

impl ContrastSaliency {
    fn weights(&self, index: usize, image: ImageView<'_>, out: &mut [f32]) {
        let made;
        let map = match self.maps.get(index) {
            Some(map) => map,
            None => {
                let map = contrast_map(image);
                match self.maps.room() {
                    Some(room) => room.keep(index, map.into_boxed_slice()),
                    None => {
                        made = map;
                        &made
                    }
                }
            }
        };
        // Of 1024x1024 bytes at most, which a u32 holds.
        let sum: f32 = map.iter().map(|byte| u32::from(*byte)).sum::<u32>() as f32;
        for (out, byte) in out.iter_mut().zip(map) {
            *out = f32::from(*byte) / sum;
        }
    }
}

fn uniform(out: &mut [f32]) {
    let weight = 1.0 / out.len() as f32;
    out.fill(weight);
}
