use serde::{Deserialize, Serialize};

use super::protocol::Protocol;

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its name, such as `top1_z_agg_m5`; with the protocol's name it is unique in a card.
    pub name: String,
    /// The model's.
    pub trained: Measured,
    /// That of the model as the seed initialises it, under the same protocol.
    pub random: Measured,
    /// The published one, where there is one of this name and method.
    #[serde(rename = "paper")]
    pub published: Option<PublishedFigure>,
    /// How it was measured.
    pub protocol: Protocol,
}

/// A value, or why there is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The value: accuracies and hits in percent, R2 and mean reciprocal rank as they are.
    pub value: Option<f64>,
    /// 95 % bootstrap interval over the test samples.
    pub interval: Option<[f64; 2]>,
    /// The penalty that was chosen, where the fit has one.
    pub penalty: Option<f64>,
    /// Why there is no value, or what must be known of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
}

impl Measured {
    /// No value, for a reason.
    #[must_use]
    pub fn absent(reason: impl Into<String>) -> Self {
        Self { note: Some(reason.into()), ..Self::default() }
    }
}

/// A published figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishedFigure {
    /// The value, in the figure's unit.
    pub value: f64,
    /// Whether data set, method and protocol are the published ones; otherwise the value is for orientation.
    pub comparable: bool,
    /// What differs from the published data set, method and protocol, and from the training.
    pub differences: Vec<String>,
    /// Where it was published.
    #[serde(default = "seqjepa_paper")]
    pub source: String,
}

/// The one source of older cards.
fn seqjepa_paper() -> String {
    "arXiv 2505.03176".into()
}
