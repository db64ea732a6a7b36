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

/// The count that a saved number stands for; nothing for a number that is not a count.
#[cfg(feature = "burn")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a count")]
fn saved_count(saved: f64) -> Option<u64> {
    // Up to 2^53 an f64 holds every whole number.
    const MOST: f64 = 9_007_199_254_740_992.0;
    ((0.0..=MOST).contains(&saved) && saved.fract() == 0.0).then_some(saved as u64)
}
