//! What the unit tests compute with.

/// Numbers from -0.7 to 1.3 that look random and are the same every time.
pub(crate) fn values(count: usize, seed: u32) -> Vec<f32> {
    let next = |index: u32| (index ^ seed).wrapping_mul(0x9e37_79b9).wrapping_mul(0x85eb_ca6b) >> 8;
    (0..).take(count).map(|index| next(index) as f32 / (1 << 23) as f32 - 0.7).collect()
}
