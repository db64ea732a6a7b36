//! A source that counts what is rendered of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use seqjepa_data::{
    DataError, Fingerprint, SequenceKey, SequenceLayout, SequenceScratch, SequenceSlot, SequenceSource,
};

/// Observed views and target views that were rendered.
#[derive(Debug, Default)]
pub struct Counts {
    pub observed: AtomicUsize,
    pub targets: AtomicUsize,
}

impl Counts {
    pub fn get(&self) -> (usize, usize) {
        (self.observed.load(Ordering::Relaxed), self.targets.load(Ordering::Relaxed))
    }
}

#[derive(Debug)]
pub struct Counting {
    source: Arc<dyn SequenceSource>,
    counts: Arc<Counts>,
    /// Whether it tells of target views of their own.
    pub candidates: bool,
}

impl Counting {
    pub fn new(source: Arc<dyn SequenceSource>, candidates: bool) -> (Arc<dyn SequenceSource>, Arc<Counts>) {
        let counts = Arc::<Counts>::default();
        (Self::around(source, &counts, candidates), counts)
    }

    fn around(
        source: Arc<dyn SequenceSource>,
        counts: &Arc<Counts>,
        candidates: bool,
    ) -> Arc<dyn SequenceSource> {
        Arc::new(Self { source, counts: Arc::clone(counts), candidates })
    }
}

impl SequenceSource for Counting {
    fn len(&self) -> usize {
        self.source.len()
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.source.label(index)
    }

    fn class_names(&self) -> &[String] {
        self.source.class_names()
    }

    fn layout(&self) -> &SequenceLayout {
        self.source.layout()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.source.fingerprint()
    }

    fn settings(&self) -> String {
        self.source.settings()
    }

    fn description(&self) -> String {
        self.source.description()
    }

    fn fill(
        &self,
        key: SequenceKey,
        scratch: &mut SequenceScratch,
        slot: SequenceSlot<'_>,
    ) -> Result<(), DataError> {
        let views = slot.observed.len() / self.layout().view_len();
        self.counts.observed.fetch_add(views, Ordering::Relaxed);
        self.counts.targets.fetch_add(usize::from(slot.target.is_some()), Ordering::Relaxed);
        self.source.fill(key, scratch, slot)
    }

    fn with_observed_views(&self, views: usize) -> Result<Arc<dyn SequenceSource>, DataError> {
        Ok(Self::around(self.source.with_observed_views(views)?, &self.counts, self.candidates))
    }

    fn candidates(&self, views: usize) -> Option<Result<Arc<dyn SequenceSource>, DataError>> {
        let source = self.candidates.then(|| self.source.candidates(views)).flatten()?;
        Some(source.map(|source| Self::around(source, &self.counts, true)))
    }
}
