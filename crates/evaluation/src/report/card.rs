//! Every figure of a card.

use super::numbers::{Notes, measured, value, with_notes};
use super::paths::{ABOUT as PATHS, is_path, path_table};
use super::table::Table;
use super::text::{clean, one_line};
use super::verdict::verdict;
use super::wrap::wrapped;
use crate::card::{Figure, Measured, ResultCard, TestedSplit};

/// Every figure of a card, and its diagnostics.
#[must_use]
pub fn card_table(card: &ResultCard) -> String {
    let mut table =
        Table::new(["figure", "protocol", "trained", "random", "paper", "reads", "M_val", "probe"]);
    let mut notes = Notes::default();
    for figure in card.figures.iter().filter(|figure| !is_path(figure)) {
        let mut cell = |side: &Measured| {
            let note = side.note.as_ref().map(|note| notes.number(note.clone()));
            with_notes(measured(side, &figure.name), note.as_slice())
        };
        let (trained, random) = (cell(&figure.trained), cell(&figure.random));
        let protocol = &figure.protocol;
        table.push([
            figure.name.clone(),
            protocol.name.clone(),
            trained,
            random,
            published(figure, &mut notes),
            protocol.representation.clone(),
            protocol.observed_views.to_string(),
            protocol.probe.clone(),
        ]);
    }
    let mut text = format!(
        "{table}\nAccuracies and hits in percent. Brackets behind a figure: 95 % bootstrap interval over the test images; a \
         single number there: a note\nbelow. A published figure stands where data set and protocol are its own; the card \
         has the others, for orientation.\n{}{}",
        about_tested(card).map_or_else(String::new, |about| format!("{about}\n")),
        glossary(card)
    );
    if let Some(paths) = path_table(card) {
        text += &format!("\n{paths}\n{}", wrapped(PATHS, 120, 0));
    }
    for (number, note) in notes.iter() {
        text += &format!("[{number}] {}\n", clean(note));
    }
    text + "\n" + &card.diagnostics_table()
}

/// What must be known where the images to test on are not those of the test split.
fn about_tested(card: &ResultCard) -> Option<&'static str> {
    match card.data.tested {
        TestedSplit::Test => None,
        TestedSplit::Validation => Some(
            "Validation: the test images are training images that were held out (dataset.validation), so that no published figure stands \
             beside any.",
        ),
    }
}

/// Every figure of a card, and its diagnostics, for a terminal of `width` columns (at least 20): figures that were read by the same probe
/// from the same representation stand together, and no line is longer.
#[must_use]
pub fn card_text(card: &ResultCard, width: usize) -> String {
    let with_paper =
        card.figures.iter().any(|figure| figure.published.as_ref().is_some_and(|found| found.comparable));
    let titles = ["figure", "trained", "random", "verdict"];
    let mut table = Table::new(titles.into_iter().chain(with_paper.then_some("paper")));
    let mut notes = Notes::default();
    let mut heading = String::new();
    for figure in card.figures.iter().filter(|figure| !is_path(figure)) {
        let own = heading_of(figure);
        if own != heading {
            table.push([&own]);
            heading = own;
        }
        let mut cell = |side: &Measured| {
            let note = side.note.as_ref().map(|note| notes.number(note.clone()));
            with_notes(measured(side, &figure.name), note.as_slice())
        };
        let mut cells = vec![figure.name.clone(), cell(&figure.trained), cell(&figure.random)];
        cells.push(verdict(figure).map_or("-", |verdict| verdict.word_of(&figure.name)).into());
        if with_paper {
            cells.push(published(figure, &mut notes));
        }
        table.push(cells);
    }
    let mut text = table.fitted(width) + "\n";
    if let Some(paths) = path_table(card) {
        text += &format!("{}{}\n", paths.fitted(width), wrapped(PATHS, width, 0));
    }
    let about = "Accuracies and hits in percent. Brackets behind a figure: 95 % bootstrap interval over the test images; a \
                 single number there: a note below. Verdict: trained against random where their intervals are apart (better, WORSE; of \
                 leakage more, less), else the same.";
    text += &wrapped(about, width, 0);
    text += &about_tested(card).map_or_else(String::new, |about| wrapped(about, width, 0));
    for paragraph in glossary_parts(card, one_line) {
        text += &wrapped(&format!("- {paragraph}"), width, 2);
    }
    for (number, note) in notes.iter() {
        text += &wrapped(&format!("[{number}] {}", one_line(note)), width, 4);
    }
    text + "\n" + &card.diagnostics_text(width)
}

