//! Data parallelism: a method on several devices, each of which computes its part of every batch.

use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_data::SequenceBatch;
use seqjepa_model::{DynMethod, Representations};
use seqjepa_nn::host;
use seqjepa_nn::optimizer::{Optimizer, ParameterGradients};

use super::all_reduce::{AllReduce, in_parallel};
use super::exchange::Exchange;
use super::learner::{Learner, StepSettings};
use super::micro_batches::{MicroBatches, joined};
use super::passes::{Passes, passes};
use crate::error::TrainError;

/// The devices of a trainer. The first is the learner's; the others have copies of its method and optimizer, which make the same updates
/// from the same gradients and so stay the same.
#[derive(Debug)]
pub(super) struct Replicas {
    first: Device,
    others: Vec<Device>,
    all_reduce: AllReduce,
    /// On the other devices; none before the first step, and after the learner has become another.
    copies: Vec<Replica>,
}

/// A copy on a device.
#[derive(Debug)]
struct Replica {
    method: Box<dyn DynMethod>,
    optimizer: Optimizer,
    /// Those of the batch, between passes and update.
    gradients: ParameterGradients,
}

impl Replicas {
    pub(super) fn new(first: Device, others: Vec<Device>, all_reduce: AllReduce) -> Self {
        Self { first, others, all_reduce, copies: Vec::new() }
    }

    /// How many devices there are.
    pub(super) fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// The learner is no longer what the copies are copies of.
    pub(super) fn forget(&mut self) {
        self.copies.clear();
    }

    /// Forward and backward of a batch: the means over all of it, on the learner's device, and the gradients of the copies.
    pub(super) fn passes(
        &mut self,
        learner: &mut Learner,
        batch: SequenceBatch,
        settings: StepSettings,
    ) -> Result<Passes, TrainError> {
        if self.others.is_empty() {
            let parts = MicroBatches::new(batch, settings.micro_batch, &self.first);
            return passes(&*learner.method, parts, settings);
        }
        if self.copies.is_empty() {
            self.copies =
                self.others.iter().map(|device| Replica::of(learner, device)).collect::<Result<_, _>>()?;
        }
        let devices: Vec<_> = [&self.first].into_iter().chain(&self.others).cloned().collect();
        let parts = MicroBatches::divided(batch, settings.micro_batch, &devices);
        let methods =
            [&mut learner.method].into_iter().chain(self.copies.iter_mut().map(|copy| &mut copy.method));
        let jobs =
            parts.into_iter().zip(methods).map(|(parts, method)| move || passes(&**method, parts, settings));
        let found = in_parallel(jobs).into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(self.gather(learner, found, &devices))
    }

    /// What all devices have found, put together.
    fn gather(&mut self, learner: &mut Learner, found: Vec<Passes>, devices: &[Device]) -> Passes {
        let share = 1.0 / found.len() as f64;
        let count = learner.method.running_statistics().map_or(0, |statistics| statistics.dims()[0]);
        let exchange = Exchange::of(&found, count);
        let (mut values, mut representations) = (Vec::new(), Vec::new());
        let methods = [&learner.method].into_iter().chain(self.copies.iter().map(|copy| &copy.method));
        for ((passes, method), device) in found.into_iter().zip(methods).zip(devices) {
            let statistics = method.running_statistics().map(|statistics| statistics.mul_scalar(share));
            values.push(exchange.pack(passes.means, statistics, device));
            representations.push(moved(passes.representations, &self.first));
        }
        // A device without a part of a small batch.
        let idle = devices[values.len()..].iter();
        values.extend(idle.map(|device| exchange.nothing(device)));

        let mut sums = self.all_reduce.sum(values).into_iter().map(|sum| exchange.unpack(sum));
        let (means, statistics) = sums.next().expect("the first device's");
        statistics.into_iter().for_each(|statistics| learner.method.set_running_statistics(statistics));
        for (copy, (means, statistics)) in self.copies.iter_mut().zip(sums) {
            statistics.into_iter().for_each(|statistics| copy.method.set_running_statistics(statistics));
            copy.gradients = means.gradients;
        }
        Passes { means, representations: joined(representations) }
    }

    /// The learner's update, of the copies.
    pub(super) fn update(&mut self, settings: StepSettings) -> Result<(), TrainError> {
        for Replica { method, optimizer, gradients } in &mut self.copies {
            method.optimizer_step(optimizer, settings.learning_rate, std::mem::take(gradients))?;
            method.after_step(settings.key.step, settings.total_steps);
        }
        Ok(())
    }
}

impl Replica {
    /// A copy of what learns. It shares nothing: a copy that Burn makes would share the leaves of the graph.
    fn of(learner: &Learner, device: &Device) -> Result<Self, TrainError> {
        let mut method = learner.method.config().init(0, device)?;
        method.load_state_dict(learner.method.state_dict())?;
        let mut optimizer =
            Optimizer::new(*learner.optimizer.config())?.with_groups(learner.optimizer.groups());
        method.load_optimizer(&mut optimizer, learner.optimizer.state_dict())?;
        Ok(Self { method, optimizer, gradients: ParameterGradients::default() })
    }
}

/// The same on another device, through the memory of the machine: Burn's own way between two GPUs wants NCCL.
fn moved(representations: Representations, device: &Device) -> Representations {
    let device = &device.clone().inner();
    let moved = |tensor: Tensor<2>| {
        if tensor.device() == *device {
            return tensor;
        }
        let shape = tensor.dims();
        Tensor::from_data(TensorData::new(host::read(tensor), shape), device)
    };
    let Representations { invariant, first, second } = representations;
    Representations { invariant: moved(invariant), first: moved(first), second: moved(second) }
}
