//! Text from files that somebody else may have made, on its way to a terminal or into Markdown.

/// Whether a character steers whatever shows it: a control character but for line end and tab, one that changes the direction of
/// writing, one that ends a line elsewhere than here, or one that is not to be seen. The joiners of Persian and Indian writing and of
/// emoji are kept.
fn steers(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\n' | '\t');
    control
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text without characters that steer a terminal (escapes, directions of writing), line ends and tabs kept.
///
/// ```
/// assert_eq!(seqjepa_evaluation::plain_text("a\u{1b}[31mb\u{202e}\n"), "a[31mb\n");
/// ```
#[must_use]
pub fn plain_text(text: &str) -> String {
    text.chars().filter(|&c| !steers(c)).collect()
}

/// The text on one line: line ends and tabs are spaces, and what steers a terminal is left out.
///
/// ```
/// assert_eq!(seqjepa_evaluation::one_line("a\u{1b}[31m\nerror: b\u{202e}"), "a[31m error: b");
/// ```
#[must_use]
pub fn one_line(text: &str) -> String {
    plain_text(&text.replace(['\n', '\r', '\t'], " "))
}

/// The text on one line, without what steers a terminal, and with escapes where Markdown would see markup, the border of a cell or
/// the target of a link.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '<' => clean.push_str("&lt;"),
            '|' | '`' => clean.extend(['\\', c]),
            // `[text](address)`, also as a picture.
            '(' if before == ']' => clean.extend(['\\', c]),
            '\n' | '\t' => clean.push(' '),
            c if steers(c) => clean.push(' '),
            c => clean.push(c),
        }
        before = c;
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        assert_eq!(clean("a\u{1b}[31mb\nc"), "a [31mb c");
        assert_eq!(plain_text("a\u{1b}[31mb\u{7}\r\n\tc\u{9b}2J\u{7f}"), "a[31mb\n\tc2J");
        assert_eq!(plain_text("\u{202e}txt.exe\u{2069}\u{200f}\u{e0041}"), "txt.exe");
        assert_eq!(plain_text("a\u{200b}b\u{ad}c\u{2060}d\u{fff9}"), "abcd");
        assert_eq!(plain_text("\u{645}\u{6cc}\u{200c}\u{62e}"), "\u{645}\u{6cc}\u{200c}\u{62e}");
        assert_eq!(plain_text("Prüfung: 30 % ≥ 29 %"), "Prüfung: 30 % ≥ 29 %");
    }

    #[test]
    fn nothing_reaches_markdown_but_text() {
        assert_eq!(clean("<script>x|y</script>"), "&lt;script>x\\|y&lt;/script>");
        assert_eq!(clean("![a](http://b)"), "![a]\\(http://b)");
        assert_eq!(clean("0.5 [0.4, 0.6] (n 3)"), "0.5 [0.4, 0.6] (n 3)");
        assert_eq!(clean("\u{202e}Größe"), " Größe");
    }
}
