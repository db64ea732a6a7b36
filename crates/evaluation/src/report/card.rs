//! Every figure of a card.

use super::numbers::{Notes, measured, value, with_notes};
use super::table::Table;
use super::text::clean;
use crate::card::{Figure, Measured, ResultCard};

/// Every figure of a card, and its diagnostics.
#[must_use]
pub fn card_table(card: &ResultCard) -> String {
    let mut table =
        Table::new(["figure", "protocol", "trained", "random", "paper", "reads", "M_val", "probe"]);
    let mut notes = Notes::default();
    for figure in &card.figures {
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
         has the others, for orientation.\n{}",
        glossary(&card.method.invariant.name)
    );
    for (number, note) in notes.iter() {
        text += &format!("[{number}] {}\n", clean(note));
    }
    text + "\n" + &card.diagnostics_table()
}

/// What the names of figures mean.
pub(crate) fn glossary(invariant: &str) -> String {
    format!(
        "Names: {0}: the representation meant not to depend on the views, of a sequence of M_val observed views; z_1, z_2: those of\n\
         views 1 and 2, meant to tell how the views differ. M_train, M_val: observed views in training, in the evaluation. top1,\n\
         top5, knn20: accuracy of the class, %. r2: of the relative action (view 1 to view 2) from (z_1, z_2), 1 is perfect, 0 no\n\
         better than the mean. leakage: the same from {0}: low is good. absolute_r2: of the raw parameters of view 1 from z_1.\n\
         mrr, hit1, hit5: is the predicted representation nearest to the right one, among other views of the same image, or of\n\
         other images; 1 and 100 % are perfect. random: the model as initialised, same protocol.\n",
        clean(invariant)
    )
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
