//! A method of one's own: what the trait asks for is enough, and what is behind a pointer is the method itself.
//!
//! Two observed views, no target view, no action, no predictor, no target encoder: their embeddings are pulled together
//! while each feature keeps a deviation of 1 over the batch, as the invariance and variance terms of VICReg (Bardes, Ponce
//! & LeCun 2022, arXiv 2105.04906).

mod common;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use common::{batch, training_device};
use seqjepa_model::{
    AnyEncoder, DropoutKey, DynMethod, Encoder, EncoderChoice, EncoderConfig, EquivariantRepresentation,
    EvaluationOutput, InvariantRepresentation, LossTerm, Method, MethodConfig, Mode, ModelError,
    RepresentationLayout, Representations, ResNetConfig, SeqJepa, SequenceActions, SequenceInput, TensorRole,
    TrainingOutput, ViewsUsed, boxed, boxed_config, export_tensors,
};
use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};
use seqjepa_nn::{InitRng, Linear, NnError, host};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PullConfig {
    encoder: EncoderConfig,
    projection: usize,
}

impl Default for PullConfig {
    fn default() -> Self {
        Self { encoder: EncoderConfig::default(), projection: 6 }
    }
}

#[derive(Module, Debug)]
struct Pull {
    encoder: AnyEncoder,
    projector: Linear,
    #[module(skip)]
    config: PullConfig,
}

impl MethodConfig for PullConfig {
    type Method = Pull;

    const NAME: &'static str = "pull";

    fn with_input(self, encoder: EncoderConfig, _action_dim: usize) -> Self {
        Self { encoder, ..self }
    }

    fn validate(&self) -> Result<(), ModelError> {
        if self.projection == 0 {
            let (expected, found) = ("at least 1".to_owned(), "0".to_owned());
            return Err(ModelError::Config { field: "projection", expected, found });
        }
        self.encoder.validate()
    }

    fn parameter_count(&self) -> u64 {
        self.encoder.parameter_count() + ((self.encoder.width() + 1) * self.projection) as u64
    }

    fn init(&self, seed: u64, device: &Device) -> Result<Pull, ModelError> {
        self.validate()?;
        let rng = &mut InitRng::new(seed);
        Ok(Pull {
            encoder: self.encoder.init(rng, device)?,
            projector: Linear::new(self.encoder.width(), self.projection, rng, device),
            config: self.clone(),
        })
    }
}

impl Pull {
    fn forward(
        &self,
        input: SequenceInput,
        mode: Mode,
    ) -> Result<(Tensor<1>, Vec<LossTerm>, Representations), ModelError> {
        let [batch, views, channels, height, width] = input.observed.dims();
        if views < 2 {
            return Err(ModelError::InputShape {
                input: "observed",
                expected: "[batch, views >= 2, channels, height, width]".to_owned(),
                found: input.observed.dims().to_vec(),
            });
        }
        let pair = input.observed.narrow(1, 0, 2).swap_dims(0, 1);
        let encoded = self.encoder.encode(pair.reshape([2 * batch, channels, height, width]), mode);
        let projected = self.projector.forward(encoded.clone());
        let [left, right] = [0, 1].map(|view| projected.clone().narrow(0, view * batch, batch));
        let invariance = (left.clone() - right.clone()).square().mean();
        let spread = |rows: Tensor<2>| {
            let deviation = rows.var(0).add_scalar(1e-4).sqrt();
            deviation.neg().add_scalar(1.0).clamp_min(0.0).mean()
        };
        let variance = (spread(left) + spread(right)).mul_scalar(0.5);
        let terms = [("invariance", &invariance), ("variance", &variance)];
        let terms = terms.map(|(name, value)| LossTerm { name, value: value.clone().without_autodiff() });
        let [first, second] =
            [0, 1].map(|view| encoded.clone().narrow(0, view * batch, batch).without_autodiff());
        let representations = Representations { invariant: first.clone(), first, second };
        Ok((invariance + variance, terms.into(), representations))
    }
}

impl Method for Pull {
    type Config = PullConfig;

    fn config(&self) -> &PullConfig {
        &self.config
    }

    fn views_used(&self) -> ViewsUsed {
        ViewsUsed { observed: Some(2), target: false }
    }

    fn representations(&self) -> RepresentationLayout {
        let width = self.encoder.width();
        RepresentationLayout {
            invariant: InvariantRepresentation { name: "z_1", width, of_sequence: false },
            equivariant: EquivariantRepresentation { name: "z_t", width },
            predicts: false,
            target_encoder: false,
        }
    }

