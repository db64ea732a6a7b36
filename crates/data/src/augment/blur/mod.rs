//! Gaussian blur: torchvision's float convolution with a reflected border, rounded back to bytes.
//!
//! torch accumulates all taps of a pixel row by row, each with one fused multiply-add in f32, and rounds halves
//! to even. Another order or two separable passes give other sums, hence, close to halves, other bytes. So small
//! kernels are summed as torch does ([`sums`]), and large ones in two passes whose distance from torch's sum is
//! bounded; where that leaves the byte open, the pixel is summed as torch does ([`separable`]).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod kernel;
#[cfg(target_arch = "aarch64")]
mod neon;
mod separable;
mod sums;

use super::level::{Level, fused};
use super::params::GaussianBlur;

/// Working memory of the blur.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// The weights of one dimension, `[size]`, and their outer product times [`kernel::SCALE`], `[size, size]`.
    line: Vec<f32>,
    table: Vec<f32>,
    /// The planes as they were.
    #[cfg(target_arch = "x86_64")]
    bytes: Vec<u8>,
    /// A plane in f32 with a reflected border, `[height + size - 1, width + size - 1]`.
    padded: Vec<f32>,
    /// The plane after the pass along the rows, `[height + size - 1, width]`.
    smoothed: Vec<f32>,
    /// Sums of one row, and marks of its pixels whose byte they leave open, `[width]`.
    sums: Vec<f32>,
    marks: Vec<u8>,
    /// Indices of those pixels in the plane.
    open: Vec<usize>,
}

/// The smallest kernel for which two passes are faster, with fused multiply-adds and without.
const SEPARABLE: [usize; 2] = [7, 3];

