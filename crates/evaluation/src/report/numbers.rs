//! Figures as text.

use crate::card::Measured;
use crate::names::digits;

/// A number with so many digits after the point; `-` where there is none.
pub(crate) fn number(figure: Option<f64>, digits: usize) -> String {
    let figure = figure.filter(|figure| figure.is_finite());
    figure.map_or_else(|| "-".into(), |figure| format!("{figure:.digits$}"))
}

/// A value of the figure `name`.
pub(crate) fn value(figure: Option<f64>, name: &str) -> String {
    number(figure, digits(name))
}

/// A value of the figure `name` with its interval.
pub(crate) fn measured(figure: &Measured, name: &str) -> String {
    let digits = digits(name);
    let interval = figure.interval.map(|[low, high]| format!(" [{low:.digits$}, {high:.digits$}]"));
    value(figure.value, name) + &interval.unwrap_or_default()
}

/// A text with the numbers of its notes, which stand behind its first word: the value, and not its interval.
pub(crate) fn with_notes(text: String, notes: &[usize]) -> String {
    let marks: String = notes.iter().map(|note| format!(" [{note}]")).collect();
    match text.split_once(" [") {
        Some((value, interval)) => format!("{value}{marks} [{interval}"),
        None => text + &marks,
    }
}

/// Notes below a table; equal ones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Vec<String>);

impl Notes {
    /// The number of a note, from 1.
    pub(crate) fn number(&mut self, text: String) -> usize {
        let known = self.0.iter().position(|note| *note == text);
        known.unwrap_or_else(|| {
            self.0.push(text);
            self.0.len() - 1
        }) + 1
    }

    /// All notes with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.0.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_they_are_worth() {
        let figure = Measured { value: Some(58.3333), interval: Some([57.0, 59.5]), ..Measured::default() };
        assert_eq!(measured(&figure, "top1_z1"), "58.33 [57.00, 59.50]");
        assert_eq!(value(Some(0.79), "r2_crop"), "0.790");
        assert_eq!((value(None, "r2_crop"), number(Some(f64::NAN), 2)), ("-".into(), "-".into()));
        assert_eq!(with_notes("1.0".into(), &[1, 3]), "1.0 [1] [3]");
        assert_eq!(with_notes("1.0 [0.5, 1.5]".into(), &[1]), "1.0 [1] [0.5, 1.5]");
        assert_eq!(with_notes("1.0 ± 0.5".into(), &[1]), "1.0 ± 0.5 [1]");
    }

    #[test]
    fn equal_notes_are_one() {
        let mut notes = Notes::default();
        assert_eq!(["a", "b", "a"].map(|note| notes.number(note.into())), [1, 2, 1]);
        assert_eq!(notes.iter().collect::<Vec<_>>(), [(1, "a"), (2, "b")]);
    }
}
