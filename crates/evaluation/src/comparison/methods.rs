//! Methods side by side, each of several seeds: a table for every data set.

use std::fmt::Write as _;

use super::columns::mean_and_spread;
use super::differences::differences;
use super::model::Comparison;
use super::scatter::{Panel, Point, ScatterPlot};
use crate::card::{Figure, ResultCard, TestedSplit};
use crate::report::numbers::{Notes, value, with_notes};
use crate::report::text::{clean, one_line};
use crate::report::{Table, plain_text, wrapped};

/// A method on one data set: its name in tables, and the card of every seed that was asked for, if it is there.
#[derive(Debug, Clone)]
pub struct SweptMethod {
    /// Its name.
    pub name: String,
    /// One a seed.
    pub cards: Vec<Option<ResultCard>>,
}

/// Methods by data sets by seeds: of every headline figure the mean and the standard deviation (over n - 1) of the seeds.
///
/// Figures of two methods stand in one column by what they are, not by their name: top-1 is of each method's own invariant
/// representation. What else was not measured alike is noted.
#[derive(Debug, Clone)]
pub struct MethodTable {
    data_sets: Vec<(String, Vec<SweptMethod>)>,
    remarks: Vec<String>,
}

/// What a column shows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Role {
    /// Top-1 from the invariant representation.
    Top1,
    /// Top-1 of the nearest neighbours there.
    Neighbours,
    /// R2 of a group of the relative action.
    Group(String),
    /// R2 over all its parameters.
    R2,
    /// The same from the invariant representation, which should not tell.
    Leakage,
}

impl Role {
    fn title(&self) -> String {
        match self {
            Self::Top1 => "top-1 %".into(),
            Self::Neighbours => "kNN %".into(),
            Self::Group(group) => format!("R2 {group}"),
            Self::R2 => "R2".into(),
            Self::Leakage => "leakage R2".into(),
        }
    }

    /// The name of the figure on a card.
    fn figure(&self, card: &ResultCard) -> String {
        match self {
            Self::Top1 => card.headline(),
            Self::Neighbours => format!("knn20_{}", card.method.invariant.suffix()),
            Self::Group(group) => format!("r2_{group}"),
            Self::R2 => "r2_mean".into(),
            Self::Leakage => "leakage_r2_mean".into(),
        }
    }
}

/// One figure of one method.
#[derive(Debug, Clone, Default)]
struct Cell {
    /// The figure's name on the cards.
    name: String,
    /// One a seed that has it.
    values: Vec<f64>,
    /// The published one, where data set and protocol are the same.
    published: Option<f64>,
    /// Why it is not comparable with the first method's.
    differences: Vec<String>,
}

impl Cell {
    /// Mean, and of several seeds the standard deviation.
    fn summary(&self) -> Option<(f64, Option<f64>)> {
        match mean_and_spread(&self.values) {
            Some((mean, spread)) => Some((mean, Some(spread))),
            None => self.values.first().map(|value| (*value, None)),
        }
    }

    /// The cell of a table; `finished` seeds have a card.
    fn text(&self, finished: usize) -> String {
        let Some((mean, spread)) = self.summary() else { return "-".into() };
        let mut text = value(Some(mean), &self.name);
        if let Some(spread) = spread {
            text += &format!(" ± {}", value(Some(spread), &self.name));
        }
        if self.values.len() < finished {
            text += &format!(" (n {})", self.values.len());
        }
        text
    }
}

/// The figures of one data set by one protocol.
struct Part<'a> {
    data_set: &'a str,
    protocol: &'a str,
    methods: &'a [SweptMethod],
    roles: Vec<Role>,
    /// By method and role.
    cells: Vec<Vec<Cell>>,
}

impl SweptMethod {
    fn cards(&self) -> impl Iterator<Item = &ResultCard> {
        self.cards.iter().flatten()
    }

    fn finished(&self) -> usize {
        self.cards().count()
    }

    /// How many seeds there are, marked where more were asked for.
    fn seeds(&self) -> String {
        match (self.finished(), self.cards.len()) {
            (finished, asked) if finished == asked => finished.to_string(),
            (finished, asked) => format!("{finished} of {asked} *"),
        }
    }

