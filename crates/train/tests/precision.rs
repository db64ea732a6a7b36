//! What the rounding of factors does to a small run, on the processor, which rounds as devices do.

mod common;

use burn::tensor::Device;
use common::{builder, tiny};
use seqjepa_model::boxed;
use seqjepa_nn::Precision;
use seqjepa_train::observer::Observers;

/// Over 24 steps the mean losses of training and test stay within 2 % of those in f32: TF32 keeps 10 bits of factors, eight times finer than
/// bf16, which stays within 5 %.
#[test]
fn in_tf32_the_losses_fall_as_in_f32() {
    let losses = |precision| {
        let device = Device::flex();
        let method = boxed(tiny().init(7, &device.clone().autodiff()).unwrap());
        let mut trainer = builder(method, &device).epochs(8).precision(precision).build().unwrap();
        let epoch = |_| {
            let row = trainer.train_epoch(&mut Observers::new()).unwrap();
            ["ep_loss", "test_loss"].map(|name| row.get(name).unwrap())
        };
        (0..8).flat_map(epoch).collect::<Vec<_>>()
    };
    let (in_f32, in_tf32) = (losses(Precision::F32), losses(Precision::Tf32));
    assert!(in_f32[14] < 0.9 * in_f32[0], "{in_f32:?}");
    assert_ne!(in_f32[0], in_tf32[0]);
    for (f32, tf32) in in_f32.iter().zip(&in_tf32) {
        assert!((f32 - tf32).abs() < 0.02 * f32, "{in_f32:?} {in_tf32:?}");
    }
}
