//! Ranges that configurations are held to.

use crate::error::ModelError;

/// The largest width, side or number of heads; products of two stay far from overflow.
const MAX_SIZE: usize = 1 << 16;

/// The most layers of a transformer.
pub(crate) const MAX_LAYERS: usize = 1024;

/// Refuses zero and what no model has.
pub(crate) fn size(field: &'static str, value: usize) -> Result<(), ModelError> {
    within(field, value, MAX_SIZE)
}

/// Refuses zero and values above `most`.
pub(crate) fn within(field: &'static str, value: usize, most: usize) -> Result<(), ModelError> {
    if (1..=most).contains(&value) {
        Ok(())
    } else {
        Err(ModelError::config(field, format!("1 to {most}"), value))
    }
}