    fn cell(&self, role: &Role, protocol: &str, reference: Option<&ResultCard>) -> Cell {
        let mut cell = Cell::default();
        for card in self.cards() {
            let name = role.figure(card);
            // Nearest neighbours are of a protocol of their own.
            let by = |figure: &&Figure| {
                figure.name == name && (*role == Role::Neighbours || figure.protocol.name == protocol)
            };
            let Some(figure) = card.figures.iter().find(by) else { continue };
            cell.name.clone_from(&name);
            let Some(value) = figure.trained.value.filter(|value| value.is_finite()) else { continue };
            cell.values.push(value);
            let published = figure.published.as_ref().filter(|published| published.comparable);
            cell.published = cell.published.or(published.map(|published| published.value));
            let first = reference.and_then(|first| {
                let name = role.figure(first);
                let same =
                    |other: &&Figure| other.name == name && other.protocol.name == figure.protocol.name;
                Some((first, first.figures.iter().find(same)?))
            });
            for difference in first.into_iter().flat_map(|first| differences(first, (card, figure))) {
                // Each method is read from its own representation.
                let own = ["representation ", "M_val "].iter().any(|start| difference.starts_with(start));
                if !own && !cell.differences.contains(&difference) {
                    cell.differences.push(difference);
                }
            }
        }
        cell
    }
}

impl Comparison {
    /// The columns of the comparison as rows, by their data sets: a run, or the seeds of one config.
    #[must_use]
    pub fn methods(&self) -> MethodTable {
        let mut data_sets: Vec<(String, Vec<SweptMethod>)> = Vec::new();
        for column in &self.columns {
            let cards: Vec<_> = column.runs.iter().map(|run| self.runs[*run].card.clone()).collect();
            let Some(data_set) = cards.iter().flatten().next().map(|card| card.data.name.clone()) else {
                continue;
            };
            let method = SweptMethod { name: column.label.clone(), cards };
            match data_sets.iter_mut().find(|(name, _)| *name == data_set) {
                Some((_, methods)) => methods.push(method),
                None => data_sets.push((data_set, vec![method])),
            }
        }
        MethodTable::new(data_sets)
    }
}

impl MethodTable {
    const TITLE: &str = "# Sweep\n\n";
    const COLUMNS: [&str; 12] = [
        "data_set",
        "method",
        "figure",
        "name",
        "protocol",
        "seeds_asked",
        "seeds_finished",
        "n",
        "mean",
        "standard_deviation",
        "paper",
        "note",
    ];

    /// Data sets by name, with the methods on each.
    #[must_use]
    pub fn new(data_sets: Vec<(String, Vec<SweptMethod>)>) -> Self {
        Self { data_sets, remarks: Vec::new() }
    }

    /// The same with remarks on single runs below the tables, each a sentence.
    #[must_use]
    pub fn with_remarks(self, remarks: Vec<String>) -> Self {
        Self { remarks, ..self }
    }

