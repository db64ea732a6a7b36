//! What a frozen probe reads and what it predicts.

use serde::{Deserialize, Serialize};

/// What a frozen probe reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Representation {
    /// z_AGG.
    Aggregate,
    /// z_1.
    First,
    /// concat(z_1, z_2).
    Pair,
}

impl Representation {
    /// Its name in messages and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Aggregate => "z_AGG",
            Self::First => "z_1",
            Self::Pair => "concat(z_1, z_2)",
        }
    }
}

/// What a frozen regressor predicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegressionTarget {
    /// The relative action from view 1 to view 2.
    #[default]
    Relative,
    /// The absolute action parameters of view 1.
    Absolute,
}
