//! The kernel of batch norm that normalises, in bf16, compiled by LLVM for the processor as CUDA's are for cards, against Flex.
//!
//! A build of its own, with LLVM (docs/gpu.md, "CUDA without a GPU"):
//! `cargo test --profile adapter -p seqjepa-nn --features llvm --test bf16_kernels`. The kernels that sum wait for one another within a
//! cube, for which that backend takes a thread a unit: they do not end in minutes, and are not tested here.
//!
//! Tolerance: both sides round to bf16, of 8 bits, what f32 gave to 1e-6; a value may so fall to its neighbour.

use burn::module::Param;
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use seqjepa_nn::{BatchNorm, Buffer, InitRng, Mode, host, widened};

/// The three ends of a layer, of an input in either order of memory, on a device.
fn outputs(device: &Device, channels: usize, channels_last: bool) -> Vec<Vec<f32>> {
    let mut rng = InitRng::new(4);
    let mut values = || rng.normal([3, channels, 4, 3], 1.0, device).add_scalar(0.5).cast(FloatDType::BF16);
    let [input, residual]: [Tensor<4>; 2] = [values(), values()];
    // The order in memory that convolutions leave.
    let input = if channels_last { (input.permute([0, 2, 3, 1]) * 1.0).permute([0, 3, 1, 2]) } else { input };
    // Other values for every channel.
    let by_channel = |first: f32, step: f32| {
        let values: Vec<f32> = (0..channels).map(|channel| first + step * channel as f32).collect();
        Tensor::<1>::from_data(TensorData::new(values, [channels]), device)
    };
    let mut norm = BatchNorm::new(channels, device);
    norm.weight = Some(Param::from_tensor(by_channel(0.5, 0.4)));
    norm.bias = Some(Param::from_tensor(by_channel(-1.0, 0.6)));
    norm.running_mean = Buffer::new(by_channel(0.3, -0.2));
    norm.running_var = Buffer::new(by_channel(0.7, 0.5));
    let found = [
        norm.forward(input.clone(), Mode::Eval),
        norm.forward_relu(input.clone(), Mode::Eval),
        norm.forward_add_relu(input, residual, Mode::Eval),
    ];
    found
        .map(|tensor| {
            assert_eq!(tensor.dtype(), FloatDType::BF16.into());
            host::read(widened(tensor))
        })
        .to_vec()
}

#[test]
fn normalisation_reads_and_writes_bf16() {
    // Read by one, two and four where they lie last.
    for (channels, channels_last) in [(5, false), (5, true), (6, true), (8, false), (8, true)] {
        let expected = outputs(&Device::flex(), channels, false);
        let found = outputs(&Device::cpu(), channels, channels_last);
        for (end, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                // At 0 what is summed may cancel.
                let bound = expected.abs() / 128.0 + 1e-5;
                assert!(
                    (found - expected).abs() <= bound,
                    "end {end}, {channels} channels, last {channels_last}: {expected}, found {found}"
                );
            }
        }
    }
}