    fn training_forward(&self, input: SequenceInput, _: DropoutKey) -> Result<TrainingOutput, ModelError> {
        let (loss, terms, representations) = self.forward(input, Mode::Train)?;
        Ok(TrainingOutput { loss, terms, representations })
    }

    fn evaluation_forward(&self, input: SequenceInput) -> Result<EvaluationOutput, ModelError> {
        let (loss, terms, representations) = self.valid().forward(input.without_autodiff(), Mode::Eval)?;
        Ok(EvaluationOutput { loss, terms, representations })
    }

    fn encode(&self, images: Tensor<4>, encoder: EncoderChoice) -> Option<Tensor<2>> {
        match encoder {
            EncoderChoice::Online => Some(self.encoder.valid().encode(images.without_autodiff(), Mode::Eval)),
            EncoderChoice::Target => None,
        }
    }

    fn invariant(&self, representations: Tensor<3>, _: &SequenceActions) -> Result<Tensor<2>, ModelError> {
        let [batch, _, width] = representations.dims();
        Ok(representations.narrow(1, 0, 1).reshape([batch, width]).without_autodiff())
    }
}

const KEY: DropoutKey = DropoutKey { seed: 0, step: 0 };

fn config() -> PullConfig {
    let encoder = ResNetConfig { width: 2, ..ResNetConfig::default() };
    PullConfig::default().with_input(encoder.into(), 9)
}

/// As a loader hands it to this method: two of three observed views, no target view, all actions.
fn input(device: &Device) -> SequenceInput {
    let SequenceInput { observed, actions, .. } = batch("own", 6, 3, 8, device);
    SequenceInput { observed: observed.narrow(1, 0, 2), target: None, actions }
}

fn bits(method: &dyn DynMethod) -> Vec<Vec<u8>> {
    method.state_dict().into_iter().map(|(_, data)| data.as_bytes().to_vec()).collect()
}

fn step(method: &mut dyn DynMethod, optimizer: &mut Optimizer, step: u64) -> f64 {
    let output = method.training_forward(input(&training_device()), KEY).unwrap();
    let terms: f64 = output.terms.iter().map(|term| host::read_scalar(term.value.clone())).sum();
    let loss = host::read_scalar(output.loss.clone());
    assert!((terms - loss).abs() < 1e-6, "terms {terms} sum to the loss {loss}");
    let gradients = method.take_gradients(&mut output.loss.backward());
    method.optimizer_step(optimizer, 0.05, gradients).unwrap();
    method.after_step(step, 8);
    loss
}

#[test]
fn it_declares_what_it_is() {
    let method = boxed_config(config()).init(1, &training_device()).unwrap();
    assert_eq!(method.name(), "pull");
    assert_eq!(method.views_used(), ViewsUsed { observed: Some(2), target: false });
    let layout = method.representations();
    assert!(!layout.invariant.of_sequence && !layout.predicts && !layout.target_encoder);
    assert_eq!(method.tensor_role("projector.weight"), TensorRole::Representation);
    let trained: usize = method
        .tensor_specs()
        .iter()
        .filter(|spec| !spec.buffer)
        .map(|spec| spec.shape.iter().product::<usize>())
        .sum();
    assert_eq!(method.config().parameter_count(), trained as u64);
    let json = method.config_json().unwrap();
    assert_eq!(serde_json::from_value::<PullConfig>(json).unwrap(), config());
    assert!(boxed_config(PullConfig { projection: 0, ..config() }).init(1, &training_device()).is_err());
}

#[test]
fn it_trains_behind_a_pointer_as_by_itself() {
    let device = training_device();
    let mut erased = boxed_config(config()).init(1, &device).unwrap();
    let mut optimizer = Optimizer::new(OptimizerConfig::adam()).unwrap();
    let losses: Vec<f64> = (0..8).map(|index| step(erased.as_mut(), &mut optimizer, index)).collect();
    assert!(losses[7] < 0.8 * losses[0], "{losses:?}");

    let mut method = config().init(1, &device).unwrap();
    let mut optimizer = Optimizer::new(OptimizerConfig::adam()).unwrap();
    for _ in 0..8 {
        let loss = method.training_forward(input(&device), KEY).unwrap().loss;
        let gradients = ParameterGradients::take(&mut loss.backward(), &method);
        method = optimizer.step(0.05, method, gradients).unwrap();
    }
    assert_eq!(bits(erased.as_ref()), bits(boxed(method).as_ref()));
    assert!(erased.downcast_ref::<Pull>().is_some() && erased.downcast_ref::<SeqJepa>().is_none());
}

