//! What to load, in which order, with how many threads.

use crate::dataset::ImageSet;
use crate::error::DataError;
use crate::rng::Split;

/// Most threads or prefetched batches that make sense.
const MAX_THREADS: usize = 1024;

/// How a [`SequenceLoader`](crate::SequenceLoader) goes through its images.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Which split the images are; it keys the random draws.
    pub split: Split,
    /// Indices of the images to use; all of them if `None`. Views are keyed by the index in the whole set.
    pub subset: Option<Vec<u32>>,
}

impl LoaderConfig {
    /// For training: shuffled, the last partial batch dropped, all cores, two batches ahead.
    pub fn train(batch_size: usize) -> Self {
        Self { shuffle: true, drop_last: true, split: Split::Train, ..Self::test(batch_size) }
    }

    /// For evaluation: in order, all images, all cores, two batches ahead.
    pub fn test(batch_size: usize) -> Self {
        Self {
            batch_size,
            threads: std::thread::available_parallelism().map_or(1, |count| count.get()),
            prefetch: 2,
            shuffle: false,
            drop_last: false,
            split: Split::Test,
            subset: None,
        }
    }

    pub(super) fn validate(&self, images: &ImageSet) -> Result<(), DataError> {
        if self.batch_size == 0 {
            return Err(DataError::invalid("batch_size", "1 or more", 0));
        }
        for (name, value) in [("threads", self.threads), ("prefetch", self.prefetch)] {
            if value > MAX_THREADS {
                return Err(DataError::invalid(name, format!("0 to {MAX_THREADS}"), value));
            }
        }
        let mut samples = images.len();
        if let Some(subset) = &self.subset {
            samples = subset.len();
            if samples == 0 {
                return Err(DataError::invalid("subset", "1 or more indices", 0));
            }
            if let Some(&index) = subset.iter().find(|&&index| index as usize >= images.len()) {
                return Err(DataError::invalid("subset index", format!("below {}", images.len()), index));
            }
        }
        if self.drop_last && samples < self.batch_size {
            let expected = format!("at most {samples}, the number of images, as drop_last is set");
            return Err(DataError::invalid("batch_size", expected, self.batch_size));
        }
        Ok(())
    }
}
