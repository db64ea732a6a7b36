//! The loaders of a run over its data set.

use std::sync::Arc;

use burn::tensor::Device;
use seqjepa_data::dataset::{HeldOut, subset_indices};
use seqjepa_data::{DataError, LoaderConfig, SequenceLoader, SequenceSource, Split};
use seqjepa_evaluation::{EvaluationData, TestedSplit};
use seqjepa_model::ViewsUsed;
use seqjepa_nn::pixels;
use seqjepa_train::Loaders;
use seqjepa_train::observer::Observer;

use crate::config::{Config, invalid};
use crate::registry::{DataSet, DataSetError, Registry};

/// The data set of a run, and the samples of it that the config uses.
#[derive(Debug, Clone)]
pub struct RunData {
    name: String,
    /// Where images are held out for validation, the training split twice.
    set: DataSet,
    tested: TestedSplit,
    /// `None` for all.
    train_subset: Option<Vec<u32>>,
    /// `None` for all.
    test_subset: Option<Vec<u32>>,
    /// Of the sequences that frozen probes are fitted to; `None` for all.
    fitted_subset: Option<Vec<u32>>,
}

impl RunData {
    /// Opens the data set that a config names.
    ///
    /// # Errors
    ///
    /// [`DataSetError`] names the file, what was expected and what was found.
    pub fn open(config: &Config, observer: &mut dyn Observer) -> Result<Self, DataSetError> {
        Self::open_with(&Registry::standard(), config, observer)
    }

