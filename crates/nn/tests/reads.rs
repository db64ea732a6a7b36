//! What waits for a device. One test alone in its program: reads are counted for the whole process.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};
use seqjepa_nn::{BatchNorm, InitRng, Linear, Mode, finite_flag, host, independent_copy, non_finite};

#[derive(Module, Debug)]
struct Network {
    linear: Linear,
    norm: BatchNorm,
}

#[test]
fn a_step_reads_nothing() {
    let device = Device::flex().autodiff();
    let linear = Linear::new(3, 4, &mut InitRng::new(1), &device);
    let mut network = Network { linear, norm: BatchNorm::new(4, &device) };
    let rules = [
        OptimizerConfig::adam(),
        OptimizerConfig::adamw(),
        OptimizerConfig::sgd(0.9),
        OptimizerConfig::lars(),
    ];
    for config in rules {
        let mut optimizer = Optimizer::new(config).unwrap();
        let before = host::traffic().reads;
        for _ in 0..2 {
            let input: Tensor<2> = InitRng::new(2).uniform([6, 3], 1.0, &device);
            let output = network.norm.forward(network.linear.forward(input), Mode::Train);
            let loss = output.powi_scalar(4).sum();
            let gradients = ParameterGradients::take(&mut loss.backward(), &network);
            assert!(gradients.norm_squared().is_some() && finite_flag(&network).is_some());
            network = optimizer.step(1e-3, network, gradients).unwrap();
        }
        assert_eq!(host::traffic().reads, before, "{config:?}");
    }
    assert_eq!(network.norm.num_batches_tracked.get(), 8, "a counter keeps its count through a map");

    let before = host::traffic().reads;
    assert!(non_finite(&network).is_empty());
    assert_eq!(host::traffic().reads, before + 1);
    assert_eq!(independent_copy(&network).norm.num_batches_tracked.get(), 8);
}
