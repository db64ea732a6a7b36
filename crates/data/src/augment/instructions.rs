//! Which instructions the operators may use.
//!
//! Every operator is plain Rust marked `#[inline(always)]`, written so that the compiler vectorises it, and generic
//! over a [`Level`]. The whole pipeline is compiled once for each level, inside a function that enables its
//! instructions. Where that is not enough, an operator has a kernel of its own for a level, in a file of that name.

use std::fmt;

/// The instructions that views are made with; the bytes are the same with all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Instructions {
    /// What every processor of the target has.
    Portable,
    /// AVX2 and FMA (x86-64 since Haswell and Zen).
    Avx2,
    /// AVX-512 with BW, VL, VBMI and VNNI (x86-64 since Ice Lake and Zen 4).
    Avx512,
}

impl Instructions {
    /// All instruction sets, the fastest last.
    const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// Whether this processor has these instructions.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vbmi")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// The instruction sets that this processor has, the fastest last.
    #[must_use]
    pub fn available() -> impl DoubleEndedIterator<Item = Self> {
        Self::ALL.into_iter().filter(|instructions| instructions.is_available())
    }

    /// The fastest instruction set that this processor has.
    #[must_use]
    pub fn best() -> Self {
        Self::available().next_back().unwrap_or(Self::Portable)
    }
}

impl fmt::Display for Instructions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512",
        })
    }
}

/// [`Instructions`] at compile time: what the caller of an operator promises to have enabled.
pub(super) trait Level {
    /// AVX2 and FMA.
    const AVX2: bool;
    /// AVX-512 with BW, VL, VBMI and VNNI.
    const AVX512: bool;
}

/// The level of [`Instructions::Portable`].
pub(super) struct Portable;

impl Level for Portable {
    const AVX2: bool = false;
    const AVX512: bool = false;
}

/// The level of [`Instructions::Avx2`].
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Level for Avx2 {
    const AVX2: bool = true;
    const AVX512: bool = false;
}

/// The level of [`Instructions::Avx512`].
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx512;

#[cfg(target_arch = "x86_64")]
impl Level for Avx512 {
    const AVX2: bool = true;
    const AVX512: bool = true;
}
