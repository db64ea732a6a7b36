//! Text of others on its way into a page.

use std::fmt::Write as _;

/// The page's style.
pub(crate) const STYLE: &str = include_str!("../assets/style.css");

/// The text where HTML and SVG have text or a quoted attribute: no markup, no control characters, nothing that turns the direction of
/// writing.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in seqjepa_evaluation::plain_text(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The first `most` characters of a text, escaped.
pub(crate) fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => escape(text),
        Some((end, _)) => escape(&text[..end]) + "…",
    }
}

/// A text as JSON inside a `<script>` element of data: nothing in it can end the element.
pub(crate) fn json_text(text: &str) -> String {
    let text = seqjepa_evaluation::plain_text(text);
    let json = serde_json::to_string(&text).expect("a text is plain data");
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                write!(safe, "\\u{:04x}", u32::from(c)).expect("a string takes any text");
            }
            c => safe.push(c),
        }
    }
    safe
}

/// A list of numbers as JSON, to some significant digits; what is not finite as null.
pub(crate) fn json_numbers(numbers: impl IntoIterator<Item = f64>) -> String {
    let mut json = String::from("[");
    for (index, number) in numbers.into_iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        json.push_str(&json_number(number));
    }
    json + "]"
}

/// One number as JSON.
pub(crate) fn json_number(number: f64) -> String {
    if !number.is_finite() {
        return "null".into();
    }
    let exact = format!("{number}");
    let rounded = format!("{number:.5e}");
    // 1.20000e-3 reads back as the shortest that says the same.
    let rounded = rounded.parse::<f64>().map_or(rounded, |rounded| {
        let (plain, scientific) = (format!("{rounded}"), format!("{rounded:e}"));
        if scientific.len() < plain.len() { scientific } else { plain }
    });
    if exact.len() <= rounded.len() { exact } else { rounded }
}

/// A table of cells that are HTML already: titles, then rows, whose first cell is their title.
pub(crate) fn table(caption: &str, titles: &[String], rows: &[Vec<String>]) -> String {
    let mut html = format!("<div class=\"scroll\"><table><caption>{caption}</caption><thead><tr>");
    for title in titles {
        write!(html, "<th scope=\"col\">{title}</th>").expect("a string takes any text");
    }
    html += "</tr></thead><tbody>";
    for row in rows {
        html += "<tr>";
        for (index, cell) in row.iter().enumerate() {
            let cell = if index == 0 {
                format!("<th scope=\"row\">{cell}</th>")
            } else {
                format!("<td>{cell}</td>")
            };
            html += &cell;
        }
        html += "</tr>";
    }
    html + "</tbody></table></div>\n"
}

/// Why a part of the page is not there, and what makes it; both are HTML.
pub(crate) fn absent(reason: &str) -> String {
    format!("<p class=\"absent\">{reason}</p>\n")
}

/// A command to type.
pub(crate) fn command(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(
            escape("<script>alert('x')&\"\u{1b}\u{202e}"),
            "&lt;script&gt;alert(&#39;x&#39;)&amp;&quot;"
        );
        assert_eq!(short("<a>bc", 3), "&lt;a&gt;…");
        assert_eq!(short("ab", 3), "ab");
        assert_eq!(json_text("</script><!--\u{2028}\""), "\"\\u003c/script\\u003e\\u003c!--\\\"\"");
        assert!(command("`<b>`").contains("&lt;b&gt;"));
    }

    #[test]
    fn numbers_are_short_and_valid_json() {
        assert_eq!(
            json_numbers([1.0, 0.25, f64::NAN, 1.0 / 3.0, 1e-9, -123_456_789.0]),
            "[1,0.25,null,0.333333,1e-9,-123456789]"
        );
        for number in [0.1 + 0.2, 1e300, -5e-324, 1234.5678] {
            let read: f64 = serde_json::from_str(&json_number(number)).unwrap();
            assert!((read - number).abs() <= number.abs() * 1e-5, "{number} {read}");
        }
    }
}
