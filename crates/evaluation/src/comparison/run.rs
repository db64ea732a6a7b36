use std::path::Path;

use seqjepa_train::MetricsRow;

use crate::card::{CardError, ResultCard, TestedSplit};

/// A run to compare: its card, its online figures, or both.
#[derive(Debug, Clone)]
pub struct ComparedRun {
    /// Its name in tables.
    pub label: String,
    /// The frozen figures.
    pub card: Option<ResultCard>,
    /// The last epoch's online figures.
    pub online: Option<MetricsRow>,
    /// What the config says of a run that has no card.
    pub trained_as: Option<TrainedAs>,
}

/// What the config of a run says that its card would say too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainedAs {
    /// The method, by its name in the registry.
    pub method: String,
    /// The data set, by its name in the registry.
    pub data_set: String,
    /// Observed views of a training sequence, the paper's M_train.
    pub observed_views: usize,
    /// The seed.
    pub seed: u64,
    /// What it was tested on.
    pub tested: TestedSplit,
}

impl ComparedRun {
    /// What its figures were measured on.
    pub(super) fn tested(&self) -> TestedSplit {
        let of_card = self.card.as_ref().map(|card| card.data.tested);
        of_card.or(self.trained_as.as_ref().map(|known| known.tested)).unwrap_or_default()
    }

    /// Reads a card. Its label is the name of the file, or of its folder where the file has the name that every card has.
    ///
    /// # Errors
    ///
    /// As [`ResultCard::load`].
    pub fn from_card(path: &Path) -> Result<Self, CardError> {
        let card = ResultCard::load(path)?;
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let file = name(path).unwrap_or_default();
        let label = match path.parent().and_then(name) {
            Some(folder) if file == ResultCard::FILE_NAME => folder,
            _ => file.trim_end_matches(".json").trim_end_matches(".evaluation").to_owned(),
        };
        Ok(Self { label, card: Some(card), online: None, trained_as: None })
    }
}

/// Runs that were tested on held-out training images say so wherever they are named.
pub(super) fn mark_validation(runs: &mut [ComparedRun]) {
    for run in runs.iter_mut().filter(|run| run.tested() == TestedSplit::Validation) {
        run.label += " (validation)";
    }
}

/// Two runs of one name get numbers.
pub(super) fn make_labels_unique(runs: &mut [ComparedRun]) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::tests_support::card;

    #[test]
    fn a_label_is_the_name_that_says_the_most() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join("first")).unwrap();
        for (file, label) in [
            ("first/evaluation.json", "first"),
            ("first/last.evaluation.json", "last"),
            ("second.json", "second"),
        ] {
            let path = scratch.path().join(file);
            card(&["top1_z1"]).save(&path).unwrap();
            assert_eq!(ComparedRun::from_card(&path).unwrap().label, label);
        }
        assert!(matches!(
            ComparedRun::from_card(&scratch.path().join("none.json")),
            Err(CardError::Storage(_))
        ));
    }

    #[test]
    fn runs_of_one_name_get_numbers() {
        let run =
            |label: &str| ComparedRun { label: label.into(), card: None, online: None, trained_as: None };
        let mut runs = vec![run("a"), run("a"), run("a (2)"), run("a")];
        make_labels_unique(&mut runs);
        let labels: Vec<&str> = runs.iter().map(|run| run.label.as_str()).collect();
        assert_eq!(labels, ["a", "a (2)", "a (2) (2)", "a (3)"]);
    }
}
