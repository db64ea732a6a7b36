//! Loops compiled for the widest vectors of the processor.

#[cfg(target_arch = "x86_64")]
use seqjepa_cpu::InstructionSet;
use seqjepa_cpu::Instructions;

/// Runs `work`, compiled for the widest vectors of this processor. The compiler contracts no operations and changes no order: the bits
/// are the same on all.
#[inline(always)]
pub(crate) fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    match Instructions::best().set() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Instructions` of these sets exist only where the processor has them.
        InstructionSet::Avx512 | InstructionSet::Avx512Vbmi => unsafe { avx512(work) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        InstructionSet::Avx2 => unsafe { avx2(work) },
        // NEON is in the baseline of 64-bit Arm.
        _ => work(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// A number rounded to f32.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
pub(crate) fn narrow(value: f64) -> f32 {
    value as f32
}
