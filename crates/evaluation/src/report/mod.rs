//! Results as tables that a person reads, on a terminal or as Markdown.

pub(crate) mod card;
mod diagnostics;
pub(crate) mod differences;
mod fit;
mod in_words;
pub(crate) mod numbers;
mod paths;
mod results;
mod table;
pub(crate) mod text;
mod verdict;
pub(crate) mod wrap;

pub use card::{card_table, card_text};
pub use results::{results_table, results_text};
pub use table::Table;
pub use text::{one_line, plain_text};
pub use wrap::wrapped;