    /// Whether seeds are missing that were asked for.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.methods().any(|method| method.finished() < method.cards.len())
    }

    fn methods(&self) -> impl Iterator<Item = &SweptMethod> {
        self.data_sets.iter().flat_map(|(_, methods)| methods)
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        for (data_set, methods) in &self.data_sets {
            let cards = || methods.iter().flat_map(SweptMethod::cards);
            let protocols =
                distinct(cards().flat_map(|card| card.scope.protocols.iter().map(String::as_str)));
            let groups = distinct(cards().flat_map(|card| card.scope.groups.iter().map(String::as_str)));
            let reference = cards().next();
            // A data set of which nothing is there yet has a table all the same.
            let protocols = if protocols.is_empty() { vec![""] } else { protocols };
            for protocol in protocols {
                let mut roles = vec![Role::Top1, Role::Neighbours];
                roles.extend(groups.iter().map(|group| Role::Group((*group).to_owned())));
                roles.extend([Role::R2, Role::Leakage]);
                let row = |method: &SweptMethod| {
                    roles.iter().map(|role| method.cell(role, protocol, reference)).collect()
                };
                let cells = methods.iter().map(row).collect();
                parts.push(Part { data_set, protocol, methods, roles, cells });
            }
        }
        parts
    }

    /// The tables as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = Self::TITLE.to_owned();
        for part in self.parts() {
            let (table, notes) = part.table();
            let _ = write!(text, "## {}\n\n{table}\n", clean(&part.title()));
            text += &wrapped(&clean(&part.about()), 120, 0);
            notes.iter().for_each(|note| text += &wrapped(&format!("- {}", clean(note)), 120, 2));
            text.push('\n');
        }
        let legend: Vec<String> = self.legend().into_iter().map(|text| wrapped(text, 120, 0)).collect();
        text += &legend.join("\n");
        if !self.remarks.is_empty() {
            text.push('\n');
        }
        self.remarks.iter().for_each(|remark| text += &wrapped(&format!("- {}", clean(remark)), 120, 2));
        text
    }

    /// The tables for a terminal of `width` columns (at least 20).
    #[must_use]
    pub fn text(&self, width: usize) -> String {
        let mut text = String::new();
        for part in self.parts() {
            let (table, notes) = part.table();
            text += &format!("{}\n{}", wrapped(&one_line(&part.title()), width, 0), table.fitted(width));
            text += &wrapped(&one_line(&part.about()), width, 0);
            notes.iter().for_each(|note| text += &wrapped(&one_line(note), width, 4));
            text.push('\n');
        }
        self.legend().into_iter().for_each(|paragraph| text += &wrapped(paragraph, width, 0));
        self.remarks.iter().for_each(|remark| text += &wrapped(&one_line(remark), width, 4));
        text
    }

    /// What the columns are, a paragraph each.
    fn legend(&self) -> Vec<&'static str> {
        let mut paragraphs = vec![
            "Mean ± standard deviation over the seeds. top-1: from the method's invariant representation, at M_val views where that is one \
             of a sequence; kNN: the vote of 20 nearest neighbours there; R2: of the relative action from (z_1, z_2), by group and over all \
             parameters; leakage R2: the same from the invariant representation, where low is good.",
        ];
        if self.is_incomplete() {
            paragraphs.push("Seeds with *: fewer than were asked for have finished.");
        }
        paragraphs
    }

    /// One line for each figure of a method, for further analysis.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let whole = "memory takes what is written to it";
        writer.write_record(Self::COLUMNS).expect(whole);
        let number = |figure: Option<f64>| figure.map(|figure| figure.to_string()).unwrap_or_default();
        for part in self.parts() {
            for (method, cells) in part.methods.iter().zip(&part.cells) {
                for (role, cell) in part.roles.iter().zip(cells) {
                    let summary = cell.summary();
                    let record: [String; Self::COLUMNS.len()] = [
                        part.data_set.to_owned(),
                        method.name.clone(),
                        role.title(),
                        cell.name.clone(),
                        if *role == Role::Neighbours { "knn".into() } else { part.protocol.to_owned() },
                        method.cards.len().to_string(),
                        method.finished().to_string(),
                        cell.values.len().to_string(),
                        number(summary.map(|(mean, _)| mean)),
                        number(summary.and_then(|(_, spread)| spread)),
                        number(cell.published),
                        cell.differences.join("; "),
                    ];
                    writer.write_record(record).expect(whole);
                }
            }
        }
        // Cards may be anybody's.
        plain_text(&String::from_utf8(writer.into_inner().expect(whole)).expect("every field is text"))
    }

    /// Top-1 against R2 of every method, a panel for each data set, by the first protocol that the cards have.
    #[must_use]
    pub fn scatter(&self) -> ScatterPlot {
        let mut panels: Vec<Panel> = Vec::new();
        for part in self.parts() {
            if panels.iter().any(|panel| panel.data_set == part.data_set) {
                continue;
            }
            let of = |cells: &[Cell], role: &Role| {
                let place = part.roles.iter().position(|own| own == role)?;
                cells[place].summary()
            };
            let points = part.methods.iter().zip(&part.cells).filter_map(|(method, cells)| {
                let [x, y] = [of(cells, &Role::R2)?, of(cells, &Role::Top1)?];
                let mark = if method.finished() < method.cards.len() { " *" } else { "" };
                Some(Point { label: format!("{}{mark}", method.name), x, y })
            });
            panels.push(Panel {
                data_set: part.data_set.to_owned(),
                title: part.title(),
                points: points.collect(),
            });
        }
        ScatterPlot {
            x: "R2 of the relative action, mean over its parameters".into(),
            y: "top-1 %, invariant representation".into(),
            panels,
            note: match self.is_incomplete() {
                true => "bars: standard deviation over seeds; * not all seeds have finished".into(),
                false => "bars: standard deviation over seeds".into(),
            },
        }
    }
}

