//! A table as plain text of a given width.

use super::wrap::{columns, lines, widest_word};

/// Spaces between columns.
const GAP: usize = 2;

/// A narrower table than this holds nothing.
const NARROWEST: usize = 20;

/// `rows` in at most `width` columns; the first row has the titles, and a row of one cell is a heading.
pub(super) fn fit(rows: &[Vec<String>], width: usize) -> String {
    let width = width.max(NARROWEST);
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let table: Vec<Column> = (0..count).map(|index| Column::of(rows, count, index, width)).collect();
    let mut text = String::new();
    let mut next = 1;
    loop {
        // The names, and as many further columns as fit.
        let mut chosen: Vec<usize> = (0..count.min(1)).collect();
        let least = |chosen: &[usize]| {
            chosen.iter().map(|column| table[*column].least).sum::<usize>() + GAP * (chosen.len().max(1) - 1)
        };
        while next < count {
            chosen.push(next);
            if chosen.len() > 2 && least(&chosen) > width {
                chosen.pop();
                break;
            }
            next += 1;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        block(rows, &table, &chosen, width, &mut text);
        if next >= count {
            return text;
        }
    }
}

/// What a column needs.
struct Column {
    /// Columns of the terminal without a break in a cell, and with breaks between words alone.
    whole: usize,
    least: usize,
    /// Whether it holds words, which stand to the left, and not figures.
    of_words: bool,
}

impl Column {
    fn of(rows: &[Vec<String>], count: usize, index: usize, width: usize) -> Self {
        // A heading goes over all columns.
        let cells = || rows.iter().filter(|row| row.len() > 1 || count == 1).filter_map(|row| row.get(index));
        let most = if index == 0 { (width / 3).max(8) } else { (width / 2).saturating_sub(GAP).max(8) };
        let least = cells().map(|cell| widest_word(cell)).max().unwrap_or(0).min(most).max(1);
        Self {
            whole: cells().map(|cell| columns(cell)).max().unwrap_or(0).min(width).max(1),
            least,
            of_words: index == 0 || cells().skip(1).any(|cell| cell.starts_with(|c: char| c.is_alphabetic())),
        }
    }
}

fn block(rows: &[Vec<String>], table: &[Column], chosen: &[usize], width: usize, text: &mut String) {
    let mut widths: Vec<usize> = chosen.iter().map(|column| table[*column].whole).collect();
    let gaps = GAP * (chosen.len().max(1) - 1);
    while widths.iter().sum::<usize>() + gaps > width {
        // The widest of those that may become narrower; names last.
        let may = |index: &usize| widths[*index] > table[chosen[*index]].least;
        let Some(index) =
            (1..widths.len()).filter(may).max_by_key(|index| widths[*index]).or(Some(0).filter(may))
        else {
            // A single word is wider than the table: the widest column is cut.
            let Some(index) =
                (0..widths.len()).filter(|index| widths[*index] > 1).max_by_key(|index| widths[*index])
            else {
                break;
            };
            widths[index] -= 1;
            continue;
        };
        widths[index] -= 1;
    }
    // What the breaks leave unused.
    let wrapped: Vec<Option<Vec<Vec<String>>>> = rows
        .iter()
        .enumerate()
        .map(|(number, row)| {
            let heading = row.len() == 1 && number > 0 && table.len() > 1;
            let cell = |column: &usize| row.get(*column).map_or("", String::as_str);
            (!heading).then(|| {
                chosen.iter().zip(&widths).map(|(column, width)| lines(cell(column), *width)).collect()
            })
        })
        .collect();
    for (index, own) in widths.iter_mut().enumerate() {
        let cells = wrapped.iter().flatten().flat_map(|row| &row[index]);
        *own = cells.map(|line| columns(line)).max().unwrap_or(0);
    }
    for (number, (row, cells)) in rows.iter().zip(&wrapped).enumerate() {
        let Some(cells) = cells else {
            text.push('\n');
            for line in lines(&row[0], width) {
                text.push_str(&line);
                text.push('\n');
            }
            continue;
        };
        for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let mut printed = String::new();
            for ((cell, width), column) in cells.iter().zip(&widths).zip(chosen) {
                let cell = cell.get(line).map_or("", String::as_str);
                let pad = " ".repeat(width.saturating_sub(columns(cell)));
                let gap = if *column == 0 { 0 } else { GAP };
                printed += &" ".repeat(gap);
                printed +=
                    &if table[*column].of_words { format!("{cell}{pad}") } else { format!("{pad}{cell}") };
            }
            text.push_str(printed.trim_end());
            text.push('\n');
        }
        if number == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            text.push_str(&rules.join(&" ".repeat(GAP)));
            text.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn words_stand_to_the_left_and_figures_to_the_right() {
        let text =
            fit(&rows(&[&["name", "value", "verdict"], &["a", "1.5", "better"], &["b", "-0.5", "-"]]), 80);
        assert_eq!(text, "name  value  verdict\n----  -----  -------\na       1.5  better\nb      -0.5  -\n");
    }

    #[test]
    fn a_heading_goes_over_all_columns() {
        let text = fit(&rows(&[&["name", "value"], &["a heading of some length"], &["a", "1"]]), 80);
        assert_eq!(text, "name  value\n----  -----\n\na heading of some length\na         1\n");
    }

    #[test]
    fn columns_that_do_not_fit_follow_below_with_the_names() {
        let text =
            fit(&rows(&[&["name", "first", "second", "third"], &["a", "1111111", "2222222", "3333333"]]), 24);
        assert_eq!(
            text,
            "name    first   second\n----  -------  -------\na     1111111  2222222\n\nname    third\n----  -------\na     3333333\n"
        );
    }

    #[test]
    fn nothing_is_wider_than_asked_for_and_nothing_is_lost() {
        let long = "名前のとても長いデータセット".repeat(3);
        let cells = ["0.5 [0.4, 0.6]".to_owned(), "x".repeat(90), long, "-".into(), String::new()];
        for count in 1..=13 {
            let row = |shift: usize| -> Vec<String> {
                (0..count).map(|n| cells[(n + shift) % cells.len()].clone()).collect()
            };
            let rows: Vec<Vec<String>> = (0..5).map(row).collect();
            for width in [20, 40, 80, 120] {
                let text = fit(&rows, width);
                for line in text.lines() {
                    assert!(columns(line) <= width, "{count} columns in {width}: {line}");
                }
                let figures = text.matches("[0.4, 0.6]").count();
                let expected = rows.iter().flatten().filter(|cell| cell.starts_with("0.5")).count();
                assert!(width < 40 || figures >= expected, "{count} in {width}: {text}");
            }
        }
        assert_eq!(fit(&[], 80), "");
    }
}
