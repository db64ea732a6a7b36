//! Data parallelism: a method on several devices, each of which computes its part of every batch.

use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_data::SequenceBatch;
use seqjepa_model::{DynMethod, DynMethodConfig, Representations};
use seqjepa_nn::optimizer::{GradientLayout, Optimizer, ParameterGradients};
use seqjepa_nn::{StateDict, host};

use super::all_reduce::AllReduce;
use super::exchange::Exchange;
use super::learner::{Learner, StepSettings};
use super::micro_batches::{MicroBatches, joined};
use super::passes::{Means, Passes, passes};
use super::team::Team;
use crate::error::TrainError;

/// The devices of a trainer. The first is the learner's; the others have copies of its method and optimizer, which make the same updates
/// from the same gradients and so stay the same.
#[derive(Debug)]
pub(super) struct Replicas {
    /// The learner's first.
    devices: Vec<Device>,
    all_reduce: AllReduce,
    team: Team<Replica>,
    /// Whether the others have copies of what the learner is now.
    copied: bool,
    /// How many running statistics that has.
    statistics: usize,
}

/// What a device has.
#[derive(Debug)]
struct Replica {
    device: Device,
    /// Nothing before the first step.
    method: Option<Box<dyn DynMethod>>,
    /// The learner's update is not made here.
    optimizer: Option<Optimizer>,
    /// Of its part of the batch, then of all of it; nothing where it has no part.
    means: Option<Means>,
}

/// What others have to know of what a device has found.
struct Found {
    layout: GradientLayout,
    terms: Vec<&'static str>,
    representations: FoundRepresentations,
}

/// Representations in the memory of the machine, of as many rows each as values and width say.
struct HostRepresentations {
    /// Invariant, first, second.
    values: Vec<Vec<f32>>,
    widths: [usize; 3],
}

/// What a copy is made of.
struct Original {
    config: Box<dyn DynMethodConfig>,
    method: StateDict,
    optimizer: Optimizer,
    optimizer_state: StateDict,
}

impl Replicas {
    pub(super) fn new(first: Device, others: Vec<Device>, all_reduce: AllReduce) -> Self {
        let team = Team::new(others.iter().cloned().map(Replica::on));
        let devices = [first].into_iter().chain(others).collect();
        Self { devices, all_reduce, team, copied: false, statistics: 0 }
    }

    /// The learner's device.
    pub(super) fn first(&self) -> &Device {
        &self.devices[0]
    }

    /// How many devices there are.
    pub(super) fn count(&self) -> usize {
        self.devices.len()
    }

    /// Refuses a device that is there twice where devices wait for each other.
    pub(super) fn check_distinct(&self) -> Result<(), TrainError> {
        let devices = &self.devices;
        let repeated = (1..devices.len()).find(|&index| devices[..index].contains(&devices[index]));
        match repeated {
            Some(index) if self.all_reduce == AllReduce::Device => Err(TrainError::Mismatch {
                expected: "devices that are each there once, to add up among themselves".to_owned(),
                found: format!("{:?} again", devices[index]),
            }),
            _ => Ok(()),
        }
    }

    /// The learner is no longer what the copies are copies of, or is to be copied anew.
    pub(super) fn forget(&mut self) {
        self.copied = false;
    }

    /// Forward and backward of a batch: the means over all of it, on the learner's device, and the gradients of the copies.
    pub(super) fn passes(
        &mut self,
        learner: &mut Learner,
        batch: SequenceBatch,
        settings: StepSettings,
    ) -> Result<Passes, TrainError> {
        if let [device] = &self.devices[..] {
            return passes(
                &*learner.method,
                MicroBatches::new(batch, settings.micro_batch, device),
                settings,
            );
        }
        if !self.copied {
            self.copy(learner)?;
        }
        let parts = MicroBatches::divided(batch, settings.micro_batch, &self.devices);
        let share = 1.0 / parts.len() as f64;
        let parts: Vec<_> = parts.into_iter().map(Some).collect();
        let parts = Arc::new(Mutex::new(parts));
        let mut own =
            Replica { method: Some(learner.method.clone_box()), ..Replica::on(self.first().clone()) };

        let found = self.team.each(&mut own, move |rank, replica| {
            let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
            let part = parts.get_mut(rank).and_then(Option::take);
            drop(parts);
            part.map(|part| replica.find(part, settings, rank == 0)).transpose()
        });
        let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
        let found: Vec<_> = found.into_iter().flatten().collect();
        let exchange = Arc::new(Exchange::new(
            GradientLayout::merged(found.iter().map(|found| &found.layout)),
            self.statistics,
            found[0].terms.clone(),
        ));
        let (given, taken) = (exchange.clone(), exchange);
        let give = move |_, replica: &mut Replica| replica.give(&given, share);
        let take = move |_, replica: &mut Replica, sum| replica.take(&taken, &sum);
        self.all_reduce.sum(&self.team, &mut own, &self.devices, give, take);

        let device = self.first().clone().inner();
        let representations = found.into_iter().map(|found| found.representations.on(&device)).collect();
        learner.method = own.method.expect("it has just been there");
        let means = own.means.expect("the first device has a part");
        Ok(Passes { means, representations: joined(representations) })
    }

    /// The learner's update, of the copies.
    pub(super) fn update(&mut self, settings: StepSettings) -> Result<(), TrainError> {
        self.team.others(move |_, replica| replica.update(settings)).into_iter().collect()
    }

