//! Where Burn 0.22.1 differs from PyTorch, the reason for this crate's layers (docs/pytorch.md lists them).
//!
//! Each test pins Burn's behaviour and, beside it, ours. If an upgrade of Burn changes the former, the test
//! fails and says which layer may have become superfluous; that ours is PyTorch's is also held by the goldens
//! of `tests/optimizer.rs` and of `crates/model/tests`.

#![allow(clippy::disallowed_methods, reason = "tests look at values")]

use burn::grad_clipping::GradientClippingConfig;
use burn::module::Param;
use burn::nn::conv::Conv2dConfig;
use burn::nn::transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput};
use burn::nn::{BatchNormConfig, DropoutConfig, LinearConfig};
use burn::optim::AdamWConfig;
use burn::optim::momentum::MomentumConfig;
use burn::tensor::{Device, Tensor, activation};
use seqjepa_nn::optimizer::{OptimizerConfig, ParameterGradients};
use seqjepa_nn::{
    BatchNorm, FeedForwardActivation, InitRng, Linear, Mode, MultiHeadAttention, NormPlacement,
    TransformerEncoderLayer, TransformerLayerConfig, gelu,
};

fn batch(device: &Device) -> Tensor<2> {
    Tensor::from_data([[1.0], [2.0], [3.0], [6.0]], device)
}

fn first(tensor: Tensor<1>) -> f32 {
    tensor.into_data().iter::<f32>().next().expect("a value")
}

/// PyTorch: 0.9 + 0.1 * 14 / 3 (unbiased). Burn: 0.9 + 0.1 * 14 / 4.
#[test]
fn burns_running_variance_is_biased() {
    let device = Device::flex().autodiff();
    let norm = BatchNormConfig::new(1).init(&device);
    norm.forward(batch(&device));
    assert!((first(norm.running_var.value_sync()) - 1.25).abs() < 1e-6);

    let norm = BatchNorm::new(1, &device);
    norm.forward(batch(&device), Mode::Train);
    assert!((first(norm.running_var.value()) - (0.9 + 1.4 / 3.0)).abs() < 1e-6);
}

#[test]
fn burns_batch_norm_trains_only_on_an_autodiff_device() {
    let device = Device::flex();
    let norm = BatchNormConfig::new(1).init(&device);
    norm.forward(batch(&device));
    assert_eq!(first(norm.running_mean.value_sync()), 0.0);

    let norm = BatchNorm::new(1, &device);
    norm.forward(batch(&device), Mode::Train);
    assert!((first(norm.running_mean.value()) - 0.3).abs() < 1e-6);
}

#[test]
fn burns_clones_share_running_statistics() {
    let device = Device::flex().autodiff();
    let norm = BatchNormConfig::new(1).init(&device);
    let clone = norm.clone();
    norm.forward(batch(&device));
    assert!((first(clone.running_mean.value_sync()) - 0.3).abs() < 1e-6);

    let norm = BatchNorm::new(1, &device);
    let clone = norm.clone();
    norm.forward(batch(&device), Mode::Train);
    assert_eq!(first(clone.running_mean.value()), 0.0);
}

#[test]
fn burns_linear_weight_is_transposed() {
    let device = Device::flex();
    assert_eq!(LinearConfig::new(2, 3).init(&device).weight.dims(), [2, 3]);
    assert_eq!(Linear::new(2, 3, &mut InitRng::new(0), &device).weight.dims(), [3, 2]);
}

/// How far token 0 of the output moves when token 1 of the input moves: not at all if the attention sees
/// nothing but zeros.
fn mixing(forward: impl Fn(Tensor<3>) -> Tensor<3>, device: &Device) -> f32 {
    let tokens = |second: [f32; 4]| Tensor::<3>::from_data([[[0.5, -1.0, 2.0, 0.0], second]], device);
    let [left, right] =
        [[1.0, 2.0, 3.0, 5.0], [-3.0, 1.0, 0.0, 1.0]].map(|second| forward(tokens(second)).narrow(1, 0, 1));
    (left - right).abs().max().into_scalar()
}

/// With pre-norm, the normalisation before the attention is `norm1` in PyTorch and `norm_2` in Burn.
#[test]
fn burns_layer_norms_are_named_the_other_way_round() {
    let device = Device::flex();
    let zeros = || Param::from_tensor(Tensor::<1>::zeros([4], &device));
    let config = TransformerEncoderConfig::new(4, 8, 2, 1).with_dropout(0.0).with_norm_first(true);
    let encoder = config.init(&device);
    let forward =
        |encoder: &TransformerEncoder, tokens| encoder.forward(TransformerEncoderInput::new(tokens));
    let [mut first, mut second] = [encoder.clone(), encoder];
    first.layers[0].norm_1.gamma = zeros();
    second.layers[0].norm_2.gamma = zeros();
    assert!(mixing(|tokens| forward(&first, tokens), &device) > 1e-3);
    assert_eq!(mixing(|tokens| forward(&second, tokens), &device), 0.0);

    let config = TransformerLayerConfig {
        width: 4,
        heads: 2,
        feed_forward: 8,
        dropout: 0.0,
        norm: NormPlacement::Pre,
        activation: FeedForwardActivation::Gelu,
    };
    let layer = TransformerEncoderLayer::new(config, &mut InitRng::new(0), &device);
    let [mut first, mut second] = [layer.clone(), layer];
    first.norm1.weight = zeros();
    second.norm2.weight = zeros();
    assert_eq!(mixing(|tokens| first.forward(tokens, None), &device), 0.0);
    assert!(mixing(|tokens| second.forward(tokens, None), &device) > 1e-3);
}

