//! Features for probes by gradient descent, one pass at a time.

use std::cell::RefCell;
use std::sync::Arc;

use seqjepa_probes::frozen::{BoxError, FeatureBuffers, FeatureSet, FeatureSource};
use seqjepa_train::observer::Observer;

use crate::error::EvaluationError;
use crate::extraction::{Passes, section};
use crate::features::FeatureFile;

/// Whom the probes tell of their progress, and what came of it.
pub(super) struct Told<'b> {
    pub(super) observer: RefCell<&'b mut dyn Observer>,
    /// What the observer has said of the last epoch: its error ends the probes.
    pub(super) answer: RefCell<Result<(), EvaluationError>>,
}

/// The training passes of a protocol by gradient descent, or its test pass.
pub(super) struct DescentSource<'a, 'b> {
    passes: &'a Passes<'a>,
    file: Option<&'a FeatureFile>,
    /// Whether the file holds one representation alone, from which classes are read.
    classes_alone: bool,
    count: usize,
    told: &'a Told<'b>,
    /// The only pass, where there is one: it need not be read at every epoch.
    kept: Option<Arc<FeatureSet>>,
}

impl<'a, 'b> DescentSource<'a, 'b> {
    pub(super) fn train(passes: &'a Passes<'a>, told: &'a Told<'b>) -> Self {
        let count = passes.settings.passes();
        Self { passes, file: None, classes_alone: false, count, told, kept: None }
    }

    pub(super) fn test(passes: &'a Passes<'a>, test: &'a FeatureFile, told: &'a Told<'b>) -> Self {
        Self { passes, file: Some(test), classes_alone: false, count: 1, told, kept: None }
    }

    /// The one pass over clean images: [`Representation::Aggregate`](seqjepa_probes::frozen::Representation::Aggregate) is theirs.
    pub(super) fn clean(passes: &'a Passes<'a>, file: &'a FeatureFile, told: &'a Told<'b>) -> Self {
        Self { passes, file: Some(file), classes_alone: true, count: 1, told, kept: None }
    }

    /// An error of the features' values is an `InputError`, one of the features themselves an [`EvaluationError`].
    fn set(&self, file: &FeatureFile) -> Result<FeatureSet, BoxError> {
        let read = |section: &str| file.read(section).map_err(EvaluationError::from);
        let classes = self.passes.splits.classes.is_ok();
        let labels = classes.then(|| file.read_integers(section::LABELS)).transpose();
        let samples = file.shape(section::FIRST).map_or(0, |[rows, _]| rows);
        if self.classes_alone {
            let labels = labels.map_err(EvaluationError::from)?;
            let aggregate = read(section::FIRST)?;
            let buffers = FeatureBuffers { aggregate, labels, ..FeatureBuffers::default() };
            return Ok(FeatureSet::new(samples, buffers)?);
        }
        let buffers = FeatureBuffers {
            aggregate: read(&section::aggregate(self.passes.headline_views()))?,
            first: read(section::FIRST)?,
            second: read(section::SECOND)?,
            relative: read(section::RELATIVE)?,
            absolute: read(section::ABSOLUTE)?,
            labels: labels.map_err(EvaluationError::from)?,
        };
        Ok(FeatureSet::new(samples, buffers)?)
    }
}

impl FeatureSource for DescentSource<'_, '_> {
    fn passes(&self) -> usize {
        self.count
    }

    fn pass(&mut self, pass: usize) -> Result<Arc<FeatureSet>, BoxError> {
        if let Some(kept) = &self.kept {
            return Ok(Arc::clone(kept));
        }
        let set = match self.file {
            Some(file) => self.set(file)?,
            None => {
                let mut observer = self.told.observer.borrow_mut();
                self.set(&self.passes.train(pass, *observer)?)?
            }
        };
        let set = Arc::new(set);
        if self.count == 1 {
            self.kept = Some(Arc::clone(&set));
        }
        Ok(set)
    }

    fn go_on(&mut self) -> Result<(), BoxError> {
        Ok(self.told.answer.replace(Ok(()))?)
    }
}
