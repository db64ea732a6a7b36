//! Streaming metrics: exact in f64, mergeable, stable over millions of samples.
//!
//! Each metric takes batches in any number and size, from one thread or many: accumulate apart and
//! [`merge`](R2::merge). None keeps samples. Values are plain slices, so that any framework's
//! numbers can be measured.

mod accuracy;
mod mean;
mod named;
mod r2;

pub use accuracy::TopK;
pub(crate) use accuracy::rank;
pub use mean::Mean;
pub use named::Metrics;
pub use r2::{OutputGroup, R2, R2Score};
