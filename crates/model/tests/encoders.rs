//! The encoders against torchvision's blocks and torch's transformer layers.
//!
//! Fixtures: `scripts/goldens/model.py`, function `encoders`, computed in f64 and stored in f32.
//!
//! Tolerances. What is measured is the error of f32 arithmetic through up to 50 layers: representations agree to 1e-5 of the
//! largest value, gradients to 1e-4 of a tensor's norm, running statistics to 1e-5, in evaluation and in training mode.
//! A pre-activation within rounding of zero falls on either side of a ReLU and changes the gradient of all before it; the
//! script takes batches whose gradients move by less than 1e-4 of their norm in PyTorch's f32 and by noise of its size.
//!
//! ResNet-50 with batch statistics has no such batch, and larger tolerances: 3e-5 for representations, since the errors of 53 means
//! and variances add up (PyTorch's own f32 representations are 1.3e-5 from its f64 representations), and 2e-2 for gradients, as far as
//! PyTorch's f32 gradients are from its f64 gradients on most batches. In evaluation mode it has the tolerances of all.

mod common;

use common::{Fixture, fill, gradients, spread, statistics, training_device};
use seqjepa_model::{Encoder, EncoderConfig, Mode, ResNetConfig, ResNetDepth, ResNetStem, VitConfig};
use seqjepa_nn::InitRng;

/// One comparison: its name in the script, the geometry of its images, and what representations and gradients may differ by in
/// training mode.
struct Case {
    name: &'static str,
    size: usize,
    batch: usize,
    steps: usize,
    train_outputs: f32,
    train_gradients: f32,
}

const SMALL: Case =
    Case { name: "", size: 16, batch: 8, steps: 3, train_outputs: 1e-5, train_gradients: 1e-4 };

fn compare(config: impl Into<EncoderConfig>, case: Case) {
    let fixture = Fixture::open("encoders");
    let device = training_device();
    let Case { name, size, batch, .. } = case;
    let encoder = config.into().init(&mut InitRng::new(0), &device).expect("a valid configuration");
    let encoder = fill(encoder);
    let number = fixture.values(&format!("{name}.batch"))[0];
    let images = |step| spread(&format!("{name}.{number}.{step}"), [batch, 3, size, size], 2.0, &device);
    let weights = spread(&format!("{name}.{number}.weights"), [batch, encoder.width()], 1.0, &device);

    let representations = encoder.encode(images(0), Mode::Eval);
    fixture.assert_close(&format!("{name}.eval"), &representations, 1e-5);
    let eval_gradients = gradients(&encoder, &(representations * weights.clone()).sum());
    fixture.assert_table(&format!("{name}.eval.gradients"), &eval_gradients, 1e-4);

    for step in 0..case.steps {
        let representations = encoder.encode(images(step), Mode::Train);
        fixture.assert_close(&format!("{name}.train.{step}"), &representations, case.train_outputs);
        if step + 1 == case.steps {
            let gradients = gradients(&encoder, &(representations * weights.clone()).sum());
            fixture.assert_table(&format!("{name}.train.gradients"), &gradients, case.train_gradients);
        }
    }
    let statistics = statistics(&encoder);
    if !statistics.is_empty() {
        fixture.assert_table(&format!("{name}.statistics"), &statistics, 1e-5);
    }
}

fn resnet(depth: ResNetDepth, width: usize, stem: ResNetStem) -> ResNetConfig {
    ResNetConfig { depth, width, stem, channels: 3 }
}

#[test]
fn resnet18_with_the_cifar_stem() {
    let config = resnet(ResNetDepth::ResNet18, 16, ResNetStem::Cifar);
    compare(config, Case { name: "resnet18.cifar.16", ..SMALL });
}

#[test]
fn resnet18_with_the_imagenet_stem() {
    let config = resnet(ResNetDepth::ResNet18, 16, ResNetStem::ImageNet);
    compare(config, Case { name: "resnet18.imagenet.16", size: 64, ..SMALL });
}

#[test]
fn full_width_resnet18_with_the_cifar_stem() {
    let config = resnet(ResNetDepth::ResNet18, 64, ResNetStem::Cifar);
    let case = Case { batch: 4, steps: 2, ..SMALL };
    compare(config, Case { name: "resnet18.cifar.64", ..case });
}

#[test]
fn full_width_resnet18_with_the_imagenet_stem() {
    let config = resnet(ResNetDepth::ResNet18, 64, ResNetStem::ImageNet);
    let case = Case { size: 64, batch: 4, steps: 2, ..SMALL };
    compare(config, Case { name: "resnet18.imagenet.64", ..case });
}

#[test]
fn resnet34() {
    let config = resnet(ResNetDepth::ResNet34, 8, ResNetStem::Cifar);
    compare(config, Case { name: "resnet34.cifar.8", ..SMALL });
}

#[test]
fn resnet50() {
    let config = resnet(ResNetDepth::ResNet50, 8, ResNetStem::Cifar);
    let case = Case { size: 32, steps: 2, train_outputs: 3e-5, train_gradients: 2e-2, ..SMALL };
    compare(config, Case { name: "resnet50.cifar.8", ..case });
}

#[test]
fn vit_tiny() {
    let case = Case { size: 32, batch: 2, steps: 1, ..SMALL };
    compare(VitConfig::default(), Case { name: "vit.tiny", ..case });
}
