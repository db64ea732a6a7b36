//! The result card: every figure with all that a reader must know to compare it.

mod device_check;
mod diagnosed;
mod error;
mod figure;
mod older;
mod origin;
mod protocol;
mod result_card;
mod scope;

pub use device_check::{DeviceCheck, DeviceCheckRecord};
pub use diagnosed::{Diagnosed, DiagnosticsRecord, RepresentationDiagnostics};
pub use error::CardError;
pub use figure::{Figure, Measured, PublishedFigure};
pub use origin::{DataRecord, ModelOrigin, ModelRecord, ModelSource, TestedSplit};
pub use protocol::{Fit, Protocol};
pub use result_card::ResultCard;
pub use scope::{MethodRecord, Scope};

#[cfg(test)]
pub(crate) mod tests_support;
