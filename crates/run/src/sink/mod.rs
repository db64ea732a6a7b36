//! Observers that write the run folder's files.

mod csv;
mod jsonl;
mod status;

pub use csv::CsvSink;
pub use jsonl::JsonLinesSink;
pub(crate) use status::StatusSink;
