//! What the probes see of one batch.

use burn::tensor::Tensor;

use super::spec::OnlineProbeConfig;
use crate::error::check_size;
use crate::probe::{ProbeError, Targets, Task};

/// What the probes see of one batch: named representations, labels if there are any, and named
/// target values.
#[derive(Clone, Debug, Default)]
pub struct ProbeInputs<'a> {
    representations: Vec<(&'a str, Tensor<2>)>,
    labels: Option<&'a [u32]>,
    named_labels: Vec<(&'a str, &'a [u32])>,
    values: Vec<(&'a str, &'a [f32])>,
}

impl<'a> ProbeInputs<'a> {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a representation `[samples, width]`; its graph, if it has one, is never entered.
    #[must_use]
    pub fn representation(mut self, name: &'a str, features: Tensor<2>) -> Self {
        self.representations.push((name, features.inner()));
        self
    }

    /// Adds the samples' classes. Without them, classification probes pause and their figures are
    /// absent.
    #[must_use]
    pub fn labels(mut self, labels: &'a [u32]) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Adds further classes of the samples, as coarser ones, for the classification probes whose
    /// target has this name. Those whose target is not given pause.
    #[must_use]
    pub fn named_labels(mut self, name: &'a str, labels: &'a [u32]) -> Self {
        self.named_labels.push((name, labels));
        self
    }

    /// Adds target values `[samples, outputs]`, row-major. Regression probes whose target is not
    /// given pause.
    #[must_use]
    pub fn values(mut self, name: &'a str, values: &'a [f32]) -> Self {
        self.values.push((name, values));
        self
    }

    pub(super) fn targets(&self, config: &OnlineProbeConfig) -> Option<Targets<'a>> {
        match config.task {
            Task::Classification { .. } => match config.target.as_deref() {
                None => self.labels.map(Targets::Labels),
                Some(target) => {
                    let found = self.named_labels.iter().find(|(name, _)| *name == target)?;
                    Some(Targets::Labels(found.1))
                }
            },
            Task::Regression { .. } => {
                let target = config.target.as_deref()?;
                let found = self.values.iter().find(|(name, _)| *name == target)?;
                Some(Targets::Values(found.1))
            }
        }
    }

    pub(super) fn features(&self, config: &OnlineProbeConfig) -> Result<Tensor<2>, ProbeError> {
        let mut parts = Vec::with_capacity(config.inputs.len());
        for (wanted, width) in &config.inputs {
            let Some((_, part)) = self.representations.iter().find(|(name, _)| name == wanted) else {
                return Err(ProbeError::Missing {
                    probe: config.name.clone(),
                    what: "representation",
                    name: wanted.clone(),
                });
            };
            let what = format!("width of representation `{wanted}`");
            check_size(&what, *width, part.dims()[1])?;
            parts.push(part.clone());
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, 1) })
    }
}
