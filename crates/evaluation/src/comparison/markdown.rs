//! A comparison as tables.

use std::fmt::Write as _;

use seqjepa_train::MetricsRow;

use super::columns::{Column, mean_and_spread};
use super::model::{Comparison, Row};
use crate::card::{Figure, Measured, TestedSplit};
use crate::comparison::run::TrainedAs;
use crate::published::{OnlineReference, online_references};
use crate::report::Table;
use crate::report::card::{glossary, glossary_parts};
use crate::report::differences::shortened_note;
use crate::report::numbers::{measured, number, value, with_notes};
use crate::report::text::{clean, one_line};
use crate::report::wrapped;

/// The online figures of a table, with their digits.
const ONLINE: [(&str, usize); 5] = [
    ("ep_loss", 4),
    ("online_linacc_test", 2),
    ("online_r2_test", 3),
    ("leakage_linacc_test", 2),
    ("leakage_r2_test", 3),
];

impl Comparison {
    /// The runs, the figures that say the most (or `all`), and the online ones, for a terminal of `width` columns (at least 20): no
    /// line is longer. [`markdown`](Self::markdown) and [`csv`](Self::csv) have all in any case.
    #[must_use]
    pub fn text(&self, width: usize, all: bool) -> String {
        let mut text = self.run_table(all).turned().fitted(width);
        let mut add = |table: &Table, about: &str, below: &[String]| {
            text += &format!("\n{}\n", table.fitted(width));
            text += &wrapped(about, width, 0);
            below.iter().for_each(|paragraph| text += &wrapped(paragraph, width, 4));
        };
        if !self.rows.is_empty() {
            let mut below = Vec::new();
            if let Some((_, card)) = self.cards().next() {
                let names = glossary_parts(card, one_line);
                below.extend(names.into_iter().map(|name| format!("- {name}")));
            }
            let mut left_out = false;
            for (number, note) in (1..).zip(&self.notes) {
                let short = if all { note.clone() } else { shortened_note(note) };
                left_out |= short != *note;
                below.push(format!("[{number}] {}", one_line(&short)));
            }
            if left_out {
                below.push("Notes and all figures are in full in the files.".into());
            }
            below.splice(0..0, self.in_words());
            add(
                &self.figure_table(all, true),
                &format!("Frozen probes on {}. {}", self.tested_in_words(), self.about_figures()),
                &below,
            );
        }
        if self.runs.iter().any(|run| run.online.is_some()) {
            let references = self.online_references();
            let about = format!(
                "Online probes, last epoch, {}. {}",
                self.tested_in_words(),
                about_online(&references)
            );
            add(&self.online_table(&references), &about, &[]);
        }
        text
    }

