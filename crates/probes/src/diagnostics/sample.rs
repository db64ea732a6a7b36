//! A bounded sample of an epoch's features.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use seqjepa_nn::StateDict;

use super::{Diagnostics, DiagnosticsConfig, ViewFeatures, diagnose};
use crate::error::{ProbeError, check_finite, check_size};
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
/// # Ok::<(), seqjepa_probes::ProbeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureSample {
    capacity: usize,
    views: usize,
    width: usize,
    seed: u64,
    seen: u64,
    /// By number and place: the features of all views, then the target encoder's, if given.
    kept: BTreeMap<(u64, u64), Vec<f32>>,
}

impl FeatureSample {
    /// An empty sample.
    ///
    /// # Errors
    ///
    /// If a size is 0.
    pub fn new(capacity: usize, views: usize, width: usize, seed: u64) -> Result<Self, ProbeError> {
        for (setting, value) in [("capacity", capacity), ("views", views), ("width", width)] {
            if value == 0 {
                return Err(ProbeError::setting(format!("feature sample: {setting}"), "above 0", value));
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
    pub fn update(&mut self, features: &[f32], target: Option<&[f32]>) -> Result<(), ProbeError> {
        let record = self.views * self.width;
        if !features.len().is_multiple_of(record) {
            let expected = format!("a multiple of {record} values");
            return Err(ProbeError::setting("features", expected, features.len()));
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
                return Err(ProbeError::setting("the target encoder's features", expected, found));
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
    pub fn finish_epoch(&mut self, config: &DiagnosticsConfig) -> Result<Diagnostics, ProbeError> {
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

    /// What it holds, for an exact resume in the middle of an epoch: `seen`, `keys` and `rows`.
    #[must_use]
    pub fn state_dict(&self) -> StateDict {
        let seen = i64::from_ne_bytes(self.seen.to_ne_bytes());
        let keys: Vec<i64> = self.kept.keys().flat_map(|(a, b)| [a.cast_signed(), b.cast_signed()]).collect();
        let rows: Vec<f32> = self.kept.values().flatten().copied().collect();
        let width = self.kept.values().next().map_or(0, Vec::len);
        vec![
            ("seen".to_owned(), TensorData::new(vec![seen], [1])),
            ("keys".to_owned(), TensorData::new(keys, [self.kept.len(), 2])),
            ("rows".to_owned(), TensorData::new(rows, [self.kept.len(), width])),
        ]
    }

    /// Takes over what [`state_dict`](Self::state_dict) of a sample of the same sizes returned.
    ///
    /// # Errors
    ///
    /// If entries are missing, unknown, or of the wrong shape or type; nothing is changed then.
    pub fn load_state_dict(&mut self, entries: StateDict) -> Result<(), ProbeError> {
        let state = |name: &str, problem: &str| ProbeError::State {
            name: name.to_owned(),
            problem: problem.to_owned(),
        };
        if let Some((name, _)) = entries.iter().find(|(name, _)| !["seen", "keys", "rows"].contains(&&**name))
        {
            return Err(state(name, "no such entry is known"));
        }
        let entry = |wanted: &str| {
            let found = entries.iter().find(|(name, _)| name == wanted);
            found.map(|(_, data)| data).ok_or_else(|| state(wanted, "is missing"))
        };
        let integers = |name: &str| -> Result<&[i64], ProbeError> {
            entry(name)?.as_slice::<i64>().map_err(|_| state(name, "expected I64"))
        };
        let rows = entry("rows")?.as_slice::<f32>().map_err(|_| state("rows", "expected F32"))?;
        let [seen] = integers("seen")? else { return Err(state("seen", "expected one number")) };
        let keys = integers("keys")?;
        let count = keys.len() / 2;
        let record = self.views * self.width;
        let each = rows.len().checked_div(count).unwrap_or(0);
        let fits = count == 0 && rows.is_empty() || count > 0 && (each == record || each == 2 * record);
        if keys.len() != 2 * count || rows.len() != count * each || !fits || count > self.capacity {
            return Err(state("rows", "does not fit this sample's sizes"));
        }
        let kept: BTreeMap<(u64, u64), Vec<f32>> = keys
            .chunks_exact(2)
            .zip(rows.chunks_exact(each.max(1)))
            .map(|(key, row)| ((key[0].cast_unsigned(), key[1].cast_unsigned()), row.to_vec()))
            .collect();
        self.kept = kept;
        self.seen = seen.cast_unsigned();
        Ok(())
    }
}

/// The finaliser of SplitMix64.
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
