//! Blends by table: for one factor a blend is a function of a byte or two.

use std::arch::aarch64::*;

use crate::augment::neon::{BYTES, ByteTable, load, store};

/// Replaces every byte by its entry.
#[target_feature(enable = "neon")]
pub(super) fn map(bytes: &mut [u8], table: &[u8; 256]) {
    let table = ByteTable::new(table);
    for bytes in bytes.chunks_mut(BYTES) {
        store(bytes, table.get(load(bytes)));
    }
}

/// Blends each pixel with its luma `d`: `d + steps[x - d]` where `x` is above it, else `d - steps[d - x] - 1`.
#[target_feature(enable = "neon")]
pub(super) fn saturation(red: &mut [u8], green: &mut [u8], blue: &mut [u8], steps: &[u8; 256]) {
    let (steps, one) = (ByteTable::new(steps), vdupq_n_u8(1));
    for ((r, g), b) in red.chunks_mut(BYTES).zip(green.chunks_mut(BYTES)).zip(blue.chunks_mut(BYTES)) {
        let channels = [load(r), load(g), load(b)];
        let gray = luma(channels);
        for (plane, x) in [r, g, b].into_iter().zip(channels) {
            let step = steps.get(vabdq_u8(x, gray));
            let up = vqaddq_u8(gray, step);
            let down = vqsubq_u8(gray, vqaddq_u8(step, one));
            store(plane, vbslq_u8(vcltq_u8(x, gray), down, up));
        }
    }
}

/// Luma of 16 pixels: see [`super::luma`].
#[inline]
#[target_feature(enable = "neon")]
fn luma([r, g, b]: [uint8x16_t; 3]) -> uint8x16_t {
    let half = |r: uint16x8_t, g: uint16x8_t, b: uint16x8_t| {
        let low = vmull_n_u16(vget_low_u16(r), 19595);
        let low = vmlal_n_u16(low, vget_low_u16(g), 38470);
        let low = vmlal_n_u16(low, vget_low_u16(b), 7471);
        let high = vmull_high_n_u16(r, 19595);
        let high = vmlal_high_n_u16(high, g, 38470);
        let high = vmlal_high_n_u16(high, b, 7471);
        // These shifts round.
        vmovn_u16(vrshrn_high_n_u32::<16>(vrshrn_n_u32::<16>(low), high))
    };
    let low = |bytes: uint8x16_t| vmovl_u8(vget_low_u8(bytes));
    let high = |bytes: uint8x16_t| vmovl_high_u8(bytes);
    vcombine_u8(half(low(r), low(g), low(b)), half(high(r), high(g), high(b)))
}
