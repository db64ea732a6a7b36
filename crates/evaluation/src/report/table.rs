use super::fit::fit;
use super::text::{clean, one_line};

/// Characters up to which a column is aligned; longer cells stand out of it.
const WIDEST: usize = 1000;

/// A table: names to the left, figures to the right.
///
/// It prints as aligned Markdown, of any width.
///
/// ```
/// use seqjepa_evaluation::Table;
///
/// let mut table = Table::new(["figure", "value"]);
/// table.push(["top1_z1", "58.33"]);
/// assert_eq!(table.to_string(), "\
/// | figure  | value |
/// |---------|------:|
/// | top1_z1 | 58.33 |
/// ");
/// ```
///
/// [`fitted`](Self::fitted) is for a terminal.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column titles.
    #[must_use]
    pub fn new<S: AsRef<str>>(titles: impl IntoIterator<Item = S>) -> Self {
        let mut table = Self::default();
        table.push(titles);
        table
    }

    /// Adds a row. A row of one cell alone is a heading of those below it.
    pub fn push<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(|cell| cell.as_ref().to_owned()).collect());
    }

    /// The table with rows and columns exchanged.
    pub(crate) fn turned(&self) -> Self {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_else(|| "-".into());
        Self {
            rows: (0..columns)
                .map(|column| self.rows.iter().map(|row| cell(row, column)).collect())
                .collect(),
        }
    }

    /// The table as plain text of at most `width` columns (at least 20): cells that are too wide go on in the line below, an interval in
    /// one piece; columns that do not fit beside the others follow in a further table. Control characters are left out.
    ///
    /// ```
    /// use seqjepa_evaluation::Table;
    ///
    /// let mut table = Table::new(["figure", "trained", "random"]);
    /// table.push(["top1_z1", "58.33 [57.00, 59.50]", "19.73"]);
    /// assert_eq!(table.fitted(40), "\
    /// figure                trained  random
    /// -------  --------------------  ------
    /// top1_z1  58.33 [57.00, 59.50]   19.73
    /// ");
    /// assert_eq!(table.fitted(32), "\
    /// figure          trained  random
    /// -------  --------------  ------
    /// top1_z1           58.33   19.73
    ///          [57.00, 59.50]
    /// ");
    /// ```
    #[must_use]
    pub fn fitted(&self, width: usize) -> String {
        let rows: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
        fit(&rows, width)
    }
}

impl std::fmt::Display for Table {
    /// Control characters and Markdown's own are escaped.
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        let rows: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0).min(WIDEST)
        };
        // The formatter's own padding ends at 65535.
        let pad = |cell: &str, width: usize| " ".repeat(width.saturating_sub(cell.chars().count()));
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (number, row) in rows.iter().enumerate() {
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                if column == 0 {
                    write!(formatter, "| {cell}{} ", pad(cell, *width))?;
                } else {
                    write!(formatter, "| {}{cell} ", pad(cell, *width))?;
                }
            }
            writeln!(formatter, "|")?;
            if number == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let end = if column == 0 { '-' } else { ':' };
                    write!(formatter, "|{}{end}", "-".repeat(width + 1))?;
                }
                writeln!(formatter, "|")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_of_any_length_prints() {
        let mut table = Table::new(["figure", "value"]);
        table.push(["k".repeat(70_000).as_str(), "1"]);
        let lines: Vec<usize> = table.to_string().lines().map(str::len).collect();
        assert_eq!((lines.len(), lines[2]), (3, 70_000 + "|  |     1 |".len()));
        assert!(lines[0] < 2 * WIDEST);
        assert!(table.fitted(80).lines().all(|line| line.len() <= 80));
    }

    #[test]
    fn markdown_is_escaped_and_a_terminal_steered_by_neither() {
        let mut table = Table::new(["figure", "value"]);
        table.push(["a|<b>\u{1b}[31m", "1\n2"]);
        assert!(table.to_string().contains("| a\\|&lt;b> [31m | "), "{table}");
        assert!(table.fitted(80).contains("\na|<b>[31m    1 2\n"), "{}", table.fitted(80));
    }
}
