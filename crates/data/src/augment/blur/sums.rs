//! Weighted sums of neighbourhoods, in torch's order.

use crate::augment::level::{Level, fused};

/// Sums for neighbouring pixels of a row: from `source`, whose rows are `stride` long, at the first tap of the first
/// pixel. The weights are rows of `columns`.
/// Where `EXACT` is false a product may be rounded before it is added.
#[inline(always)]
pub(super) fn row<const EXACT: bool, L: Level>(
    source: &[f32],
    stride: usize,
    weights: &[f32],
    columns: usize,
    out: &mut [f32],
) {
    #[cfg(target_arch = "x86_64")]
    if L::AVX512 {
        // SAFETY: `L` says that the caller enables AVX-512.
        unsafe { super::avx512::row(source, stride, weights, columns, out) };
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if L::AVX2 && out.len() >= super::avx2::LANES {
        // SAFETY: `L` says that the caller enables AVX2 and FMA.
        unsafe { super::avx2::row(source, stride, weights, columns, out) };
        return;
    }
    #[cfg(target_arch = "aarch64")]
    if L::NEON && out.len() >= super::neon::LANES {
        // SAFETY: `L` says that the caller enables NEON.
        unsafe { super::neon::row(source, stride, weights, columns, out) };
        return;
    }
    const BLOCK: usize = 16;
    let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
    let done = blocks.len() * BLOCK;
    for (i, out) in blocks.iter_mut().enumerate() {
        *out = block::<BLOCK, EXACT, L>(&source[i * BLOCK..], stride, weights, columns);
    }
    for (i, out) in rest.iter_mut().enumerate() {
        [*out] = block::<1, EXACT, L>(&source[done + i..], stride, weights, columns);
    }
}

/// As [`row`], for `LANES` pixels.
#[inline(always)]
fn block<const LANES: usize, const EXACT: bool, L: Level>(
    source: &[f32],
    stride: usize,
    weights: &[f32],
    columns: usize,
) -> [f32; LANES] {
    let mut sums = [0.0_f32; LANES];
    for (y, weights) in weights.chunks_exact(columns).enumerate() {
        let pixels = &source[y * stride..][..LANES + columns - 1];
        for (x, &weight) in weights.iter().enumerate() {
            let pixels = &pixels[x..x + LANES];
            for lane in 0..LANES {
                sums[lane] = if EXACT || fused::<L>() {
                    multiply_add::<L>(pixels[lane], weight, sums[lane])
                } else {
                    pixels[lane] * weight + sums[lane]
                };
            }
        }
    }
    sums
}

/// Sums for the pixels whose first taps are at `starts` in `source`; as many chains of additions as run at once.
#[inline(always)]
pub(super) fn scattered<const LANES: usize, L: Level>(
    source: &[f32],
    stride: usize,
    table: &[f32],
    size: usize,
    starts: [usize; LANES],
) -> [f32; LANES] {
    let mut sums = [0.0_f32; LANES];
    for (y, weights) in table.chunks_exact(size).enumerate() {
        let mut rows: [&[f32]; LANES] = [&[]; LANES];
        for lane in 0..LANES {
            rows[lane] = &source[starts[lane] + y * stride..][..weights.len()];
        }
        for (x, &weight) in weights.iter().enumerate() {
            for lane in 0..LANES {
                sums[lane] = multiply_add::<L>(rows[lane][x], weight, sums[lane]);
            }
        }
    }
    sums
}

/// `a * b + c` with one rounding, for the finite values, `c >= 0`, of this module.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the one rounding of the sum")]
pub(super) fn multiply_add<L: Level>(a: f32, b: f32, c: f32) -> f32 {
    if fused::<L>() {
        return a.mul_add(b, c);
    }
    // The product is exact in f64. The sum is rounded to odd, from where rounding to f32 is as if from the exact
    // value (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
    let (product, addend) = (f64::from(a) * f64::from(b), f64::from(c));
    let sum = product + addend;
    let other = sum - product;
    let error = (product - (sum - other)) + (addend - other);
    let bits = sum.to_bits();
    let even = bits & 1 == 0;
    let up = u64::from(even && error > 0.0);
    let down = u64::from(even && error < 0.0);
    f64::from_bits(bits + up - down) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::level::Portable;
    use crate::augment::math::exp;
    use crate::rng::{ShuffleKey, Split, uniform};

    #[test]
    fn emulated_multiply_add_rounds_once() {
        let mut rng = ShuffleKey { seed: 5, split: Split::Test, epoch: 0 }.rng();
        for _ in 0..200_000 {
            let a = uniform(&mut rng, [0.0, 255.0]).floor();
            let b = exp(f64::from(uniform(&mut rng, [-60.0, 0.0]))) as f32;
            let c = uniform(&mut rng, [0.0, 255.0]) * exp(f64::from(uniform(&mut rng, [-30.0, 0.0]))) as f32;
            assert_eq!(multiply_add::<Portable>(a, b, c), a.mul_add(b, c), "{a} * {b} + {c}");
        }
    }
}