    /// The same with data sets of one's own.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with(
        registry: &Registry,
        config: &Config,
        observer: &mut dyn Observer,
    ) -> Result<Self, DataSetError> {
        let entry = registry.data_set(config)?;
        let set = match config.dataset.validation {
            0 => entry.open(config, observer),
            _ => entry.open_training(config, observer).map(DataSet::training_alone),
        };
        let keys = [
            ("observed_views", "dataset.seq_len"),
            ("glimpse_size", "model.img_size"),
            ("image_size", "model.img_size"),
            ("saliency", "dataset.saliency_root"),
        ];
        let set = set.map_err(|error| by_key(error, &keys))?;
        Self::new(config, &config.dataset.name, set)
    }

    /// A data set of one's own, in memory say, by the name that results shall have; `config` says how much of it is used, and its
    /// `dataset.name` is not looked at. With `dataset.validation` the test split is not either.
    ///
    /// # Errors
    ///
    /// [`DataSetError::Config`] if not as many images as `dataset.validation` can be held out, [`DataSetError::Data`] if a subset
    /// cannot be drawn, [`DataSetError::Classes`] if both splits have classes, and not the same in the same order.
    pub fn new(config: &Config, name: &str, set: DataSet) -> Result<Self, DataSetError> {
        let dataset = &config.dataset;
        let (set, tested, parts) = match dataset.validation {
            0 => (set, TestedSplit::Test, [None, None]),
            count => {
                let HeldOut { train, validation } = hold_out(&*set.train, count, dataset.subset_seed)?;
                let set = DataSet::training_alone(set.train);
                (set, TestedSplit::Validation, [Some(train), Some(validation)])
            }
        };
        for source in [&set.train, set.fitted()] {
            check_classes(source.class_names(), set.test.class_names())?;
        }
        // A subset of the part of a split.
        let draw = |split: &dyn SequenceSource,
                    part: Option<Vec<u32>>,
                    count: Option<usize>,
                    steps: Option<usize>| {
            let available = part.as_ref().map_or(split.len(), Vec::len);
            let limit = steps.map_or(usize::MAX, |steps| steps.saturating_mul(dataset.batch_size));
            let count = count.filter(|count| *count > 0).unwrap_or(usize::MAX).min(limit);
            if count >= available {
                return Ok(part);
            }
            let drawn = subset_indices(available, count, dataset.subset_seed)?;
            Ok::<_, DataError>(Some(match part {
                Some(part) => drawn.into_iter().map(|place| part[place as usize]).collect(),
                None => drawn,
            }))
        };
        let [train, test] = parts;
        let train_subset = draw(&*set.train, train, dataset.subset_train, config.run.max_steps)?;
        let fitted_subset = match &set.probe_train {
            Some(source) => draw(&**source, None, dataset.subset_train, config.run.max_steps)?,
            None => train_subset.clone(),
        };
        Ok(Self {
            fitted_subset,
            train_subset,
            test_subset: draw(&*set.test, test, dataset.subset_val, config.run.max_val_steps)?,
            name: name.to_owned(),
            tested,
            set,
        })
    }

    /// The splits; where images are held out for validation, the training split in the place of either.
    #[must_use]
    pub fn set(&self) -> &DataSet {
        &self.set
    }

    /// Which images a run is tested on.
    #[must_use]
    pub fn tested(&self) -> TestedSplit {
        self.tested
    }

    /// The loaders of a run: training sequences in a new order each epoch, test sequences in order, with the views that the
    /// method uses, in bytes where `device` normalises them; and with them the checks that need the data.
    ///
    /// # Errors
    ///
    /// [`DataSetError::TooFew`] if there is no batch in an epoch, [`DataSetError::Config`] if the last one would be a
    /// single sequence, [`DataSetError::Data`] if a loader cannot be made.
    pub fn loaders(
        &self,
        config: &Config,
        views: ViewsUsed,
        device: &Device,
    ) -> Result<Loaders, DataSetError> {
        self.check_batches(config)?;
        self.check_evaluated_views(config)?;
        let dataset = &config.dataset;
        let layout = self.set.train.layout();
        let loader = LoaderConfig {
            batch_size: dataset.batch_size,
            threads: dataset.workers(),
            prefetch: dataset.prefetch,
            shuffle: true,
            drop_last: config.run.drop_last,
            split: Split::Train,
            subset: self.train_subset.clone(),
            seed: config.run.seed,
            rendered_views: views.observed.filter(|views| *views < layout.observed_views),
            render_target: views.target,
            bytes: pixels::looks_up(device),
        };
        let test = LoaderConfig {
            shuffle: false,
            drop_last: false,
            split: Split::Test,
            subset: self.test_subset.clone(),
            ..loader.clone()
        };
        Ok(Loaders {
            train: SequenceLoader::new(Arc::clone(&self.set.train), loader)?,
            test: SequenceLoader::new(Arc::clone(&self.set.test), test)?,
        })
    }

    /// Refuses an evaluation of longer sequences than the data have, before there is a model to evaluate.
    fn check_evaluated_views(&self, config: &Config) -> Result<(), DataSetError> {
        let eval = &config.eval;
        let key = if eval.max_seq_len < eval.seq_len { "eval.seq_len" } else { "eval.max_seq_len" };
        for source in [self.set.fitted(), &self.set.test] {
            let made = source.with_observed_views(eval.views());
            if let Err(error @ DataError::InvalidArgument { name: "observed_views", .. }) = made {
                return Err(by_key(error.into(), &[("observed_views", key)]));
            }
        }
        Ok(())
    }

    fn check_batches(&self, config: &Config) -> Result<(), DataSetError> {
        let batch_size = config.dataset.batch_size;
        let found = self.samples()[0];
        let expected = if config.run.drop_last { batch_size } else { 2 };
        if found < expected {
            let whole = "one whole batch, dataset.batch_size, since run.drop_last leaves out smaller ones";
            let two = "batch norm needs two sequences in a batch";
            let reason = if config.run.drop_last { whole } else { two };
            return Err(DataSetError::TooFew { split: "training", found, expected, reason });
        }
        if !config.run.drop_last && found % batch_size == 1 {
            let expected = format!(
                "a size that leaves no batch of one of {found} images (batch norm needs two), or run.drop_last: true"
            );
            return Err(invalid("dataset.batch_size", expected, batch_size).into());
        }
        // Only pairs leave one alone of a last batch that was not.
        if !config.run.drop_last && config.dataset.micro_batch == Some(2) && !found.is_multiple_of(2) {
            let expected = format!(
                "at least 3, since pairs of the last batch of {found} images leave one alone (batch norm needs two), or run.drop_last: true"
            );
            return Err(invalid("dataset.micro_batch", expected, 2).into());
        }
        Ok(())
    }

    /// Samples that are used to train, and to test, of the test split or those held out.
    #[must_use]
    pub fn samples(&self) -> [usize; 2] {
        let count = |subset: &Option<Vec<u32>>, source: &Arc<dyn SequenceSource>| {
            subset.as_ref().map_or(source.len(), Vec::len)
        };
        [count(&self.train_subset, &self.set.train), count(&self.test_subset, &self.set.test)]
    }

    /// Samples that frozen probes are fitted to.
    #[must_use]
    pub fn fitted_samples(&self) -> usize {
        self.fitted_subset.as_ref().map_or(self.set.fitted().len(), Vec::len)
    }

    /// The number of classes, if the training samples that are used are of at least two; else there is nothing to tell apart,
    /// and 100 % would mean nothing.
    #[must_use]
    pub fn classes(&self) -> Option<usize> {
        let source = &self.set.train;
        let mut labels: Box<dyn Iterator<Item = Option<u32>>> = match &self.train_subset {
            Some(subset) => Box::new(subset.iter().map(|sample| source.label(*sample as usize))),
            None => Box::new((0..source.len()).map(|sample| source.label(sample))),
        };
        let first = labels.next()??;
        let mut several = false;
        for label in labels {
            several |= label? != first;
        }
        several.then(|| source.class_names().len())
    }

    /// What the frozen evaluation sees of it: all labelled sequences, where there are some beside those that are trained on.
    #[must_use]
    pub fn for_evaluation(&self, config: &Config) -> EvaluationData {
        EvaluationData {
            name: self.name.clone(),
            train: Arc::clone(self.set.fitted()),
            test: Arc::clone(&self.set.test),
            train_subset: self.fitted_subset.clone(),
            test_subset: self.test_subset.clone(),
            tested: self.tested,
            prefetch: config.dataset.prefetch,
        }
    }
}

