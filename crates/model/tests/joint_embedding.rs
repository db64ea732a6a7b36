//! The methods of the paper's tables against PyTorch: loss terms, representations, the gradient of every parameter, running
//! statistics, and twenty optimizer steps, with the moving averages.
//!
//! Fixture: `scripts/goldens/methods.py`, computed in f64 and stored in f32, which prints how far PyTorch's own f32 is from it.
//! Terms, representations and statistics agree to 1e-5, gradients to 1e-4 of a tensor's norm. Of the twenty steps losses agree to 1e-4
//! and tensors to 1e-3 of their norm: PyTorch's own f32 is up to 6e-4 from its f64 there.

#![allow(clippy::disallowed_methods, reason = "tests look at values")]

mod common;

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use common::{
    Fixture, assert_close, batch, fill, gradients, spread, spread_values, statistics, tensors,
    training_device,
};
use seqjepa_model::{
    ActionConditioning, ByolConfig, ConditionalByolConfig, ConvIJepaConfig, DropoutKey, EmaSchedule,
    EncoderChoice, EquiModConfig, InputConfig, Method, MethodConfig, ModelError, PredictorConfig,
    Regularizer, ResNetConfig, SenConfig, SeqJepaConfig, SequenceActions, SequenceInput, SieConfig,
    SimClrConfig, TargetConfig, TensorRole, VicRegConfig, VicRegTrajConfig, ViewsUsed, coding_rate, sigreg,
};
use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};
use seqjepa_nn::tensor_specs;

const KEY: DropoutKey = DropoutKey { seed: 0, step: 0 };
const STEPS: u64 = 20;

/// The sizes of the script.
fn input() -> InputConfig {
    InputConfig { encoder: ResNetConfig { width: 4, ..ResNetConfig::default() }.into(), action_dim: 9 }
}

fn widths() -> Vec<usize> {
    vec![24, 20, 16]
}

fn simclr() -> SimClrConfig {
    SimClrConfig { projector: widths(), input: input(), ..SimClrConfig::default() }
}

fn byol() -> ByolConfig {
    ByolConfig {
        projector: vec![24, 16],
        predictor_hidden: 20,
        ema_decay: 0.9,
        input: input(),
        ..ByolConfig::default()
    }
}

fn vicreg() -> VicRegConfig {
    VicRegConfig { projector: widths(), input: input(), ..VicRegConfig::default() }
}

fn conditional_byol() -> ConditionalByolConfig {
    ConditionalByolConfig {
        projector: vec![24, 16],
        predictor_hidden: 20,
        action_embedding: 12,
        ema_decay: 0.9,
        input: input(),
        ..ConditionalByolConfig::default()
    }
}

fn equimod() -> EquiModConfig {
    EquiModConfig { projector: widths(), action_embedding: 12, input: input(), ..EquiModConfig::default() }
}

fn sen() -> SenConfig {
    SenConfig { projector: widths(), action_embedding: 12, input: input(), ..SenConfig::default() }
}

fn sie() -> SieConfig {
    SieConfig { projector: widths(), input: input(), ..SieConfig::default() }
}

fn vicreg_traj() -> VicRegTrajConfig {
    VicRegTrajConfig { projector: widths(), input: input(), ..VicRegTrajConfig::default() }
}

fn conv_ijepa() -> ConvIJepaConfig {
    ConvIJepaConfig {
        projector: vec![24, 16],
        predictor_hidden: 20,
        action_embedding: 12,
        ema_decay: 0.9,
        input: input(),
        ..ConvIJepaConfig::default()
    }
}

/// seq-JEPA without target encoder, kept from collapse by the coding rate.
fn regularized() -> SeqJepaConfig {
    SeqJepaConfig {
        encoder: input().encoder,
        action_conditioning: ActionConditioning::Learned { width: 16 },
        layers: 1,
        dropout: 0.0,
        predictor: PredictorConfig::Mlp { hidden: 20 },
        target: TargetConfig::StopGradient,
        regularizer: Some(Regularizer::CodingRate { weight: 0.02, alpha: 1.0 }),
        ..SeqJepaConfig::default()
    }
}

/// The batch that the script chose.
fn given<C: MethodConfig>(fixture: &Fixture, device: &Device) -> SequenceInput {
    let number = fixture.values(&format!("{}.batch", C::NAME))[0];
    batch(&format!("{}.{number}", C::NAME), 8, 3, 16, device)
}

