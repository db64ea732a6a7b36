//! What the layers promise beyond their numbers, which `crates/model/tests` compares with PyTorch.

#![allow(clippy::disallowed_methods, reason = "tests look at values")]

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_nn::{
    BatchNorm, DropoutKey, DropoutMasks, FeedForwardActivation, InitRng, Linear, Mode, NormPlacement,
    TransformerEncoderLayer, TransformerLayerConfig, independent_copy,
};

fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().iter::<f32>().collect()
}

fn column(values: [f32; 4], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [4, 1]), device)
}

/// ```python
/// norm = torch.nn.BatchNorm1d(1)
/// norm(torch.tensor([[1.], [2.], [3.], [6.]]))  # mean 3, unbiased variance 14 / 3
/// norm.running_mean, norm.running_var           # 0.3, 0.9 + 0.1 * 14 / 3 = 1.3667
/// ```
#[test]
fn running_statistics_take_the_unbiased_variance_at_once() {
    // Without an autodiff device too: the mode is the caller's, not the device's.
    for device in [Device::flex(), Device::flex().autodiff()] {
        let norm = BatchNorm::new(1, &device);
        norm.forward(column([1.0, 2.0, 3.0, 6.0], &device), Mode::Train);
        let [mean, variance] = [&norm.running_mean, &norm.running_var].map(|b| values(&b.value())[0]);
        assert!((mean - 0.3).abs() < 1e-6, "{mean}");
        assert!((variance - (0.9 + 1.4 / 3.0)).abs() < 1e-6, "{variance}");
        assert_eq!(norm.num_batches_tracked.get(), 1);
    }
}

#[test]
fn evaluation_leaves_statistics_alone_on_any_device() {
    for device in [Device::flex(), Device::flex().autodiff()] {
        let norm = BatchNorm::new(1, &device);
        let output = norm.forward(column([1.0, 2.0, 3.0, 6.0], &device), Mode::Eval);
        // Running mean 0 and variance 1 but for epsilon.
        assert!((values(&output)[3] - 6.0).abs() < 1e-4);
        assert_eq!(values(&norm.running_mean.value()), [0.0]);
        assert_eq!(values(&norm.running_var.value()), [1.0]);
        assert_eq!(norm.num_batches_tracked.get(), 0);
    }
}

#[test]
fn clones_do_not_share_statistics() {
    let device = Device::flex();
    let norm = BatchNorm::new(1, &device);
    let copies = [norm.clone(), independent_copy(&norm), norm.valid(), norm.clone().to_device(&device)];
    norm.forward(column([1.0, 2.0, 3.0, 6.0], &device), Mode::Train);
    for copy in copies {
        assert_eq!(values(&copy.running_mean.value()), [0.0]);
        assert_eq!(copy.num_batches_tracked.get(), 0);
    }
}

#[test]
#[should_panic(expected = "more than one value per channel")]
fn a_single_value_has_no_batch_statistics() {
    let device = Device::flex();
    BatchNorm::new(2, &device).forward(Tensor::<2>::ones([1, 2], &device), Mode::Train);
}

#[test]
fn a_zero_gain_silences_the_layer() {
    let device = Device::flex().autodiff();
    let norm = BatchNorm::new(1, &device).with_zero_gain();
    let output = norm.forward(column([1.0, 2.0, 3.0, 6.0], &device), Mode::Train);
    assert_eq!(values(&output), [0.0; 4]);
    assert!(norm.weight.is_some_and(|weight| weight.is_require_grad()), "the gain is still trained");
}

#[derive(Default)]
struct Ids(Vec<ParamId>);

impl ModuleVisitor for Ids {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.id);
    }
}

fn ids<M: Module>(module: &M) -> Vec<ParamId> {
    let mut ids = Ids::default();
    module.visit(&mut ids);
    ids.0
}

#[test]
fn an_independent_copy_has_equal_values_and_nothing_else_in_common() {
    let device = Device::flex().autodiff();
    let original = (Linear::new(3, 2, &mut InitRng::new(1), &device), BatchNorm::new(2, &device));
    let copy = independent_copy(&original);
    assert_eq!(values(&copy.0.weight.val()), values(&original.0.weight.val()));
    assert!(ids(&copy).iter().all(|id| !ids(&original).contains(id)));
    assert!(!copy.0.weight.is_require_grad());
    assert!(!copy.train().0.weight.is_require_grad(), "not even after a change of mode");
}

fn transformer(dropout: f64) -> TransformerEncoderLayer {
    let config = TransformerLayerConfig {
        width: 8,
        heads: 2,
        feed_forward: 16,
        dropout,
        norm: NormPlacement::Post,
        activation: FeedForwardActivation::Relu,
    };
    TransformerEncoderLayer::new(config, &mut InitRng::new(3), &Device::flex())
}

#[test]
fn dropout_follows_its_key_and_is_off_without_masks() {
    let layer = transformer(0.5);
    let tokens: Tensor<3> = InitRng::new(4).uniform([2, 3, 8], 1.0, &Device::flex());
    let run = |step| {
        let mut masks = DropoutMasks::new(DropoutKey { seed: 1, step });
        values(&layer.forward(tokens.clone(), Some(&mut masks)))
    };
    assert_eq!(run(0), run(0));
    assert_ne!(run(0), run(1));
    let off = values(&layer.forward(tokens.clone(), None));
    assert_ne!(run(0), off);
    // Probability zero computes what no dropout computes.
    let mut masks = DropoutMasks::new(DropoutKey { seed: 1, step: 0 });
    let silent = transformer(0.0).forward(tokens, Some(&mut masks));
    assert_eq!(values(&silent), off);
}

#[test]
fn dropout_keeps_the_mean() {
    let device = Device::flex();
    let mut masks = DropoutMasks::new(DropoutKey { seed: 2, step: 0 });
    let dropped = masks.apply(Tensor::<1>::ones([100_000], &device), 0.1);
    let mean: f32 = dropped.mean().into_scalar();
    // One element has standard deviation sqrt(0.1 / 0.9) = 0.33, the mean 0.0011; five of them.
    assert!((mean - 1.0).abs() < 0.0055, "{mean}");
}

#[test]
fn the_linear_weight_is_stored_as_in_pytorch() {
    let device = Device::flex();
    let mut linear = Linear::new(2, 3, &mut InitRng::new(5), &device);
    assert_eq!(linear.weight.dims(), [3, 2]);
    let weight = TensorData::from([[1.0_f32, 0.0], [0.0, 1.0], [1.0, 1.0]]);
    linear.weight = Param::from_data(weight, &device);
    linear.bias = Some(Param::from_data(TensorData::from([0.0_f32, 0.0, 10.0]), &device));
    let output = linear.forward(Tensor::<2>::from_data([[2.0, 3.0]], &device));
    assert_eq!(values(&output), [2.0, 3.0, 15.0]);
}
