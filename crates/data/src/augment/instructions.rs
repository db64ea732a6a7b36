//! Which instructions the operators may use.
//!
//! Every operator is plain Rust marked `#[inline(always)]`, written so that the compiler vectorises it. The whole
//! pipeline is compiled twice: for the target's baseline, and inside a function that enables AVX2 and FMA.
//! Where that is not enough, `resize` and `hue` have kernels of their own.

/// Chosen once per [`Scratch`](super::Scratch).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instructions {
    /// The target's baseline.
    Portable,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Instructions {
    /// The fastest that this processor has.
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Self::Avx2;
        }
        Self::Portable
    }
}
