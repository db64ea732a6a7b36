//! Exact probes: the optimum itself, in f64, instead of where gradient descent got to.
//!
//! - [`regression`]: ridge regression in closed form, its penalty chosen by leave-one-out.
//! - [`classification`]: multinomial logistic regression by L-BFGS to convergence, or Newton's method where that is slow,
//!   its penalty chosen on a part of the training samples that is held out.
//!
//! The figures depend on features, targets and the configuration, on no learning rate, number of
//! epochs or order of samples. Both agree with scikit-learn (`RidgeCV`, `LogisticRegression`) and give
//! the same bits at any thread count.
//!
//! # What happens to odd data
//!
//! | case | regression | classification |
//! |---|---|---|
//! | no training samples | [`InputError::Setting`](crate::InputError) | the same |
//! | one training sample | predicts its target | predicts its class |
//! | no more samples than dimensions | solved in the dual, `samples x samples` | the same |
//! | constant or repeated features | no weight; shared weight | the same |
//! | constant training target | predicts it | predicts the class |
//! | constant test target | R² 0, or 1 if exact, marked `constant` | - |
//! | a class without training samples | - | its test samples count as wrong |
//! | no test samples (R²: fewer than 2) | figures absent | figures absent |
//! | NaN, infinity, labels out of range, sizes that do not fit | typed errors | typed errors |
//!
//! ```
//! use seqjepa_probes::exact::{LogisticConfig, RidgeConfig, classification, regression};
//! use seqjepa_probes::{Bootstrap, Features, Labelled, TargetNames, Targeted};
//!
//! let features: Vec<f32> = (0..60).map(|index| (index as f32).sin()).collect();
//! let features = Features::new(&features, 2)?;
//! let sums: Vec<f32> = (0..30).map(|row| ((2 * row) as f32).sin() + ((2 * row + 1) as f32).sin()).collect();
//! let data = Targeted::new(features.clone(), &sums, 1)?;
//! let names = TargetNames::new(["sum"]);
//! let result = regression(&data, &data, &names, &RidgeConfig::default(), &Bootstrap::default())?;
//! assert!(result.scores.output("sum").unwrap().value > 0.999);
//!
//! let signs: Vec<u32> = sums.iter().map(|sum| u32::from(*sum > 0.0)).collect();
//! let data = Labelled::new(features, &signs)?;
//! let result = classification(&data, &data, 2, &LogisticConfig::default(), &Bootstrap::default())?;
//! assert!(result.top1.unwrap().value > 95.0);
//! # Ok::<(), seqjepa_probes::NumericError>(())
//! ```

mod block;
mod config;
mod conjugate;
mod coordinates;
mod lbfgs;
mod leave_one_out;
mod logistic;
mod mixed;
mod newton;
mod remainder;
mod result;
mod ridge;
mod selection;
mod single;
mod softmax;

pub use config::{LogisticConfig, RidgeConfig};
pub use lbfgs::Convergence;
pub use logistic::Logistic;
pub use result::{
    ClassificationResult, RegressionResult, classification, classification_with_predictions, regression,
};
pub use ridge::Ridge;
