//! The figures of a run in a few lines.

use seqjepa_train::MetricsRow;

use super::differences::{of_other_data, shortened};
use super::in_words::in_words;
use super::numbers::{measured, number, value};
use super::table::Table;
use super::text::{clean, one_line};
use super::verdict::verdict;
use super::wrap::wrapped;
use crate::card::{Figure, Measured, PublishedFigure, ResultCard, TestedSplit};
use crate::names::{CLEAN, CLEAN_SUFFIX, FIRST, FIRST_SUFFIX};

/// Columns that the paragraphs of a Markdown file take.
const PAGE: usize = 120;

/// The figures of a run: online, leakage, frozen, and frozen on the randomly initialised model, with a verdict on each,
/// beside the published ones where data set and protocol are those; below the table, what each column and name is, and whether
/// the representations have collapsed. As Markdown, of any width; [`results_text`] is for a terminal.
///
/// `last` is the row of the last epoch, where there is one.
#[must_use]
pub fn results_table(last: Option<&MetricsRow>, card: &ResultCard) -> String {
    let (table, elsewhere) = table(last, card);
    let mut text = format!("{table}\n");
    for paragraph in legend(card, clean).into_iter().chain(orientation(&elsewhere, clean)) {
        text += &wrapped(&paragraph, PAGE, 2);
    }
    let collapse = card.collapse_summary(clean);
    if !collapse.is_empty() {
        text.push('\n');
    }
    collapse.iter().for_each(|paragraph| text += &wrapped(paragraph, PAGE, 2));
    text
}

/// The same for a terminal of `width` columns (at least 20): the table, then in words what is good and what is not, then what each column
/// and name is. No line is longer; no figure is left out.
#[must_use]
pub fn results_text(last: Option<&MetricsRow>, card: &ResultCard, width: usize) -> String {
    let (table, elsewhere) = table(last, card);
    let mut text = table.fitted(width);
    let mut part = |title: &str, paragraphs: Vec<String>| {
        if !paragraphs.is_empty() {
            text += &format!("\n{}", wrapped(title, width, 0));
            paragraphs.iter().for_each(|paragraph| text += &wrapped(&format!("- {paragraph}"), width, 2));
        }
    };
    part("In words:", in_words(last, card));
    part("Collapse (docs/probes.md has the thresholds):", card.collapse_summary(one_line));
    let mut names = legend(card, one_line);
    names.extend(orientation(&elsewhere, one_line));
    part("Names:", names);
    text
}

/// A published figure that is not beside the others: its line, its value, and what it is.
type Elsewhere<'a> = (String, String, &'a PublishedFigure);

fn table<'a>(last: Option<&MetricsRow>, card: &'a ResultCard) -> (Table, Vec<Elsewhere<'a>>) {
    let rows = rows(card);
    // A column of others' figures beside what was measured otherwise would be read as a comparison.
    let with_paper = rows.iter().any(|row| row.published(card).is_some_and(|published| published.comparable));
    let tested = format!("{} split", card.data.tested.name());
    let titles = [&*tested, "online", "leakage", "frozen", "frozen, random", "trained vs random"];
    let mut table = Table::new(titles.into_iter().chain(with_paper.then_some("paper")));
    let mut elsewhere = Vec::new();
    for row in &rows {
        let online = |name: &Option<String>| {
            let name = name.as_deref().unwrap_or_default();
            let digits = if name.contains("linacc") { 2 } else { 3 };
            number(last.and_then(|row| row.get(name)), digits)
        };
        let figure = card.figure(&row.figure);
        let text = |side: fn(&Figure) -> &Measured| {
            figure.map_or_else(|| "-".into(), |figure| measured(side(figure), &row.figure))
        };
        let mut cells = vec![
            row.title.clone(),
            online(&row.online),
            online(&row.leakage),
            text(|figure| &figure.trained),
            text(|figure| &figure.random),
            figure.and_then(verdict).map_or("-", |verdict| verdict.words()).into(),
        ];
        let published = row.published(card);
        if with_paper {
            let beside = published.filter(|published| published.comparable).map(|published| published.value);
            cells.push(value(beside, &row.figure));
        }
        if let Some(published) = published.filter(|published| !published.comparable) {
            elsewhere.push((row.title.clone(), value(Some(published.value), &row.figure), published));
        }
        table.push(cells);
    }
    (table, elsewhere)
}

