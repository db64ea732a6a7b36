//! seq-JEPA (arXiv 2505.03176).

mod config;
mod exchange;
mod method;
mod model;

pub use config::{ActionConditioning, SeqJepaConfig, SeqJepaWithConfig, TargetConfig};
pub use model::{SeqJepa, SeqJepaWith};
