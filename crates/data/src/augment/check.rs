//! Checks shared by policies and parameters.

use super::AugmentError;

/// Longest side of a view or crop, in pixels.
const MAX_SIDE: usize = 16_384;

pub(super) fn size(what: &'static str, height: usize, width: usize) -> Result<(), AugmentError> {
    if height == 0 || width == 0 {
        return Err(AugmentError::ZeroSize { what, height, width });
    }
    if height.max(width) > MAX_SIDE {
        return Err(AugmentError::TooLarge { what, height, width, most: MAX_SIDE });
    }
    Ok(())
}

pub(super) fn factor(name: &'static str, value: Option<f32>) -> Result<(), AugmentError> {
    match value {
        Some(value) if !(value >= 0.0 && value.is_finite()) => {
            Err(AugmentError::Factor { name, value, expected: "a finite number, at least 0" })
        }
        _ => Ok(()),
    }
}

pub(super) fn hue(value: Option<f32>) -> Result<(), AugmentError> {
    match value {
        Some(value) if !(-0.5..=0.5).contains(&value) => {
            Err(AugmentError::Factor { name: "the hue shift", value, expected: "in [-0.5, 0.5]" })
        }
        _ => Ok(()),
    }
}

pub(super) fn sigma(value: f32) -> Result<(), AugmentError> {
    if !(value > 0.0 && value.is_finite()) {
        return Err(AugmentError::Factor {
            name: "the blur's sigma",
            value,
            expected: "a finite number above 0",
        });
    }
    Ok(())
}

pub(super) fn kernel(size: usize, height: usize, width: usize) -> Result<(), AugmentError> {
    if size.is_multiple_of(2) {
        return Err(AugmentError::KernelSize { size });
    }
    if size / 2 >= height.min(width) {
        return Err(AugmentError::KernelTooLarge { size, height, width });
    }
    Ok(())
}
