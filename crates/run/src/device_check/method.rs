//! A method at its own shapes, in training.

use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_data::SequenceBatch;
use seqjepa_evaluation::DeviceCheckRecord;
use seqjepa_model::{DynMethod, DynMethodConfig, TrainingOutput};
use seqjepa_nn::optimizer::{Optimizer, ParameterGradients};
use seqjepa_nn::{DropoutKey, Precision, Recompute, StateDict, host};
use seqjepa_train::sequence_input;

use super::deviation::{Bounds, Deviation, DeviceCheckError, reference, root_of_squares, rounding, rounds};

/// What is checked, and where.
#[derive(Clone, Copy, Debug)]
pub struct MethodCheck<'a> {
    /// The device that is to be checked.
    pub device: &'a Device,
    /// The name of its backend.
    pub backend: &'a str,
    /// The method.
    pub method: &'a dyn DynMethodConfig,
    /// What the method is told to round products to. The reference does what the device then does.
    pub precision: Precision,
    /// What is computed again in the backward pass, on both.
    pub recompute: Recompute,
    /// Seed of its initial values.
    pub seed: u64,
    /// The batch to compute it on.
    pub batch: &'a SequenceBatch,
    /// Learning rate of the step.
    pub learning_rate: f64,
}

/// Computes the method's training pass on the device and on the reference, from the same initial values and views: representations,
/// loss and its terms, the gradient of every parameter, and the parameters after a step of `optimizer` by the device's own
/// gradients. Running statistics are among what is compared after the step.
///
/// # Errors
///
/// [`DeviceCheckError::Wrong`] with the result that is farthest from the reference's, [`DeviceCheckError::NoReference`] in a build
/// without the Flex backend, and what keeps the method from being computed at all.
pub fn check_method(
    check: &MethodCheck<'_>,
    optimizer: &Optimizer,
) -> Result<DeviceCheckRecord, DeviceCheckError> {
    let reference = reference(check.backend)?;
    let rounding = rounding(check.backend, check.precision);
    let batch = check.batch;
    let bounds = Bounds::of_pass(rounding, batch.len() * batch.rendered_views());
    let shapes = {
        let [views, channels, height, width] =
            [batch.rendered_views(), batch.channels(), batch.height(), batch.width()];
        format!("{} sequences of {views} views of [{channels}, {height}, {width}]", batch.len())
    };
    // The same numbers on both: initial values are drawn on the host.
    let pass = |device: &Device, precision| {
        let device = device.clone().autodiff();
        Pass::of(check, precision, check.method.init(check.seed, &device)?, &device)
    };
    let (found, expected) = (pass(check.device, check.precision)?, pass(&reference, rounding)?);
    // What the rounding of factors does to this method.
    let plain = rounds(rounding).then(|| pass(&reference, Precision::Full)).transpose()?;

    let compare = |what: &str, found: &[f32], (expected, plain): (&[f32], Option<&[f32]>), bound, least| {
        let names = (what.to_owned(), shapes.clone());
        Deviation::between(names, found, expected, (bound, least)).allowing(plain, expected, least)
    };
    // What is wrong makes all that comes after it wrong: the first that is names the cause.
    let mut stages = Stages { backend: check.backend, tensors: 0, worst: None };
    let results = found.results.iter().zip(&expected.results).enumerate();
    stages.add(results.map(|(at, ((what, found), (_, expected)))| {
        let plain = plain.as_ref().map(|plain| plain.results[at].1.as_slice());
        compare(what, found, (expected, plain), bounds.forward, 0.0)
    }))?;

    let read =
        |gradients: &ParameterGradients, path: &str| gradients.get(path).map(host::read).unwrap_or_default();
    let paths = expected.gradients.paths();
    let of_path = |path| {
        let plain = plain.as_ref().map(|plain| read(&plain.gradients, path));
        (path, read(&found.gradients, path), read(&expected.gradients, path), plain)
    };
    let all: Vec<_> = paths.map(of_path).collect();
    // Some gradients are nothing but rounding: those of a bias before a batch norm.
    let least = 1e-3 * all.iter().map(|(_, _, expected, _)| root_of_squares(expected)).fold(0.0, f64::max);
    let found_gradients = &found.gradients;
    stages.add(all.iter().map(|(path, values, expected, plain)| {
        let shape = found_gradients.shape(path).unwrap_or_default();
        let what = format!("gradient of {path} {shape:?}");
        compare(&what, values, (expected, plain.as_deref()), bounds.gradient, least)
    }))?;

    // Adam divides by the gradient's own size: its step has to be held against one by the same gradients.
    let same = || found.gradients.to_device(&reference);
    let expected = stepped(check, optimizer, expected.method, same())?;
    let plain = plain.map(|plain| stepped(check, optimizer, plain.method, same())).transpose()?;
    let found = stepped(check, optimizer, found.method, found.gradients)?;
    let values = |data: TensorData| data.convert::<f32>().try_into_vec::<f32>().unwrap_or_default();
    let mut plain = plain.map(|plain| plain.into_iter().map(|(_, data)| values(data)));
    stages.add(found.into_iter().zip(expected).map(|((name, found), (_, expected))| {
        let plain = plain.as_mut().and_then(Iterator::next);
        let what = format!("{name} {:?} after a step", found.shape().to_vec());
        let (found, expected) = (values(found), values(expected));
        compare(&what, &found, (&expected, plain.as_deref()), bounds.forward, 1e-6)
    }))?;

    let worst = stages.worst.expect("every method has a loss");
    Ok(DeviceCheckRecord {
        backend: check.backend.to_owned(),
        reference: "flex".to_owned(),
        sequences: check.batch.len(),
        tensors: stages.tensors,
        share: worst.share(),
        largest: worst.what,
    })
}

