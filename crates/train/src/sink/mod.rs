//! Observers that write the run folder's metrics files.

mod csv;
mod jsonl;

pub use csv::CsvSink;
pub use jsonl::JsonLinesSink;