    /// The tables with every figure and note as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("{}{}\n", Self::TITLE, self.run_table(true));
        if !self.rows.is_empty() {
            let _ = write!(
                text,
                "## Frozen probes on {}\n\n{}\n{}\n\n",
                self.tested_in_words(),
                self.figure_table(false, false),
                self.about_figures()
            );
            if let Some((_, card)) = self.cards().next() {
                let _ = writeln!(text, "{}", glossary(card));
            }
            for (number, note) in (1..).zip(&self.notes) {
                let _ = writeln!(text, "- [{number}] {}", clean(note));
            }
            if !self.notes.is_empty() {
                text.push('\n');
            }
        }
        if self.runs.iter().any(|run| run.online.is_some()) {
            let references = self.online_references();
            let _ = writeln!(
                text,
                "## Online probes, last epoch, {}\n\n{}\n{}",
                self.tested_in_words(),
                self.online_table(&references),
                about_online(&references)
            );
        }
        if !self.rows.is_empty() {
            let _ = write!(text, "\n## All figures\n\n{}", self.figure_table(true, false));
        }
        text
    }

    /// What the figures were measured on.
    fn tested_in_words(&self) -> &'static str {
        let of = |split| self.runs.iter().any(|run| run.tested() == split);
        match (of(TestedSplit::Test), of(TestedSplit::Validation)) {
            (_, false) => "the test split",
            (false, true) => "held-out training images (validation)",
            (true, true) => "the test split, of some runs on held-out training images (validation)",
        }
    }

    fn about_figures(&self) -> String {
        format!(
            "Figure and 95 % bootstrap interval over the test images; of several seeds their mean ± standard deviation. `random`: \
             the same model as initialised, same protocol.{} A number in brackets is a note below.",
            if self.with_paper() {
                " `paper`: the published figure, where data set and protocol are the same."
            } else {
                ""
            }
        )
    }

    /// Whether a published figure stands beside any that was measured alike.
    fn with_paper(&self) -> bool {
        self.rows.iter().any(|row| row.published.is_some())
    }

    /// The runs; with `all`, also what tells models and code apart.
    fn run_table(&self, all: bool) -> Table {
        let titles =
            ["run", "method", "data set", "images", "M_train", "epochs", "encoder", "protocols", "seed"];
        let more = if all { &["model", "code"][..] } else { &[] };
        let mut table = Table::new(titles.iter().chain(more));
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
                ]),
                None => match &run.trained_as {
                    Some(known) => cells.extend(uncarded(known)),
                    None => cells.push("no result card: online figures only".into()),
                },
            }
            if let Some(card) = run.card.as_ref().filter(|_| all) {
                cells.extend([
                    card.model.model_sha256.chars().take(8).collect(),
                    card.code.commit.as_ref().map_or_else(
                        || card.code.version.clone(),
                        |commit| commit.chars().take(8).collect::<String>(),
                    ),
                ]);
            }
            table.push(cells);
        }
        table
    }

    /// The figures that say the most, or all; `apart`: those of the models as initialised behind those of all runs.
    fn figure_table(&self, all: bool, apart: bool) -> Table {
        let columns = || {
            self.columns.iter().filter(|column| column.runs.iter().any(|run| self.runs[*run].card.is_some()))
        };
        let titles = columns().map(|column| [column.label.clone(), format!("{}, random", column.label)]);
        let titles = ["figure".to_owned(), "protocol".into()].into_iter().chain(ordered(titles, apart));
        let with_paper = self.with_paper();
        let mut table = Table::new(titles.chain(with_paper.then(|| "paper".to_owned())));
        for row in self.rows.iter().filter(|row| all || self.says_much(&row.name)) {
            let mut cells = vec![row.name.clone(), row.protocol.clone()];
            cells.extend(ordered(columns().map(|column| self.cells(row, column)), apart));
            if with_paper {
                cells.push(value(row.published, &row.name));
            }
            table.push(cells);
        }
        table
    }

    /// A figure in a column, and that of the models as initialised.
    fn cells(&self, row: &Row, column: &Column) -> [String; 2] {
        let found: Vec<_> = column
            .runs
            .iter()
            .filter_map(|run| {
                let cell = row.cells[*run].as_ref()?;
                Some((&self.runs[*run].card.as_ref()?.figures[cell.figure], cell.note))
            })
            .collect();
        let mut notes: Vec<usize> = found.iter().filter_map(|(_, note)| *note).collect();
        notes.sort_unstable();
        notes.dedup();
        let of_seeds = |side: fn(&Figure) -> &Measured| {
            let values: Vec<f64> = found.iter().filter_map(|(figure, _)| side(figure).value).collect();
            let (mean, spread) = mean_and_spread(&values)?;
            let name = &row.name;
            let few = if values.len() < column.runs.len() {
                format!(" (n {})", values.len())
            } else {
                String::new()
            };
            Some(format!("{} ± {}{few}", value(Some(mean), name), value(Some(spread), name)))
        };
        let Some((first, _)) = found.first() else { return ["-".into(), "-".into()] };
        let trained =
            of_seeds(|figure| &figure.trained).unwrap_or_else(|| measured(&first.trained, &row.name));
        let random =
            of_seeds(|figure| &figure.random).unwrap_or_else(|| value(first.random.value, &row.name));
        [with_notes(trained, &notes), random]
    }

    /// Whether a figure is one of those that say the most of a run.
    pub(super) fn says_much(&self, name: &str) -> bool {
        const PLAIN: [&str; 9] = [
            "top1_z1",
            "top1_clean",
            "r2_mean",
            "leakage_r2_mean",
            "mrr_same",
            "hit1_same",
            "mrr_other",
            "hit1_other",
            "knn20_z1",
        ];
        PLAIN.contains(&name)
            || self.cards().any(|(_, card)| {
                let group = name
                    .strip_prefix("individual_")
                    .unwrap_or(name)
                    .strip_prefix("r2_")
                    .is_some_and(|group| card.scope.groups.iter().any(|own| own == group));
                group
                    || name == card.headline()
                    || name == format!("knn20_{}", card.method.invariant.suffix())
            })
    }

    /// Those of a data set that a run is of.
    fn online_references(&self) -> Vec<&'static OnlineReference> {
        let of = |reference: &&OnlineReference| {
            self.runs.iter().filter(|run| run.tested() == TestedSplit::Test).any(|run| {
                let card = run.card.as_ref().map(|card| card.data.name.as_str());
                let config = run.trained_as.as_ref().map(|known| known.data_set.as_str());
                let name = card.or(config).unwrap_or_default();
                name.trim_end_matches("_aug") == reference.data
            })
        };
        online_references().iter().filter(of).collect()
    }

    fn online_table(&self, references: &[&OnlineReference]) -> Table {
        let columns: Vec<(&Column, Vec<&MetricsRow>)> = self
            .columns
            .iter()
            .map(|column| {
                (column, column.runs.iter().filter_map(|run| self.runs[*run].online.as_ref()).collect())
            })
            .filter(|(_, rows): &(_, Vec<&MetricsRow>)| !rows.is_empty())
            .collect();
        let titles =
            columns.iter().map(|(column, rows)| format!("{}, epoch {}", column.label, rows[0].epoch));
        let others = references.iter().map(|reference| reference.title.clone());
        let mut table = Table::new(["figure".to_owned()].into_iter().chain(titles).chain(others));
        for (name, digits) in ONLINE {
            let own = columns.iter().map(|(_, rows)| {
                let values: Vec<f64> = rows.iter().filter_map(|row| row.get(name)).collect();
                match mean_and_spread(&values) {
                    Some((mean, spread)) => format!("{mean:.digits$} ± {spread:.digits$}"),
                    None => number(values.first().copied(), digits),
                }
            });
            let others =
                references.iter().map(|reference| number(reference.figures.get(name).copied(), digits));
            table.push([name.to_owned()].into_iter().chain(own).chain(others));
        }
        table
    }
}

