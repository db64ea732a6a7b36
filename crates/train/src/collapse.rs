//! Collapse diagnostics beside training, once an epoch, on test samples.

use burn::tensor::Tensor;
use seqjepa_data::SequenceLoader;
use seqjepa_model::{DynMethod, EncoderChoice, Representations};
use seqjepa_nn::host;
use seqjepa_probes::diagnostics::{DiagnosticsConfig, FeatureSample};
use seqjepa_probes::{InputError, Metrics, NumericError};

/// Test sequences that are looked at.
const SAMPLES: usize = 1024;

/// Collects the representations of some test batches, evenly spaced: a data set may be sorted by class.
///
/// They stay on the device until the epoch ends.
#[derive(Debug)]
pub(crate) struct CollapseWatch {
    encoder: FeatureSample,
    invariant: FeatureSample,
    every: usize,
    /// Views of a sequence whose representations are looked at.
    views: usize,
    seen: Vec<Seen>,
}

/// What one batch gave.
#[derive(Debug)]
struct Seen {
    encoder: Tensor<2>,
    target: Option<Tensor<2>>,
    invariant: Tensor<2>,
}

impl CollapseWatch {
    /// A watch over one epoch of `loader`.
    pub(crate) fn new(
        method: &dyn DynMethod,
        loader: &SequenceLoader,
        seed: u64,
    ) -> Result<Self, InputError> {
        // With one observed view the second representation is that of the target view, from another distribution.
        let views = loader.source().layout().observed_views.min(2);
        let layout = method.representations();
        Ok(Self {
            encoder: FeatureSample::new(SAMPLES, views, layout.equivariant.width, seed)?,
            invariant: FeatureSample::new(SAMPLES, 1, layout.invariant.width, seed)?,
            every: (loader.samples_per_epoch() / SAMPLES).max(1),
            views,
            seen: Vec::new(),
        })
    }

    /// Whether batch `number` is looked at.
    pub(crate) fn wants(&self, number: usize) -> bool {
        number.is_multiple_of(self.every)
    }

    /// Takes in a test batch: its observed views, `[batch, views, channels, height, width]`, and what the method made of
    /// them.
    pub(crate) fn update(
        &mut self,
        method: &dyn DynMethod,
        observed: Tensor<5>,
        representations: &Representations,
    ) {
        let beside = |first: Tensor<2>, second: Tensor<2>| {
            let [samples, width] = first.dims();
            let both = if self.views > 1 { vec![first, second] } else { vec![first] };
            Tensor::cat(both, 1).reshape([samples * self.views, width])
        };
        let encoder = beside(representations.first.clone(), representations.second.clone());
        let [samples, _, channels, height, width] = observed.dims();
        let images =
            observed.narrow(1, 0, self.views).reshape([samples * self.views, channels, height, width]);
        let target = method.encode(images, EncoderChoice::Target);
        self.seen.push(Seen { encoder, target, invariant: representations.invariant.clone() });
    }

    /// The figures, with the prefixes `z` and `z_agg`.
    pub(crate) fn finish(mut self) -> Result<Metrics, NumericError> {
        for Seen { encoder, target, invariant } in std::mem::take(&mut self.seen) {
            let encoder = host::read(encoder);
            let target = target.map(host::read);
            self.encoder.update(&encoder, target.as_deref())?;
            self.invariant.update(&host::read(invariant), None)?;
        }
        let config = DiagnosticsConfig::default();
        let mut metrics = self.encoder.finish_epoch(&config)?.metrics("z");
        metrics.extend(self.invariant.finish_epoch(&config)?.metrics("z_agg"));
        Ok(metrics)
    }
}
