//! What devices add up after their passes over a batch.

use burn::tensor::Tensor;
use seqjepa_nn::optimizer::ParameterGradients;

use super::passes::Means;

/// How it lies in one vector, so that one sum does for all: gradients, running statistics, the loss, its terms.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Whose values do not matter.
    gradients: ParameterGradients,
    statistics: usize,
    terms: Vec<&'static str>,
}

impl Exchange {
    /// The vector, and how it lies there.
    pub(super) fn pack(means: Means, statistics: Option<Tensor<1>>) -> (Self, Tensor<1>) {
        let Means { loss, terms, gradients } = means;
        let exchange = Self {
            statistics: statistics.as_ref().map_or(0, |statistics| statistics.dims()[0]),
            terms: terms.iter().map(|(name, _)| *name).collect(),
            gradients,
        };
        let terms = terms.into_iter().map(|(_, value)| value);
        let parts =
            exchange.gradients.concatenated().into_iter().chain(statistics).chain([loss]).chain(terms);
        let values = Tensor::cat(parts.collect(), 0);
        (exchange, values)
    }

    /// What lies in a vector.
    pub(super) fn unpack(&self, values: Tensor<1>) -> (Means, Option<Tensor<1>>) {
        let length = values.dims()[0];
        let part = |first: usize, length: usize| values.clone().narrow(0, first, length);
        let scalars = length - 1 - self.terms.len();
        let gradients = scalars - self.statistics;
        let terms = self.terms.iter().enumerate();
        let means = Means {
            loss: part(scalars, 1),
            terms: terms.map(|(index, name)| (*name, part(scalars + 1 + index, 1))).collect(),
            gradients: self.gradients.with_values(part(0, gradients)),
        };
        (means, (self.statistics > 0).then(|| part(gradients, self.statistics)))
    }
}