/// Blurs three planes of `height` x `width` pixels.
#[inline(always)]
pub(super) fn blur<L: Level>(
    planes: &mut [u8],
    height: usize,
    width: usize,
    parameters: GaussianBlur,
    buffers: &mut Buffers,
) {
    let size = parameters.kernel_size;
    if size == 1 {
        return;
    }
    let separable = size >= SEPARABLE[usize::from(!fused::<L>())];
    kernel::gaussian(parameters, &mut buffers.line, &mut buffers.table);
    #[cfg(target_arch = "x86_64")]
    if L::AVX512
        && let Some(table) = buffers.table.as_array()
    {
        buffers.bytes.clear();
        buffers.bytes.extend_from_slice(planes);
        // SAFETY: `L` says that the caller enables AVX-512.
        unsafe { avx512::convolve_3(&buffers.bytes, table, planes, height, width) };
        return;
    }
    buffers.padded.resize((width + size - 1) * (height + size - 1), 0.0);
    buffers.sums.resize(width, 0.0);
    let error = if separable { separable::error(&buffers.line, &buffers.table) } else { 0.0 };
    for plane in planes.chunks_exact_mut(height * width) {
        pad(plane, width, size / 2, &mut buffers.padded);
        if !(separable && separable::convolve::<L>(plane, width, error, buffers)) {
            convolve::<L>(plane, width, buffers);
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

/// Convolves the padded plane as torch does.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the sum, rounded, is the lowest byte of these bits")]
fn convolve<L: Level>(plane: &mut [u8], width: usize, buffers: &mut Buffers) {
    let Buffers { line, table, padded, sums, .. } = buffers;
    let size = line.len();
    #[cfg(target_arch = "x86_64")]
    if L::AVX2 && size == 3 && width >= avx2::LANES {
        // SAFETY: `L` says that the caller enables AVX2 and FMA.
        unsafe { avx2::convolve_3(padded, table, plane, width) };
        return;
    }
    #[cfg(target_arch = "aarch64")]
    if L::NEON && size == 3 && width >= neon::STRIP {
        // SAFETY: `L` says that the caller enables NEON.
        unsafe { neon::convolve_3(padded, table, plane, width) };
        return;
    }
    let stride = width + size - 1;
    for (y, row) in plane.chunks_exact_mut(width).enumerate() {
        sums::row::<true, L>(&padded[y * stride..], stride, table, size, sums);
        for (out, sum) in row.iter_mut().zip(sums.iter()) {
            *out = (sum + TO_BYTE).to_bits() as u8;
        }
    }
}

/// Above 2^23 units an f32 has no fraction of a unit, here [`kernel::SCALE`]: adding this rounds halves to even and
/// leaves the byte lowest.
const TO_BYTE: f32 = 8_388_608.0 * kernel::SCALE;

/// Index into a side of `length` pixels of position `at` on the side padded by `radius` on both ends.
fn reflect(at: usize, radius: usize, length: usize) -> usize {
    let inside = at.abs_diff(radius);
    if inside < length { inside } else { 2 * (length - 1) - inside }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::level::Portable;
    use crate::augment::{InstructionSet, Instructions};
    use crate::rng::{ShuffleKey, Split, below, uniform};

    /// Planes of noise, of noise of two neighbouring bytes (many sums near halves), of one byte, and of a step.
    fn planes(height: usize, width: usize, seed: u64) -> [Vec<u8>; 4] {
        let mut rng = ShuffleKey { seed, split: Split::Test, epoch: 0 }.rng();
        let mut noise = |low: usize, high: usize| -> Vec<u8> {
            (0..height * width).map(|_| (low + below(&mut rng, high + 1 - low)) as u8).collect()
        };
        let step = (0..height * width).map(|i| if i % width < width / 2 { 0 } else { 255 }).collect();
        [noise(0, 255), noise(254, 255), noise(7, 7), step]
    }

    /// Both ways give the same bytes; returns how many pixels two passes left open.
    #[inline(always)]
    fn compare<L: Level>() -> usize {
        let mut rng = ShuffleKey { seed: 11, split: Split::Test, epoch: 0 }.rng();
        let (mut open, mut buffers) = (0, Buffers::default());
        for (height, width) in [(16, 16), (33, 100), (40, 7), (70, 75)] {
            for radius in (1..height.min(width)).filter(|radius| *radius <= 15) {
                let parameters =
                    GaussianBlur { sigma: uniform(&mut rng, [0.1, 4.0]), kernel_size: 2 * radius + 1 };
                kernel::gaussian(parameters, &mut buffers.line, &mut buffers.table);
                let error = separable::error(&buffers.line, &buffers.table);
                buffers.padded.resize((width + 2 * radius) * (height + 2 * radius), 0.0);
                buffers.sums.resize(width, 0.0);
                for plane in planes(height, width, radius as u64) {
                    pad(&plane, width, radius, &mut buffers.padded);
                    let (mut direct, mut two_passes) = (plane.clone(), plane);
                    convolve::<L>(&mut direct, width, &mut buffers);
                    if separable::convolve::<L>(&mut two_passes, width, error, &mut buffers) {
                        assert!(direct == two_passes, "{height} x {width}, {parameters:?}");
                    }
                    open += buffers.open.len();
                    // An error of half a unit leaves every byte open.
                    assert!(!separable::convolve::<L>(&mut two_passes, width, 0.5, &mut buffers));
                }
            }
        }
        open
    }

    #[test]
    fn two_passes_give_the_bytes_of_one() {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn compare_avx2() -> usize {
            compare::<crate::augment::level::Avx2>()
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
        fn compare_avx512() -> usize {
            compare::<crate::augment::level::Avx512>()
        }
        #[cfg(target_arch = "aarch64")]
        #[target_feature(enable = "neon")]
        fn compare_neon() -> usize {
            compare::<crate::augment::level::Neon>()
        }
        for instructions in Instructions::available() {
            let open = match instructions.set() {
                // SAFETY: they are available.
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx2 => unsafe { compare_avx2() },
                // SAFETY: they are available.
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx512Vbmi => unsafe { compare_avx512() },
                // SAFETY: they are available.
                #[cfg(target_arch = "aarch64")]
                InstructionSet::Neon => unsafe { compare_neon() },
                _ => compare::<Portable>(),
            };
            assert!(open > 100, "{instructions}: {open}");
        }
    }
}
