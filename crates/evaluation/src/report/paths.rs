//! Where several steps have led, by their number.

use super::numbers::measured;
use super::table::Table;
use super::text::one_line;
use crate::card::{Figure, Measured, ResultCard};

/// What the table shows.
pub(super) const ABOUT: &str = "R2 of the relative action from view 1 to view k + 1, from the invariant representation of the views on the \
                                way (path integration).";

/// R2 of where k steps have led, a row for each group and model and a column for each k; nothing where that is not measured.
pub(super) fn path_table(card: &ResultCard) -> Option<Table> {
    let paths = card.paths();
    let steps = paths.iter().map(|(_, figures)| figures.len()).max()?;
    let mut table = Table::new(["path".to_owned()].into_iter().chain((1..=steps).map(|k| format!("k {k}"))));
    for (part, figures) in &paths {
        let mut push = |model: &str, side: fn(&Figure) -> &Measured| {
            let cells = figures.iter().map(|figure| measured(side(figure), &figure.name));
            table.push([format!("{}{model}", one_line(part))].into_iter().chain(cells));
        };
        push("", |figure| &figure.trained);
        push(", random", |figure| &figure.random);
    }
    Some(table)
}

/// Whether a figure is one of the table.
pub(super) fn is_path(figure: &Figure) -> bool {
    figure.name.starts_with("r2_path_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::tests_support::card;

    #[test]
    fn steps_stand_side_by_side() {
        let mut own = card(&["r2_path_zoom_k1", "r2_path_zoom_k2", "r2_path_mean_k1"]);
        own.scope.groups = vec!["zoom".into()];
        let text = path_table(&own).unwrap().to_string();
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
        assert_eq!(line("| zoom ").matches("0.500").count(), 2, "{text}");
        assert_eq!(line("| zoom, random").matches("0.250").count(), 2, "{text}");
        assert_eq!(line("| mean ").matches("0.500").count(), 1, "{text}");
        assert!(text.starts_with("| path") && text.contains(" k 2 |"), "{text}");
        assert!(path_table(&card(&["r2_mean"])).is_none());
    }
}
