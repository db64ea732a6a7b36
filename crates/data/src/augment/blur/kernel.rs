//! The blur's weights, with torch's bits.

use crate::augment::math::exp;
use crate::augment::params::GaussianBlur;

/// What the weights of the outer product are multiplied by, a power of two. Products of the kernel's tails lie among
/// f32's subnormal numbers, which some processors add a hundred times slower. Scaled they are normal, and so are all
/// sums; as pixels are whole numbers, a subnormal sum would have been exact, and every rounding is the same.
pub(super) const SCALE: f32 = (1_u128 << 64) as f32;

/// torchvision's kernel: `exp(-0.5 (x / sigma)^2)` over its sum in `line`, `[size]`, and the outer product of
/// that, rounded to f32, times [`SCALE`], in `table`, `[size, size]`.
#[expect(clippy::cast_possible_truncation, reason = "torch computes weights in f32")]
pub(super) fn gaussian(
    GaussianBlur { sigma, kernel_size }: GaussianBlur,
    line: &mut Vec<f32>,
    table: &mut Vec<f32>,
) {
    let radius = kernel_size / 2;
    line.resize(kernel_size, 0.0);
    for i in 0..=radius {
        let ratio = i as f32 / sigma;
        let weight = exp(f64::from(-0.5 * (ratio * ratio))) as f32;
        line[radius - i] = weight;
        line[radius + i] = weight;
    }
    let sum = torch_sum(line);
    line.iter_mut().for_each(|weight| *weight /= sum);
    table.resize(kernel_size * kernel_size, 0.0);
    for (row, &y) in table.chunks_exact_mut(kernel_size).zip(line.iter()) {
        row.iter_mut().zip(line.iter()).for_each(|(out, &x)| *out = product(y, x));
    }
}

/// `x * y`, rounded as an f32, times [`SCALE`].
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the one rounding of the product")]
fn product(x: f32, y: f32) -> f32 {
    // The distance of two subnormal numbers is 2^-149, and that of two f64 beside this one too.
    const SUBNORMAL: f64 = 1.5 / (1_u128 << 97) as f64;
    let exact = f64::from(x) * f64::from(y);
    let rounded = if exact < f64::from(f32::MIN_POSITIVE) { (exact + SUBNORMAL) - SUBNORMAL } else { exact };
    (rounded * f64::from(SCALE)) as f32
}

/// A sum in the order of `torch.sum` on a contiguous f32 vector: eight lanes, each over four interleaved
/// partial sums; what does not fill eight lanes comes first. Shorter vectors use one lane.
fn torch_sum(values: &[f32]) -> f32 {
    const LANES: usize = 8;
    if values.len() < LANES {
        return interleaved_sum(values.chunks_exact(1))[0];
    }
    let vectors = values.chunks_exact(LANES);
    let tail = vectors.remainder().iter().fold(0.0, |sum, x| sum + x);
    interleaved_sum(vectors).iter().fold(tail, |sum, x| sum + x)
}

/// Lane by lane, the sum of equally long vectors over four interleaved partial sums.
fn interleaved_sum<'a>(vectors: impl ExactSizeIterator<Item = &'a [f32]>) -> [f32; 8] {
    let mut partial = [[0.0_f32; 8]; 4];
    let whole = vectors.len() / 4 * 4;
    for (i, vector) in vectors.enumerate() {
        let sums = &mut partial[if i < whole { i % 4 } else { 0 }];
        sums.iter_mut().zip(vector).for_each(|(sum, x)| *sum += x);
    }
    let [mut total, others @ ..] = partial;
    for other in others {
        total.iter_mut().zip(other).for_each(|(sum, x)| *sum += x);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaled_products_are_those_of_f32() {
        for exponent in 0..150 {
            for mantissa in [0_u32, 1, 0x2a_aaaa, 0x55_5555, 0x7f_ffff] {
                let x = f32::from_bits(0x3f80_0000_u32.wrapping_sub(exponent << 22) & 0x7f80_0000 | mantissa);
                for y in [x, 0.7 * x, 0.3, 1.0, f32::from_bits(1)] {
                    assert_eq!(f64::from(product(x, y)), f64::from(x * y) * f64::from(SCALE), "{x} * {y}");
                }
            }
        }
    }

    // torch.rand(n, generator=torch.Generator().manual_seed(0)).sum() would need its generator here; these sums
    // differ between the orders: 2^24 absorbs a single 1 but not a pair.
    #[test]
    fn sums_follow_the_lanes_of_torch() {
        let big = 16_777_216.0;
        // Three values, one lane: (2^24 + 1) + 1 stays at 2^24.
        assert_eq!(torch_sum(&[big, 1.0, 1.0]), big);
        // Five values, four partial sums: the fifth joins the first, then the second: (1 + 1) + 2^24.
        assert_eq!(torch_sum(&[1.0, big, 0.0, 0.0, 1.0]), big + 2.0);
        // Nine values: the ninth starts the sum, then the eight lanes in order.
        assert_eq!(torch_sum(&[1.0, big, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]), big + 2.0);
    }
}