fn compare<C: MethodConfig>(config: &C, terms: &[&str]) {
    passes(config, terms);
    for (name, optimizer, rate) in
        [("adam", OptimizerConfig::adam(), 5e-5), ("sgd", OptimizerConfig::sgd(0.9), 2e-5)]
    {
        steps(config, name, optimizer, rate);
    }
}

fn passes<C: MethodConfig>(config: &C, expected: &[&str]) {
    let fixture = Fixture::open("methods");
    let device = training_device();
    let method = fill(config.init(0, &device).expect("a valid configuration"));
    let input = given::<C>(&fixture, &device);
    let name = |part: &str| format!("{}.{part}", C::NAME);
    let outputs = |first: Tensor<2>, second: Tensor<2>| {
        let rows = [("first", first), ("second", second)];
        rows.map(|(name, rows)| (name.to_owned(), rows.to_data().iter().collect())).into()
    };

    let output = method.evaluation_forward(input.clone()).expect("shapes that fit");
    assert_eq!(output.terms.iter().map(|term| term.name).collect::<Vec<_>>(), expected);
    for term in &output.terms {
        fixture.assert_close(&name(&format!("eval.{}", term.name)), &term.value, 1e-5);
    }
    let representations = output.representations;
    let rows: BTreeMap<_, _> = outputs(representations.first, representations.second);
    fixture.assert_table(&name("eval.outputs"), &rows, 1e-5);

    let output = method.training_forward(input, KEY).expect("shapes that fit");
    let mut sum = 0.0;
    for term in &output.terms {
        fixture.assert_close(&name(&format!("train.{}", term.name)), &term.value, 1e-5);
        sum += term.value.clone().into_scalar::<f32>();
    }
    let loss = output.loss.clone().into_scalar::<f32>();
    assert!((sum - loss).abs() <= 1e-6 * loss.abs(), "the terms sum to {sum}, the loss is {loss}");
    let representations = output.representations;
    if !method.representations().invariant.of_sequence {
        let invariant: Vec<f32> = representations.invariant.to_data().iter().collect();
        assert_eq!(invariant, representations.first.to_data().iter::<f32>().collect::<Vec<_>>());
    }
    assert!(!representations.first.is_autodiff() && !representations.second.is_autodiff());
    let rows = outputs(representations.first, representations.second);
    fixture.assert_table(&name("train.outputs"), &rows, 1e-5);
    fixture.assert_table(&name("gradients"), &gradients(&method, &output.loss), 1e-4);
    fixture.assert_table(&name("statistics"), &statistics(&method), 1e-5);
}

fn steps<C: MethodConfig>(config: &C, rule: &str, optimizer: OptimizerConfig, rate: f64) {
    let fixture = Fixture::open("methods");
    let device = training_device();
    let mut method = fill(config.init(0, &device).expect("a valid configuration"));
    let mut optimizer = Optimizer::new(optimizer).expect("a valid optimizer");
    let input = given::<C>(&fixture, &device);
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let output = method.training_forward(input.clone(), KEY).expect("shapes that fit");
        losses.push(output.loss.clone().into_scalar::<f32>());
        let gradients = ParameterGradients::take(&mut output.loss.backward(), &method);
        method = optimizer.step(rate, method, gradients).expect("gradients of this method");
        method = method.after_step(step, STEPS);
    }
    let name = format!("{}.{rule}.losses", C::NAME);
    assert_close(&name, &losses, &fixture.values(&name), 1e-4);
    if rule == "sgd" {
        fixture.assert_table(&format!("{}.sgd.state", C::NAME), &tensors(&method), 1e-3);
    }
}

#[test]
fn simclr_is_that_of_pytorch() {
    compare(&simclr(), &["contrast"]);
}

#[test]
fn byol_is_that_of_pytorch() {
    compare(&byol(), &["prediction"]);
}

#[test]
fn vicreg_is_that_of_pytorch() {
    compare(&vicreg(), &["invariance", "variance", "covariance"]);
}

#[test]
fn conditional_byol_is_that_of_pytorch() {
    compare(&conditional_byol(), &["prediction"]);
}

#[test]
fn equimod_is_that_of_pytorch() {
    compare(&equimod(), &["invariance", "equivariance"]);
}

