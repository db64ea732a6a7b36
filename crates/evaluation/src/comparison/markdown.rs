//! A comparison as tables.

use std::fmt::Write as _;

use super::model::Comparison;
use crate::published::{OnlineReference, online_references};
use crate::report::Table;
use crate::report::numbers::{measured, number, value, with_notes};
use crate::report::text::clean;

/// The online figures of a table, with their digits.
const ONLINE: [(&str, usize); 5] = [
    ("ep_loss", 4),
    ("online_linacc_test", 2),
    ("online_r2_test", 3),
    ("leakage_linacc_test", 2),
    ("leakage_r2_test", 3),
];

impl Comparison {
    /// The tables as Markdown, which is also readable on a terminal.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("# Comparison\n\n{}\n", self.run_table());
        if !self.rows.is_empty() {
            let _ = write!(
                text,
                "## Frozen probes on the test split\n\n{}\nFigure and 95 % bootstrap interval; `random`: the same model as \
                 initialised, same protocol; `paper`: the published figure, where data set and protocol are the same. A \
                 number in brackets is a note below.\n\n",
                self.figure_table()
            );
            for (number, note) in (1..).zip(&self.notes) {
                let _ = writeln!(text, "- [{number}] {}", clean(note));
            }
            if !self.notes.is_empty() {
                text.push('\n');
            }
        }
        if self.runs.iter().any(|run| run.online.is_some()) {
            let references = self.online_references();
            let of_others = if references.is_empty() {
                ""
            } else {
                " The references are CIFAR-100 runs of others' code."
            };
            let _ = writeln!(
                text,
                "## Online probes, last epoch, test split\n\n{}\nOnline figures chase a moving target: they compare \
                 only between runs of the same length on the same data.{of_others}",
                self.online_table(&references)
            );
        }
        text
    }

    fn run_table(&self) -> Table {
        let mut table = Table::new([
            "run",
            "method",
            "data set",
            "images",
            "M_train",
            "epochs",
            "encoder",
            "protocols",
            "seed",
            "model",
            "code",
        ]);
        for run in &self.runs {
            let mut cells = vec![run.label.clone()];
            match &run.card {
                Some(card) => cells.extend([
                    card.method.name.clone(),
                    card.data.name.clone(),
                    format!("{} + {}", card.data.train_images, card.data.test_images),
                    card.model.observed_views.to_string(),
                    card.model.origin.epochs.map_or_else(|| "?".into(), |epochs| epochs.to_string()),
                    card.encoder.name().into(),
                    card.scope.protocols.join(", "),
                    card.scope.seed.to_string(),
                    card.model.model_sha256.chars().take(8).collect(),
                    card.code.commit.as_ref().map_or_else(
                        || card.code.version.clone(),
                        |commit| commit.chars().take(8).collect::<String>(),
                    ),
                ]),
                None => cells.push("no result card: online figures only".into()),
            }
            table.push(cells);
        }
        table
    }

    fn figure_table(&self) -> Table {
        let titles = self.cards().flat_map(|(run, _)| [run.label.clone(), "random".into()]);
        let titles = ["figure".to_owned(), "protocol".into()].into_iter().chain(titles);
        let mut table = Table::new(titles.chain(["paper".to_owned()]));
        for row in &self.rows {
            let mut cells = vec![row.name.clone(), row.protocol.clone()];
            for (run, cell) in self.runs.iter().zip(&row.cells) {
                let Some(card) = &run.card else { continue };
                match cell {
                    Some(cell) => {
                        let figure = &card.figures[cell.figure];
                        cells.push(with_notes(measured(&figure.trained, &figure.name), cell.note.as_slice()));
                        cells.push(value(figure.random.value, &figure.name));
                    }
                    None => cells.extend(["-".to_owned(), "-".into()]),
                }
            }
            cells.push(value(row.published, &row.name));
            table.push(cells);
        }
        table
    }

    /// Those of a data set that a run is of, or may be of.
    fn online_references(&self) -> Vec<&'static OnlineReference> {
        let of = |reference: &&OnlineReference| {
            self.runs.iter().any(|run| {
                run.card.as_ref().is_none_or(|card| card.data.name.trim_end_matches("_aug") == reference.data)
            })
        };
        online_references().iter().filter(of).collect()
    }

    fn online_table(&self, references: &[&OnlineReference]) -> Table {
        let runs: Vec<_> =
            self.runs.iter().filter_map(|run| Some((&run.label, run.online.as_ref()?))).collect();
        let titles = runs.iter().map(|(label, row)| format!("{label}, epoch {}", row.epoch));
        let others = references.iter().map(|reference| reference.title.clone());
        let mut table = Table::new(["figure".to_owned()].into_iter().chain(titles).chain(others));
        for (name, digits) in ONLINE {
            let own = runs.iter().map(|(_, row)| number(row.get(name), digits));
            let others =
                references.iter().map(|reference| number(reference.figures.get(name).copied(), digits));
            table.push([name.to_owned()].into_iter().chain(own).chain(others));
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use seqjepa_train::MetricsRow;

    use super::*;
    use crate::card::tests_support::{card, published};
    use crate::comparison::ComparedRun;

    fn online() -> Option<MetricsRow> {
        let mut row = MetricsRow::new(3);
        row.push("online_linacc_test", 12.5);
        Some(row)
    }

    #[test]
    fn runs_stand_side_by_side() {
        let mut first = card(&["top1_z1", "r2_mean"]);
        first.figures[0].published = Some(published(58.33, true, &[]));
        let second = card(&["top1_z1"]);
        let runs = [("a", first), ("<b>", second)].map(|(label, card)| ComparedRun {
            label: label.into(),
            card: Some(card),
            online: None,
        });
        let text = Comparison::new(runs.into()).markdown();
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
        assert!(line("| a ").contains("| seqjepa |"), "{text}");
        assert!(line("| \\<b>").contains("synthetic"), "{text}");
        assert!(line("| top1_z1").matches("0.50 [0.40, 0.60]").count() == 2, "{text}");
        assert!(line("| top1_z1").ends_with(" 58.33 |") && line("| r2_mean").ends_with(" - |"), "{text}");
        assert!(!text.contains("Online probes"), "{text}");
    }

    #[test]
    fn references_stand_beside_runs_of_their_data_only() {
        let of = |card| {
            let run = ComparedRun { label: "a".into(), card, online: online() };
            Comparison::new(vec![run]).markdown()
        };
        assert!(of(None).contains("57.84") && of(None).contains("a, epoch 3"));
        let mut own = card(&["top1_z1"]);
        assert!(!of(Some(own.clone())).contains("57.84"));
        own.data.name = "cifar100_aug".into();
        assert!(of(Some(own)).contains("57.84"));
    }
}
