//! What a frozen evaluation measures and how: the section `eval` of a config.

mod error;
mod evaluation_settings;
pub mod flag;
mod kinds;

pub use error::SettingError;
pub use evaluation_settings::EvaluationSettings;
pub use kinds::{ProbeOptimizer, ProtocolKind, RegressorKind};
