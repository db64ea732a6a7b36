//! What devices add up after their passes over a batch.

use burn::tensor::{Device, Tensor};
use seqjepa_nn::optimizer::GradientLayout;

use super::passes::Means;

/// How it lies in one vector, so that one sum does for all: gradients, running statistics, the loss, its terms.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Those that one of the devices has.
    gradients: GradientLayout,
    /// How many running statistics each has.
    statistics: usize,
    terms: Vec<&'static str>,
}

impl Exchange {
    pub(super) fn new(gradients: GradientLayout, statistics: usize, terms: Vec<&'static str>) -> Self {
        Self { gradients, statistics, terms }
    }

    fn values(&self) -> usize {
        self.gradients.values() + self.statistics + 1 + self.terms.len()
    }

    /// The vector of a device.
    pub(super) fn pack(&self, means: Means, statistics: Option<Tensor<1>>, device: &Device) -> Tensor<1> {
        let Means { loss, terms, gradients } = means;
        let terms = terms.into_iter().map(|(_, value)| value);
        let gradients = self.gradients.join(gradients, device);
        let parts = [gradients].into_iter().chain(statistics).chain([loss]).chain(terms);
        let packed = Tensor::cat(parts.collect(), 0);
        assert_eq!(
            packed.dims(),
            [self.values()],
            "a method has the same terms and statistics on all devices"
        );
        packed
    }

    /// The vector of a device that has nothing of the batch.
    pub(super) fn nothing(&self, device: &Device) -> Tensor<1> {
        Tensor::zeros([self.values()], &device.clone().inner())
    }

    /// What lies in a vector.
    pub(super) fn unpack(&self, values: &Tensor<1>) -> (Means, Option<Tensor<1>>) {
        let part = |first: usize, length: usize| values.clone().narrow(0, first, length);
        // What outlives the step is copied: a view would keep all gradients.
        let copy = |first: usize, length: usize| part(first, length).mul_scalar(1.0);
        let gradients = self.gradients.values();
        let scalars = gradients + self.statistics;
        let terms = self.terms.iter().enumerate();
        let means = Means {
            loss: copy(scalars, 1),
            terms: terms.map(|(index, name)| (*name, copy(scalars + 1 + index, 1))).collect(),
            gradients: self.gradients.split(part(0, gradients)),
        };
        (means, (self.statistics > 0).then(|| copy(gradients, self.statistics)))
    }
}
