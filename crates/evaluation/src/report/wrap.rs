//! Text that fits a width, counted in the columns of a terminal: a wide character, as of Chinese, takes two.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that a text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// Lines of at most `width` columns (at least 1), broken at spaces; those within brackets, as of an interval, break only where they
/// must. A word that is wider than a line is cut.
pub(crate) fn lines(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for word in words(text) {
        for word in fitting(word, width) {
            let line = lines.last_mut().expect("there is a line");
            if line.is_empty() {
                line.push_str(word);
            } else if columns(line) + 1 + columns(word) <= width {
                line.push(' ');
                line.push_str(word);
            } else {
                lines.push(word.to_owned());
            }
        }
    }
    lines
}

/// The widest word, brackets taken as one.
pub(crate) fn widest_word(text: &str) -> usize {
    words(text).into_iter().map(columns).max().unwrap_or(0)
}

/// A paragraph of lines of at most `width` columns, each with a line end, from the second on indented.
///
/// ```
/// let text = seqjepa_evaluation::wrapped("R2: 1 is perfect, 0 no better than the mean", 24, 2);
/// assert_eq!(text, "R2: 1 is perfect, 0 no\n  better than the mean\n");
/// ```
#[must_use]
pub fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let mut out = String::new();
    let indent = indent.min(width.saturating_sub(1));
    let mut rest: Vec<&str> = words(text);
    let mut first = true;
    while !rest.is_empty() || first {
        let room = if first { width } else { width - indent }.max(1);
        let mut line = String::new();
        while let Some(word) = rest.first().copied() {
            let gap = usize::from(!line.is_empty());
            if columns(&line) + gap + columns(word) <= room {
                line += if gap == 1 { " " } else { "" };
                line += word;
                rest.remove(0);
            } else if line.is_empty() {
                // Only a part of it fits: the rest is a word of its own.
                let parts = fitting(word, room);
                line += parts[0];
                rest.splice(0..1, parts[1..].iter().copied());
            } else {
                break;
            }
        }
        if !first {
            out += &" ".repeat(indent);
        }
        out += &line;
        out.push('\n');
        first = false;
    }
    out
}

/// Words of a text; a bracket of at most a few words, `[0.1, 0.2]`, is one.
fn words(text: &str) -> Vec<&str> {
    /// What is longer is prose.
    const LONGEST_BRACKET: usize = 24;
    let mut words = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let bracket = rest.starts_with('[').then(|| rest.find(']')).flatten();
        let from = bracket.filter(|end| *end < LONGEST_BRACKET).unwrap_or(0);
        // A spread stays with its sign.
        let from = if rest.starts_with("± ") { "± ".len() } else { from };
        let end = rest[from..].find(' ').map_or(rest.len(), |end| from + end);
        words.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    words
}

/// The word in parts that fit, broken at its spaces first, then behind the signs that join names.
fn fitting(word: &str, width: usize) -> Vec<&str> {
    if columns(word) <= width {
        return vec![word];
    }
    let mut parts = Vec::new();
    for word in word.split(' ').filter(|word| !word.is_empty()) {
        let (mut start, mut taken) = (0, 0);
        for (at, c) in word.char_indices() {
            let own = c.width().unwrap_or(0);
            if taken + own > width && at > start {
                // Behind a sign that joins names, where there is one.
                let join = word[start..at].rfind(['_', '-', '/']).map_or(at, |join| start + join + 1);
                parts.push(&word[start..join]);
                (start, taken) = (join, columns(&word[join..at]));
            }
            taken += own;
        }
        parts.push(&word[start..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_stays_in_one_piece_where_it_can() {
        assert_eq!(lines("58.15 [56.01, 60.26]", 20), ["58.15 [56.01, 60.26]"]);
        assert_eq!(lines("58.15 [56.01, 60.26]", 19), ["58.15", "[56.01, 60.26]"]);
        assert_eq!(lines("58.15 [56.01, 60.26]", 8), ["58.15", "[56.01,", "60.26]"]);
        assert_eq!(lines("leakage_r2_mean", 13), ["leakage_r2_", "mean"]);
        assert_eq!(lines("31.20 ± 1.73", 9), ["31.20", "± 1.73"]);
        assert_eq!((widest_word("58.15 [56.01, 60.26] [3]"), widest_word("")), (14, 0));
    }

    #[test]
    fn no_line_is_wider_than_it_may_be() {
        for text in
            ["", "a", "internationalisation of names", "数据集 数据集の名前がとても長い", "a [b c d e f g h"]
        {
            for width in 1..30 {
                let found = lines(text, width);
                // One character may be wider than the line.
                assert!(found.iter().all(|line| columns(line) <= width.max(2)), "{text} {width} {found:?}");
                let squeeze = |text: &str| text.replace(' ', "");
                assert_eq!(squeeze(&found.concat()), squeeze(text));
                for line in wrapped(text, width, 2).lines() {
                    assert!(columns(line) <= width.max(4), "{text} {width} {line}");
                }
                assert_eq!(squeeze(&wrapped(text, width, 2)).replace('\n', ""), squeeze(text));
            }
        }
        assert_eq!(lines("数据集", 4), ["数据", "集"]);
    }
}
