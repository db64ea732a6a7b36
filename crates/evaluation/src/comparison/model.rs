//! Several runs and the paper side by side; what was not measured the same way is marked as such.

use std::fmt::Write as _;
use std::path::Path;

use super::card::{Figure, Measured, ResultCard};
use super::heat_map::HeatMap;
use super::paper::PAPER_GRID;
use crate::TrainError;
use crate::metrics::MetricsRow;
use crate::report::Table;
use crate::run_folder::RunFolder;

/// Figures of online probes, CIFAR-100, M 3, test split: of an independent 2000-epoch run of the published code (one RTX
/// 3090, 23.4 hours), and of epoch 10 of the baseline config in PyTorch (one RTX 3060).
const ONLINE_REFERENCES: [(&str, [(&str, f64); 4]); 2] = [
    (
        "PyTorch on CIFAR-100, 2000 epochs, batch 512",
        [
            ("online_linacc_test", 57.84),
            ("online_r2_test", 0.739),
            ("leakage_linacc_test", 50.22),
            ("leakage_r2_test", 0.338),
        ],
    ),
    (
        "PyTorch on CIFAR-100, 10 epochs, batch 128",
        [
            ("online_linacc_test", 2.21),
            ("online_r2_test", 0.1054),
            ("leakage_linacc_test", 2.81),
            ("leakage_r2_test", -0.0427),
        ],
    ),
];

/// A run to compare: its card, its online figures, or both.
#[derive(Debug, Clone)]
pub struct ComparedRun {
    /// Its name in tables.
    pub label: String,
    /// The frozen figures.
    pub card: Option<ResultCard>,
    /// The last epoch's online figures.
    pub online: Option<MetricsRow>,
}

impl ComparedRun {
    /// Reads a run folder (`evaluation.json`, the last line of `metrics.jsonl`) or a card.
    ///
    /// # Errors
    ///
    /// [`TrainError::Card`] if there is neither a card nor metrics, or the card cannot be used.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let stem = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        if !path.is_dir() {
            let card = ResultCard::load(path)?;
            let name = stem(path).unwrap_or_default();
            let label = match path.parent().and_then(stem) {
                // The run's name says more than that of the file that every run has.
                Some(folder) if name == "evaluation.json" => folder,
                _ => name.trim_end_matches(".json").trim_end_matches(".evaluation").to_owned(),
            };
            return Ok(Self { label, card: Some(card), online: None });
        }
        let folder = RunFolder::at(path);
        let card =
            folder.evaluation().exists().then(|| ResultCard::load(&folder.evaluation())).transpose()?;
        let online = read_last_row(&folder.metrics_jsonl())?;
        if card.is_none() && online.is_none() {
            let message = "expected evaluation.json or metrics.jsonl in the folder, found neither".into();
            return Err(TrainError::Card { path: path.to_owned(), message });
        }
        let resolved = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Ok(Self { label: stem(&resolved).unwrap_or_else(|| path.display().to_string()), card, online })
    }
}

fn read_last_row(path: &Path) -> Result<Option<MetricsRow>, TrainError> {
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path).map_err(|source| TrainError::io("read", path, source))?;
    // A line that a killed run did not finish is no row.
    Ok(text.lines().rev().find_map(|line| serde_json::from_str(line).ok()))
}

/// Runs side by side, and what keeps their figures from being compared.
#[derive(Debug, Clone)]
pub struct Comparison {
    runs: Vec<ComparedRun>,
    rows: Vec<Row>,
    /// Numbered from 1 in the tables.
    notes: Vec<String>,
}

/// Notes below the tables; equal ones are one.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    /// The number of a note, from 1.
    fn number(&mut self, text: String) -> usize {
        let known = self.0.iter().position(|note| *note == text);
        known.unwrap_or_else(|| {
            self.0.push(text);
            self.0.len() - 1
        }) + 1
    }
}