/// What the table says of a run without a card.
fn uncarded(known: &TrainedAs) -> [String; 8] {
    let TrainedAs { method, data_set, observed_views, seed, tested: _ } = known;
    let none = || "-".to_owned();
    [
        method.clone(),
        data_set.clone(),
        none(),
        observed_views.to_string(),
        none(),
        none(),
        "none: online figures only".into(),
        seed.to_string(),
    ]
}

/// Pairs one after another, or `apart` all that are first before all that are second.
fn ordered(pairs: impl Iterator<Item = [String; 2]>, apart: bool) -> Vec<String> {
    if !apart {
        return pairs.flatten().collect();
    }
    let (mut first, second): (Vec<String>, Vec<String>) =
        pairs.map(|[first, second]| (first, second)).unzip();
    first.extend(second);
    first
}

fn about_online(references: &[&OnlineReference]) -> String {
    let of_others =
        if references.is_empty() { "" } else { " The references are CIFAR-100 runs of others' code." };
    format!(
        "ep_loss: prediction loss; linacc: top-1 %, r2: of the relative action; leakage: from the representation that should not \
         tell, low is good. Online figures chase a moving target: they compare only between runs of the same length on the same \
         data.{of_others}"
    )
}

#[cfg(test)]
mod tests {
    use seqjepa_train::MetricsRow;

