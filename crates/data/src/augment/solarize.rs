//! Solarisation: PIL's `ImageOps.solarize`.

/// Inverts the bytes at or above the threshold.
#[inline(always)]
pub(super) fn solarize(bytes: &mut [u8], threshold: u8) {
    for byte in bytes {
        *byte = if *byte >= threshold { 255 - *byte } else { *byte };
    }
}
