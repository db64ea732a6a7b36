//! Blends by table: for one factor a blend is a function of a byte or two.

use std::arch::x86_64::*;

use crate::augment::avx512::{BYTES, ByteTable, load, store};
use crate::augment::grayscale::avx512::luma;

/// Replaces every byte by its entry.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(super) fn map(bytes: &mut [u8], table: &[u8; 256]) {
    let table = ByteTable::new(table);
    for bytes in bytes.chunks_mut(BYTES) {
        store(bytes, table.get(load(bytes)));
    }
}

/// Blends each pixel with its luma `d`: `d + steps[x - d]` where `x` is above it, else `d - steps[d - x] - 1`.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(super) fn saturation(red: &mut [u8], green: &mut [u8], blue: &mut [u8], steps: &[u8; 256]) {
    let (steps, one) = (ByteTable::new(steps), _mm512_set1_epi8(1));
    for ((r, g), b) in red.chunks_mut(BYTES).zip(green.chunks_mut(BYTES)).zip(blue.chunks_mut(BYTES)) {
        let channels = [load(r), load(g), load(b)];
        let gray = luma(channels);
        for (plane, x) in [r, g, b].into_iter().zip(channels) {
            let below = _mm512_cmplt_epu8_mask(x, gray);
            let distance = _mm512_or_si512(_mm512_subs_epu8(x, gray), _mm512_subs_epu8(gray, x));
            let step = steps.get(distance);
            let up = _mm512_adds_epu8(gray, step);
            let mixed = _mm512_mask_subs_epu8(up, below, gray, _mm512_adds_epu8(step, one));
            store(plane, mixed);
        }
    }
}
