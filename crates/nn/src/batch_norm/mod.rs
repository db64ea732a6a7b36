//! Batch normalisation.

#[cfg(any(feature = "flex", feature = "cube"))]
pub(crate) mod fused;

use crate::precision::is_narrow;
use crate::recompute::{moves_statistics, value};
use crate::{Buffer, Counter, Mode, relu, widened};
use burn::module::{Module, Param};
use burn::tensor::module::{batch_norm, batch_norm_train};
use burn::tensor::{Device, FloatDType, Tensor};

/// Batch normalisation with the semantics of `torch.nn.BatchNorm1d` and `BatchNorm2d`.
///
/// In [`Mode::Train`] it normalises with the biased variance of the batch and feeds the *unbiased* one
/// into `running_var`, momentum 0.1; in [`Mode::Eval`] it normalises with the running statistics.
/// Epsilon is 1e-5. Whether gradients flow is independent of the mode.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// Gain γ, `[channels]`; absent without affine parameters.
    pub weight: Option<Param<Tensor<1>>>,
    /// Shift β, `[channels]`; absent without affine parameters.
    pub bias: Option<Param<Tensor<1>>>,
    /// Running mean, `[channels]`.
    pub running_mean: Buffer,
    /// Running unbiased variance, `[channels]`.
    pub running_var: Buffer,
    /// Number of training batches seen.
    pub num_batches_tracked: Counter,
    channels: usize,
    momentum: f64,
    epsilon: f64,
}

/// What follows the normalisation: a sum with a residual, a rectification.
struct End<const D: usize> {
    residual: Option<Tensor<D>>,
    rectified: bool,
}

impl<const D: usize> End<D> {
    fn apply(self, normalized: Tensor<D>) -> Tensor<D> {
        let sum = match self.residual {
            Some(residual) => normalized + residual,
            None => normalized,
        };
        if self.rectified { relu(sum) } else { sum }
    }
}

