//! One self-contained HTML page from run folders: curves, figures with their protocols, maps of the representations.
//!
//! [`Report::read`] looks at run folders of any state, finished, partial or crashed, and [`Report::html`] makes a page of them that needs
//! no network, no server and no other file. What a folder lacks is a sentence in its place, with the command that makes it.
//!
//! ```no_run
//! use std::path::Path;
//! use seqjepa_report::Report;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let report = Report::read(&[Path::new("runs/quickstart")])?;
//! std::fs::write("report.html", report.html())?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is bounded
//!
//! A folder may be anybody's. Every file is read up to a size, links in the folder are not followed, every text is escaped, and nothing
//! of it becomes markup, style or script. At most [`MOST_RUNS`] runs share a page. A curve has at most some two thousand points, and all
//! curves of a page together some four hundred thousand: peaks are kept, whatever is thinned. Memory does not grow with the length of
//! a run. A page of one run takes one to three megabytes, and none more than some thirty.

mod chart;
mod error;
mod html;
mod map;
mod number;
mod picture;
mod read;
mod report;
mod section;

pub use error::ReportError;
pub use report::{MOST_RUNS, Report, is_report, pictures};

/// The README's program compiles as it stands.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
