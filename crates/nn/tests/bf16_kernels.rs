//! The kernel of batch norm that normalises, in bf16, compiled by LLVM for the processor as CUDA's are for cards.
//!
//! A build of its own, with LLVM (docs/gpu.md, "CUDA without a GPU"):
//! `cargo test --profile adapter -p seqjepa-nn --features llvm --test bf16_kernels`. The kernels that sum wait for one another within a
//! cube, for which that backend takes a thread a unit: they do not end in minutes, and are not tested here.
//!
//! Tolerance: both sides round to bf16, of 8 bits, what f32 gave to 1e-6; a value may so fall to its neighbour.

use burn::tensor::{Device, FloatDType, Tensor};
use seqjepa_nn::{BatchNorm, InitRng, Mode, host, relu, widened};

#[test]
fn normalisation_reads_and_writes_bf16() {
    let device = Device::cpu();
    let mut rng = InitRng::new(4);
    let norm = BatchNorm::new(5, &device);
    let mut values = || rng.normal([3, 5, 4, 3], 1.0, &device).add_scalar(0.5).cast(FloatDType::BF16);
    let [input, residual] = [values(), values()];
    // The order in memory that convolutions leave.
    let channels_last = |tensor: Tensor<4>| (tensor.permute([0, 2, 3, 1]) * 1.0).permute([0, 3, 1, 2]);
    let expected = {
        let [input, residual] = [&input, &residual].map(|held| widened(held.clone()));
        let normalized = norm.forward(input, Mode::Eval);
        [normalized.clone(), relu(normalized.clone()), relu(normalized + residual)]
    };
    let expected = expected.map(|tensor| host::read(widened(tensor.cast(FloatDType::BF16))));
    for input in [input.clone(), channels_last(input)] {
        let found = [
            norm.forward(input.clone(), Mode::Eval),
            norm.forward_relu(input.clone(), Mode::Eval),
            norm.forward_add_relu(input, residual.clone(), Mode::Eval),
        ];
        for (end, (found, expected)) in found.into_iter().zip(&expected).enumerate() {
            assert_eq!(found.dtype(), FloatDType::BF16.into());
            let found = host::read(widened(found));
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                let bound = expected.abs() / 128.0;
                assert!((found - expected).abs() <= bound, "end {end}: {expected}, found {found}");
            }
        }
    }
}
