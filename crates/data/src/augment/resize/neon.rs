//! The pass along the rows, eight output pixels at once.
//!
//! Eight neighbouring output pixels of an enlarged row read at most sixteen input pixels. One load brings those,
//! and one table lookup for every two taps of four output pixels brings each pixel to the 32-bit lane of its output as a
//! pair of 16-bit numbers. The 23-bit weights are multiplied in two parts; the sums of the pairs are left for the end.

use std::arch::aarch64::*;

use super::table::{LOW_BITS, PRECISION, TapPair, WINDOW, Windows};

/// Resizes every row of `input` pixels in `source` to one of `output` pixels.
///
/// # Panics
/// If `source` lacks its padding.
#[target_feature(enable = "neon")]
pub(super) fn along_rows(windows: &Windows, input: usize, output: usize, source: &[u8], out: &mut [u8]) {
    for (window, pairs) in windows.iter() {
        let rows = out.chunks_exact_mut(output).map(|row| {
            let (out, _) = row[window.output..].split_first_chunk_mut().expect("whole windows");
            out
        });
        let pixels = (window.input..).step_by(input);
        // The usual four taps stay in registers from row to row.
        if let [first, second] = pairs {
            let (first, second) = (Weights::load(first), Weights::load(second));
            for (out, start) in rows.zip(pixels) {
                let taps = window_at(source, start);
                finish(second.add(taps, first.add(taps, zero())), out);
            }
        } else {
            for (out, start) in rows.zip(pixels) {
                let (taps, mut sums) = (window_at(source, start), zero());
                for pair in pairs {
                    sums = Weights::load(pair).add(taps, sums);
                }
                finish(sums, out);
            }
        }
    }
}

/// The pixels from `start` on.
#[inline]
#[target_feature(enable = "neon")]
fn window_at(source: &[u8], start: usize) -> uint8x16_t {
    let pixels = &source[start..start + WINDOW];
    // SAFETY: the slice is 16 bytes long, which is what a load reads.
    unsafe { vld1q_u8(pixels.as_ptr()) }
}

/// Sums of the products with the upper and the lower parts of the weights of four output pixels: each first of the first
/// two pixels, then of the last two, even and odd taps in turn.
type Sums = [[int32x4_t; 2]; 2];

#[inline]
#[target_feature(enable = "neon")]
fn zero() -> [Sums; 2] {
    [[[vdupq_n_s32(0); 2]; 2]; 2]
}

/// A [`TapPair`] in registers, by halves of the output pixels.
#[derive(Clone, Copy)]
struct Weights([Half; 2]);

#[derive(Clone, Copy)]
struct Half {
    shuffle: uint8x16_t,
    parts: [int16x8_t; 2],
}

impl Weights {
    #[inline]
    #[target_feature(enable = "neon")]
    fn load(pair: &TapPair) -> Self {
        let half = |half: usize| {
            let (shuffle, high, low) =
                (&pair.shuffle[16 * half..], &pair.high[8 * half..], &pair.low[8 * half..]);
            let (shuffle, high, low) = (&shuffle[..16], &high[..8], &low[..8]);
            // SAFETY: each slice is 16 bytes long, which is what a load reads.
            unsafe {
                Half {
                    shuffle: vld1q_u8(shuffle.as_ptr()),
                    parts: [vld1q_s16(high.as_ptr()), vld1q_s16(low.as_ptr())],
                }
            }
        };
        Self([half(0), half(1)])
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn add(self, window: uint8x16_t, mut sums: [Sums; 2]) -> [Sums; 2] {
        for (half, sums) in self.0.into_iter().zip(&mut sums) {
            // An index beyond the window gives zero.
            let taps = vreinterpretq_s16_u8(vqtbl1q_u8(window, half.shuffle));
            for (part, [first, last]) in half.parts.into_iter().zip(sums) {
                *first = vmlal_s16(*first, vget_low_s16(taps), vget_low_s16(part));
                *last = vmlal_high_s16(*last, taps, part);
            }
        }
        sums
    }
}

/// Fixed point to bytes, kept in range.
#[inline]
#[target_feature(enable = "neon")]
fn finish(sums: [Sums; 2], out: &mut [u8; 8]) {
    let pixels = |[high, low]: Sums| {
        let high = vpaddq_s32(high[0], high[1]);
        let low = vaddq_s32(vpaddq_s32(low[0], low[1]), vdupq_n_s32(1 << (PRECISION - 1)));
        let sum = vaddq_s32(vshlq_n_s32::<{ LOW_BITS.cast_signed() }>(high), low);
        vqmovn_s32(vshrq_n_s32::<{ PRECISION.cast_signed() }>(sum))
    };
    let bytes = vqmovun_s16(vcombine_s16(pixels(sums[0]), pixels(sums[1])));
    // SAFETY: the array is 8 bytes long, which is what a store writes.
    unsafe { vst1_u8(out.as_mut_ptr(), bytes) };
}
