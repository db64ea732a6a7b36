//! Gaussian blur: torchvision's float convolution with a reflected border, rounded back to bytes.

use super::math::exp;
use super::params::GaussianBlur;

/// Blurs three planes of `height` x `width` pixels.
///
/// torch accumulates the taps row by row, each with one fused multiply-add in f32, and rounds halves to even.
/// Another order, two separable passes or an unfused sum give other bytes.
#[inline(always)]
pub(super) fn blur<const AVX2: bool>(
    planes: &mut [u8],
    height: usize,
    width: usize,
    parameters: GaussianBlur,
    kernel: &mut Vec<f32>,
    padded: &mut Vec<f32>,
) {
    let size = parameters.kernel_size;
    gaussian_kernel(parameters, kernel);
    padded.resize((width + size - 1) * (height + size - 1), 0.0);
    for plane in planes.chunks_exact_mut(height * width) {
        pad(plane, width, size / 2, padded);
        match size {
            3 => convolve::<3, AVX2>(padded, kernel, 3, plane, width),
            size => convolve::<0, AVX2>(padded, kernel, size, plane, width),
        }
    }
}

/// Copies a plane into f32 with a border reflected about its outermost pixels.
#[inline(always)]
fn pad(plane: &[u8], width: usize, radius: usize, padded: &mut [f32]) {
    let height = plane.len() / width;
    for (y, row) in padded.chunks_exact_mut(width + 2 * radius).enumerate() {
        let source = &plane[reflect(y, radius, height) * width..][..width];
        for (out, x) in row[radius..].iter_mut().zip(source) {
            *out = f32::from(*x);
        }
        for i in 0..radius {
            row[i] = f32::from(source[radius - i]);
            row[radius + width + i] = f32::from(source[width - 2 - i]);
        }
    }
}

/// Convolves one padded plane. `SIZE` is the kernel's size if it is known, else 0.
#[inline(always)]
fn convolve<const SIZE: usize, const AVX2: bool>(
    padded: &[f32],
    kernel: &[f32],
    size: usize,
    plane: &mut [u8],
    width: usize,
) {
    const BLOCK: usize = 16;
    let size = if SIZE == 0 { size } else { SIZE };
    let kernel = &kernel[..size * size];
    let stride = width + size - 1;
    for (y, row) in plane.chunks_exact_mut(width).enumerate() {
        let (blocks, rest) = row.as_chunks_mut::<BLOCK>();
        let done = blocks.len() * BLOCK;
        for (i, out) in blocks.iter_mut().enumerate() {
            *out = weigh::<BLOCK, AVX2>(&padded[y * stride + i * BLOCK..], stride, kernel, size);
        }
        for (i, out) in rest.iter_mut().enumerate() {
            [*out] = weigh::<1, AVX2>(&padded[y * stride + done + i..], stride, kernel, size);
        }
    }
}

/// `LANES` neighbouring output pixels, from the padded plane at their first tap.
#[inline(always)]
fn weigh<const LANES: usize, const AVX2: bool>(
    padded: &[f32],
    stride: usize,
    kernel: &[f32],
    size: usize,
) -> [u8; LANES] {
    let mut sums = [0.0_f32; LANES];
    for y in 0..size {
        let row = &padded[y * stride..][..LANES + size - 1];
        for x in 0..size {
            let weight = kernel[y * size + x];
            for lane in 0..LANES {
                sums[lane] = multiply_add::<AVX2>(row[x + lane], weight, sums[lane]);
            }
        }
    }
    // Above 2^23 an f32 has no fraction: the addition rounds halves to even and leaves the byte lowest.
    sums.map(|sum| (sum + 8_388_608.0).to_bits() as u8)
}

/// `a * b + c` with one rounding, for the finite values, `c >= 0`, of this module.
#[inline(always)]
fn multiply_add<const AVX2: bool>(a: f32, b: f32, c: f32) -> f32 {
    if AVX2 || cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
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

/// Index into a side of `length` pixels of position `at` on the side padded by `radius` on both ends.
fn reflect(at: usize, radius: usize, length: usize) -> usize {
    let inside = at.abs_diff(radius);
    if inside < length { inside } else { 2 * (length - 1) - inside }
}

/// torchvision's kernel, `[size, size]`: the outer product of `exp(-0.5 (x / sigma)^2)` over its sum.
fn gaussian_kernel(GaussianBlur { sigma, kernel_size }: GaussianBlur, kernel: &mut Vec<f32>) {
    let half = (kernel_size / 2) as f32;
    kernel.resize(kernel_size * kernel_size, 0.0);
    // The last row serves as the one-dimensional kernel; it is overwritten last.
    let (table, line) = kernel.split_at_mut(kernel_size * (kernel_size - 1));
    for (i, weight) in line.iter_mut().enumerate() {
        let ratio = (i as f32 - half) / sigma;
        *weight = exp(f64::from(-0.5 * (ratio * ratio))) as f32;
    }
    let sum = torch_sum(line);
    line.iter_mut().for_each(|weight| *weight /= sum);
    for (row, &y) in table.chunks_exact_mut(kernel_size).zip(line.iter()) {
        row.iter_mut().zip(line.iter()).for_each(|(out, &x)| *out = y * x);
    }
    let last = line[kernel_size - 1];
    line.iter_mut().for_each(|weight| *weight *= last);
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
    use crate::rng::{ShuffleKey, Split, uniform};

    #[test]
    fn emulated_multiply_add_rounds_once() {
        let mut rng = ShuffleKey { seed: 5, split: Split::Test, epoch: 0 }.rng();
        for _ in 0..200_000 {
            let a = uniform(&mut rng, [0.0, 255.0]).floor();
            let b = exp(f64::from(uniform(&mut rng, [-60.0, 0.0]))) as f32;
            let c = uniform(&mut rng, [0.0, 255.0]) * exp(f64::from(uniform(&mut rng, [-30.0, 0.0]))) as f32;
            assert_eq!(multiply_add::<false>(a, b, c), a.mul_add(b, c), "{a} * {b} + {c}");
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