/// One figure of all runs.
#[derive(Debug, Clone)]
struct Row {
    name: String,
    protocol: String,
    /// Index into the run's figures, and of the notes that speak of it.
    cells: Vec<Option<Cell>>,
    /// The paper's value with its note, if it is no fair comparison.
    paper: Option<(f64, Option<usize>)>,
}

#[derive(Debug, Clone)]
struct Cell {
    figure: usize,
    note: Option<usize>,
}

impl Row {
    fn new(runs: &[ComparedRun], (name, protocol): (&str, &str), notes: &mut Notes) -> Self {
        let find = |run: &ComparedRun| {
            let figures = &run.card.as_ref()?.figures;
            figures.iter().position(|figure| figure.name == name && figure.protocol.name == protocol)
        };
        let found: Vec<Option<(&ResultCard, usize)>> =
            runs.iter().map(|run| Some((run.card.as_ref()?, find(run)?))).collect();
        let first = found.iter().position(Option::is_some).unwrap_or(0);
        let reference = found[first].map(|(card, figure)| (card, &card.figures[figure]));
        let cells = runs.iter().zip(&found).enumerate().map(|(index, (run, found))| {
            let (card, figure) = (*found)?;
            let differences = reference
                .filter(|_| index != first)
                .map(|reference| differences(reference, (card, &card.figures[figure])));
            let note = differences.filter(|differences| !differences.is_empty()).map(|differences| {
                let first = &runs[first].label;
                notes.number(format!(
                    "{} is not comparable with {first}: {}",
                    run.label,
                    differences.join("; ")
                ))
            });
            Some(Cell { figure, note })
        });
        let cells = cells.collect();
        let paper = reference.and_then(|(_, figure)| figure.paper.as_ref()).map(|paper| {
            let note = (!paper.comparable).then(|| {
                let (label, differences) = (&runs[first].label, paper.differences.join("; "));
                notes.number(format!("the paper's figure is for orientation beside {label}: {differences}"))
            });
            (paper.value, note)
        });
        Self { name: name.into(), protocol: protocol.into(), cells, paper }
    }
}

impl Comparison {
    /// Puts runs side by side, the first as the one that others are held against.
    #[must_use]
    pub fn new(mut runs: Vec<ComparedRun>) -> Self {
        make_labels_unique(&mut runs);
        let mut keys: Vec<(&str, &str)> = Vec::new();
        for figure in runs.iter().filter_map(|run| run.card.as_ref()).flat_map(|card| &card.figures) {
            let key = (figure.name.as_str(), figure.protocol.name.as_str());
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let mut notes = Notes::default();
        let rows = keys.into_iter().map(|key| Row::new(&runs, key, &mut notes)).collect();
        Self { rows, notes: notes.0, runs }
    }

    /// The tables as Markdown, which is also readable on a terminal.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::from("# Comparison\n\n");
        let runs = self.run_table();
        writeln!(text, "{runs}").expect("a string takes any text");
        if !self.rows.is_empty() {
            writeln!(text, "## Frozen probes on the test split\n\n{}", self.figure_table())
                .expect("a string takes any text");
            text.push_str(
                "Figure and 95 % bootstrap interval; `random`: the same model as initialised, same protocol. \
                 A number in brackets is a note below.\n\n",
            );
            for (number, note) in (1..).zip(&self.notes) {
                writeln!(text, "- [{number}] {note}").expect("a string takes any text");
            }
            if !self.notes.is_empty() {
                text.push('\n');
            }
        }
        if self.runs.iter().any(|run| run.online.is_some()) {
            writeln!(
                text,
                "## Online probes, last epoch, test split\n\n{}\nOnline figures chase a moving target: they compare \
                 only between runs of the same length on the same data. The references are CIFAR-100 runs of others' \
                 code.",
                self.online_table()
            )
            .expect("a string takes any text");
        }
        text
    }

