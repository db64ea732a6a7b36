//! Moving pixels between interleaved images and the planes that the operators work on.

#[cfg(target_arch = "x86_64")]
mod avx512;

use crate::augment::{ImageView, PixelFormat};

use super::level::Level;
use super::params::Crop;

/// Copies a crop into planes, `[channels, height, width]`, with `padding` bytes after them.
#[inline(always)]
pub(super) fn load<L: Level>(image: ImageView<'_>, crop: Crop, padding: usize, planes: &mut Vec<u8>) {
    let channels = image.format().channels();
    let area = crop.height * crop.width;
    planes.resize(area * channels + padding, 0);
    #[cfg(target_arch = "x86_64")]
    if L::AVX512 && image.format() == PixelFormat::Rgb {
        let stride = image.width() * channels;
        let (red, rest) = planes.split_at_mut(area);
        let (green, rest) = rest.split_at_mut(area);
        let pixels = &image.pixels()[crop.top * stride + crop.left * channels..];
        // SAFETY: `L` says that the caller enables AVX-512.
        unsafe { avx512::separate(pixels, stride, crop.width, [red, green, &mut rest[..area]]) };
        return;
    }
    for row in 0..crop.height {
        let start = ((crop.top + row) * image.width() + crop.left) * channels;
        let pixels = &image.pixels()[start..start + crop.width * channels];
        let target = row * crop.width..(row + 1) * crop.width;
        match image.format() {
            PixelFormat::Gray => planes[target].copy_from_slice(pixels),
            PixelFormat::Rgb => {
                let (red, rest) = planes.split_at_mut(area);
                let (green, blue) = rest.split_at_mut(area);
                let outputs =
                    red[target.clone()].iter_mut().zip(&mut green[target.clone()]).zip(&mut blue[target]);
                for (((r, g), b), pixel) in outputs.zip(pixels.as_chunks::<3>().0) {
                    [*r, *g, *b] = *pixel;
                }
            }
        }
    }
}

/// Interleaves three planes, `[3, height, width]` to `[height, width, 3]`.
#[inline(always)]
pub(super) fn store(planes: &[u8], out: &mut [u8]) {
    let (red, green, blue) = split(planes);
    for (((pixel, r), g), b) in out.as_chunks_mut::<3>().0.iter_mut().zip(red).zip(green).zip(blue) {
        *pixel = [*r, *g, *b];
    }
}

/// The three planes.
#[inline(always)]
pub(super) fn split(planes: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let area = planes.len() / 3;
    (&planes[..area], &planes[area..2 * area], &planes[2 * area..])
}

/// The three planes, to write to.
#[inline(always)]
pub(super) fn split_mut(planes: &mut [u8]) -> (&mut [u8], &mut [u8], &mut [u8]) {
    let area = planes.len() / 3;
    let (red, rest) = planes.split_at_mut(area);
    let (green, blue) = rest.split_at_mut(area);
    (red, green, blue)
}
