//! Gaussian blur: torchvision's float convolution with a reflected border, rounded back to bytes.

use super::math::exp;
use super::params::GaussianBlur;

/// Blurs three planes of `height` x `width` pixels.
///
/// torch accumulates the taps row by row, each with one fused multiply-add in f32, and rounds halves to even.
/// Another order, two separable passes or an unfused sum give other bytes.
pub(super) fn blur(
    planes: &mut [u8],
    height: usize,
    width: usize,
    parameters: GaussianBlur,
    kernel: &mut Vec<f32>,
    padded: &mut Vec<f32>,
) {
    let size = parameters.kernel_size;
    gaussian_kernel(parameters, kernel);
    let (radius, stride) = (size / 2, width + size - 1);
    padded.resize(stride * (height + size - 1), 0.0);
    for plane in planes.chunks_exact_mut(height * width) {
        for (y, row) in padded.chunks_exact_mut(stride).enumerate() {
            let source = &plane[reflect(y, radius, height) * width..][..width];
            for (x, out) in row.iter_mut().enumerate() {
                *out = f32::from(source[reflect(x, radius, width)]);
            }
        }
        for (y, row) in plane.chunks_exact_mut(width).enumerate() {
            for (x, out) in row.iter_mut().enumerate() {
                let mut sum = 0.0;
                for (dy, weights) in kernel.chunks_exact(size).enumerate() {
                    let pixels = &padded[(y + dy) * stride + x..][..size];
                    sum = pixels.iter().zip(weights).fold(sum, |sum, (p, w)| p.mul_add(*w, sum));
                }
                *out = sum.round_ties_even() as u8;
            }
        }
    }
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