    fn run_table(&self) -> Table {
        let mut table = Table::new([
            "run",
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
                Some(card) => {
                    let protocols: Vec<_> =
                        card.config.eval.protocols().into_iter().map(|kind| kind.name()).collect();
                    cells.extend([
                        card.data.name.clone(),
                        format!("{} + {}", card.data.train_images, card.data.test_images),
                        card.model.observed_views.to_string(),
                        card.model.origin.epochs.map_or_else(|| "?".into(), |epochs| epochs.to_string()),
                        card.encoder.name().into(),
                        protocols.join(", "),
                        card.config.run.seed.to_string(),
                        card.model.model_sha256.chars().take(8).collect(),
                        card.code.commit.as_ref().map_or_else(
                            || card.code.version.clone(),
                            |commit| commit.chars().take(8).collect::<String>(),
                        ),
                    ]);
                }
                None => cells.push("no evaluation.json: online figures only".into()),
            }
            table.push(cells);
        }
        table
    }

    fn figure_table(&self) -> Table {
        let labels = self.runs.iter().filter(|run| run.card.is_some());
        let titles = labels.flat_map(|run| [run.label.clone(), "random".into()]);
        let titles = ["figure".to_owned(), "protocol".into()].into_iter().chain(titles);
        let mut table = Table::new(titles.chain(["paper".to_owned()]));
        for row in &self.rows {
            let mut cells = vec![row.name.clone(), row.protocol.clone()];
            for (run, cell) in self.runs.iter().zip(&row.cells) {
                let Some(card) = &run.card else { continue };
                match cell {
                    Some(cell) => {
                        let figure = &card.figures[cell.figure];
                        cells.push(with_note(measured(&figure.trained, &figure.name), cell.note));
                        cells.push(value(figure.random.value, &figure.name));
                    }
                    None => cells.extend(["-".to_owned(), "-".into()]),
                }
            }
            cells.push(match row.paper {
                Some((paper, note)) => with_note(value(Some(paper), &row.name), note),
                None => "-".into(),
            });
            table.push(cells);
        }
        table
    }

    fn online_table(&self) -> Table {
        let runs: Vec<_> =
            self.runs.iter().filter_map(|run| Some((run.label.clone(), run.online.as_ref()?))).collect();
        let titles = runs.iter().map(|(label, row)| format!("{label}, epoch {}", row.epoch));
        let references = ONLINE_REFERENCES.iter().map(|(title, _)| (*title).to_owned());
        let mut table = Table::new(["figure".to_owned()].into_iter().chain(titles).chain(references));
        for (name, digits) in [
            ("ep_loss", 4),
            ("online_linacc_test", 2),
            ("online_r2_test", 3),
            ("leakage_linacc_test", 2),
            ("leakage_r2_test", 3),
        ] {
            let show = |figure: Option<f64>| {
                figure
                    .filter(|figure| figure.is_finite())
                    .map_or_else(|| "-".into(), |f| format!("{f:.digits$}"))
            };
            let reference = |figures: &[(&str, f64)]| {
                figures.iter().find(|(known, _)| *known == name).map(|(_, figure)| *figure)
            };
            let own = runs.iter().map(|(_, row)| show(row.get(name)));
            let others = ONLINE_REFERENCES.iter().map(|(_, figures)| show(reference(figures)));
            table.push([name.to_owned()].into_iter().chain(own).chain(others));
        }
        table
    }

