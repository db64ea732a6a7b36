//! Vectors of f32 behind one trait, so that a kernel is written once and compiled for each instruction set.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use portable::Portable;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::InstructionSet;
use crate::Instructions;

/// A vector register of f32.
///
/// # Safety
///
/// The methods may use instructions of the set that the type is named after: call them only where the processor has
/// them. They are always inlined, so that they become those instructions inside a function that enables the set.
pub(crate) unsafe trait Vector: Copy {
    /// Number of values in a vector.
    const LANES: usize;

    /// Number of vectors that a kernel keeps in registers.
    const REGISTERS: usize;

    /// Vectors of the next smaller size, where there is one.
    type Half: Vector;

    /// All lanes `value`.
    unsafe fn splat(value: f32) -> Self;

    /// The `LANES` values at `from`, of any alignment.
    unsafe fn load(from: *const f32) -> Self;

    /// Writes the lanes to `to`, of any alignment.
    unsafe fn store(self, to: *mut f32);

    /// `self * factor + addend` in each lane.
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self;

    /// `self + other` in each lane.
    unsafe fn add(self, other: Self) -> Self;

    /// `self - other` in each lane.
    unsafe fn subtract(self, other: Self) -> Self;

    /// The lanes of `self` and `other`, one after another, that have even numbers, and those that have odd ones.
    unsafe fn unzip(self, other: Self) -> [Self; 2];

    /// The inverse of [`Vector::unzip`]: lanes of `self` and `other` in turn.
    unsafe fn zip(self, other: Self) -> [Self; 2];

    /// Transposes a square of `LANES` rows of as many values: row r starts at `from + r * from_stride`, and column r goes
    /// to `to + r * to_stride`.
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize);
}

/// A computation that is written once for vectors of any instruction set.
pub(crate) trait Kernel {
    /// Runs it. Implementations are always inlined, like all that they call, so that they are compiled for the set.
    ///
    /// # Safety
    ///
    /// The processor has the instructions of `V`.
    unsafe fn run<V: Vector>(self);
}

/// Runs `kernel` with `instructions`.
pub(crate) fn run(instructions: Instructions, kernel: impl Kernel) {
    // SAFETY: `Instructions` exist only of sets that the processor has.
    unsafe {
        match instructions.set() {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 | InstructionSet::Avx512Vbmi => run_avx512(kernel),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => run_avx2(kernel),
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Neon => run_neon(kernel),
            _ => kernel.run::<Portable>(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn run_avx512(kernel: impl Kernel) {
    // SAFETY: this function has the instructions.
    unsafe { kernel.run::<Avx512>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2(kernel: impl Kernel) {
    // SAFETY: this function has the instructions.
    unsafe { kernel.run::<Avx2>() }
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
fn run_neon(kernel: impl Kernel) {
    // SAFETY: this function has the instructions.
    unsafe { kernel.run::<Neon>() }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Transpose<'a>(&'a [f32], &'a mut [f32]);

    impl Kernel for Transpose<'_> {
        unsafe fn run<V: Vector>(self) {
            let Self(from, to) = self;
            assert!(from.len() >= 20 * V::LANES && to.len() >= 17 * V::LANES);
            // SAFETY: rows of at most 16 values 20 apart, columns 17 apart, within the slices.
            unsafe { V::transpose(from.as_ptr(), 20, to.as_mut_ptr(), 17) };
            for (row, column) in (0..V::LANES).flat_map(|row| (0..V::LANES).map(move |column| (row, column)))
            {
                assert_eq!(to[column * 17 + row], from[row * 20 + column], "{row} {column}");
            }
        }
    }

    struct Zip<'a>(&'a [f32]);

    impl Kernel for Zip<'_> {
        unsafe fn run<V: Vector>(self) {
            let [mut unzipped, mut zipped] = [[0.0; 32]; 2];
            let lanes = V::LANES;
            assert!(self.0.len() >= 2 * lanes && zipped.len() >= 2 * lanes);
            // SAFETY: two vectors lie within each of the slices.
            unsafe {
                let vectors = V::load(self.0.as_ptr()).unzip(V::load(self.0.as_ptr().add(lanes)));
                for (index, vector) in vectors.into_iter().enumerate() {
                    vector.store(unzipped.as_mut_ptr().add(index * lanes));
                }
                for (index, vector) in vectors[0].zip(vectors[1]).into_iter().enumerate() {
                    vector.store(zipped.as_mut_ptr().add(index * lanes));
                }
            }
            for lane in 0..lanes {
                assert_eq!([unzipped[lane], unzipped[lanes + lane]], self.0[2 * lane..2 * lane + 2]);
            }
            assert_eq!(zipped[..2 * lanes], self.0[..2 * lanes]);
        }
    }

    #[test]
    fn lanes_are_zipped_and_unzipped() {
        let values = crate::test_values::values(32, 1);
        for instructions in Instructions::available() {
            run(instructions, Zip(&values));
        }
    }

    #[test]
    fn squares_are_transposed() {
        let from = crate::test_values::values(16 * 20, 1);
        for instructions in Instructions::available() {
            run(instructions, Transpose(&from, &mut [0.0; 16 * 17]));
        }
    }
}