impl BatchNorm {
    /// A layer over `channels` features with γ = 1, β = 0, running mean 0 and running variance 1.
    #[must_use]
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            weight: Some(Param::from_tensor(Tensor::ones([channels], device))),
            bias: Some(Param::from_tensor(Tensor::zeros([channels], device))),
            ..Self::without_affine(channels, device)
        }
    }

    /// A layer without γ and β (`affine=False`).
    #[must_use]
    pub fn without_affine(channels: usize, device: &Device) -> Self {
        Self {
            weight: None,
            bias: None,
            running_mean: Buffer::new(Tensor::zeros([channels], device)),
            running_var: Buffer::new(Tensor::ones([channels], device)),
            num_batches_tracked: Counter::new(device),
            channels,
            momentum: 0.1,
            epsilon: 1e-5,
        }
    }

    /// The same layer with γ = 0: the last normalisation of a residual block starts as no contribution
    /// (Goyal et al. 2017, arXiv 1706.02677, section 5.1).
    #[must_use]
    pub fn with_zero_gain(mut self) -> Self {
        self.weight = self.weight.map(|weight| Param::from_tensor(weight.val().detach().zeros_like()));
        self
    }

    /// Normalises `input`, `[batch, channels, ..]`, over every axis but the second.
    ///
    /// Images on the Flex backend (feature `flex`) go through `seqjepa-cpu`, everything on a GPU (feature `cube`) through kernels of this
    /// crate, everything else through Burn. Of an input in bf16 ([`narrowed`](crate::narrowed)) the output is bf16, and so is a residual;
    /// statistics, gain, shift and what is computed are f32.
    ///
    /// # Panics
    /// If the second axis does not have `channels` entries, or in [`Mode::Train`] if a channel has only one
    /// value (its variance is undefined; PyTorch refuses this too).
    pub fn forward<const D: usize>(&self, input: Tensor<D>, mode: Mode) -> Tensor<D> {
        self.apply(input, End { residual: None, rectified: false }, mode)
    }

    /// [`forward`](Self::forward), then [`relu`]; one pass over memory on the Flex backend and on GPUs.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn forward_relu<const D: usize>(&self, input: Tensor<D>, mode: Mode) -> Tensor<D> {
        self.apply(input, End { residual: None, rectified: true }, mode)
    }

    /// [`forward`](Self::forward), plus `residual` of the input's shape, then [`relu`]: the end of a residual block, one pass
    /// over memory on the Flex backend and on GPUs.
    ///
    /// # Panics
    /// As [`forward`](Self::forward), and if the shapes differ.
    pub fn forward_add_relu<const D: usize>(
        &self,
        input: Tensor<D>,
        residual: Tensor<D>,
        mode: Mode,
    ) -> Tensor<D> {
        assert_eq!(input.dims(), residual.dims(), "a residual of the input's shape");
        // Kernels read both as one type.
        let held = input.dtype();
        let residual = if residual.dtype() == held { residual } else { residual.cast(held) };
        self.apply(input, End { residual: Some(residual), rectified: true }, mode)
    }

    fn apply<const D: usize>(&self, input: Tensor<D>, end: End<D>, mode: Mode) -> Tensor<D> {
        assert_eq!(
            input.dims()[1],
            self.channels,
            "batch norm over {} channels got input of shape {:?}",
            self.channels,
            input.dims()
        );
        let (gain, shift) = self.affine(&input.device());
        let fused = is_fused(&input, &gain, mode);
        if is_narrow(&input) && !fused {
            let wide = End { residual: end.residual.map(widened), ..end };
            return self.apply(widened(input), wide, mode).cast(FloatDType::BF16);
        }
        match mode {
            Mode::Train => {
                let count = input.shape().num_elements() / self.channels;
                assert!(
                    count > 1,
                    "batch norm in training mode needs more than one value per channel, got input of shape {:?}",
                    input.dims()
                );
                #[cfg(any(feature = "flex", feature = "cube"))]
                if fused {
                    let statistics = fused::batch_statistics(&input);
                    let row = |index| statistics.clone().narrow(0, index, 1).reshape([self.channels]);
                    self.track(row(0), row(1), count);
                    return self.apply_fused(input, statistics, gain, shift, end);
                }
                let batch = batch_norm_train(input, gain, shift, self.epsilon);
                self.track(batch.mean, batch.variance, count);
                end.apply(batch.output)
            }
            Mode::Eval => {
                let (mean, variance) = (self.running_mean.value(), self.running_var.value());
                #[cfg(any(feature = "flex", feature = "cube"))]
                if fused {
                    let statistics = Tensor::stack(vec![mean, variance], 0);
                    return self.apply_fused(input, statistics, gain, shift, end);
                }
                end.apply(batch_norm(input, gain, shift, mean, variance, self.epsilon))
            }
        }
    }

    #[cfg(any(feature = "flex", feature = "cube"))]
    fn apply_fused<const D: usize>(
        &self,
        input: Tensor<D>,
        statistics: Tensor<2>,
        gain: Tensor<1>,
        shift: Tensor<1>,
        end: End<D>,
    ) -> Tensor<D> {
        use fused::{normalize, normalize_add_relu};
        match end.residual {
            Some(residual) => normalize_add_relu(input, residual, statistics, gain, shift, self.epsilon),
            None => normalize(input, statistics, gain, shift, self.epsilon, end.rectified),
        }
    }

    fn affine(&self, device: &Device) -> (Tensor<1>, Tensor<1>) {
        match (&self.weight, &self.bias) {
            (Some(weight), Some(bias)) => (value(weight), value(bias)),
            _ => {
                let device = device.clone().without_autodiff();
                (Tensor::ones([self.channels], &device), Tensor::zeros([self.channels], &device))
            }
        }
    }

    fn track(&self, mean: Tensor<1>, biased_variance: Tensor<1>, count: usize) {
        if !moves_statistics() {
            return;
        }
        let unbiased = count as f64 / (count - 1) as f64;
        self.running_mean.update(|running| {
            running.mul_scalar(1.0 - self.momentum) + mean.without_autodiff().mul_scalar(self.momentum)
        });
        self.running_var.update(|running| {
            running.mul_scalar(1.0 - self.momentum)
                + biased_variance.without_autodiff().mul_scalar(self.momentum * unbiased)
        });
        self.num_batches_tracked.increment();
    }
}

/// Whether kernels of this project compute it; their gradient is that of training.
fn is_fused<const D: usize>(input: &Tensor<D>, gain: &Tensor<1>, mode: Mode) -> bool {
    #[cfg(any(feature = "flex", feature = "cube"))]
    return fused::serves(input)
        && (matches!(mode, Mode::Train) || !(input.is_autodiff() || gain.is_autodiff()));
    #[cfg(not(any(feature = "flex", feature = "cube")))]
    {
        let _ = (input, gain, mode);
        false
    }
}