    use super::*;
    use crate::card::tests_support::{card, published};
    use crate::comparison::ComparedRun;
    use crate::report::wrap::columns;

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
            trained_as: None,
        });
        let text = Comparison::new(runs.into()).markdown();
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
        assert!(line("| a ").contains("| seqjepa |"), "{text}");
        assert!(line("| &lt;b>").contains("synthetic"), "{text}");
        assert!(line("| top1_z1").matches("0.50 [0.40, 0.60]").count() == 2, "{text}");
        assert!(line("| top1_z1").ends_with(" 58.33 |") && line("| r2_mean").ends_with(" - |"), "{text}");
        assert!(text.contains("leakage: the same from z_AGG: low is good"), "{text}");
        assert!(!text.contains("Online probes"), "{text}");
    }

    #[test]
    fn the_summary_has_the_figures_that_say_the_most_and_the_files_all() {
        let names = ["top1_z_agg_m1", "top1_z_agg_m5", "top1_z1", "r2_mean", "absolute_r2_hue"];
        let run = |label: &str, value: f64, seed| {
            let mut card = card(&names);
            card.scope.seed = seed;
            card.figures[1].trained.value = Some(value);
            ComparedRun { label: label.into(), card: Some(card), online: online(), trained_as: None }
        };
        let comparison = Comparison::new(vec![run("a", 0.25, 1), run("b", 0.75, 2)]);
        let (short, whole) = (comparison.text(200, false), comparison.markdown());
        assert!(!short.contains("\nabsolute_r2_hue") && !short.contains("\ntop1_z_agg_m1"), "{short}");
        let all = comparison.text(200, true);
        assert!(all.contains("\nabsolute_r2_hue") && all.contains("\ntop1_z_agg_m1"), "{all}");
        assert!(whole.contains("| absolute_r2_hue") && whole.contains("| top1_z_agg_m1"), "{whole}");
        assert!(short.contains(" a, 2 seeds  ") && short.contains("0.50 ± 0.35  "), "{short}");
        assert!(short.contains(" 12.50 ± 0.00\n") && !short.contains("paper"), "{short}");
    }

    #[test]
    fn references_stand_beside_runs_of_their_data_only() {
        let of = |card, data_set: Option<&str>| {
            let known = |name: &str| TrainedAs {
                method: "seqjepa".into(),
                data_set: name.into(),
                observed_views: 3,
                seed: 42,
                tested: TestedSplit::Test,
            };
            let trained_as = data_set.map(known);
            let run = ComparedRun { label: "a".into(), card, online: online(), trained_as };
            Comparison::new(vec![run]).markdown()
        };
        let known = of(None, Some("cifar100_aug"));
        assert!(known.contains("57.84") && known.contains("a, epoch 3"));
        // The config says what the card would.
        let cells: Vec<_> =
            known.lines().find(|line| line.starts_with("| a ")).unwrap().split('|').map(str::trim).collect();
        assert_eq!(
            (cells[2], cells[3], cells[5], cells[9]),
            ("seqjepa", "cifar100_aug", "3", "42"),
            "{known}"
        );
        assert!(!of(None, None).contains("57.84") && !of(None, Some("synthetic")).contains("57.84"));
        let mut own = card(&["top1_z1"]);
        assert!(!of(Some(own.clone()), None).contains("57.84"));
        own.data.name = "cifar100_aug".into();
        assert!(of(Some(own), None).contains("57.84"));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let names = ["top1_z_agg_m5", "top1_z1", "r2_mean", "leakage_r2_mean"];
        for count in 1..=6 {
            let labels = [
                "a",
                "a-run-with-a-name-of-some-sixty-letters-as-scripts-make-them-up",
                "とても長い名前の実験",
            ];
            let run = |number: usize| {
                let mut own = card(&names);
                own.figures[0].published =
                    (number == 0).then(|| published(58.33, true, &["trained 10 epochs"]));
                own.figures[1].protocol.test_samples += number;
                own.config = serde_json::Value::from(number);
                ComparedRun {
                    label: format!("{}{number}", labels[number % 3]),
                    card: (number != 4).then_some(own),
                    online: online(),
                    trained_as: Some(TrainedAs {
                        method: "seqjepa".into(),
                        data_set: "cifar100_aug".into(),
                        observed_views: 3,
                        seed: 42,
                        tested: TestedSplit::Test,
                    }),
                }
            };
            let comparison = Comparison::new((0..count).map(run).collect());
            for width in [20, 40, 80, 120] {
                for text in [comparison.text(width, false), comparison.text(width, true)] {
                    for line in text.lines() {
                        assert!(columns(line) <= width, "{count} runs in {width}: {line}");
                    }
                    // Every figure is there: one a run that has a card.
                    let cards = count - usize::from(count > 4);
                    assert!(width < 40 || text.matches("[0.40, 0.60]").count() >= 2 * cards, "{text}");
                }
            }
        }
    }
}
