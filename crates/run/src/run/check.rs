//! The check of a run's devices before it is trained.

use burn::tensor::Device;
use seqjepa_evaluation::DeviceCheck;
use seqjepa_nn::optimizer::Optimizer;
use seqjepa_train::TrainError;

use super::error::{RunError, gib};
use super::run::{Parts, device_in_words};
use crate::config::{Config, DeviceCheckLevel, PrecisionName};
use crate::device_check::{DeviceCheckError, MethodCheck, check_method, rounds_factors};
use crate::memory::{MemoryEstimate, MemoryThere, guarded};
use crate::run_devices::RunDevices;

/// Sequences of a quick check of a device.
const QUICK: usize = 8;

impl Parts {
    /// Holds the devices against the processor, as `run.device_check` says (see [`device_check`](crate::device_check)), and what they add
    /// up against the sum. What is said of the first is kept.
    pub(super) fn check_devices(&self) -> Result<Option<DeviceCheck>, RunError> {
        let RunDevices { further, backend, all_reduce, .. } = &self.devices;
        // Kernels are chosen by shape: those of a training pass.
        let sequences = self.config.sequences_at_once();
        let found = match self.config.run.device_check {
            _ if *backend == "flex" => None,
            DeviceCheckLevel::Off => Some(skipped("run.device_check is off")),
            DeviceCheckLevel::Quick => Some(self.check_on(sequences.min(QUICK))?),
            DeviceCheckLevel::Full => Some(self.check_on(self.held_by_the_machine(sequences))?),
        };
        if let Some(DeviceCheck::Skipped { skipped }) = &found {
            tracing::warn!("the arithmetic of `{backend}` is not checked: {skipped}");
        }
        if !further.is_empty() {
            let device = device_in_words(&self.config, backend);
            guarded(&device, &self.memory(), || Ok(all_reduce.check(&self.devices.all())?))?;
        }
        Ok(found)
    }

    /// Checks all devices on so many sequences.
    fn check_on(&self, sequences: usize) -> Result<DeviceCheck, RunError> {
        let mut config = self.config.clone();
        config.dataset.batch_size = sequences;
        let RunDevices { first, further, .. } = &self.devices;
        let found = self.check_device(first, &config)?;
        for device in further {
            self.check_device(device, &config)?;
        }
        Ok(found)
    }

    fn check_device(&self, device: &Device, config: &Config) -> Result<DeviceCheck, RunError> {
        let backend = self.devices.backend;
        let loaders = self.data.loaders(config, self.trainer.method().views_used(), device)?;
        let Some(batch) = loaders.train.epoch(0, 0).next().transpose().map_err(TrainError::from)? else {
            return Ok(skipped("an epoch has no batch"));
        };
        let check = MethodCheck {
            device,
            backend,
            method: &*self.method,
            precision: self.devices.precision,
            recompute: config.recompute(),
            seed: config.run.seed,
            batch: &batch,
            learning_rate: config.optim.lr,
        };
        let optimizer = Optimizer::new(config.optimizer())?.with_groups(config.parameter_groups());
        guarded(&device_in_words(config, backend), &self.memory(), || {
            match check_method(&check, &optimizer) {
                Ok(record) => Ok(DeviceCheck::Passed(record)),
                // A build for one device alone.
                Err(DeviceCheckError::NoReference { .. }) => {
                    Ok(skipped("this build has no `flex` backend; build with the cargo feature `flex`"))
                }
                Err(error) => Err(error.into()),
            }
        })
    }

    /// As many of `sequences` as the machine has memory for, on which the reference computes.
    fn held_by_the_machine(&self, sequences: usize) -> usize {
        let Some(there) = MemoryThere::of_machine() else { return sequences };
        let mut config = self.config.clone();
        config.run.further_devices.clear();
        // The reference keeps rounded factors beside what they were rounded from, to whatever it was.
        let rounds = rounds_factors(self.devices.backend, self.devices.precision);
        config.run.precision = rounds.then_some(PrecisionName::Bf16);
        let needed = |sequences| {
            let mut config = config.clone();
            config.dataset.batch_size = sequences;
            MemoryEstimate::new(&config, &*self.method, self.trainer.method(), &self.data, "flex").peak()
        };
        let free = there.free.unwrap_or(there.total);
        let held = fitting(sequences, free, needed);
        if held < sequences {
            tracing::warn!(
                "memory: to check `{}` on {sequences} sequences takes about {} GiB of this machine's own, of which {} are free: it is \
                 checked on {held}, for which other kernels may be chosen",
                self.devices.backend,
                gib(needed(sequences)),
                gib(free),
            );
        }
        held
    }
}

fn skipped(why: &str) -> DeviceCheck {
    DeviceCheck::Skipped { skipped: why.to_owned() }
}

/// `sequences`, halved until what they need is free, but not below those of a quick check.
fn fitting(sequences: usize, free: u64, needed: impl Fn(usize) -> u64) -> usize {
    let mut held = sequences;
    while held > QUICK && needed(held) > free {
        held = (held / 2).max(QUICK);
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_takes_what_the_machine_has() {
        let needed = |sequences| 100 + 10 * sequences as u64;
        for (sequences, free, held) in
            [(512, 5220, 512), (512, 5219, 256), (512, 300, 16), (512, 0, 8), (100, 300, 12), (4, 0, 4)]
        {
            assert_eq!(fitting(sequences, free, needed), held, "{sequences} sequences, {free} bytes");
        }
    }
}
