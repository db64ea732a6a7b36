//! Counts of pairs as coloured cells.

use std::fmt::Write as _;

use crate::html::{escape, short};

/// Rows and columns of counts.
#[derive(Debug, Clone)]
pub(crate) struct Matrix<'a> {
    /// The names, of rows and columns alike.
    pub(crate) names: &'a [String],
    /// `[names, names]`
    pub(crate) counts: &'a [u32],
    /// What the picture is, for those who do not see it.
    pub(crate) words: &'a str,
}

/// Steps of the colour scale.
const STEPS: f64 = 9.0;
/// Pixels of the row names.
const NAMES: usize = 128;
/// Names up to which rows and columns have them, and cells their numbers.
const NAMED: usize = 24;

/// The matrix as SVG: the colour of a cell is its share of its row.
pub(crate) fn matrix(of: &Matrix) -> String {
    let count = of.names.len();
    let named = count <= NAMED;
    let cell = if count <= 12 {
        36
    } else if named {
        24
    } else {
        (640 / count.max(1)).clamp(2, 16)
    };
    let left = if named { NAMES } else { 20 };
    let top = 24;
    let (width, height) = (left + count * cell + 8, top + count * cell + 8);
    let mut svg = format!(
        "<svg class=\"chart matrix\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">",
        escape(of.words)
    );
    for row in 0..count {
        let counts = &of.counts[row * count..(row + 1) * count];
        let total = counts.iter().map(|count| u64::from(*count)).sum::<u64>().max(1);
        let y = top + row * cell;
        if named {
            let text = y + cell / 2 + 4;
            write!(
                svg,
                "<text class=\"f t\" x=\"{}\" y=\"{text}\" text-anchor=\"end\">{}</text>",
                left - 8,
                row_name(of, row)
            )
            .expect("a string takes any text");
            let x = left + row * cell + cell / 2;
            write!(
                svg,
                "<text class=\"f t\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{row}</text>",
                top - 8
            )
            .expect("a string takes any text");
        }
        for (column, count) in counts.iter().enumerate() {
            // Of many classes most cells are empty.
            if !named && *count == 0 {
                continue;
            }
            let share = f64::from(*count) / total as f64;
            let step = (share * STEPS).ceil().min(STEPS);
            let x = left + column * cell;
            let gap = usize::from(cell > 4);
            write!(
                svg,
                "<rect class=\"f h{step}\" x=\"{x}\" y=\"{y}\" width=\"{0}\" height=\"{0}\"><title>{1} as {2}: {count} of {total}</title></rect>",
                cell - gap,
                short(&of.names[row], 40),
                short(&of.names[column], 40)
            )
            .expect("a string takes any text");
            if named && *count > 0 && *count < 100_000 {
                write!(
                    svg,
                    "<text class=\"f i{}\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{count}</text>",
                    u8::from(share > 0.5),
                    x + cell / 2,
                    y + cell / 2 + 4
                )
                .expect("a string takes any text");
            }
        }
    }
    svg + "</svg>"
}

fn row_name(of: &Matrix, row: usize) -> String {
    format!("{} {row}", short(&of.names[row], 12))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_coloured_by_their_share_of_the_row() {
        let names = ["<a>".to_owned(), "b".to_owned()];
        let svg = matrix(&Matrix { names: &names, counts: &[9, 1, 0, 0], words: "\"words\"" });
        assert!(
            svg.contains("class=\"f h9\"")
                && svg.contains("class=\"f h1\"")
                && svg.contains("class=\"f h0\""),
            "{svg}"
        );
        assert!(
            svg.contains("&lt;a&gt; as b: 1 of 10") && !svg.contains("<a>") && svg.contains("&quot;words"),
            "{svg}"
        );
        let many: Vec<String> = (0..100).map(|name: u32| name.to_string()).collect();
        assert!(matrix(&Matrix { names: &many, counts: &vec![1; 10_000], words: "" }).len() < 2_000_000);
        assert!(matrix(&Matrix { names: &[], counts: &[], words: "" }).ends_with("</svg>"));
    }
}
