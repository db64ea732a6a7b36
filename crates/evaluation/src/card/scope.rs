use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names::Invariant;

/// The method that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodRecord {
    /// Its name, as `seqjepa`.
    pub name: String,
    /// Its configuration; null in older cards.
    pub config: Value,
    /// Its invariant representation.
    pub invariant: Invariant,
}

/// What a card speaks of: what tables and comparisons go by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// Observed views M_val that the headline and all but top-1 and top-5 read.
    pub observed_views: usize,
    /// The protocols of the probes that were fitted, in order.
    pub protocols: Vec<String>,
    /// Seed of the views, of whatever a probe draws, and of the model as initialised.
    pub seed: u64,
    /// Groups of the action space, in order.
    pub groups: Vec<String>,
    /// Parameters of the action space, in order.
    pub parameters: Vec<String>,
}
