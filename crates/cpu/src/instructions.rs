//! Which instructions the kernels may use.

use std::fmt;

/// Instruction sets that kernels are compiled for, those of an architecture from the slowest on. Each includes those of its
/// architecture before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum InstructionSet {
    /// What every processor of the target has.
    Portable,
    /// AVX2 and FMA (x86-64 since Haswell and Zen).
    Avx2,
    /// AVX-512 with BW, DQ and VL (x86-64 since Skylake-X).
    Avx512,
    /// AVX-512 with VBMI and VNNI as well (x86-64 since Ice Lake and Zen 4). The kernels of this crate use none of it that
    /// [`InstructionSet::Avx512`] lacks.
    Avx512Vbmi,
    /// NEON, also known as Advanced SIMD (64-bit Arm: Apple silicon, AWS Graviton, Ampere).
    Neon,
}

impl InstructionSet {
    /// The sets of this architecture.
    #[cfg(target_arch = "x86_64")]
    const ALL: &[Self] = &[Self::Portable, Self::Avx2, Self::Avx512, Self::Avx512Vbmi];
    /// The sets of this architecture.
    #[cfg(target_arch = "aarch64")]
    const ALL: &[Self] = &[Self::Portable, Self::Neon];
    /// The sets of this architecture.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    const ALL: &[Self] = &[Self::Portable];

    /// Whether this processor has what the set adds to those before it; the standard library keeps what it detects.
    fn is_detected(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vbmi => {
                is_x86_feature_detected!("avx512vbmi") && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            // Of another architecture.
            _ => false,
        }
    }
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512 without VBMI",
            Self::Avx512Vbmi => "AVX-512",
            Self::Neon => "NEON",
        })
    }
}

/// An [`InstructionSet`] that this processor has: only detection makes one, so that whoever holds it may run the kernels
/// of its set.
///
/// ```
/// use seqjepa_cpu::{InstructionSet, Instructions};
///
/// assert_eq!(Instructions::PORTABLE.set(), InstructionSet::Portable);
/// assert_eq!(Instructions::available().next_back(), Some(Instructions::best()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instructions(InstructionSet);

impl Instructions {
    /// What every processor of the target has.
    pub const PORTABLE: Self = Self(InstructionSet::Portable);

    /// The sets that this processor has, the fastest last. Never empty.
    pub fn available() -> impl DoubleEndedIterator<Item = Self> {
        // Each set includes those before it: the first that is missing ends the list.
        let count = InstructionSet::ALL.iter().take_while(|set| set.is_detected()).count();
        InstructionSet::ALL.iter().take(count).copied().map(Self)
    }

    /// The fastest set that this processor has.
    #[must_use]
    pub fn best() -> Self {
        Self::available().next_back().unwrap_or(Self::PORTABLE)
    }

    /// The set.
    #[must_use]
    pub fn set(self) -> InstructionSet {
        self.0
    }
}

impl fmt::Display for Instructions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_ordered_and_start_at_portable() {
        assert!(InstructionSet::ALL.is_sorted());
        let available: Vec<_> = Instructions::available().collect();
        assert_eq!(available[0], Instructions::PORTABLE);
        assert!(available.is_sorted());
        assert_eq!(available.last(), Some(&Instructions::best()));
    }

    /// Every processor that the target's standard library runs on has them.
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    #[test]
    fn arm_has_neon() {
        let available: Vec<_> = Instructions::available().map(Instructions::set).collect();
        assert_eq!(available, [InstructionSet::Portable, InstructionSet::Neon]);
        assert_eq!(Instructions::best().to_string(), "NEON");
    }
}