/// What has been compared so far.
struct Stages<'a> {
    backend: &'a str,
    tensors: usize,
    worst: Option<Deviation>,
}

impl Stages<'_> {
    /// Takes the next results, unless one of them is wrong.
    fn add(&mut self, deviations: impl Iterator<Item = Deviation>) -> Result<(), DeviceCheckError> {
        for deviation in deviations {
            self.tensors += 1;
            // Of several that are no number, the first.
            let larger = |worst: &Deviation| deviation.share().total_cmp(&worst.share()).is_gt();
            if self.worst.as_ref().is_none_or(larger) {
                self.worst = Some(deviation);
            }
        }
        match &self.worst {
            Some(worst) if !worst.is_within() => {
                let (backend, deviation) = (self.backend.to_owned(), Box::new(worst.clone()));
                Err(DeviceCheckError::Wrong { backend, deviation })
            }
            _ => Ok(()),
        }
    }
}

/// A training pass.
struct Pass {
    method: Box<dyn DynMethod>,
    results: Vec<(String, Vec<f32>)>,
    gradients: ParameterGradients,
}

impl Pass {
    fn of(
        check: &MethodCheck<'_>,
        precision: Precision,
        method: Box<dyn DynMethod>,
        device: &Device,
    ) -> Result<Self, DeviceCheckError> {
        let input = sequence_input(check.batch.clone(), device)?;
        let key = DropoutKey { seed: check.seed, step: 0 };
        let forward = || precision.within(|| method.training_forward(input, key));
        let (output, recording) = check.recompute.record(forward);
        let TrainingOutput { loss, terms, representations } = output?;
        let mut results = vec![("the loss".to_owned(), later(loss.clone()))];
        for term in terms {
            results.push((format!("the loss's term {}", term.name), later(term.value)));
        }
        let named = [
            ("the invariant representation", representations.invariant),
            ("the first view's representation", representations.first),
            ("the second view's representation", representations.second),
        ];
        results.extend(named.map(|(name, tensor)| (name.to_owned(), later(tensor))));
        let mut gradients = ParameterGradients::default();
        recording.backward(loss, |part| gradients.accumulate(method.take_gradients(part)));
        // Nothing is read before, as in training: what is read ends what can be fused.
        let results = results.into_iter().map(|(name, read)| (name, read())).collect();
        Ok(Self { method, results, gradients })
    }
}

/// A result that is read later.
fn later<const D: usize>(tensor: Tensor<D>) -> Box<dyn FnOnce() -> Vec<f32>> {
    let tensor = tensor.without_autodiff();
    Box::new(move || host::read(tensor))
}

/// The method's tensors after a step.
fn stepped(
    check: &MethodCheck<'_>,
    optimizer: &Optimizer,
    mut method: Box<dyn DynMethod>,
    gradients: ParameterGradients,
) -> Result<StateDict, DeviceCheckError> {
    let mut optimizer = Optimizer::new(*optimizer.config())?.with_groups(optimizer.groups());
    method.optimizer_step(&mut optimizer, check.learning_rate, gradients)?;
    method.after_step(0, u64::MAX);
    Ok(method.state_dict())
}