    /// Every figure as one line with its protocol, for further analysis.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text = csv_line(&[
            "run",
            "figure",
            "protocol",
            "value",
            "low",
            "high",
            "random",
            "random_low",
            "random_high",
            "paper",
            "paper_comparable",
            "comparable_with_first_run",
            "note",
            "data_set",
            "m_train",
            "m_val",
            "encoder",
            "representation",
            "target",
            "probe",
            "fit",
            "penalty",
            "train_samples",
            "passes",
            "test_samples",
            "seed",
            "augmentation",
            "model_sha256",
            "version",
            "commit",
        ]);
        for row in &self.rows {
            for (run, cell) in self.runs.iter().zip(&row.cells) {
                let (Some(card), Some(cell)) = (&run.card, cell) else { continue };
                let figure = &card.figures[cell.figure];
                let number =
                    |figure: Option<f64>| figure.map(|figure| figure.to_string()).unwrap_or_default();
                let ends = |measured: &Measured| {
                    [0, 1].map(|end| number(measured.interval.map(|interval| interval[end])))
                };
                let ([low, high], [random_low, random_high]) = (ends(&figure.trained), ends(&figure.random));
                let notes = [figure.trained.note.clone(), cell.note.map(|note| self.notes[note - 1].clone())];
                let protocol = &figure.protocol;
                text += &csv_line(&[
                    run.label.clone(),
                    figure.name.clone(),
                    protocol.name.clone(),
                    number(figure.trained.value),
                    low,
                    high,
                    number(figure.random.value),
                    random_low,
                    random_high,
                    number(figure.paper.as_ref().map(|paper| paper.value)),
                    figure.paper.as_ref().map(|paper| paper.comparable.to_string()).unwrap_or_default(),
                    cell.note.is_none().to_string(),
                    notes.into_iter().flatten().collect::<Vec<_>>().join("; "),
                    card.data.name.clone(),
                    card.model.observed_views.to_string(),
                    protocol.observed_views.to_string(),
                    protocol.encoder.name().into(),
                    protocol.representation.clone(),
                    protocol.target.clone(),
                    protocol.probe.clone(),
                    protocol.fit.summary(),
                    number(figure.trained.penalty),
                    protocol.train_samples.to_string(),
                    protocol.passes.to_string(),
                    protocol.test_samples.to_string(),
                    protocol.seed.to_string(),
                    protocol.augmentation.clone(),
                    card.model.model_sha256.clone(),
                    card.code.version.clone(),
                    card.code.commit.clone().unwrap_or_default(),
                ]);
            }
        }
        text
    }

    /// Top-1 on z_AGG by M_train (rows: the paper's and the runs') and M_val (columns).
    #[must_use]
    pub fn grid(&self) -> HeatMap {
        let name = |m_val: usize| format!("top1_z_agg_m{m_val}");
        let cards = || self.runs.iter().filter_map(|run| Some((run, run.card.as_ref()?)));
        let has = |m_val: &usize| cards().any(|(_, card)| card.figure(&name(*m_val)).is_some());
        let columns = (1..=255).rev().find(has).unwrap_or(0).max(PAPER_GRID[0].1.len());
        let mut rows = Vec::new();
        for (m_train, figures) in PAPER_GRID {
            let cells = (0..columns).map(|column| figures.get(column).copied()).collect();
            rows.push((format!("M_train {m_train} paper"), cells));
        }
        let mut notes =
            vec!["paper: CIFAR-100, ResNet-18, 2000 epochs, linear probe by SGD, online encoder".into()];
        for (run, card) in cards() {
            let mut protocols: Vec<&str> = Vec::new();
            for figure in card.figures.iter().filter(|figure| figure.name.starts_with("top1_z_agg_m")) {
                if !protocols.contains(&figure.protocol.name.as_str()) {
                    protocols.push(&figure.protocol.name);
                }
            }
            let several = protocols.len() > 1;
            for protocol in protocols {
                let figure = |m_val: usize| {
                    let name = name(m_val);
                    card.figures.iter().find(|f| f.name == name && f.protocol.name == protocol)
                };
                let cells = (1..=columns).map(|m_val| figure(m_val).and_then(|figure| figure.trained.value));
                let fair = (1..=columns)
                    .filter_map(figure)
                    .all(|figure| figure.paper.as_ref().is_none_or(|paper| paper.comparable));
                let mark = if fair { "" } else { " *" };
                let mut label: String = run.label.chars().take(24).collect();
                if several {
                    label = format!("{label}, {protocol}");
                }
                rows.push((format!("M_train {} {label}{mark}", card.model.observed_views), cells.collect()));
                notes.push(format!(
                    "{label}: {}, {} + {} images, {protocol}, {} encoder{}",
                    card.data.name,
                    card.data.train_images,
                    card.data.test_images,
                    card.encoder.name(),
                    if fair { "" } else { "; * not as the paper" }
                ));
            }
        }
        HeatMap {
            title: "top-1 % on z_AGG by M_train (rows) and M_val (columns)".into(),
            columns: (1..=columns).map(|m_val| m_val.to_string()).collect(),
            rows,
            notes,
        }
    }
}