/// Which samples of a training split are held out.
fn hold_out(source: &dyn SequenceSource, count: usize, seed: u64) -> Result<HeldOut, DataSetError> {
    let labels: Vec<Option<u32>> = (0..source.len()).map(|sample| source.label(sample)).collect();
    HeldOut::draw(&labels, count, seed).map_err(|error| match error {
        DataError::InvalidArgument { expected, found, .. } => {
            invalid("dataset.validation", expected, found).into()
        }
        error => error.into(),
    })
}

/// An argument that data refuse, by the key of a config that gives it.
fn by_key(error: DataSetError, keys: &[(&str, &'static str)]) -> DataSetError {
    if let DataSetError::Data(DataError::InvalidArgument { name, expected, found }) = &error
        && let Some((_, key)) = keys.iter().find(|(argument, _)| argument == name)
    {
        return invalid(key, expected, found).into();
    }
    error
}

fn check_classes(train: &[String], test: &[String]) -> Result<(), DataSetError> {
    if train.is_empty() || test.is_empty() || train == test {
        return Ok(());
    }
    let same = train.iter().zip(test).take_while(|(train, test)| train == test).count();
    let name = |names: &[String]| names.get(same).map_or("none".to_owned(), |name| format!("`{name}`"));
    Err(DataSetError::Classes { index: same, expected: name(train), found: name(test) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_of_other_classes_are_refused_by_name() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let train = names(&["ant", "bee", "cat"]);
        check_classes(&train, &train).unwrap();
        check_classes(&train, &[]).unwrap();
        for (test, words) in [(names(&["ant", "cat"]), "`bee`, as"), (names(&["ant", "bee"]), "found none")] {
            let message = check_classes(&train, &test).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}
