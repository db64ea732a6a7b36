//! Results as tables that a person reads, on a terminal or as Markdown.

pub(crate) mod card;
mod diagnostics;
pub(crate) mod differences;
pub(crate) mod numbers;
mod results;
mod table;
pub(crate) mod text;

pub use card::card_table;
pub use results::results_table;
pub use table::Table;
pub use text::plain_text;