/// PyTorch packs the three projections into one matrix, whose Xavier bound is another than that of each alone.
#[test]
fn burns_attention_projections_are_three() {
    let device = Device::flex();
    let attention = TransformerEncoderConfig::new(4, 8, 2, 1).init(&device).layers[0].mha.clone();
    assert_eq!(
        [attention.query, attention.key, attention.value].map(|linear| linear.weight.dims()),
        [[4, 4]; 3]
    );
    let packed = MultiHeadAttention::new(4, 2, &mut InitRng::new(0), &device);
    assert_eq!(packed.in_proj_weight.dims(), [12, 4]);
}

/// Burn draws initial values when a parameter is first used, from the device's generator; here they follow the seed.
#[test]
fn burns_initial_values_depend_on_what_was_drawn_before() {
    let device = Device::flex();
    let [left, right] = [0, 1].map(|_| LinearConfig::new(4, 4).init(&device).weight.val().into_data());
    assert_ne!(left, right);
    let ours = [0, 1].map(|_| Linear::new(4, 4, &mut InitRng::new(0), &device).weight.val().into_data());
    assert_eq!(ours[0], ours[1]);
}

/// A residual convolution starts from N(0, 2 / fan_out) in torchvision, uniform over the fan-in in Burn.
#[test]
fn burns_convolutions_start_uniform() {
    let device = Device::flex();
    let largest = |weight: Tensor<4>| weight.abs().max().into_scalar::<f32>();
    let bound = 1.0 / (16.0_f32 * 9.0).sqrt();
    assert!(largest(Conv2dConfig::new([16, 64], [3, 3]).init(&device).weight.val()) <= bound * 1.0001);
    // 9216 normal values of deviation 0.059: the largest is about four deviations.
    let ours = seqjepa_nn::Conv2d::kaiming([16, 64], 3, [1, 1], &mut InitRng::new(0), &device);
    assert!(largest(ours.weight.val()) > 2.0 * bound);
}

#[test]
fn burns_optimizer_defaults_are_others() {
    // Both configurations serialise; their fields are private.
    let adamw = AdamWConfig::new().to_string();
    assert!(adamw.contains("\"epsilon\": 1e-5") || adamw.contains("\"epsilon\": 0.00001"), "{adamw}");
    assert!(adamw.contains("\"weight_decay\": 0.0001"), "{adamw}");
    assert_eq!(MomentumConfig::new().dampening, 0.1);

    let ours = OptimizerConfig::adamw();
    assert!(matches!(ours, OptimizerConfig::AdamW { eps: 1e-8, weight_decay: 0.01, .. }), "{ours:?}");
    let ours = OptimizerConfig::sgd(0.9);
    assert!(matches!(ours, OptimizerConfig::Sgd { dampening: 0.0, .. }), "{ours:?}");
}

/// Two gradients of norm 1 have the common norm √2: PyTorch scales both, Burn looks at one at a time.
#[test]
fn burn_clips_each_gradient_alone() {
    let device = Device::flex().autodiff();
    let clipping = GradientClippingConfig::Norm(1.0).init();
    let gradient = Tensor::<1>::from_data([0.6, 0.8], &device.clone().without_autodiff());
    let clipped = clipping.clip_gradient(gradient.clone()).into_data();
    assert_eq!(clipped, gradient.into_data());

    let mut module = Linear::new(2, 1, &mut InitRng::new(0), &device);
    module.bias = Some(Param::from_tensor(Tensor::zeros([1], &device)));
    // The gradient of the weight is the input, that of the bias 1.
    let loss = module.forward(Tensor::<2>::from_data([[0.6, 0.8]], &device)).sum();
    let mut gradients = ParameterGradients::take(&mut loss.backward(), &module);
    gradients.clip_norm(1.0);
    let bias = first(gradients.get("bias").expect("a gradient"));
    assert!((bias - 0.5_f32.sqrt()).abs() < 1e-5, "{bias}");
}

/// Burn's dropout draws from the device's global generator, whose state cannot be saved; ours has a key.
#[test]
fn burns_dropout_depends_on_what_was_drawn_before() {
    let device = Device::flex().autodiff();
    let dropout = DropoutConfig::new(0.5).init();
    let ones = Tensor::<1>::ones([64], &device);
    let [left, right] = [0, 1].map(|_| dropout.forward(ones.clone()).into_data());
    assert_ne!(left, right);
}

/// PyTorch: 1.0833155 at 1, the distribution plus the density. Burn outside Flex: the slope of the approximation by tanh.
#[test]
#[expect(deprecated, reason = "ndarray is the second oracle until Burn removes it")]
fn burns_gelu_has_the_gradient_of_its_approximation() {
    let gradient = |device: Device, function: fn(Tensor<1>) -> Tensor<1>| {
        let input = Tensor::<1>::from_data([1.0], &device.autodiff()).require_grad();
        let gradients = function(input.clone()).backward();
        first(input.grad(&gradients).expect("it was asked for"))
    };
    let exact = 1.083_315_5;
    assert!((gradient(Device::ndarray(), activation::gelu) - exact).abs() > 1e-4);
    for device in [Device::ndarray(), Device::flex()] {
        assert!((gradient(device, gelu) - exact).abs() < 1e-6);
    }
}
