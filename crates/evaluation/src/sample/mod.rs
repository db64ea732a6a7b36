//! What a picture of the features needs, kept beside the card: some test sequences with their representations.

mod content;
mod file;
mod make;

pub use content::{EvaluationSample, Pictures, SampleTable};
pub use file::SampleError;
pub(crate) use make::{Kept, kept};