#[test]
fn sen_is_that_of_pytorch() {
    compare(&sen(), &["contrast"]);
}

#[test]
fn sie_is_that_of_pytorch() {
    compare(&sie(), &["invariance", "equivariance", "variance", "covariance"]);
}

#[test]
fn vicreg_traj_is_that_of_pytorch() {
    compare(&vicreg_traj(), &["invariance", "variance", "covariance", "trajectory"]);
}

#[test]
fn conv_ijepa_is_that_of_pytorch() {
    compare(&conv_ijepa(), &["prediction"]);
}

#[test]
fn seqjepa_with_the_coding_rate_is_that_of_pytorch() {
    compare(&regularized(), &["prediction", "coding_rate"]);
}

#[test]
fn the_regularisers_are_those_of_pytorch() {
    let fixture = Fixture::open("methods");
    let device = training_device();
    for (name, shape) in [("few", [6, 10]), ("many", [12, 5])] {
        let rows = spread_values(&format!("rows.{name}"), shape[0] * shape[1], 0.3, 2.0);
        let rows = || Tensor::<2>::from_data(TensorData::new(rows.clone(), shape), &device).require_grad();
        let directions = spread(&format!("directions.{name}"), [shape[1], 7], 1.0, &Device::flex());
        let of_rate = |rows| coding_rate(rows, 0.5);
        let of_distance = |rows| sigreg(rows, directions.clone());
        let cases: [(&str, &dyn Fn(Tensor<2>) -> Tensor<1>); 2] =
            [("coding_rate", &of_rate), ("sigreg", &of_distance)];
        for (case, value) in cases {
            let rows = rows();
            let found = value(rows.clone());
            fixture.assert_close(&format!("{case}.{name}"), &found, 1e-5);
            let gradient = rows.grad(&found.backward()).expect("it depends on the rows");
            fixture.assert_close(&format!("{case}.{name}.gradient"), &gradient, 1e-4);
        }
    }
}

/// Told one group alone, a model is to the bit the model of that group's actions.
#[test]
fn seqjepa_is_told_the_columns_that_it_should_be() {
    let device = Device::flex();
    for (action_conditioning, relative_last_action) in [
        (ActionConditioning::Learned { width: 16 }, false),
        (ActionConditioning::Raw, false),
        (ActionConditioning::Raw, true),
    ] {
        let config = SeqJepaConfig {
            action_conditioning,
            relative_last_action,
            action_columns: Some([4, 8]),
            ..regularized()
        };
        let model = config.init(2, &device).expect("a valid configuration");
        let alone = SeqJepaConfig { action_dim: 4, action_columns: None, ..config.clone() };
        assert_eq!(config.parameter_count(), alone.parameter_count());
        let alone = alone.init(2, &device).expect("a valid configuration");
        let input = batch("columns", 4, 3, 8, &device);
        let narrow = SequenceInput { actions: input.actions.columns(4, 4), ..input.clone() };
        assert_eq!(loss(&model, input.clone()).to_bits(), loss(&alone, narrow).to_bits());
        let [absolute, relative] = [input.actions.absolute(), input.actions.relative()].map(|actions| {
            let kept = actions.clone().narrow(2, 4, 4);
            Tensor::cat(vec![actions.clone().narrow(2, 0, 4).neg(), kept, actions.narrow(2, 8, 1).neg()], 2)
        });
        let actions = SequenceActions::new(absolute, relative).expect("they were valid");
        let other = SequenceInput { actions, ..input.clone() };
        let mut fresh = config.init(2, &device).expect("a valid configuration");
        assert_eq!(loss(&fresh, other).to_bits(), {
            fresh = config.init(2, &device).expect("a valid configuration");
            loss(&fresh, input).to_bits()
        });
    }
    let refused =
        |columns| SeqJepaConfig { action_columns: Some(columns), ..regularized() }.validate().is_err();
    assert!(refused([4, 4]) && refused([8, 10]) && refused([5, 3]) && !refused([8, 9]));
}

