//! What devices add up after their passes over a batch.

use burn::tensor::{Device, Tensor};
use seqjepa_nn::optimizer::GradientLayout;

use super::passes::{Means, Passes};

/// How it lies in one vector, so that one sum does for all: gradients, running statistics, the loss, its terms.
#[derive(Debug)]
pub(super) struct Exchange {
    gradients: GradientLayout,
    /// How many running statistics a device has.
    statistics: usize,
    terms: Vec<&'static str>,
}

impl Exchange {
    /// For what the devices have found; each has as many running statistics.
    pub(super) fn of(found: &[Passes], statistics: usize) -> Self {
        let terms = found.first().map(|passes| &passes.means.terms);
        Self {
            gradients: GradientLayout::of(found.iter().map(|passes| &passes.means.gradients)),
            statistics,
            terms: terms.into_iter().flatten().map(|(name, _)| *name).collect(),
        }
    }

    fn values(&self) -> usize {
        self.gradients.values() + self.statistics + 1 + self.terms.len()
    }

    /// The vector of a device.
    pub(super) fn pack(&self, means: Means, statistics: Option<Tensor<1>>, device: &Device) -> Tensor<1> {
        let Means { loss, terms, gradients } = means;
        let terms = terms.into_iter().map(|(_, value)| value);
        let gradients = self.gradients.join(gradients, device);
        let packed =
            Tensor::cat([gradients].into_iter().chain(statistics).chain([loss]).chain(terms).collect(), 0);
        assert_eq!(packed.dims(), [self.values()], "all devices have found the same");
        packed
    }

    /// The vector of a device that has found nothing.
    pub(super) fn nothing(&self, device: &Device) -> Tensor<1> {
        Tensor::zeros([self.values()], &device.clone().inner())
    }

    /// What lies in a vector.
    pub(super) fn unpack(&self, values: Tensor<1>) -> (Means, Option<Tensor<1>>) {
        let part = |first: usize, length: usize| values.clone().narrow(0, first, length);
        let gradients = self.gradients.values();
        let scalars = gradients + self.statistics;
        let terms = self.terms.iter().enumerate();
        let means = Means {
            loss: part(scalars, 1),
            terms: terms.map(|(index, name)| (*name, part(scalars + 1 + index, 1))).collect(),
            gradients: self.gradients.split(part(0, gradients)),
        };
        (means, (self.statistics > 0).then(|| part(gradients, self.statistics)))
    }
}
