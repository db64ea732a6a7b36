//! Results as tables that a person reads.

use seqjepa_nn::optimizer::OptimizerConfig;
use seqjepa_probes::frozen::{FrozenResult, Representation, Verdict};

use crate::evaluate::Evaluation;
use crate::metrics::MetricsRow;

/// Groups of the action space that the paper reports.
const GROUPS: [&str; 3] = ["crop", "jitter", "blur"];

/// The paper's frozen figures (arXiv 2505.03176: CIFAR-100, crop + jitter + blur, M_train 3, M_val 5, 2000 epochs).
const PAPER_TOP1: f64 = 58.33;
const PAPER_R2: [f64; 3] = [0.79, 0.63, 0.92];

/// The figures of a run: online, leakage, frozen, and frozen on the randomly initialised model, with a verdict on each,
/// beside the paper's; below the table, what each column is.
#[must_use]
pub fn results_table(last: Option<&MetricsRow>, evaluation: &Evaluation) -> String {
    let mut table = Table::new([
        "test split",
        "online",
        "leakage",
        "frozen",
        "frozen, random",
        "trained vs random",
        "paper",
    ]);
    let online = |name: &str| last.and_then(|row| row.get(name));
    let (trained, random) = (&evaluation.trained, &evaluation.random);
    let mut row =
        |name: &str, online, leakage, read: &dyn Fn(&FrozenResult) -> Option<f64>, paper, digits| {
            let figures = [online, leakage, read(trained), read(random)];
            let mut cells = vec![name.to_owned()];
            cells.extend(figures.map(|figure| number(figure, digits)));
            cells.push(compare(figures[2], figures[3]).into());
            cells.push(number(paper, digits));
            table.push(cells);
        };
    row(
        "top-1 %",
        online("online_linacc_test"),
        online("leakage_linacc_test"),
        &|result| result.top1(Representation::Aggregate),
        Some(PAPER_TOP1),
        2,
    );
    row("top-1 % from z_1", None, None, &|result| result.top1(Representation::First), None, 2);
    for (group, paper) in GROUPS.into_iter().zip(PAPER_R2) {
        row(
            &format!("R2 {group}"),
            online(&format!("online_r2_{group}_test")),
            online(&format!("leakage_r2_{group}_test")),
            &|result| result.r2(group),
            Some(paper),
            3,
        );
    }
    let mean_of = |read: &dyn Fn(&str) -> Option<f64>| {
        GROUPS.into_iter().map(read).sum::<Option<f64>>().map(|sum| sum / GROUPS.len() as f64)
    };
    row(
        "R2 mean of the three",
        mean_of(&|group| online(&format!("online_r2_{group}_test"))),
        mean_of(&|group| online(&format!("leakage_r2_{group}_test"))),
        &|result| mean_of(&|group| result.r2(group)),
        Some(PAPER_R2.iter().sum::<f64>() / 3.0),
        3,
    );
    format!("{table}\n{}", legend(evaluation))
}

fn number(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "-".into(), |figure| format!("{figure:.digits$}"))
}

fn compare(trained: Option<f64>, random: Option<f64>) -> &'static str {
    match (trained, random) {
        (Some(trained), Some(random)) if trained > random => "better",
        (Some(trained), Some(random)) if trained < random => "WORSE",
        (Some(_), Some(_)) => "equal",
        _ => "-",
    }
}

fn legend(evaluation: &Evaluation) -> String {
    let protocol = &evaluation.trained.protocol;
    let mut text = format!(
        "online, leakage: probes trained beside the model, last epoch; top-1 from z_AGG (leakage: z_1), R2 of the relative\n\
         \x20 action from (z_1, z_2) (leakage: z_AGG), each the mean over the parameters of the group.\n\
         frozen: protocol `{}` on the frozen {} encoder, {} observed views; {} images to train on, {} to test;\n\
         \x20 {} lr {}, {} epochs over {} augmentation pass(es), batch {}, seed {}, features {}; top-1 from z_AGG.\n\
         frozen, random: the same protocol on the model as initialised.\n\
         paper: CIFAR-100, ResNet-18, 2000 epochs (arXiv 2505.03176); {}.\n",
        protocol.name,
        evaluation.encoder,
        evaluation.observed_views,
        protocol.train_samples,
        protocol.test_samples,
        match protocol.optimizer {
            OptimizerConfig::Sgd { momentum, .. } => format!("SGD with momentum {momentum},"),
            other => other.name().to_owned(),
        },
        protocol.lr,
        protocol.epochs,
        protocol.passes,
        protocol.batch_size,
        evaluation.seed,
        if protocol.standardized { "standardized" } else { "as they are" },
        if evaluation.dataset.starts_with("cifar100") {
            "the figures this run aims at"
        } else {
            "another data set and schedule, for orientation only"
        },
    );
    for (name, result) in [("frozen", &evaluation.trained), ("frozen, random", &evaluation.random)] {
        let classifiers =
            result.classifiers.iter().map(|probe| (probe.representation.name(), &probe.verdict));
        let regressors = result.regressors.iter().map(|probe| (probe.group.as_str(), &probe.verdict));
        for (probe, verdict) in classifiers.chain(regressors) {
            if let Verdict::Diverged { epoch, advice } = verdict {
                text.push_str(&format!("{name}: the probe `{probe}` diverged in epoch {epoch}: {advice}\n"));
            }
        }
    }
    text
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
