//! In which figures runs differ, in words.

use super::model::{Comparison, Row};
use crate::card::Measured;
use crate::report::text::one_line;

impl Comparison {
    /// A paragraph for each run beside the first: the figures that say the most, by whether their intervals are apart.
    pub(super) fn in_words(&self) -> Vec<String> {
        let Some(first) = self.columns.iter().find(|column| self.runs[column.runs[0]].card.is_some()) else {
            return Vec::new();
        };
        let others = self.columns.iter().filter(|column| {
            column.label != first.label && column.runs.len() == 1 && self.runs[column.runs[0]].card.is_some()
        });
        // Of several seeds the spread says it, which stands beside the mean.
        let others = others.filter(|_| first.runs.len() == 1);
        others
            .map(|other| {
                let mut kinds = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
                for row in self.rows.iter().filter(|row| self.says_much(&row.name)) {
                    if let Some(kind) = self.judged(row, first.runs[0], other.runs[0]) {
                        kinds[kind].push(one_line(&row.name));
                    }
                }
                let words = [
                    "better",
                    "WORSE",
                    "no difference beyond the noise of the test images",
                    "not comparable, or without an interval",
                ];
                let said = words.iter().zip(&kinds).filter(|(_, names)| !names.is_empty());
                let said: Vec<_> =
                    said.map(|(word, names)| format!("{word}: {}", names.join(", "))).collect();
                format!(
                    "{} against {}: {}.",
                    one_line(&other.label),
                    one_line(&first.label),
                    if said.is_empty() { "no figure of both".into() } else { said.join("; ") }
                )
            })
            .collect()
    }

    /// Whether `other` is better (0), worse (1), the same within noise (2), or cannot be said (3) in a figure of both.
    fn judged(&self, row: &Row, first: usize, other: usize) -> Option<usize> {
        let measured = |run: usize| -> Option<(&Measured, bool)> {
            let cell = row.cells[run].as_ref()?;
            let figure = &self.runs[run].card.as_ref()?.figures[cell.figure];
            Some((&figure.trained, cell.note.is_some()))
        };
        let ((first, first_noted), (other, other_noted)) = (measured(first)?, measured(other)?);
        let (Some(a), Some(b)) = (first.interval, other.interval) else { return Some(3) };
        if first_noted || other_noted {
            return Some(3);
        }
        let low_is_good = row.name.starts_with("leakage_");
        Some(match (b[0] > a[1], b[1] < a[0]) {
            (false, false) => 2,
            (higher, _) => usize::from(higher == low_is_good),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::tests_support::card;
    use crate::comparison::ComparedRun;

    #[test]
    fn figures_are_judged_by_their_intervals() {
        let names = ["top1_z1", "r2_mean", "leakage_r2_mean", "mrr_same", "knn20_z1"];
        let run = |label: &str, values: [f64; 5]| {
            let mut own = card(&names);
            own.config = label.into();
            for (figure, value) in own.figures.iter_mut().zip(values) {
                (figure.trained.value, figure.trained.interval) =
                    (Some(value), Some([value - 0.1, value + 0.1]));
            }
            ComparedRun { label: label.into(), card: Some(own), online: None, trained_as: None }
        };
        let first = run("a", [0.5; 5]);
        let mut second = run("b", [0.9, 0.1, 0.9, 0.55, 0.9]);
        second.card.as_mut().unwrap().figures[4].protocol.passes = 2;
        assert_eq!(
            Comparison::new(vec![first.clone(), second]).in_words(),
            [
                "b against a: better: top1_z1; WORSE: r2_mean, leakage_r2_mean; no difference beyond the noise of the test images: \
                 mrr_same; not comparable, or without an interval: knn20_z1."
            ]
        );
        assert!(Comparison::new(vec![first]).in_words().is_empty());
    }
}