/// By what a figure was read from what.
fn heading_of(figure: &Figure) -> String {
    let protocol = &figure.protocol;
    let views = match protocol.observed_views {
        // The names of figures say it.
        _ if figure.name.ends_with(&format!("_m{}", protocol.observed_views)) => String::new(),
        1 => ", 1 view".into(),
        views => format!(", {views} views"),
    };
    format!("{}: {} on {}{views}", protocol.name, protocol.probe, protocol.representation)
}

/// What the names of figures mean, a paragraph each.
pub(crate) fn glossary_parts(card: &ResultCard, escape: fn(&str) -> String) -> Vec<String> {
    let invariant = escape(&card.method.invariant.name);
    let has = |start: &str| card.figures.iter().any(|figure| figure.name.starts_with(start));
    let mut parts = vec![
        format!(
            "{invariant}: the representation meant not to depend on the views, of a sequence of M_val observed views; z_1, z_2: \
             those of views 1 and 2, meant to tell how the views differ."
        ),
        "M_train, M_val: observed views in training, in the evaluation.".into(),
        "top1, top5, knn20: accuracy of the class, %.".into(),
        "r2: of the relative action (view 1 to view 2) from (z_1, z_2), 1 is perfect, 0 no better than the mean.".into(),
        format!("leakage: the same from {invariant}: low is good."),
        "mrr, hit1, hit5: is the predicted representation nearest to the right one, among other views of the same image, or of \
         other images; 1 and 100 % are perfect."
            .into(),
        "random: the model as initialised, same protocol.".into(),
    ];
    for (start, words) in [
        ("absolute_r2_", "absolute_r2: of the raw parameters of view 1 from z_1."),
        ("individual_r2_", "individual_r2: of the normalised action of view 1 from z_1."),
        ("top1_clean", "clean: from the encoder's representation of the clean image, without augmentation."),
        (
            "r2_path_",
            "r2_path: of the relative action from view 1 to view k + 1 from the representation of k + 1 views.",
        ),
    ] {
        if has(start) {
            parts.push(words.into());
        }
    }
    parts
}

/// The same as one text of Markdown.
pub(crate) fn glossary(card: &ResultCard) -> String {
    wrapped(&format!("Names: {}", glossary_parts(card, clean).join(" ")), 120, 0)
}

fn published(figure: &Figure, notes: &mut Notes) -> String {
    match &figure.published {
        Some(published) if published.comparable => {
            let note = (!published.differences.is_empty())
                .then(|| notes.number(format!("{}: {}", published.source, published.differences.join("; "))));
            with_notes(value(Some(published.value), &figure.name), note.as_slice())
        }
        _ => "-".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::tests_support::{card, published};

    #[test]
    fn every_figure_has_a_row_and_every_note_a_number() {
        let mut card = card(&["top1_z_agg_m5", "top1_z1", "r2_mean"]);
        card.figures[0].published = Some(published(58.33, true, &["trained 10 epochs"]));
        card.figures[1].published = Some(published(1.0, false, &["data set another"]));
        card.figures[1].trained = Measured::absent("diverged");
        card.figures[2].trained = Measured::absent("diverged");
        let text = card_table(&card);
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
        assert!(line("| top1_z_agg_m5").contains("58.33 [1]"), "{text}");
        assert!(line("| top1_z1").contains("- [2]") && line("| r2_mean").contains("- [2]"), "{text}");
        assert!(text.contains("[1] somewhere: trained 10 epochs\n[2] diverged\n"), "{text}");
        assert!(!text.contains("data set another"), "{text}");
        assert!(text.contains("| RankMe"), "{text}");
    }
}
