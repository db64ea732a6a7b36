//! A bounded sample of an epoch's features.

use std::collections::BTreeMap;

use super::config::DiagnosticsConfig;
use super::diagnose::diagnose;
use super::figures::Diagnostics;
use super::views::ViewFeatures;
use crate::error::{InputError, NumericError, check_finite, check_size};
use crate::features::Features;

/// Up to `capacity` samples of all that it is shown, each with all its views, for a look at the end
/// of an epoch.
///
/// Every sample gets a number from the seed and its place in the epoch; those of the lowest numbers
/// are kept: a uniform sample without replacement that does not depend on the sizes of batches.
///
/// ```
/// use seqjepa_probes::diagnostics::{DiagnosticsConfig, FeatureSample};
///
/// let mut sample = FeatureSample::new(64, 2, 3, 42)?;
/// for step in 0..10 {
///     // A batch of 16 samples, two views each, three features.
///     let batch: Vec<f32> = (0..16 * 2 * 3).map(|index| ((step * 96 + index) as f32).sin()).collect();
///     sample.update(&batch, None)?;
/// }
/// let diagnostics = sample.finish_epoch(&DiagnosticsConfig::default())?;
/// assert_eq!((diagnostics.samples, diagnostics.views, diagnostics.width), (64, 2, 3));
/// # Ok::<(), seqjepa_probes::NumericError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureSample {
    pub(super) capacity: usize,
    pub(super) views: usize,
    pub(super) width: usize,
    seed: u64,
    pub(super) seen: u64,
    /// By number and place: the features of all views, then the target encoder's, if given.
    pub(super) kept: BTreeMap<(u64, u64), Vec<f32>>,
}

impl FeatureSample {
    /// An empty sample.
    ///
    /// # Errors
    ///
    /// If a size is 0.
    pub fn new(capacity: usize, views: usize, width: usize, seed: u64) -> Result<Self, InputError> {
        for (setting, value) in [("capacity", capacity), ("views", views), ("width", width)] {
            if value == 0 {
                return Err(InputError::setting(format!("feature sample: {setting}"), "above 0", value));
            }
        }
        Ok(Self { capacity, views, width, seed, seen: 0, kept: BTreeMap::new() })
    }

    /// Shows it a batch of features `[samples, views, width]`, with the target encoder's of the same
    /// views if there is one.
    ///
    /// # Errors
    ///
    /// If sizes do not fit or a feature is not finite; nothing is taken in then.
    pub fn update(&mut self, features: &[f32], target: Option<&[f32]>) -> Result<(), InputError> {
        let record = self.views * self.width;
        if !features.len().is_multiple_of(record) {
            let expected = format!("a multiple of {record} values");
            return Err(InputError::setting("features", expected, features.len()));
        }
        check_finite("features", features)?;
        if let Some(target) = target {
            check_size("the target encoder's features", features.len(), target.len())?;
            check_finite("the target encoder's features", target)?;
        }
        if let Some(known) = self.kept.values().next() {
            let expected = if known.len() > record { "given as before" } else { "left out as before" };
            if (known.len() > record) != target.is_some() {
                let found = if target.is_some() { "given" } else { "left out" };
                return Err(InputError::setting("the target encoder's features", expected, found));
            }
        }
        for (index, features) in features.chunks_exact(record).enumerate() {
            let key = (mix(self.seed ^ mix(self.seen)), self.seen);
            self.seen += 1;
            let last = self.kept.last_key_value().map(|(key, _)| *key);
            if self.kept.len() == self.capacity {
                if last.is_some_and(|last| key > last) {
                    continue;
                }
                self.kept.pop_last();
            }
            let mut values = features.to_vec();
            values.extend_from_slice(
                target.map_or(&[], |target| &target[index * record..(index + 1) * record]),
            );
            self.kept.insert(key, values);
        }
        Ok(())
    }

    /// Samples that were shown.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Looks at the samples that were kept and starts afresh.
    ///
    /// # Errors
    ///
    /// As [`diagnose`].
    pub fn finish_epoch(&mut self, config: &DiagnosticsConfig) -> Result<Diagnostics, NumericError> {
        let kept = std::mem::take(&mut self.kept);
        self.seen = 0;
        let record = self.views * self.width;
        let part = |range: std::ops::Range<usize>| -> Vec<f32> {
            kept.values().flat_map(|values| values[range.clone()].iter().copied()).collect()
        };
        let features = part(0..record);
        let with_target = kept.values().next().is_some_and(|values| values.len() > record);
        let target = if with_target { part(record..2 * record) } else { Vec::new() };
        let mut views = ViewFeatures::new(Features::of_checked(&features, self.width), self.views)?;
        if with_target {
            views = views.with_target(Features::of_checked(&target, self.width))?;
        }
        diagnose(&views, config)
    }
}

/// The finaliser of SplitMix64.
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
