//! Instruction sets at compile time.
//!
//! Every operator is plain Rust marked `#[inline(always)]`, written so that the compiler vectorises it, and generic
//! over a [`Level`]. The whole pipeline is compiled once for each level, inside a function that enables its
//! instructions. Where that is not enough, an operator has a kernel of its own for a level, in a file of that name.

/// What the caller of an operator promises to have enabled.
pub(super) trait Level {
    /// AVX2 and FMA.
    const AVX2: bool;
    /// AVX-512 with BW, VL, VBMI and VNNI.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only kernels for x86-64 ask"))]
    const AVX512: bool;
    /// NEON.
    const NEON: bool;
}

/// Whether multiply-adds round once without help.
#[inline(always)]
pub(super) const fn fused<L: Level>() -> bool {
    L::AVX2 || L::NEON || cfg!(any(target_feature = "fma", target_arch = "aarch64"))
}

/// The level of [`InstructionSet::Portable`](seqjepa_cpu::InstructionSet::Portable).
pub(super) struct Portable;

impl Level for Portable {
    const AVX2: bool = false;
    const AVX512: bool = false;
    const NEON: bool = false;
}

/// The level of [`InstructionSet::Avx2`](seqjepa_cpu::InstructionSet::Avx2).
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Level for Avx2 {
    const AVX2: bool = true;
    const AVX512: bool = false;
    const NEON: bool = false;
}

/// The level of [`InstructionSet::Avx512Vbmi`](seqjepa_cpu::InstructionSet::Avx512Vbmi).
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx512;

#[cfg(target_arch = "x86_64")]
impl Level for Avx512 {
    const AVX2: bool = true;
    const AVX512: bool = true;
    const NEON: bool = false;
}

/// The level of [`InstructionSet::Neon`](seqjepa_cpu::InstructionSet::Neon).
#[cfg(target_arch = "aarch64")]
pub(super) struct Neon;

#[cfg(target_arch = "aarch64")]
impl Level for Neon {
    const AVX2: bool = false;
    const AVX512: bool = false;
    const NEON: bool = true;
}
