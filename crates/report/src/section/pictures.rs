//! The thumbnails of each run, once in the page.

use crate::picture::Sheet;
use crate::read::ReportRun;

/// Runs whose features are shown: maps and thumbnails take most of a page.
pub(super) const SHOWN: usize = 4;

/// The sheet of a run's thumbnails with its element, which belongs into the page once.
pub(super) type Thumbnails = Option<(Sheet, String)>;

/// One for each run.
pub(super) fn sheets(runs: &[ReportRun]) -> Vec<Thumbnails> {
    let of = |(index, run): (usize, &ReportRun)| {
        let sample = run.sample.as_ref().ok().filter(|_| index < SHOWN)?;
        Sheet::new(&format!("thumbs{index}"), &sample.thumbnails, false)
    };
    runs.iter().enumerate().map(of).collect()
}
