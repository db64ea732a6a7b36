//! Where frozen features come from.

use std::sync::Arc;

use super::roles::{RegressionTarget, Representation};
use crate::error::{InputError, check_finite, check_size};
use crate::features::Features;

/// What a [`FeatureSource`] may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a [`FeatureSet`] is made of, row-major. What is not there stays empty:
/// `FeatureBuffers { aggregate, labels, ..Default::default() }`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureBuffers {
    /// z_AGG, or any representation that classes shall be read from: `[samples, E]`.
    pub aggregate: Vec<f32>,
    /// z_1, the features of the first view: `[samples, D]`.
    pub first: Vec<f32>,
    /// z_2, the features of the second view: `[samples, D]`.
    pub second: Vec<f32>,
    /// The relative action from view 1 to view 2: `[samples, A]`.
    pub relative: Vec<f32>,
    /// The absolute action parameters of view 1: `[samples, A]`.
    pub absolute: Vec<f32>,
    /// The samples' classes, if they are known.
    pub labels: Option<Vec<u32>>,
}

/// The frozen features of one augmentation pass over a split, on the host. Probes that would read
/// an empty representation are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureSet {
    samples: usize,
    buffers: FeatureBuffers,
}

impl FeatureSet {
    /// A pass over `samples` samples.
    ///
    /// # Errors
    ///
    /// If a buffer's length is not a multiple of `samples`, z_1 and z_2 differ in length, there are no samples,
    /// or a number is not finite.
    pub fn new(samples: usize, buffers: FeatureBuffers) -> Result<Self, InputError> {
        if samples == 0 {
            return Err(InputError::setting("samples", "above 0", samples));
        }
        let FeatureBuffers { aggregate, first, second, relative, absolute, labels } = &buffers;
        for (what, values) in [
            ("aggregate", aggregate),
            ("first", first),
            ("second", second),
            ("relative", relative),
            ("absolute", absolute),
        ] {
            if !values.len().is_multiple_of(samples) {
                let expected = format!("a multiple of {samples} values");
                return Err(InputError::setting(what, expected, values.len()));
            }
            check_finite(what, values)?;
        }
        check_size("second", first.len(), second.len())?;
        if let Some(labels) = labels {
            check_size("labels", samples, labels.len())?;
        }
        Ok(Self { samples, buffers })
    }

    /// Number of samples.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Number of parameters of a target; 0 if it is not there.
    #[must_use]
    pub fn outputs(&self, target: RegressionTarget) -> usize {
        self.targets(target).len() / self.samples
    }

    /// All values of a target, `[samples, outputs]`; empty if it is not there.
    #[must_use]
    pub fn targets(&self, target: RegressionTarget) -> &[f32] {
        match target {
            RegressionTarget::Relative => &self.buffers.relative,
            RegressionTarget::Absolute => &self.buffers.absolute,
        }
    }

    /// All rows of a representation, as [`exact`](crate::exact), [`knn`](crate::knn) and
    /// [`diagnostics`](crate::diagnostics) read them; `None` if it is not there.
    #[must_use]
    pub fn features(&self, representation: Representation) -> Option<Features<'_>> {
        let parts = self.parts(representation);
        let filled = parts.iter().filter(|part| !part.is_empty());
        filled
            .map(|part| Features::of_checked(part, part.len() / self.samples))
            .reduce(|left, right| left.beside_checked(&right))
    }

    /// The samples' classes.
    #[must_use]
    pub fn labels(&self) -> Option<&[u32]> {
        self.buffers.labels.as_deref()
    }

    /// Width of a representation; 0 if it is not there.
    #[must_use]
    pub fn width(&self, representation: Representation) -> usize {
        self.parts(representation).iter().map(|part| part.len() / self.samples).sum()
    }

    fn parts(&self, representation: Representation) -> Vec<&[f32]> {
        match representation {
            Representation::Aggregate => vec![&self.buffers.aggregate],
            Representation::First => vec![&self.buffers.first],
            Representation::Pair => vec![&self.buffers.first, &self.buffers.second],
        }
    }

    /// The features of these samples, `[rows.len(), width]`.
    #[must_use]
    pub fn rows(&self, representation: Representation, rows: &[usize]) -> Vec<f32> {
        let parts = self.parts(representation);
        let mut values = Vec::with_capacity(rows.len() * self.width(representation));
        for row in rows {
            for part in &parts {
                let width = part.len() / self.samples;
                values.extend_from_slice(&part[row * width..(row + 1) * width]);
            }
        }
        values
    }

    /// The target's values of these samples in these columns, `[rows.len(), columns.len()]`.
    #[must_use]
    pub fn target_rows(
        &self,
        target: RegressionTarget,
        rows: &[usize],
        columns: &std::ops::Range<usize>,
    ) -> Vec<f32> {
        let (values, width) = (self.targets(target), self.outputs(target));
        let columns = |row: &usize| &values[row * width + columns.start..row * width + columns.end];
        rows.iter().flat_map(columns).copied().collect()
    }
}

/// A split's features: one or several passes, each with fresh augmentations.
///
/// Probe epoch `e` reads pass `e % passes`. One pass is asked for at a time and may be computed,
/// read from a cache, or shared.
pub trait FeatureSource {
    /// Number of different passes, at least 1.
    fn passes(&self) -> usize;

    /// The features of pass `pass`, below [`passes`](Self::passes). All passes have the same
    /// samples, widths and classes.
    ///
    /// # Errors
    ///
    /// Whatever keeps the source from delivering; it becomes [`FrozenError::Source`](crate::frozen::FrozenError::Source).
    fn pass(&mut self, pass: usize) -> Result<Arc<FeatureSet>, BoxError>;

    /// Asked before every probe epoch; by default the probes go on.
    ///
    /// # Errors
    ///
    /// Whatever is to end the probes; it becomes [`FrozenError::Source`](crate::frozen::FrozenError::Source).
    fn go_on(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Passes in memory.
impl FeatureSource for Vec<Arc<FeatureSet>> {
    fn passes(&self) -> usize {
        self.len()
    }

    fn pass(&mut self, pass: usize) -> Result<Arc<FeatureSet>, BoxError> {
        Ok(Arc::clone(&self[pass]))
    }
}

/// A single pass in memory.
impl FeatureSource for Arc<FeatureSet> {
    fn passes(&self) -> usize {
        1
    }

    fn pass(&mut self, _pass: usize) -> Result<Arc<FeatureSet>, BoxError> {
        Ok(Self::clone(self))
    }
}
