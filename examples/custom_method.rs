//! A method of one's own in the project's trainer, beside its online probes: the code of the target view is predicted from
//! the mean code of the observed views and the action that leads there, by the same encoder without gradient.
//!
//! ```text
//! cargo run --release --example custom_method
//! ```
//!
//! A [`Method`] gets whole sequences and returns a loss and representations; loaders, optimizer, schedule, probes and metrics
//! are the trainer's. Run folders and the frozen evaluation work with `SeqJepa` only.

use anyhow::Result;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa::model::{
    AnyEncoder, Encoder, EncoderConfig, EvaluationOutput, Mode, ModelError, Predictor, PredictorConfig,
    Representations, ResNetConfig, SequenceInput, TrainingOutput, cosine_distance,
};
use seqjepa::nn::optimizer::Optimizer;
use seqjepa::nn::{DropoutKey, InitRng};
use seqjepa::prelude::*;
use seqjepa::probes::online::StandardProbes;
use seqjepa::train::device::DeviceRequest;
use seqjepa::train::{LearningRateSchedule, Loaders, RunData};

/// Mean of codes and action to the target's code.
#[derive(Module, Debug)]
struct MeanPrediction {
    encoder: AnyEncoder,
    predictor: Predictor,
}

struct Pass {
    loss: Tensor<1>,
    prediction: Tensor<2>,
    target: Tensor<2>,
    representations: Representations,
}

impl MeanPrediction {
    fn new(encoder: &EncoderConfig, action_dim: usize, seed: u64, device: &Device) -> Result<Self> {
        let rng = &mut InitRng::new(seed);
        let width = encoder.width();
        let sizes = [width + action_dim, width];
        Ok(Self {
            encoder: encoder.init(rng, device)?,
            predictor: Predictor::new(PredictorConfig::Mlp { hidden: 128 }, sizes, rng, device),
        })
    }

    fn pass(&self, input: SequenceInput, mode: Mode) -> Pass {
        let [batch, views, channels, height, width] = input.observed.dims();
        let images = input.observed.reshape([batch * views, channels, height, width]);
        let codes = self.encoder.encode(images, mode);
        let codes = codes.reshape([batch, views, self.encoder.code_width()]);
        let mean = codes.clone().mean_dim(1).squeeze_dim::<2>(1);
        let target = self.encoder.encode(input.target, mode).without_autodiff();
        let action = input.relative.narrow(1, views - 1, 1).squeeze_dim::<2>(1);
        let prediction = self.predictor.forward(Tensor::cat(vec![mean.clone(), action], 1), mode);
        let code = |view: usize| codes.clone().narrow(1, view, 1).squeeze_dim::<2>(1).without_autodiff();
        Pass {
            loss: cosine_distance(prediction.clone(), target.clone()),
            prediction,
            target,
            // Two observed views or more.
            representations: Representations {
                aggregate: mean.without_autodiff(),
                first: code(0),
                second: code(1),
            },
        }
    }
}

impl Method for MeanPrediction {
    fn training_forward(&self, input: SequenceInput, _: DropoutKey) -> Result<TrainingOutput, ModelError> {
        let Pass { loss, representations, .. } = self.pass(input, Mode::Train);
        Ok(TrainingOutput { loss, representations })
    }

    fn evaluation_forward(&self, input: SequenceInput) -> Result<EvaluationOutput, ModelError> {
        let Pass { loss, prediction, target, representations } = self.pass(input, Mode::Eval);
        Ok(EvaluationOutput { loss, prediction, target, representations })
    }

    fn after_step(self, _: u64, _: u64) -> Self {
        self
    }

    fn invariant_width(&self) -> usize {
        self.encoder.code_width()
    }

    fn equivariant_width(&self) -> usize {
        self.encoder.code_width()
    }
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<()> {
    // The config says what the data and the optimizer are; its model is not built.
    let small = "dataset: {name: synthetic, batch_size: 32, synthetic_train: 512, synthetic_val: 128}";
    let config = Config::parse::<&str>(small, "this example", &[])?;
    let data = RunData::load(&config, &mut Observers::new())?;
    let device = DeviceRequest::parse("auto")?.open()?.autodiff();
    let space = config.action_space(data.train.height(), data.train.width())?;

    let encoder = EncoderConfig::Resnet(ResNetConfig { width: 8, ..ResNetConfig::default() });
    let method = MeanPrediction::new(&encoder, space.width(), config.run.seed, &device)?;
    let probes = StandardProbes {
        invariant_width: method.invariant_width(),
        equivariant_width: method.equivariant_width(),
        classes: Some(data.train.class_count()),
        action_size: space.width(),
        groups: Vec::new(),
        hidden: 64,
        lr: 1e-3,
        seed: config.run.seed,
    };
    let loaders = Loaders { train: data.train_loader(&config)?, test: data.test_loader(&config)? };
    let epochs = 2;
    let mut trainer = Trainer::new(
        method,
        Optimizer::new(config.optimizer_config())?,
        probes.init(&device)?,
        LearningRateSchedule::Constant { rate: config.optim.lr },
        loaders,
        device,
        config.run.seed,
        epochs,
    );
    while !trainer.is_finished() {
        let row = trainer.train_epoch(&mut Observers::new())?;
        println!("epoch {}", row.epoch);
        for name in ["ep_loss", "test_loss", "online_linacc_test", "online_r2_test", "z_rankme"] {
            println!("  {name:<20} {:.4}", row.get(name).unwrap_or(f64::NAN));
        }
    }
    Ok(())
}
