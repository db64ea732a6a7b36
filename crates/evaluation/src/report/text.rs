//! Text from files that somebody else may have made, on its way to a terminal or into Markdown.

/// The text without control characters, and with `<` and `|` escaped, which would be markup or a cell's border.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' | '|' => clean.extend(['\\', c]),
            // Terminal escapes, line breaks, and what turns the direction of writing.
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                clean.push(' ')
            }
            c => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        assert_eq!(clean("a\u{1b}[31mb\nc"), "a [31mb c");
        assert_eq!(clean("<script>x|y</script>"), "\\<script>x\\|y\\</script>");
        assert_eq!(clean("\u{202e}Größe"), " Größe");
    }
}