/// What holds of every method of two or three views alike.
fn declares<C: MethodConfig>(config: &C, views: usize, target: bool) {
    let device = Device::flex();
    let method = config.init(3, &device).expect("a valid configuration");
    assert_eq!(method.config(), config);
    assert_eq!(method.views_used(), ViewsUsed { observed: Some(views), target: false });
    let layout = method.representations();
    assert_eq!((layout.invariant.name, layout.invariant.of_sequence, layout.predicts), ("z_1", false, false));
    assert_eq!((layout.target_encoder, layout.equivariant.width), (target, 32));

    let trained = |name: &str| method.tensor_role(name) != TensorRole::TargetEncoder;
    let specs = tensor_specs(&method);
    let trained = specs.iter().filter(|spec| !spec.buffer && trained(&spec.name));
    let count: usize = trained.map(|spec| spec.shape.iter().product::<usize>()).sum();
    assert_eq!(config.parameter_count(), count as u64, "{}", C::NAME);
    for spec in &specs {
        let role = method.tensor_role(&spec.name);
        let of_encoder = spec.name.starts_with("encoder.");
        assert_eq!(role == TensorRole::Representation, of_encoder, "{}: {}", C::NAME, spec.name);
    }

    // Two seeds differ, one does not; a section of a config holds all but what a run decides.
    let again = config.init(3, &device).expect("a valid configuration");
    assert_eq!(tensors(&method), tensors(&again));
    assert_ne!(tensors(&method), tensors(&config.init(4, &device).expect("a valid configuration")));
    let section = serde_json::to_value(config).expect("plain data");
    let read: C = serde_json::from_value(section).expect("its own section");
    let InputConfig { encoder, action_dim } = input();
    assert_eq!(&read.with_input(encoder, action_dim), config);

    // What it cannot take is refused, with the reason.
    let SequenceInput { observed, actions, .. } = batch("declares", 4, 3, 8, &device);
    let whole = SequenceInput { observed, target: None, actions };
    method.training_forward(whole.clone(), KEY).expect("the observed views are enough");
    let fewer = SequenceInput { observed: whole.observed.clone().narrow(1, 0, views - 1), ..whole.clone() };
    let error = method.evaluation_forward(fewer).expect_err("a view too few");
    assert!(error.to_string().contains(&format!("views >= {views}")), "{error}");
    let one = batch("one", 1, 3, 8, &device);
    assert!(
        method
            .evaluation_forward(one.clone())
            .is_ok_and(|output| { output.loss.into_scalar::<f32>().is_finite() })
    );
    assert!(matches!(method.training_forward(one, KEY), Err(ModelError::InputShape { .. })));
    let wrong = batch("wrong", 3, 3, 8, &device).actions;
    let error = method.evaluation_forward(SequenceInput { actions: wrong, ..whole.clone() });
    assert!(matches!(error, Err(ModelError::InputShape { input: "actions", .. })));

    // The invariant representation of an image is that of its first view.
    let [first, second] = [0, 1].map(|view| whole.observed.clone().narrow(1, view, 1).squeeze_dim::<4>(1));
    let [first, second] = [first, second]
        .map(|images| Method::encode(&method, images, EncoderChoice::Online).expect("there is an encoder"));
    let pair = Tensor::stack(vec![first.clone(), second], 1);
    let invariant = method.invariant(pair, &whole.actions).expect("actions that fit");
    assert_eq!(invariant.to_data(), first.to_data());
    assert_eq!(
        Method::encode(&method, whole.observed.narrow(1, 0, 1).squeeze_dim(1), EncoderChoice::Target)
            .is_some(),
        target
    );
}

#[test]
fn methods_declare_what_they_are() {
    declares(&simclr(), 2, false);
    declares(&byol(), 2, true);
    declares(&vicreg(), 2, false);
    declares(&conditional_byol(), 2, true);
    declares(&equimod(), 2, false);
    declares(&sen(), 2, false);
    declares(&sie(), 2, false);
    declares(&vicreg_traj(), 3, false);
}

