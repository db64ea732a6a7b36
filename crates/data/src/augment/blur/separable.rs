//! Large kernels in two passes, with the bytes of the one torch makes.
//!
//! Both sums approach the same real number, and their roundings are bounded. So the bytes agree unless the sum
//! of the two passes lies within that bound of a half: some pixels in a thousand, which are summed again.

use super::{Buffers, TO_BYTE, kernel, reflect, sums};
use crate::augment::level::Level;

/// Half a unit in the last place, relative to a number: the largest rounding of one operation in f32.
const ROUNDING: f64 = 1.0 / (1 << 24) as f64;

/// A weight this small adds next to nothing.
const NEGLIGIBLE: f32 = 1e-8;

/// How many weights at either end of the line are left out of the two passes. With a sigma of 1 those are all beyond a
/// radius of 6, so the passes cost no more than such a kernel's.
fn negligible(line: &[f32]) -> usize {
    line.iter().take_while(|weight| **weight < NEGLIGIBLE).count()
}

/// Largest distance between the sum of two passes and torch's sum, for any pixels.
///
/// Adding a product to a sum rounds by at most [`ROUNDING`] of the new sum, and by no more than the product, as
/// the old sum is itself a number of f32. With 255 for every pixel both are largest.
#[expect(clippy::cast_possible_truncation, reason = "a bound with a hundredth to spare")]
pub(super) fn error(line: &[f32], table: &[f32]) -> f32 {
    let additions = |weights: &mut dyn Iterator<Item = f64>| {
        let (mut sum, mut error) = (0.0, 0.0);
        for weight in weights {
            sum += weight;
            error += (sum * ROUNDING).min(weight);
        }
        error
    };
    // In each pass the products may be rounded too; so are the weights of `table`, which are products.
    let passes = 2.0 * (additions(&mut line.iter().copied().map(f64::from)) + ROUNDING);
    let scale = f64::from(kernel::SCALE);
    let single = additions(&mut table.iter().map(|weight| f64::from(*weight) / scale)) + ROUNDING;
    // What the passes leave out, at both ends of both dimensions.
    let left_out: f64 = line[..negligible(line)].iter().copied().map(f64::from).sum();
    let share = single + passes + 4.0 * left_out;
    // A hundredth for all that is of second order: sums that begin rounded, weights that sum to nearly 1. The
    // last term covers the distance to a half, which is rounded as well.
    (255.0 * share * 1.01 + 256.0 * ROUNDING) as f32
}

/// Above this an f32 has no fraction: see [`TO_BYTE`].
const WHOLE: f32 = 8_388_608.0;

/// Convolves the padded plane. Gives up and returns false, the plane half done, if too many bytes stay open.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the sum, rounded, is the lowest byte of these bits")]
pub(super) fn convolve<L: Level>(plane: &mut [u8], width: usize, error: f32, buffers: &mut Buffers) -> bool {
    let Buffers { line, table, padded, smoothed, sums, marks, open, .. } = buffers;
    let (size, height, stride) = (line.len(), plane.len() / width, width + line.len() - 1);
    let skipped = negligible(line);
    let narrow = &line[skipped..size - skipped];
    let radius = narrow.len() / 2;
    smoothed.resize(width * (height + 2 * radius), 0.0);
    let inside = radius * width..(radius + height) * width;
    for (y, out) in smoothed[inside].chunks_exact_mut(width).enumerate() {
        let source = &padded[(size / 2 + y) * stride + skipped..];
        sums::row::<false, L>(source, stride, narrow, narrow.len(), out);
    }
    for y in (0..radius).chain(radius + height..height + 2 * radius) {
        let source = (radius + reflect(y, radius, height)) * width;
        smoothed.copy_within(source..source + width, y * width);
    }

    // So many pixels cost as much as convolving the plane as torch does.
    let most = plane.len() / 8;
    open.clear();
    open.reserve(most + width);
    marks.resize(width, 0);
    let limit = 0.5 - error;
    for (y, row) in plane.chunks_exact_mut(width).enumerate() {
        sums::row::<false, L>(&smoothed[y * width..], width, narrow, 1, sums);
        for ((out, mark), &sum) in row.iter_mut().zip(marks.iter_mut()).zip(sums.iter()) {
            let shifted = sum + WHOLE;
            *out = shifted.to_bits() as u8;
            *mark = u8::from((sum - (shifted - WHOLE)).abs() >= limit);
        }
        let (eights, rest) = marks.as_chunks::<8>();
        for (i, eight) in eights.iter().enumerate() {
            let mut bits = u64::from_le_bytes(*eight);
            while bits != 0 {
                open.push(y * width + i * 8 + bits.trailing_zeros() as usize / 8);
                bits &= bits - 1;
            }
        }
        for (i, mark) in rest.iter().enumerate() {
            if *mark != 0 {
                open.push(y * width + eights.len() * 8 + i);
            }
        }
        if open.len() > most {
            return false;
        }
    }
    for open in open.chunks(LANES) {
        let mut starts = [0; LANES];
        for (start, at) in starts.iter_mut().zip(open) {
            *start = at / width * stride + at % width;
        }
        let sums = sums::scattered::<LANES, L>(padded, stride, table, size, starts);
        for (at, sum) in open.iter().zip(sums) {
            plane[*at] = (sum + TO_BYTE).to_bits() as u8;
        }
    }
    true
}

/// Pixels that are summed again at once.
const LANES: usize = 8;