impl Part<'_> {
    fn title(&self) -> String {
        let validation = self.cards().any(|card| card.data.tested == TestedSplit::Validation);
        let mut title = self.data_set.to_owned();
        if validation {
            title += " (validation)";
        }
        if !self.protocol.is_empty() {
            title += &format!(", protocol {}", self.protocol);
        }
        title
    }

    fn cards(&self) -> impl Iterator<Item = &ResultCard> {
        self.methods.iter().flat_map(SweptMethod::cards)
    }

    /// What the first method was measured on, in a sentence.
    fn about(&self) -> String {
        let Some(card) = self.cards().next() else { return "No run has finished yet.".into() };
        let tested = match card.data.tested {
            TestedSplit::Test => "test images",
            TestedSplit::Validation => {
                "held-out training images (validation), so that no published figure stands here"
            }
        };
        format!(
            "Frozen {} encoder, M_val {}; probes fitted to {} images and tested on {} {tested}.",
            card.encoder.name(),
            card.scope.observed_views,
            card.data.train_images,
            card.data.test_images,
        )
    }

    fn table(&self) -> (Table, Vec<String>) {
        let published = |place: &usize| self.cells.iter().any(|row| row[*place].published.is_some());
        let with_paper: Vec<usize> = (0..self.roles.len()).filter(published).collect();
        let titles = ["method".to_owned(), "seeds".into()].into_iter();
        let titles = titles.chain(self.roles.iter().map(Role::title));
        let paper = with_paper.iter().map(|place| format!("paper: {}", self.roles[*place].title()));
        let mut table = Table::new(titles.chain(paper));
        let mut notes = Notes::default();
        for (method, row) in self.methods.iter().zip(&self.cells) {
            let mut cells = vec![method.name.clone(), method.seeds()];
            for cell in row {
                let note = (!cell.differences.is_empty()).then(|| {
                    notes.number(format!("not measured as the first method: {}", cell.differences.join("; ")))
                });
                cells.push(with_notes(cell.text(method.finished()), note.as_slice()));
            }
            let paper = with_paper.iter().map(|place| value(row[*place].published, &row[*place].name));
            cells.extend(paper);
            table.push(cells);
        }
        (table, notes.iter().map(|(number, note)| format!("[{number}] {note}")).collect())
    }
}