#[test]
fn conv_ijepa_looks_at_all_views() {
    let device = Device::flex();
    let config = conv_ijepa();
    let method = config.init(3, &device).expect("a valid configuration");
    assert_eq!(method.views_used(), ViewsUsed::ALL);
    assert!(method.representations().target_encoder && !method.representations().predicts);
    let trained = |name: &str| method.tensor_role(name) != TensorRole::TargetEncoder;
    let specs = tensor_specs(&method);
    let specs = specs.iter().filter(|spec| !spec.buffer && trained(&spec.name));
    let count: usize = specs.map(|spec| spec.shape.iter().product::<usize>()).sum();
    assert_eq!(config.parameter_count(), count as u64);
    let input = batch("views", 4, 3, 8, &device);
    let without = SequenceInput { target: None, ..input.clone() };
    assert!(matches!(
        method.evaluation_forward(without),
        Err(ModelError::MissingInput { input: "target", .. })
    ));
    let fewer = SequenceInput { observed: input.observed.clone().narrow(1, 0, 2), ..input.clone() };
    assert!(matches!(method.evaluation_forward(fewer), Err(ModelError::InputShape { input: "actions", .. })));
    // Of one observed view the pair to probe is that with the target.
    let one = batch("one view", 4, 1, 8, &device);
    let second = method.evaluation_forward(one.clone()).expect("shapes that fit").representations.second;
    let target = one.target.expect("a target view");
    let expected = Method::encode(&method, target, EncoderChoice::Target).expect("a target encoder");
    assert_eq!(second.to_data(), expected.to_data());
}

#[test]
fn the_defaults_have_the_published_sizes() {
    // Of ResNet-18 with the CIFAR stem, and the table's heads.
    let encoder = 11_168_832;
    let normalized = 512 * 2048 + 2 * 2048 * 2048 + 2 * 2 * 2048;
    let biased = normalized + 2 * 2048;
    let short = 512 * 2048 + 2 * 2048 + 2048 * 128;
    let predictor = |inputs: u64| inputs * 2048 + 2 * 2048 + 2048 * 128 + 128;
    let equimod = 512 * 1024 + 1024 * 1024 + 4 * 1024 + 1024 * 128;
    let sie = 256 * 1024 + 2 * 1024 * 1024 + 6 * 1024;
    assert_eq!(InputConfig::default().encoder.parameter_count(), encoder);
    assert_eq!(SimClrConfig::default().parameter_count(), encoder + normalized);
    assert_eq!(ByolConfig::default().parameter_count(), encoder + short + predictor(128));
    assert_eq!(VicRegConfig::default().parameter_count(), encoder + biased);
    let conditional = encoder + short + 9 * 128 + predictor(256);
    assert_eq!(ConditionalByolConfig::default().parameter_count(), conditional);
    let expected = encoder + short + 9 * 128 + 256 * 1024 + 2 * 1024 + 1024 * 128 + 128;
    assert_eq!(ConvIJepaConfig::default().parameter_count(), expected);
    let expected = encoder + 2 * equimod + 9 * 128 + 256 * 128;
    assert_eq!(EquiModConfig::default().parameter_count(), expected);
    let expected = encoder + normalized + 9 * 128 + (2048 + 128) * 2048;
    assert_eq!(SenConfig::default().parameter_count(), expected);
    assert_eq!(SieConfig::default().parameter_count(), encoder + 2 * sie + 9 * 1024 * 1024);
    assert_eq!(VicRegTrajConfig::default().parameter_count(), encoder + biased);
}

#[test]
fn values_out_of_range_are_named() {
    fn refused<C: MethodConfig>(config: &C, field: &str) {
        let message = config.validate().expect_err("an invalid value").to_string();
        assert!(message.contains(field), "{message}");
        assert!(config.init(0, &Device::flex()).is_err());
    }
    refused(&SimClrConfig { projector: vec![], ..simclr() }, "projector");
    refused(&SimClrConfig { projector: vec![8, 0], ..simclr() }, "projector");
    refused(&SimClrConfig { temperature: 0.0, ..simclr() }, "temperature");
    refused(&SimClrConfig { temperature: f64::NAN, ..simclr() }, "temperature");
    refused(&ByolConfig { ema_decay: 1.5, ..byol() }, "ema_decay");
    refused(&ByolConfig { predictor_hidden: usize::MAX, ..byol() }, "predictor_hidden");
    refused(&VicRegConfig { covariance_weight: -1.0, ..vicreg() }, "covariance_weight");
    refused(&VicRegConfig { variance_weight: f64::INFINITY, ..vicreg() }, "variance_weight");
    refused(&ConditionalByolConfig { action_embedding: 0, ..conditional_byol() }, "action_embedding");
    refused(&EquiModConfig { equivariance_weight: f64::NAN, ..equimod() }, "equivariance_weight");
    refused(&SenConfig { projector: vec![1 << 16; 64], ..sen() }, "number of parameters");
    refused(&SieConfig { projector: vec![1 << 16], ..sie() }, "number of parameters");
    refused(&VicRegTrajConfig { trajectory_weight: -0.1, ..vicreg_traj() }, "trajectory_weight");
    refused(&SimClrConfig { input: InputConfig { action_dim: 0, ..input() }, ..simclr() }, "action_dim");
}

