//! Several runs and published figures side by side; what was not measured the same way is marked as such.

mod columns;
mod csv;
mod differences;
mod grid;
mod in_words;
mod markdown;
mod methods;
mod model;
mod run;
mod scatter;

pub use methods::{MethodTable, SweptMethod};
pub use model::Comparison;
pub use run::{ComparedRun, TrainedAs};
pub use scatter::ScatterPlot;