#[test]
fn it_resumes_with_the_same_bits() {
    let device = training_device();
    let mut method = boxed_config(config()).init(1, &device).unwrap();
    let mut optimizer = Optimizer::new(OptimizerConfig::lars()).unwrap();
    step(method.as_mut(), &mut optimizer, 0);

    let mut resumed = boxed_config(config()).init(2, &device).unwrap();
    resumed.load_state_dict(method.state_dict()).unwrap();
    let mut fresh = Optimizer::new(OptimizerConfig::lars()).unwrap();
    resumed.load_optimizer(&mut fresh, optimizer.state_dict()).unwrap();
    // A copy goes its own way.
    let copy = method.clone();
    let before = bits(copy.as_ref());
    for index in 1..3 {
        let losses =
            [step(method.as_mut(), &mut optimizer, index), step(resumed.as_mut(), &mut fresh, index)];
        assert_eq!(losses[0].to_bits(), losses[1].to_bits());
    }
    assert_eq!(bits(method.as_ref()), bits(resumed.as_ref()));
    assert_eq!(bits(copy.as_ref()), before);
}

#[test]
fn representations_are_those_of_an_evaluation_pass() {
    let method = boxed_config(config()).init(1, &training_device()).unwrap().valid();
    let input = input(&Device::flex());
    let output = method.evaluation_forward(input.clone()).unwrap();
    assert!(!output.loss.is_autodiff());
    let images = input.observed.clone().reshape([12, 3, 8, 8]);
    let encoded = method.encode(images.clone(), EncoderChoice::Online).unwrap();
    assert!(method.encode(images, EncoderChoice::Target).is_none());
    let width = method.representations().equivariant.width;
    let invariant = method.invariant(encoded.reshape([6, 2, width]), &input.actions).unwrap();
    // Batch norm in evaluation mode treats every image alone, whatever the order.
    let [found, expected] = [invariant, output.representations.invariant].map(host::read);
    common::assert_close("invariant", &found, &expected, 1e-6);
    let invariant = output.representations.first;
    assert!(method.predict(invariant, &input.actions).unwrap().is_none());

    let one = SequenceInput { observed: input.observed.narrow(1, 0, 1), ..input };
    assert!(matches!(method.evaluation_forward(one), Err(ModelError::InputShape { input: "observed", .. })));
}

/// An error must not lose the method that is updated in place.
#[test]
fn what_is_refused_changes_nothing() {
    let device = training_device();
    let mut method = boxed_config(config()).init(1, &device).unwrap();
    let mut optimizer = Optimizer::new(OptimizerConfig::adam()).unwrap();
    let loss = method.training_forward(input(&device), KEY).unwrap().loss;
    let before = bits(method.as_ref());
    let gradients = method.take_gradients(&mut loss.backward());
    let error = method.optimizer_step(&mut optimizer, f64::NAN, gradients).unwrap_err();
    assert!(matches!(error, NnError::OptimizerSetting { setting: "lr", .. }));

    let mut tensors = method.state_dict();
    tensors.pop();
    assert!(matches!(method.load_state_dict(tensors), Err(NnError::MissingTensor { .. })));
    assert!(method.import(&common::golden("absent.pth")).is_err());
    assert_eq!(bits(method.as_ref()), before);
}

#[test]
fn what_is_not_finite_is_found_and_files_are_exchanged() {
    let mut method = boxed_config(config()).init(1, &Device::flex()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pull.safetensors");
    export_tensors(&method.state_dict(), &path).unwrap();
    let before = bits(method.as_ref());
    assert!(method.non_finite().is_empty());
    assert_eq!(host::read_scalar(method.finite_flag().unwrap()), 0.0);

    let mut tensors = method.state_dict();
    let place = tensors.iter().position(|(name, _)| name == "projector.bias").unwrap();
    tensors[place].1 = burn::tensor::TensorData::new(vec![f32::NAN; 6], [6]);
    method.load_state_dict(tensors).unwrap();
    assert_eq!(method.non_finite(), ["projector.bias"]);
    assert!(host::read_scalar(method.finite_flag().unwrap()).is_nan());

    let imported = method.import(&path).unwrap();
    assert!(imported.missing.is_empty() && imported.left_over.is_empty());
    assert_eq!(bits(method.as_ref()), before);
    let mut twice = method.state_dict();
    twice.push(twice[0].clone());
    assert!(export_tensors(&twice, &path).unwrap_err().to_string().contains("twice"));
}