/// The loss of a training pass on `input`.
fn loss<M: Method>(method: &M, input: SequenceInput) -> f32 {
    method.training_forward(input, KEY).expect("shapes that fit").loss.into_scalar()
}

/// The order of images in a batch does not matter.
#[test]
fn a_loss_is_that_of_a_set_of_images() {
    fn turned<C: MethodConfig>(config: &C) {
        let device = Device::flex();
        let method = config.init(5, &device).expect("a valid configuration");
        let input = batch("turned", 6, 3, 8, &device);
        let actions =
            SequenceActions::new(input.actions.absolute().flip([0]), input.actions.relative().flip([0]))
                .expect("they were valid");
        let other = SequenceInput {
            observed: input.observed.clone().flip([0]),
            target: input.target.clone().map(|images| images.flip([0])),
            actions,
        };
        let [first, second] = [input, other].map(|input| loss(&method, input));
        assert!((first - second).abs() <= 1e-4 * first.abs().max(1.0), "{}: {first} {second}", C::NAME);
    }
    turned(&simclr());
    turned(&byol());
    turned(&vicreg());
    turned(&conditional_byol());
    turned(&equimod());
    turned(&sen());
    turned(&sie());
    turned(&vicreg_traj());
    turned(&conv_ijepa());
}

/// Whoever is told the action learns from it, whoever is not does not.
#[test]
fn actions_enter_where_they_should() {
    fn depends<C: MethodConfig>(config: &C) -> bool {
        let device = Device::flex();
        let method = config.init(5, &device).expect("a valid configuration");
        let input = batch("actions", 6, 3, 8, &device);
        let other = SequenceInput { actions: batch("others", 6, 3, 8, &device).actions, ..input.clone() };
        loss(&method, input) != loss(&method, other)
    }
    assert!(!depends(&simclr()) && !depends(&byol()) && !depends(&vicreg()) && !depends(&vicreg_traj()));
    assert!(depends(&conditional_byol()) && depends(&equimod()) && depends(&sen()) && depends(&sie()));
    assert!(depends(&conv_ijepa()));
}

/// With one and the same view twice there is nothing between them.
#[test]
fn two_equal_views_have_no_invariance_loss() {
    let device = Device::flex();
    let mut input = batch("equal", 6, 3, 8, &device);
    let first = input.observed.clone().narrow(1, 0, 1);
    input.observed = Tensor::cat(vec![first.clone(), first], 1);
    for output in [
        vicreg().init(1, &device).expect("valid").training_forward(input.clone(), KEY),
        sie().init(1, &device).expect("valid").training_forward(input.clone(), KEY),
    ] {
        let terms = output.expect("shapes that fit").terms;
        assert_eq!((terms[0].name, terms[0].value.clone().into_scalar::<f32>()), ("invariance", 0.0));
    }
}

/// The moving average follows by the configured schedule, parameters alone.
#[test]
fn the_target_of_byol_follows() {
    fn moved(schedule: EmaSchedule, step: u64) -> f32 {
        let device = Device::flex();
        let config = ByolConfig { ema_schedule: schedule, ..byol() };
        let mut method = config.init(1, &device).expect("a valid configuration");
        method.encoder = fill(method.encoder);
        method.projector = fill(method.projector);
        let [online, before, after] = {
            let (online, before) = (tensors(&method.projector), tensors(&method.target_projector));
            let method = method.after_step(step, 10);
            [online, before, tensors(&method.target_projector)].map(|mut all| {
                all.retain(|name, _| !seqjepa_nn::is_buffer(name));
                all["0.weight"][0]
            })
        };
        (after - before) / (online - before)
    }
    assert!((moved(EmaSchedule::Constant, 9) - 0.1).abs() < 1e-3);
    assert!((moved(EmaSchedule::Cosine, 0) - 0.1).abs() < 1e-3);
    assert!((moved(EmaSchedule::Cosine, 5) - 0.05).abs() < 1e-3);
    assert!(moved(EmaSchedule::Cosine, 10).abs() < 1e-6);
}
