//! Is the arithmetic of a device right? Checked against Burn's Flex backend on the processor before anyone trains on it.
//!
//! A wrong kernel does not crash: a run goes on, its loss looks plausible, and the model has learnt from something else than
//! what was asked for. Kernels are chosen by shape, so [`check_method`] takes a run's own model and its own batch:
//! representations, loss, every gradient, and the optimizer's step. [`check_operators`] goes through the operators that this
//! project is made of, at awkward shapes.

mod deviation;
mod method;
mod operators;
mod source;

pub(crate) use deviation::rounds_factors;
pub use deviation::{Bounds, Deviation, DeviceCheckError};
pub use method::{MethodCheck, check_method};
pub use operators::{OperatorReport, check_operators, precisions};