/// A line of the table: its title, the online figures beside it, and its name on a card.
pub(super) struct Row {
    pub(super) title: String,
    online: Option<String>,
    leakage: Option<String>,
    pub(super) figure: String,
}

impl Row {
    fn published<'a>(&self, card: &'a ResultCard) -> Option<&'a PublishedFigure> {
        card.figure(&self.figure)?.published.as_ref()
    }
}

pub(super) fn rows(card: &ResultCard) -> Vec<Row> {
    let row = |title: String, online: Option<&str>, leakage: Option<&str>, figure: String| Row {
        title,
        online: online.map(str::to_owned),
        leakage: leakage.map(str::to_owned),
        figure,
    };
    let clean = format!("top1_{CLEAN_SUFFIX}");
    if card.data.trained_on.is_some() {
        let of = |what: &str, name: &str| {
            row(format!("{what} % from {CLEAN}"), None, None, format!("{name}_{CLEAN_SUFFIX}"))
        };
        return vec![of("top-1", "top1"), of("top-5", "top5"), of("20-NN", "knn20"), of("200-NN", "knn200")];
    }
    let invariant = &card.method.invariant;
    let title = format!("top-1 % from {}", invariant.name);
    let mut rows = vec![row(title, Some("online_linacc_test"), Some("leakage_linacc_test"), card.headline())];
    if !invariant.is_first() {
        rows.push(row(format!("top-1 % from {FIRST}"), None, None, format!("top1_{FIRST_SUFFIX}")));
    }
    if card.figure(&clean).is_some() {
        rows.push(row(format!("top-1 % from {CLEAN}"), None, None, clean));
    }
    for group in &card.scope.groups {
        let online = |kind: &str| format!("{kind}_r2_{group}_test");
        let [online, leakage] = ["online", "leakage"].map(online);
        rows.push(row(format!("R2 {group}"), Some(&online), Some(&leakage), format!("r2_{group}")));
    }
    let title = "R2, all parameters".to_owned();
    rows.push(row(title, Some("online_r2_test"), Some("leakage_r2_test"), "r2_mean".into()));
    for group in &card.scope.groups {
        let individual = format!("individual_r2_{group}");
        if card.figure(&individual).is_some() {
            rows.push(row(format!("R2 {group}, individual"), None, None, individual));
        }
    }
    rows
}

