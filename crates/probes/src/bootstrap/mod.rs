//! Percentile bootstrap intervals over test samples.

mod estimate;
mod regression;
mod resample;

pub use estimate::Estimate;
pub use regression::{GroupScore, OutputScore, RegressionScores, TargetNames, regression_scores};
pub use resample::Bootstrap;
