use seqjepa_probes::diagnostics::{Diagnostics, Drift};
use serde::{Deserialize, Serialize};

/// Collapse diagnostics of both models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnosed {
    /// The trained model's.
    pub trained: DiagnosticsRecord,
    /// Those of the model as initialised.
    pub random: DiagnosticsRecord,
}

/// Diagnostics of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiagnosticsRecord {
    /// Of the encoder's representations, over all views that were encoded.
    pub encoder: RepresentationDiagnostics,
    /// Of the invariant representation, over M_val views where it is one of the sequence.
    pub aggregate: RepresentationDiagnostics,
    /// How far online and target encoder are apart on view 1.
    pub drift: Option<Drift>,
    /// Why there is no drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_absent: Option<String>,
}

/// Diagnostics of one representation, or why there are none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepresentationDiagnostics {
    /// The figures and the verdict.
    pub figures: Option<Diagnostics>,
    /// Why there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<String>,
}
