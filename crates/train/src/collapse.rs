//! Collapse diagnostics beside training, once an epoch, on test images.

use burn::tensor::{Device, Tensor};
use seqjepa_data::{SequenceBatch, SequenceLoader};
use seqjepa_model::{Method, Representations};
use seqjepa_probes::diagnostics::{DiagnosticsConfig, FeatureSample};
use seqjepa_probes::{Metrics, ProbeError};

use crate::batch::sequence_input;

/// Test sequences that are looked at.
const SAMPLES: usize = 1024;

/// Collects codes and aggregates of some test batches, evenly spaced: a data set may be sorted by class.
#[derive(Debug)]
pub(crate) struct CollapseWatch {
    encoder: FeatureSample,
    aggregate: FeatureSample,
    every: usize,
    /// Views of a sequence whose codes are looked at.
    views: usize,
}

impl CollapseWatch {
    /// A watch over one epoch of `loader`.
    pub fn new<M: Method>(method: &M, loader: &SequenceLoader, seed: u64) -> Result<Self, ProbeError> {
        // With one observed view the second code is that of the target view, from another distribution.
        let views = loader.sequence().observed_views.min(2);
        Ok(Self {
            encoder: FeatureSample::new(SAMPLES, views, method.equivariant_width(), seed)?,
            aggregate: FeatureSample::new(SAMPLES, 1, method.invariant_width(), seed)?,
            every: (loader.samples_per_epoch() / SAMPLES).max(1),
            views,
        })
    }

    /// Shows it a test batch; it may pass it over.
    pub fn update<M: Method>(
        &mut self,
        method: &M,
        number: usize,
        batch: &SequenceBatch,
        representations: &Representations,
        device: &Device,
    ) -> Result<(), ProbeError> {
        if !number.is_multiple_of(self.every) {
            return Ok(());
        }
        let beside = |first: Tensor<2>, second: Tensor<2>| {
            let [samples, width] = first.dims();
            let both = if self.views > 1 { vec![first, second] } else { vec![first] };
            Tensor::cat(both, 1).reshape([samples * self.views, width])
        };
        let codes = values(beside(representations.first.clone(), representations.second.clone()));
        let observed = sequence_input(batch, device).observed;
        let [samples, _, channels, height, width] = observed.dims();
        let images =
            observed.narrow(1, 0, self.views).reshape([samples * self.views, channels, height, width]);
        let target = method.target_codes(images).map(values);
        self.encoder.update(&codes, target.as_deref())?;
        self.aggregate.update(&values(representations.aggregate.clone()), None)
    }

    /// The figures, with the prefixes `z` and `z_agg`.
    pub fn finish(mut self) -> Result<Metrics, ProbeError> {
        let config = DiagnosticsConfig::default();
        let mut metrics = self.encoder.finish_epoch(&config)?.metrics("z");
        metrics.extend(self.aggregate.finish_epoch(&config)?.metrics("z_agg"));
        Ok(metrics)
    }
}

fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().expect("the data has just become f32")
}
