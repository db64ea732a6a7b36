//! Vectors of f32 behind one trait, so that a kernel is written once and compiled for each instruction set.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use portable::Portable;

/// A vector register of f32.
///
/// # Safety
///
/// The methods may use instructions of the set that the type is named after: call them only where the processor has
/// them. They are always inlined, so that they become those instructions inside a function that enables the set.
pub(crate) unsafe trait Vector: Copy {
    /// Number of values in a vector.
    const LANES: usize;

    /// All lanes `value`.
    unsafe fn splat(value: f32) -> Self;

    /// The `LANES` values at `from`, of any alignment.
    unsafe fn load(from: *const f32) -> Self;

    /// Writes the lanes to `to`, of any alignment.
    unsafe fn store(self, to: *mut f32);

    /// `self * factor + addend` in each lane.
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self;
}