/// What the columns are, a paragraph each.
fn legend(card: &ResultCard, escape: fn(&str) -> String) -> Vec<String> {
    let Some(figure) = card.figure(&card.headline()) else {
        return Vec::new();
    };
    let (protocol, invariant) = (&figure.protocol, &card.method.invariant);
    if let Some(trained_on) = &card.data.trained_on {
        let [trained_on, data] = [trained_on, &card.data.name].map(|name| escape(name));
        return vec![
            format!(
                "transfer: the encoder was trained on {trained_on} and is evaluated on the clean images of {data}."
            ),
            format!(
                "protocol `{}` on the frozen {} encoder; {} images to fit, {} to test.",
                escape(&protocol.name),
                card.encoder.name(),
                card.data.train_images,
                card.data.test_images
            ),
            "frozen, random: the same protocol on the model as initialised.".into(),
            "trained vs random: better or worse where the two intervals are apart.".into(),
        ];
    }
    let name = escape(&invariant.name);
    let of = if invariant.of_sequence {
        format!("the representation of a sequence of {} observed views (M_val)", protocol.observed_views)
    } else {
        "the representation of an image".into()
    };
    let intervals = card.figures.iter().any(|figure| figure.trained.interval.is_some());
    // "protocol `exact` (exact)" would say it twice.
    let fit = Some(escape(&protocol.fit.summary())).filter(|fit| *fit != protocol.name);
    let fit = fit.map_or_else(String::new, |fit| format!(" ({fit})"));
    let mut paragraphs = vec![
        format!("{name}: {of}, meant not to depend on the views."),
        "z_1, z_2: the encoder's representations of views 1 and 2, meant to tell how the views differ.".into(),
        "R2: of the relative action, what leads from view 1 to view 2; 1 is perfect, 0 no better than the mean; the mean over \
         the parameters of the group."
            .into(),
        format!("online: probes trained beside the model, last epoch: top-1 from {name}, R2 from (z_1, z_2)."),
        format!(
            "leakage: the same the wrong way round, top-1 from z_1, R2 from {name}: low is good, the two kinds of \
             representation are then apart."
        ),
        format!(
            "frozen: protocol `{}`{} on the frozen {} encoder, {}; {} images to fit, {} to test, {}, seed {}{}.",
            escape(&protocol.name),
            fit,
            card.encoder.name(),
            counted(protocol.observed_views, "observed view", "s"),
            card.data.train_images,
            card.data.test_images,
            counted(protocol.passes, "augmentation pass", "es"),
            protocol.seed,
            if intervals { "; brackets: 95 % bootstrap intervals over the images to test" } else { "" },
        ),
        "frozen, random: the same protocol on the model as initialised.".into(),
        "trained vs random: better or worse where the two intervals are apart.".into(),
    ];
    if card.figures.iter().any(|figure| figure.name.starts_with("individual_r2_")) {
        paragraphs.push("individual: of the action of view 1 alone, from z_1.".into());
    }
    if card.data.tested == TestedSplit::Validation {
        paragraphs.push(
            "validation: every figure is of training images that were held out (dataset.validation), not of the test split, so that no published \
             figure stands beside it."
                .into(),
        );
    }
    if let Some(published) = figure.published.as_ref().filter(|published| published.comparable) {
        let source = escape(&published.source);
        paragraphs.push(if published.differences.is_empty() {
            format!("paper: the same data set and protocol ({source}).")
        } else {
            format!(
                "paper: the same data set and protocol ({source}), but {}.",
                escape(&published.differences.join("; "))
            )
        });
    }
    paragraphs
}

fn counted(count: usize, what: &str, plural: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { plural })
}

/// Where a published figure is from, and in what it differs.
type SourceAndDifferences<'a> = (&'a str, &'a [String]);

/// The published figures on the same data that were measured otherwise, those that differ in the same from one source together.
/// Of other data the card alone has them.
fn orientation(figures: &[Elsewhere<'_>], escape: fn(&str) -> String) -> Vec<String> {
    let mut notes: Vec<(SourceAndDifferences<'_>, Vec<String>)> = Vec::new();
    for (title, value, published) in figures {
        if of_other_data(published) {
            continue;
        }
        let key = (published.source.as_str(), published.differences.as_slice());
        let text = format!("{title} {value}");
        match notes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, texts)) => texts.push(text),
            None => notes.push((key, vec![text])),
        }
    }
    let line = |((source, differences), texts): &((&str, &[String]), Vec<String>)| {
        format!(
            "for orientation, not measured so ({}): {}: {}.",
            escape(source),
            escape(&texts.join(", ")),
            escape(&shortened(differences))
        )
    };
    notes.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::tests_support::{card, published};

    #[test]
    fn a_published_figure_stands_beside_what_was_measured_alike() {
        let mut own = card(&["top1_z_agg_m5", "top1_z1", "r2_zoom", "r2_mean"]);
        own.scope.groups = vec!["zoom".into()];
        own.figures[0].published = Some(published(58.33, true, &[]));
        own.figures[2].published =
            Some(published(0.79, false, &["layers 1, the published 3", "b", "c", "d", "e"]));
        own.figures[3].published =
            Some(published(0.75, false, &["data set synthetic, the published cifar100"]));
        let text = results_table(None, &own);
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
        assert!(line("| top-1 % from z_AGG").contains("58.33 |"), "{text}");
        assert!(line("| R2 zoom").ends_with("- |"), "{text}");
        assert!(text.contains("paper: the same data set and protocol (somewhere)"), "{text}");
        assert!(
            text.contains(
                "not measured so (somewhere): R2 zoom 0.790: layers 1, the published 3; b; c; and 2 more"
            ),
            "{text}"
        );
        // The figures of other data are on the card alone.
        assert!(!text.contains("0.750"), "{text}");
        own.figures[0].published = None;
        let text = results_table(None, &own);
        assert!(!text.contains("paper"), "{text}");
    }
}
