use super::text::clean;

/// Characters up to which a column is aligned; longer cells stand out of it.
const WIDEST: usize = 1000;

/// A table that prints as aligned Markdown: names to the left, figures to the right.
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

    /// Adds a row. Control characters and Markdown's own are escaped.
    pub fn push<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(|cell| clean(cell.as_ref())).collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0).min(WIDEST)
        };
        // The formatter's own padding ends at 65535.
        let pad = |cell: &str, width: usize| " ".repeat(width.saturating_sub(cell.chars().count()));
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (number, row) in self.rows.iter().enumerate() {
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
    }
}
