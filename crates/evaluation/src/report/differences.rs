//! What differs from a published figure, for a line of text.

use crate::card::PublishedFigure;

/// Differences that a line shows; the card has all.
const SHOWN: usize = 3;

/// Whether a figure was published of other data.
pub(crate) fn of_other_data(published: &PublishedFigure) -> bool {
    published.differences.iter().any(|difference| difference.starts_with("data set "))
}

/// The first few differences, and how many there are beyond.
pub(crate) fn shortened(differences: &[String]) -> String {
    let shown = differences[..differences.len().min(SHOWN)].join("; ");
    match differences.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

/// A note whose list of differences is shortened.
pub(crate) fn shortened_note(note: &str) -> String {
    let parts: Vec<String> = note.split("; ").map(str::to_owned).collect();
    shortened(&parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_the_first_differences() {
        assert_eq!(shortened_note("a: b; c"), "a: b; c");
        assert_eq!(shortened_note("a: b; c; d; e; f"), "a: b; c; d; and 2 more");
    }
}
