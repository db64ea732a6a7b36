//! Interleaved pixels to planes, 42 pixels at once: as many as two vectors hold.

use std::arch::x86_64::*;

use crate::augment::avx512::{BYTES, load, store};

/// Pixels that two vectors hold.
const PIXELS: usize = 2 * BYTES / 3;

/// Where the bytes of each channel are in two vectors.
static PLACES: [[u8; BYTES]; 3] = {
    let mut places = [[0; BYTES]; 3];
    let mut pixel = 0_u8;
    while (pixel as usize) < PIXELS {
        places[0][pixel as usize] = 3 * pixel;
        places[1][pixel as usize] = 3 * pixel + 1;
        places[2][pixel as usize] = 3 * pixel + 2;
        pixel += 1;
    }
    places
};

/// Separates the rows of a crop: every `stride` bytes of `pixels` a row of `width` pixels begins.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(super) fn separate(pixels: &[u8], stride: usize, width: usize, [red, green, blue]: [&mut [u8]; 3]) {
    let places = [load(&PLACES[0]), load(&PLACES[1]), load(&PLACES[2])];
    let planes =
        red.chunks_exact_mut(width).zip(green.chunks_exact_mut(width)).zip(blue.chunks_exact_mut(width));
    for (((red, green), blue), pixels) in planes.zip(pixels.chunks(stride)) {
        let rows = red.chunks_mut(PIXELS).zip(green.chunks_mut(PIXELS)).zip(blue.chunks_mut(PIXELS));
        for (((r, g), b), pixels) in rows.zip(pixels[..3 * width].chunks(3 * PIXELS)) {
            let (first, rest) = pixels.split_at(pixels.len().min(BYTES));
            let (first, rest) = (load(first), load(rest));
            for (plane, places) in [r, g, b].into_iter().zip(places) {
                store(plane, _mm512_permutex2var_epi8(first, places, rest));
            }
        }
    }
}