    /// Makes the copies what the learner is. They share nothing: those that Burn makes would share the leaves of the graph.
    fn copy(&mut self, learner: &Learner) -> Result<(), TrainError> {
        let original = Arc::new(Original {
            config: learner.method.config(),
            method: learner.method.state_dict(),
            optimizer: Optimizer::new(*learner.optimizer.config())?.with_groups(learner.optimizer.groups()),
            optimizer_state: learner.optimizer.state_dict(),
        });
        let copies = self.team.others(move |_, replica| replica.become_copy(&original));
        copies.into_iter().collect::<Result<(), _>>()?;
        self.statistics = learner.method.running_statistics().map_or(0, |statistics| statistics.dims()[0]);
        self.copied = true;
        Ok(())
    }
}

impl Replica {
    fn on(device: Device) -> Self {
        Self { device, method: None, optimizer: None, means: None }
    }

    fn become_copy(&mut self, original: &Original) -> Result<(), TrainError> {
        // The old one goes first: there may not be room for both.
        self.method = None;
        let mut method = original.config.init(0, &self.device)?;
        method.load_state_dict(original.method.clone())?;
        let mut optimizer = original.optimizer.clone();
        method.load_optimizer(&mut optimizer, original.optimizer_state.clone())?;
        (self.method, self.optimizer, self.means) = (Some(method), Some(optimizer), None);
        Ok(())
    }

    fn method(&mut self) -> &mut Box<dyn DynMethod> {
        self.method.as_mut().expect("copies are made before they are asked")
    }

    /// Forward and backward over its part.
    fn find(
        &mut self,
        part: MicroBatches,
        settings: StepSettings,
        is_first: bool,
    ) -> Result<Found, TrainError> {
        let Passes { means, representations } = passes(&**self.method(), part, settings)?;
        let found = Found {
            layout: GradientLayout::of(&means.gradients),
            terms: means.terms.iter().map(|(name, _)| *name).collect(),
            representations: match is_first {
                true => FoundRepresentations::Here(Box::new(representations)),
                false => FoundRepresentations::Host(HostRepresentations::read(representations)),
            },
        };
        self.means = Some(means);
        Ok(found)
    }

    /// What it adds to the sum, with its share of the running statistics.
    fn give(&mut self, exchange: &Exchange, share: f64) -> Tensor<1> {
        match self.means.take() {
            Some(means) => {
                let statistics = self.method().running_statistics();
                let statistics = statistics.map(|statistics| statistics.mul_scalar(share));
                exchange.pack(means, statistics, &self.device)
            }
            None => exchange.nothing(&self.device),
        }
    }

    fn take(&mut self, exchange: &Exchange, sum: &Tensor<1>) {
        let (means, statistics) = exchange.unpack(sum);
        if let Some(statistics) = statistics {
            self.method().set_running_statistics(statistics);
        }
        self.means = Some(means);
    }

    fn update(&mut self, settings: StepSettings) -> Result<(), TrainError> {
        let gradients = self.means.take().map_or_else(ParameterGradients::default, |means| means.gradients);
        let (Some(method), Some(optimizer)) = (&mut self.method, &mut self.optimizer) else { return Ok(()) };
        method.optimizer_step(optimizer, settings.learning_rate, gradients)?;
        method.after_step(settings.key.step, settings.total_steps);
        Ok(())
    }
}

/// Where representations are.
enum FoundRepresentations {
    /// On the learner's device.
    Here(Box<Representations>),
    /// In the memory of the machine: Burn's own way from one GPU to another wants NCCL.
    Host(HostRepresentations),
}

impl FoundRepresentations {
    /// On the learner's device.
    fn on(self, device: &Device) -> Representations {
        match self {
            Self::Here(representations) => *representations,
            Self::Host(representations) => representations.on(device),
        }
    }
}

impl HostRepresentations {
    /// Waits for their device, once.
    fn read(representations: Representations) -> Self {
        let Representations { invariant, first, second } = representations;
        let tensors = [invariant, first, second];
        let widths = tensors.each_ref().map(|tensor| tensor.dims()[1]);
        let tensors = tensors.map(|tensor| tensor.reshape([-1]));
        Self { values: host::read_all(tensors.to_vec()), widths }
    }

    fn on(self, device: &Device) -> Representations {
        let tensor = |(values, width): (Vec<f32>, usize)| {
            let rows = values.len() / width;
            host::send(TensorData::new(values, [rows, width]), device)
        };
        let mut tensors = self.values.into_iter().zip(self.widths).map(tensor);
        let mut next = || tensors.next().expect("there are three");
        Representations { invariant: next(), first: next(), second: next() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn representations_come_over_as_they_are() {
        let device = Device::flex();
        let rows = |width: usize| {
            Tensor::<1>::from_floats([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &device).reshape([6 / width, width])
        };
        let there = Representations { invariant: rows(3), first: rows(2).narrow(0, 1, 2), second: rows(6) };
        let here = HostRepresentations::read(there.clone()).on(&device);
        for (here, there) in
            [(here.invariant, there.invariant), (here.first, there.first), (here.second, there.second)]
        {
            assert_eq!(here.dims(), there.dims());
            assert_eq!(host::read(here), host::read(there));
        }
    }
}
