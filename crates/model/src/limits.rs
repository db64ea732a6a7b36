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

/// The most parameters of a model: 40 GB of f32, for a typing error rather than for a machine.
const MAX_PARAMETERS: u64 = 10_000_000_000;

/// Refuses a model that no machine holds.
pub(crate) fn parameters(count: u64) -> Result<(), ModelError> {
    if count <= MAX_PARAMETERS {
        Ok(())
    } else {
        Err(ModelError::config("the number of parameters", format!("at most {MAX_PARAMETERS}"), count))
    }
}

/// Refuses a decay of a moving average outside `[0, 1]`.
pub(crate) fn decay(field: &'static str, value: f64) -> Result<(), ModelError> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(ModelError::config(field, "in [0, 1]", value)) }
}

/// The largest weight of a loss term.
const MAX_WEIGHT: f64 = 1e6;

/// Refuses a weight of a loss term that is negative, not finite, or beyond all use.
pub(crate) fn weight(field: &'static str, value: f64) -> Result<(), ModelError> {
    if (0.0..=MAX_WEIGHT).contains(&value) {
        Ok(())
    } else {
        Err(ModelError::config(field, format!("in [0, {MAX_WEIGHT}]"), value))
    }
}

/// Refuses a temperature by which no cosine should be divided.
pub(crate) fn temperature(value: f64) -> Result<(), ModelError> {
    if (1e-3..=1e3).contains(&value) {
        Ok(())
    } else {
        Err(ModelError::config("temperature", "in [0.001, 1000]", value))
    }
}
