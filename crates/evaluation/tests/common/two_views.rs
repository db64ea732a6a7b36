//! A second method: two observed views, no action, no predictor, no target encoder.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa_model::{
    AnyEncoder, DropoutKey, DynMethod, Encoder, EncoderChoice, EncoderConfig, EquivariantRepresentation,
    EvaluationOutput, InvariantRepresentation, LossTerm, Method, MethodConfig, Mode, ModelError,
    RepresentationLayout, Representations, ResNetConfig, SequenceActions, SequenceInput, TrainingOutput,
    ViewsUsed, boxed,
};
use seqjepa_nn::{InitRng, Linear};
use serde::{Deserialize, Serialize};

/// What a method of two views calls invariant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Invariant {
    /// The encoder's representation itself.
    First,
    /// A projection of it.
    Projection,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TwoViewsConfig {
    pub encoder: EncoderConfig,
    pub invariant: Invariant,
    /// Declares one feature more than there is.
    pub boastful: bool,
}

impl Default for TwoViewsConfig {
    fn default() -> Self {
        let encoder = ResNetConfig { width: 4, ..ResNetConfig::default() }.into();
        Self { encoder, invariant: Invariant::First, boastful: false }
    }
}

/// Features of the projection.
pub const PROJECTION: usize = 6;

#[derive(Module, Debug)]
pub struct TwoViews {
    encoder: AnyEncoder,
    projector: Linear,
    #[module(skip)]
    config: TwoViewsConfig,
}

pub fn two_views(config: TwoViewsConfig, seed: u64) -> Box<dyn DynMethod> {
    boxed(config.init(seed, &Device::flex()).unwrap())
}

impl MethodConfig for TwoViewsConfig {
    type Method = TwoViews;

    const NAME: &'static str = "two_views";

    fn with_input(self, encoder: EncoderConfig, _action_dim: usize) -> Self {
        Self { encoder, ..self }
    }

    fn validate(&self) -> Result<(), ModelError> {
        self.encoder.validate()
    }

    fn parameter_count(&self) -> u64 {
        self.encoder.parameter_count() + ((self.encoder.width() + 1) * PROJECTION) as u64
    }

    fn init(&self, seed: u64, device: &Device) -> Result<TwoViews, ModelError> {
        let rng = &mut InitRng::new(seed);
        Ok(TwoViews {
            encoder: self.encoder.init(rng, device)?,
            projector: Linear::new(self.encoder.width(), PROJECTION, rng, device),
            config: self.clone(),
        })
    }
}

impl TwoViews {
    /// Mean squared distance of the two views' projections.
    fn forward(&self, input: SequenceInput, mode: Mode) -> (Tensor<1>, Representations) {
        let [batch, _, channels, height, width] = input.observed.dims();
        let view = |index| {
            let image = input.observed.clone().narrow(1, index, 1).reshape([batch, channels, height, width]);
            self.encoder.encode(image, mode)
        };
        let [first, second] = [view(0), view(1)];
        let loss =
            (self.projector.forward(first.clone()) - self.projector.forward(second.clone())).square().mean();
        let [first, second] = [first, second].map(Tensor::without_autodiff);
        (loss, Representations { invariant: first.clone(), first, second })
    }
}

fn terms(loss: &Tensor<1>) -> Vec<LossTerm> {
    vec![LossTerm { name: "distance", value: loss.clone().without_autodiff() }]
}

impl Method for TwoViews {
    type Config = TwoViewsConfig;

    fn config(&self) -> &TwoViewsConfig {
        &self.config
    }

    fn views_used(&self) -> ViewsUsed {
        ViewsUsed { observed: Some(2), target: false }
    }

    fn representations(&self) -> RepresentationLayout {
        let width = self.encoder.width();
        let invariant = match self.config.invariant {
            Invariant::First => InvariantRepresentation { name: "z_1", width, of_sequence: false },
            Invariant::Projection => {
                InvariantRepresentation { name: "h", width: PROJECTION, of_sequence: false }
            }
        };
        RepresentationLayout {
            invariant,
            equivariant: EquivariantRepresentation {
                name: "z_t",
                width: width + usize::from(self.config.boastful),
            },
            predicts: false,
            target_encoder: false,
        }
    }

    fn training_forward(&self, input: SequenceInput, _: DropoutKey) -> Result<TrainingOutput, ModelError> {
        let (loss, representations) = self.forward(input, Mode::Train);
        Ok(TrainingOutput { terms: terms(&loss), loss, representations })
    }

    fn evaluation_forward(&self, input: SequenceInput) -> Result<EvaluationOutput, ModelError> {
        let (loss, representations) = self.valid().forward(input.without_autodiff(), Mode::Eval);
        Ok(EvaluationOutput { terms: terms(&loss), loss, representations })
    }

    fn encode(&self, images: Tensor<4>, encoder: EncoderChoice) -> Option<Tensor<2>> {
        let online = encoder == EncoderChoice::Online;
        online.then(|| self.encoder.valid().encode(images.without_autodiff(), Mode::Eval))
    }

    fn invariant(&self, representations: Tensor<3>, _: &SequenceActions) -> Result<Tensor<2>, ModelError> {
        let [batch, _, width] = representations.dims();
        let first = representations.narrow(1, 0, 1).reshape([batch, width]).without_autodiff();
        Ok(match self.config.invariant {
            Invariant::First => first,
            Invariant::Projection => self.projector.clone().valid().forward(first),
        })
    }
}
