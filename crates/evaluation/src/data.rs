//! The two splits that an evaluation fits and tests on.

use std::sync::Arc;

use seqjepa_data::{Fingerprint, SequenceSource, Split};

use crate::card::TestedSplit;
use crate::error::EvaluationError;
use crate::settings::EvaluationSettings;

/// Why classes cannot be told apart.
const ONE_CLASS: &str = "expected training images of at least two classes, found one: unlabelled data";

/// A data set to evaluate on.
#[derive(Debug, Clone)]
pub struct EvaluationData {
    /// Its name, as published figures and tables name it: `cifar100`. The ending `_aug` is passed over.
    pub name: String,
    /// The sequences that probes are fitted to; their number of observed views does not matter.
    pub train: Arc<dyn SequenceSource>,
    /// The sequences that they are tested on, of the same shapes, actions and classes.
    pub test: Arc<dyn SequenceSource>,
    /// Indices of the training samples to use; `None` for all.
    pub train_subset: Option<Vec<u32>>,
    /// Indices of the test samples to use; `None` for all.
    pub test_subset: Option<Vec<u32>>,
    /// What the test samples are of.
    pub tested: TestedSplit,
    /// Batches made ahead of the model. No figure depends on it.
    pub prefetch: usize,
}

/// One split, as an evaluation sees it.
#[derive(Debug)]
pub(crate) struct EvaluatedSplit<'a> {
    pub(crate) split: Split,
    /// With as many observed views as the longest sequence needs.
    pub(crate) source: Arc<dyn SequenceSource>,
    pub(crate) subset: Option<&'a [u32]>,
    /// Samples that are used.
    pub(crate) samples: usize,
    /// Whether all of them have a class.
    pub(crate) labelled: bool,
    pub(crate) fingerprint: Fingerprint,
}

impl<'a> EvaluatedSplit<'a> {
    fn new(
        split: Split,
        source: &Arc<dyn SequenceSource>,
        subset: Option<&'a [u32]>,
        views: usize,
    ) -> Result<Self, EvaluationError> {
        let source = source.with_observed_views(views)?;
        let mut own = Self {
            split,
            subset,
            samples: subset.map_or(source.len(), <[u32]>::len),
            labelled: false,
            fingerprint: source.fingerprint(),
            source,
        };
        let labelled = own.labels().all(|label| label.is_some());
        own.labelled = labelled;
        Ok(own)
    }

    /// Index in the source of row `row`.
    pub(crate) fn sample(&self, row: usize) -> u32 {
        self.subset.map_or_else(
            || u32::try_from(row).expect("a loader takes no more samples than a `u32` counts"),
            |subset| subset[row],
        )
    }

    /// The classes of the samples that are used. A subset's index that there is no sample for has none; a loader refuses it.
    fn labels(&self) -> impl Iterator<Item = Option<u32>> + '_ {
        let known = |index: usize| (index < self.source.len()).then(|| self.source.label(index)).flatten();
        (0..self.samples).map(move |row| known(self.sample(row) as usize))
    }

    /// Classes without a sample.
    pub(crate) fn missing_classes(&self) -> usize {
        let mut seen = vec![false; self.source.class_names().len()];
        for label in self.labels().flatten() {
            if let Some(seen) = seen.get_mut(label as usize) {
                *seen = true;
            }
        }
        seen.iter().filter(|seen| !**seen).count()
    }
}

/// Both splits.
#[derive(Debug)]
pub(crate) struct Splits<'a> {
    /// Name of the data set.
    pub(crate) name: String,
    pub(crate) train: EvaluatedSplit<'a>,
    pub(crate) test: EvaluatedSplit<'a>,
    /// Number of classes, or why they cannot be told apart.
    pub(crate) classes: Result<usize, String>,
    pub(crate) prefetch: usize,
}

impl<'a> Splits<'a> {
    /// Both splits with the views that `settings` asks for.
    pub(crate) fn new(
        data: &'a EvaluationData,
        settings: &EvaluationSettings,
    ) -> Result<Self, EvaluationError> {
        let views = settings.views();
        let train = EvaluatedSplit::new(Split::Train, &data.train, data.train_subset.as_deref(), views)?;
        let test = EvaluatedSplit::new(Split::Test, &data.test, data.test_subset.as_deref(), views)?;
        let [expected, found] = [&train, &test].map(|split| kind(&*split.source));
        if expected != found {
            return Err(EvaluationError::Splits { expected, found });
        }
        let classes = classes(&train, &test);
        Ok(Self { name: data.name.clone(), train, test, classes, prefetch: data.prefetch })
    }
}

/// Shapes and actions in words, by which two splits are of one kind. The ranges of the parameters may differ.
fn kind(source: &dyn SequenceSource) -> String {
    let layout = source.layout();
    let names: Vec<&str> =
        layout.actions.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
    let groups: Vec<String> =
        layout.actions.groups().iter().map(|group| format!("{} {:?}", group.name, group.range)).collect();
    format!(
        "views of {}x{}x{} with the action parameters {} in the groups {}",
        layout.channels,
        layout.height,
        layout.width,
        names.join(", "),
        groups.join(", ")
    )
}

fn classes(train: &EvaluatedSplit, test: &EvaluatedSplit) -> Result<usize, String> {
    for (split, what) in [(train, "training"), (test, "test")] {
        if !split.labelled {
            return Err(format!("the {what} images are unlabelled"));
        }
    }
    let [names, found] = [train, test].map(|split| split.source.class_names());
    if names != found {
        return Err(match names.iter().zip(found).find(|(name, found)| name != found) {
            Some((name, found)) => {
                format!("the splits have other classes: expected `{name}`, found `{found}` in the test split")
            }
            None => {
                format!(
                    "the splits have other classes: expected {}, found {} in the test split",
                    names.len(),
                    found.len()
                )
            }
        });
    }
    let mut labels = train.labels();
    let first = labels.next();
    if labels.all(|label| Some(label) == first) { Err(ONE_CLASS.into()) } else { Ok(names.len()) }
}
