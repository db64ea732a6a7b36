//! Results as tables that a person reads.

use crate::evaluation::{Figure, Measured, ResultCard, digits, measured};
use crate::metrics::MetricsRow;

/// Groups of the action space that the paper reports.
const GROUPS: [&str; 3] = ["crop", "jitter", "blur"];

/// The figures of a run: online, leakage, frozen, and frozen on the randomly initialised model, with a verdict on each,
/// beside the paper's; below the table, what each column is.
#[must_use]
pub fn results_table(last: Option<&MetricsRow>, card: &ResultCard) -> String {
    let mut table = Table::new([
        "test split",
        "online",
        "leakage",
        "frozen",
        "frozen, random",
        "trained vs random",
        "paper",
    ]);
    let online = |name: &str| number(last.and_then(|row| row.get(name)), digits_of_online(name));
    let aggregate = format!("top1_z_agg_m{}", card.config.eval.seq_len);
    let mut row = |title: &str, online: String, leakage: String, name: &str| {
        let figure = card.figure(name);
        let text =
            |side: fn(&Figure) -> &Measured| figure.map_or_else(|| "-".into(), |f| measured(side(f), name));
        table.push([
            title.to_owned(),
            online,
            leakage,
            text(|figure| &figure.trained),
            text(|figure| &figure.random),
            figure.map_or("-", compare).into(),
            number(figure.and_then(|figure| figure.paper.as_ref()).map(|paper| paper.value), digits(name)),
        ]);
    };
    let none = || "-".to_owned();
    row("top-1 % from z_AGG", online("online_linacc_test"), online("leakage_linacc_test"), &aggregate);
    row("top-1 % from z_1", none(), none(), "top1_z1");
    for group in GROUPS {
        row(
            &format!("R2 {group}"),
            online(&format!("online_r2_{group}_test")),
            online(&format!("leakage_r2_{group}_test")),
            &format!("r2_{group}"),
        );
    }
    row("R2, all parameters", online("online_r2_test"), online("leakage_r2_test"), "r2_mean");
    format!("{table}\n{}", legend(card, &aggregate))
}

fn digits_of_online(name: &str) -> usize {
    if name.contains("linacc") { 2 } else { 3 }
}

fn number(figure: Option<f64>, digits: usize) -> String {
    let figure = figure.filter(|figure| figure.is_finite());
    figure.map_or_else(|| "-".into(), |figure| format!("{figure:.digits$}"))
}

/// The trained model's figure against the random one's; the intervals say whether the difference is beyond the noise of the
/// test images.
fn compare(figure: &Figure) -> &'static str {
    let (Some(trained), Some(random)) = (figure.trained.value, figure.random.value) else {
        return "-";
    };
    let apart = match (figure.trained.interval, figure.random.interval) {
        (Some(trained), Some(random)) => trained[0] > random[1] || trained[1] < random[0],
        _ => true,
    };
    match (trained.total_cmp(&random), apart) {
        (std::cmp::Ordering::Greater, true) => "better",
        (std::cmp::Ordering::Greater, false) => "better, within noise",
        (std::cmp::Ordering::Less, true) => "WORSE",
        (std::cmp::Ordering::Less, false) => "WORSE, within noise",
        (std::cmp::Ordering::Equal, _) => "equal",
    }
}

fn legend(card: &ResultCard, headline: &str) -> String {
    let Some(figure) = card.figure(headline) else {
        return String::new();
    };
    let protocol = &figure.protocol;
    let mut text = format!(
        "online, leakage: probes trained beside the model, last epoch; top-1 from z_AGG (leakage: z_1), R2 of the relative\n\
         \x20 action from (z_1, z_2) (leakage: z_AGG), each the mean over the parameters of the group.\n\
         frozen: protocol `{}` ({}) on the frozen {} encoder, {} observed views; {} images to fit, {} to test,\n\
         \x20 {} augmentation pass(es), seed {}{}.\n\
         frozen, random: the same protocol on the model as initialised.\n",
        protocol.name,
        protocol.fit.summary(),
        card.encoder.name(),
        protocol.observed_views,
        card.data.train_images,
        card.data.test_images,
        protocol.passes,
        protocol.seed,
        if card.config.eval.bootstrap > 0 {
            "; brackets: 95 % bootstrap intervals over the test images"
        } else {
            ""
        },
    );
    if let Some(paper) = &figure.paper {
        let differences = paper.differences.join("; ");
        text += &if paper.comparable && differences.is_empty() {
            "paper: the same data set and protocol (arXiv 2505.03176).\n".into()
        } else if paper.comparable {
            format!("paper: the same data set and protocol (arXiv 2505.03176), but {differences}.\n")
        } else {
            format!("paper: for orientation (arXiv 2505.03176): {differences}.\n")
        };
    }
    text
}

/// Every figure of a card, and its diagnostics.
#[must_use]
pub fn card_table(card: &ResultCard) -> String {
    let mut table =
        Table::new(["figure", "protocol", "trained", "random", "paper", "reads", "M_val", "probe"]);
    let mut notes: Vec<String> = Vec::new();
    for figure in &card.figures {
        let mut cell = |measured_figure: &Measured| {
            let text = measured(measured_figure, &figure.name);
            let Some(note) = &measured_figure.note else { return text };
            let known = notes.iter().position(|known| known == note).unwrap_or_else(|| {
                notes.push(note.clone());
                notes.len() - 1
            });
            format!("{text} [{}]", known + 1)
        };
        let (trained, random) = (cell(&figure.trained), cell(&figure.random));
        let paper = figure.paper.as_ref().map_or_else(
            || "-".into(),
            |paper| {
                let value = number(Some(paper.value), digits(&figure.name));
                if paper.comparable { value } else { format!("({value})") }
            },
        );
        let protocol = &figure.protocol;
        table.push([
            figure.name.clone(),
            protocol.name.clone(),
            trained,
            random,
            paper,
            protocol.representation.clone(),
            protocol.observed_views.to_string(),
            protocol.probe.clone(),
        ]);
    }
    let mut text = format!(
        "{table}\nAccuracies and hits in percent. Brackets behind a figure: 95 % bootstrap interval over the test images; a \
         single number there: a note\nbelow. A paper's figure in parentheses is of another data set or protocol, for \
         orientation; the card says what differs.\n"
    );
    for (number, note) in (1..).zip(&notes) {
        text += &format!("[{number}] {note}\n");
    }
    text + "\n" + &card.diagnostics.table()
}

/// A table that prints as aligned Markdown.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}
impl Table {
    /// A table with these column titles.
    #[must_use]
    pub fn new<S: Into<String>>(titles: impl IntoIterator<Item = S>) -> Self {
        Self { rows: vec![titles.into_iter().map(Into::into).collect()] }
    }

    /// Adds a row.
    pub fn push<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                // Names to the left, figures to the right.
                if column == 0 {
                    write!(formatter, "| {cell:<width$} ")?;
                } else {
                    write!(formatter, "| {cell:>width$} ")?;
                }
            }
            writeln!(formatter, "|")?;
            if number == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let dashes = "-".repeat(width + 1);
                    write!(
                        formatter,
                        "|{}",
                        if column == 0 { format!("{dashes}-") } else { format!("{dashes}:") }
                    )?;
                }
                writeln!(formatter, "|")?;
            }
        }
        Ok(())
    }
}