/// Two runs of one name get numbers.
fn make_labels_unique(runs: &mut [ComparedRun]) {
    for index in 0..runs.len() {
        let label = runs[index].label.clone();
        let taken = |runs: &[ComparedRun], label: &str| runs[..index].iter().any(|run| run.label == label);
        let mut number = 2;
        while taken(runs, &runs[index].label) {
            runs[index].label = format!("{label} ({number})");
            number += 1;
        }
    }
}

/// What was not the same when two figures of one name and protocol were measured.
fn differences(
    (first_card, first): (&ResultCard, &Figure),
    (card, figure): (&ResultCard, &Figure),
) -> Vec<String> {
    let (a, b) = (&first.protocol, &figure.protocol);
    let mut found = Vec::new();
    let mut compare = |what: &str, first: String, own: String| {
        if first != own {
            found.push(format!("{what} {own}, not {first}"));
        }
    };
    compare("data set", first_card.data.name.clone(), card.data.name.clone());
    compare("encoder", a.encoder.name().into(), b.encoder.name().into());
    compare("representation", a.representation.clone(), b.representation.clone());
    compare("M_val", a.observed_views.to_string(), b.observed_views.to_string());
    compare("target", a.target.clone(), b.target.clone());
    compare("probe", a.probe.clone(), b.probe.clone());
    let fit = |fit| serde_json::to_string(fit).expect("a fit is plain data");
    if fit(&a.fit) != fit(&b.fit) {
        let (first, own) = (a.fit.summary(), b.fit.summary());
        let (first, own) = if first == own { (fit(&a.fit), fit(&b.fit)) } else { (first, own) };
        compare("fit", first, own);
    }
    compare("training rows", a.train_samples.to_string(), b.train_samples.to_string());
    compare("passes", a.passes.to_string(), b.passes.to_string());
    compare("test rows", a.test_samples.to_string(), b.test_samples.to_string());
    compare("augmentation", a.augmentation.clone(), b.augmentation.clone());
    found
}

/// Digits after the point: percentages 2, others 3.
pub(crate) fn digits(name: &str) -> usize {
    if ["top", "knn", "hit"].iter().any(|prefix| name.starts_with(prefix)) { 2 } else { 3 }
}

fn value(figure: Option<f64>, name: &str) -> String {
    let digits = digits(name);
    figure.map_or_else(|| "-".into(), |figure| format!("{figure:.digits$}"))
}

/// A value with its interval.
pub(crate) fn measured(figure: &Measured, name: &str) -> String {
    let digits = digits(name);
    let interval = figure.interval.map(|[low, high]| format!(" [{low:.digits$}, {high:.digits$}]"));
    value(figure.value, name) + &interval.unwrap_or_default()
}

fn with_note(text: String, note: Option<usize>) -> String {
    note.map_or_else(|| text.clone(), |note| format!("{text} [{note}]"))
}

fn csv_line<S: AsRef<str>>(cells: &[S]) -> String {
    let quote = |cell: &S| {
        let cell = cell.as_ref();
        if cell.contains([',', '"', '\n']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.into()
        }
    };
    cells.iter().map(quote).collect::<Vec<String>>().join(",") + "\n"
}
