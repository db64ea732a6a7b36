//! Surfaces: how much of a second colour shows at a point.

use super::shape::{Point, length};

/// The surface of an object or a background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// A slow gradient.
    Plain,
    Stripes,
    Checks,
    Dots,
    /// Concentric rings.
    Rings,
}

impl Pattern {
    /// Share of the second colour in `[0, 1]`; `frequency` is in periods per unit of length.
    pub(super) fn shade(self, [x, y]: Point, frequency: f32) -> f32 {
        match self {
            Self::Plain => (0.5 + 0.4 * y).clamp(0.0, 1.0),
            Self::Stripes => step(0.5, wave(frequency * x)),
            Self::Checks => {
                let (across, down) = (step(0.5, wave(frequency * x)), step(0.5, wave(frequency * y)));
                across + down - 2.0 * across * down
            }
            Self::Dots => {
                let place = [cell(frequency * x), cell(frequency * y)];
                // Discs of this radius cover half of each cell.
                1.0 - step(0.4, length(place))
            }
            Self::Rings => step(0.5, wave(frequency * length([x, y]))),
        }
    }
}

/// A triangle wave of period 1 between 0 and 1.
fn wave(phase: f32) -> f32 {
    (2.0 * (phase - phase.floor()) - 1.0).abs()
}

/// Signed distance in periods from the middle of a cell of period 1, -0.5 to 0.5.
fn cell(phase: f32) -> f32 {
    phase - phase.floor() - 0.5
}

/// A soft step from 0 to 1 around `threshold`.
fn step(threshold: f32, value: f32) -> f32 {
    const SOFTNESS: f32 = 0.12;
    smooth((value - threshold) / (2.0 * SOFTNESS) + 0.5)
}

/// `3t^2 - 2t^3` on `[0, 1]`, constant outside.
pub(super) fn smooth(value: f32) -> f32 {
    let value = value.clamp(0.0, 1.0);
    value * value * (3.0 - 2.0 * value)
}
