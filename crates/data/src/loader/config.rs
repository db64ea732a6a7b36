//! What to load, in which order, with how many threads.

use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::rng::Split;
use crate::source::SequenceSource;

/// Most threads or prefetched batches that make sense.
const MAX_THREADS: usize = 1024;

/// How a [`SequenceLoader`](crate::SequenceLoader) goes through its samples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoaderConfig {
    /// Sequences in a batch, 1 or more.
    pub batch_size: usize,
    /// Worker threads; 0 does the work in the consumer's thread, while it waits. The number changes no bit.
    pub threads: usize,
    /// Batches made ahead of the consumer; 0 makes each batch when it is asked for.
    pub prefetch: usize,
    /// Whether each epoch has a random order of its own.
    pub shuffle: bool,
    /// Whether a last batch with fewer than `batch_size` sequences is left out.
    pub drop_last: bool,
    /// Seed of every view and of the order of every epoch.
    pub seed: u64,
    /// Which split the samples are; it keys the random draws.
    pub split: Split,
    /// Indices of the samples to use; all of them if `None`. Views are keyed by the index in the whole set.
    pub subset: Option<Vec<u32>>,
    /// How many of the observed views are rendered, from the first: 0 to all M of them, which is `None`. The actions of all
    /// views are there in any case, and the views that are rendered are the same.
    pub rendered_views: Option<usize>,
    /// Whether the target view is rendered.
    pub render_target: bool,
    /// Whether views are left in [bytes](crate::SequenceBatch::bytes), for a device that normalises them itself. A source that has no
    /// bytes ([`SequenceSource::as_bytes`]) makes values all the same.
    #[serde(default)]
    pub bytes: bool,
}

impl LoaderConfig {
    /// For training: shuffled, the last partial batch dropped, all views rendered, in values, all cores, two batches ahead.
    #[must_use]
    pub fn train(batch_size: usize, seed: u64) -> Self {
        Self { shuffle: true, drop_last: true, split: Split::Train, ..Self::test(batch_size, seed) }
    }

    /// For evaluation: in order, all samples, all views rendered, in values, all cores, two batches ahead.
    #[must_use]
    pub fn test(batch_size: usize, seed: u64) -> Self {
        Self {
            batch_size,
            threads: std::thread::available_parallelism().map_or(1, |count| count.get()),
            prefetch: 2,
            shuffle: false,
            drop_last: false,
            seed,
            split: Split::Test,
            subset: None,
            rendered_views: None,
            render_target: true,
            bytes: false,
        }
    }

    pub(super) fn validate(&self, source: &dyn SequenceSource) -> Result<(), DataError> {
        if self.batch_size == 0 {
            return Err(DataError::invalid("batch_size", "1 or more", 0));
        }
        for (name, value) in [("threads", self.threads), ("prefetch", self.prefetch)] {
            if value > MAX_THREADS {
                return Err(DataError::invalid(name, format!("0 to {MAX_THREADS}"), value));
            }
        }
        let views = source.layout().observed_views;
        if let Some(rendered) = self.rendered_views.filter(|&rendered| rendered > views) {
            let expected = format!("0 to {views}, the observed views");
            return Err(DataError::invalid("rendered_views", expected, rendered));
        }
        let mut samples = source.len();
        if samples == 0 || u32::try_from(samples).is_err() {
            return Err(DataError::invalid("number of samples", "1 to 4294967295", samples));
        }
        if let Some(subset) = &self.subset {
            samples = subset.len();
            if samples == 0 {
                return Err(DataError::invalid("subset", "1 or more indices", 0));
            }
            if let Some(&index) = subset.iter().find(|&&index| index as usize >= source.len()) {
                return Err(DataError::invalid("subset index", format!("below {}", source.len()), index));
            }
        }
        if self.drop_last && samples < self.batch_size {
            let expected = format!("at most {samples}, the number of samples, as drop_last is set");
            return Err(DataError::invalid("batch_size", expected, self.batch_size));
        }
        Ok(())
    }
}
