//! A comparison as comma-separated values.

use super::model::{Cell, Comparison, Row};
use crate::card::{Measured, ResultCard};
use crate::report::plain_text;

/// Titles of the columns.
pub(super) const COLUMNS: [&str; 32] = [
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
    "method",
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
    "tested",
];

impl Comparison {
    /// Every figure as one line with its protocol, for further analysis.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let whole = "memory takes what is written to it";
        writer.write_record(COLUMNS).expect(whole);
        for row in &self.rows {
            for (run, cell) in self.runs.iter().zip(&row.cells) {
                if let (Some(card), Some(cell)) = (&run.card, cell) {
                    writer.write_record(self.record(&run.label, row, card, cell)).expect(whole);
                }
            }
        }
        // Cards may be anybody's.
        plain_text(&String::from_utf8(writer.into_inner().expect(whole)).expect("every field is text"))
    }

    fn record(&self, label: &str, row: &Row, card: &ResultCard, cell: &Cell) -> [String; COLUMNS.len()] {
        let figure = &card.figures[cell.figure];
        let number = |figure: Option<f64>| figure.map(|figure| figure.to_string()).unwrap_or_default();
        let ends =
            |measured: &Measured| [0, 1].map(|end| number(measured.interval.map(|interval| interval[end])));
        let ([low, high], [random_low, random_high]) = (ends(&figure.trained), ends(&figure.random));
        let notes = [figure.trained.note.clone(), cell.note.map(|note| self.notes[note - 1].clone())];
        let (protocol, published) = (&figure.protocol, figure.published.as_ref());
        [
            label.to_owned(),
            row.name.clone(),
            row.protocol.clone(),
            number(figure.trained.value),
            low,
            high,
            number(figure.random.value),
            random_low,
            random_high,
            number(published.map(|published| published.value)),
            published.map(|published| published.comparable.to_string()).unwrap_or_default(),
            cell.note.is_none().to_string(),
            notes.into_iter().flatten().collect::<Vec<_>>().join("; "),
            card.method.name.clone(),
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
            card.data.tested.name().into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::tests_support::card;
    use crate::comparison::ComparedRun;

    #[test]
    fn every_figure_is_a_line_that_reads_back() {
        let mut own = card(&["top1_z1", "r2_mean"]);
        own.figures[1].trained = Measured::absent("a \"note\", with a comma\nand a line");
        own.data.name = "c\u{202e}d\u{200b}".into();
        let run = ComparedRun { label: "a, b".into(), card: Some(own), online: None, trained_as: None };
        let text = Comparison::new(vec![run]).csv();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap().len(), COLUMNS.len());
        let column = |name: &str| COLUMNS.iter().position(|column| *column == name).unwrap();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!((&rows[0][0], &rows[0][1], &rows[0][column("value")]), ("a, b", "top1_z1", "0.5"));
        assert_eq!((&rows[0][column("paper")], &rows[0][column("data_set")]), ("", "cd"));
        assert_eq!(&rows[1][column("note")], "a \"note\", with a comma\nand a line");
        assert_eq!((&rows[1][column("value")], &rows[1][column("commit")]), ("", ""));
    }
}
