//! The check of a run's devices before it is trained.

use burn::tensor::Device;
use seqjepa_evaluation::DeviceCheck;
use seqjepa_nn::optimizer::Optimizer;
use seqjepa_train::TrainError;

use super::error::{RunError, gib};
use super::run::{Parts, device_in_words};
use crate::config::{Config, DeviceCheckLevel};
use crate::device_check::{DeviceCheckError, MethodCheck, check_method};
use crate::memory::{MemoryEstimate, MemoryThere, guarded};
use crate::run_devices::RunDevices;

/// Sequences of a quick check of a device.
const QUICK: usize = 8;

impl Parts {
    /// Holds the devices against the processor, as `run.device_check` says (see [`device_check`](crate::device_check)), and what they add
    /// up against the sum. What is said of the first is kept.
    pub(super) fn check_devices(&self) -> Result<Option<DeviceCheck>, RunError> {
        let RunDevices { first, further, backend, all_reduce, .. } = &self.devices;
        let found = self.check_device(first)?;
        for device in further {
            self.check_device(device)?;
        }
        if !further.is_empty() {
            let device = device_in_words(&self.config, backend);
            guarded(&device, &self.memory(), || Ok(all_reduce.check(&self.devices.all())?))?;
        }
        Ok(found)
    }

    fn check_device(&self, device: &Device) -> Result<Option<DeviceCheck>, RunError> {
        let backend = self.devices.backend;
        let skipped = |why: String| {
            tracing::warn!("the arithmetic of `{backend}` is not checked: {why}");
            Ok(Some(DeviceCheck::Skipped { skipped: why }))
        };
        let mut config = self.config.clone();
        // Kernels are chosen by shape: those of a training pass.
        let sequences = config.sequences_at_once();
        config.dataset.batch_size = match config.run.device_check {
            _ if backend == "flex" => return Ok(None),
            DeviceCheckLevel::Off => return skipped("run.device_check is off".into()),
            DeviceCheckLevel::Quick => sequences.min(QUICK),
            DeviceCheckLevel::Full => self.held_by_the_machine(sequences),
        };
        let loaders = self.data.loaders(&config, self.trainer.method().views_used(), device)?;
        let Some(batch) = loaders.train.epoch(0, 0).next().transpose().map_err(TrainError::from)? else {
            return skipped("an epoch has no batch".into());
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
        guarded(&device_in_words(&self.config, backend), &self.memory(), || {
            match check_method(&check, &optimizer) {
                Ok(record) => Ok(Some(DeviceCheck::Passed(record))),
                // A build for one device alone.
                Err(DeviceCheckError::NoReference { .. }) => {
                    skipped("this build has no `flex` backend; build with the cargo feature `flex`".into())
                }
                Err(error) => Err(error.into()),
            }
        })
    }

    /// As many of `sequences` as the machine has memory for, on which the reference computes.
    fn held_by_the_machine(&self, sequences: usize) -> usize {
        let Some(there) = MemoryThere::of_machine() else { return sequences };
        let needed = |sequences| {
            let mut config = Config { ..self.config.clone() };
            config.dataset.batch_size = sequences;
            config.run.further_devices.clear();
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