/// Each once, in order.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Measured;
    use crate::card::tests_support::{card, published};
    use crate::comparison::ComparedRun;

    const NAMES: [&str; 5] = ["top1_z_agg_m5", "knn20_z_agg", "r2_crop", "r2_mean", "leakage_r2_mean"];

    fn method(name: &str, values: &[Option<f64>]) -> SweptMethod {
        let of = |value: &Option<f64>| {
            let mut own = card(&NAMES);
            own.scope.groups = vec!["crop".into()];
            own.figures.iter_mut().for_each(|figure| figure.trained.value = *value);
            own.figures[1].protocol.name = "knn".into();
            value.map(|_| own)
        };
        SweptMethod { name: name.into(), cards: values.iter().map(of).collect() }
    }

    fn table(methods: Vec<SweptMethod>) -> MethodTable {
        MethodTable::new(vec![("synthetic".into(), methods)])
    }

    fn row(text: &str, start: &str) -> Vec<String> {
        let line =
            text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {text}"));
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    }

    #[test]
    fn a_row_is_a_method_with_mean_and_deviation_of_its_seeds() {
        // statistics.stdev([1, 2, 4]) of Python: 1.5275.
        let table = table(vec![
            method("ours", &[Some(1.0), Some(2.0), Some(4.0)]),
            method("a|b", &[Some(3.0), None, None]),
            method("none", &[None, None, None]),
        ]);
        let text = table.markdown();
        assert!(text.starts_with("# Sweep\n\n## synthetic, protocol exact\n\n| method "), "{text}");
        let titles = ["method", "seeds", "top-1 %", "kNN %", "R2 crop", "R2", "leakage R2"];
        assert_eq!(row(&text, "| method"), titles);
        assert_eq!(
            row(&text, "| ours"),
            ["ours", "3", "2.33 ± 1.53", "2.33 ± 1.53", "2.333 ± 1.528", "2.333 ± 1.528", "2.333 ± 1.528"]
        );
        assert!(
            text.contains("| a\\|b ") && text.contains(" 1 of 3 * |") && text.contains(" 3.00 |"),
            "{text}"
        );
        assert_eq!(row(&text, "| none")[1..4], ["0 of 3 *", "-", "-"]);
        assert!(text.contains("fewer than were asked for") && table.is_incomplete());
        let csv = table.csv();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 1 + 3 * 5);
        let start = "synthetic,ours,top-1 %,top1_z_agg_m5,exact,3,3,3,2.33333333333333";
        assert!(lines[1].starts_with(start) && lines[1].contains(",1.5275252316519"), "{}", lines[1]);
        assert_eq!(lines[7], "synthetic,a|b,kNN %,knn20_z_agg,knn,3,1,1,3,,,");
        for width in [40, 100] {
            assert!(table.text(width).lines().all(|line| line.chars().count() <= width));
        }
    }

    #[test]
    fn remarks_stand_below_the_tables() {
        let remark = "synthetic, ours, seed 1: gates failed: ep_loss | x.".to_owned();
        let table = table(vec![method("ours", &[Some(1.0)])]).with_remarks(vec![remark]);
        let text = table.markdown();
        assert!(text.ends_with("\n\n- synthetic, ours, seed 1: gates failed: ep_loss \\| x.\n"), "{text}");
        assert!(table.text(100).ends_with("\nsynthetic, ours, seed 1: gates failed: ep_loss | x.\n"));
    }

    #[test]
    fn a_published_figure_stands_beside_what_was_measured_alike_only() {
        let mut ours = method("ours", &[Some(1.0), Some(2.0)]);
        for own in ours.cards.iter_mut().flatten() {
            own.figures[0].published = Some(published(58.33, true, &[]));
            own.figures[3].published = Some(published(0.5, false, &["M_val 3"]));
            own.figures[4].trained = Measured::absent("not had");
        }
        let text = table(vec![ours, method("other", &[Some(1.0), Some(1.0)])]).markdown();
        assert_eq!(row(&text, "| method").last().unwrap(), "paper: top-1 %");
        assert_eq!(row(&text, "| ours").last().unwrap(), "58.33");
        assert_eq!(row(&text, "| ours")[6], "-");
        assert_eq!(row(&text, "| other").last().unwrap(), "-");
        assert!(!text.contains("0.500 |"), "{text}");
    }

    #[test]
    fn what_was_not_measured_alike_is_noted() {
        let mut other = method("other", &[Some(1.0)]);
        let own = other.cards[0].as_mut().unwrap();
        own.method.invariant = crate::names::Invariant { name: "h".into(), of_sequence: false };
        for figure in &mut own.figures {
            figure.name = figure.name.replace("z_agg_m5", "h").replace("z_agg", "h");
            figure.protocol.representation = "h".into();
            figure.protocol.observed_views = 1;
        }
        let first = || method("first", &[Some(1.0)]);
        let text = table(vec![first(), other.clone()]).markdown();
        assert!(!text.contains("[1]") && row(&text, "| other")[2] == "1.00", "{text}");
        other.cards[0].as_mut().unwrap().figures[0].protocol.passes = 7;
        let text = table(vec![first(), other.clone()]).markdown();
        assert!(
            text.contains("1.00 [1]")
                && text.contains("[1] not measured as the first method: passes 7, not 1"),
            "{text}"
        );

        let mut held = first();
        held.cards[0].as_mut().unwrap().data.tested = TestedSplit::Validation;
        let text = table(vec![held]).markdown();
        assert!(
            text.contains("## synthetic (validation)") && text.contains("held-out training images"),
            "{text}"
        );
    }

    #[test]
    fn compared_runs_are_methods_of_their_data_sets() {
        let run = |label: &str, data_set: &str, seed| {
            let mut own = card(&NAMES);
            own.scope.seed = seed;
            own.data.name = data_set.into();
            ComparedRun { label: label.into(), card: Some(own), online: None, trained_as: None }
        };
        let none = ComparedRun { label: "none".into(), card: None, online: None, trained_as: None };
        let comparison = Comparison::new(vec![run("a", "x", 1), run("b", "y", 1), none, run("c", "x", 2)]);
        let text = comparison.methods().markdown();
        assert!(text.contains("## x, protocol exact") && text.contains("## y, protocol exact"), "{text}");
        assert_eq!(row(&text, "| a, 2 seeds")[1..3], ["2", "0.50 ± 0.00"]);
        assert_eq!(comparison.methods().scatter().panels.len(), 2);
    }

    #[test]
    fn a_point_is_a_method_with_both_figures() {
        let methods =
            vec![method("a", &[Some(1.0), Some(2.0)]), method("b", &[None, Some(0.5)]), method("c", &[None])];
        let plot = table(methods).scatter();
        let points = &plot.panels[0].points;
        assert_eq!(points.iter().map(|point| point.label.as_str()).collect::<Vec<_>>(), ["a", "b *"]);
        assert_eq!((points[0].x.0, points[1].y), (1.5, (0.5, None)));
    }
}
