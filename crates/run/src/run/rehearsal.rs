//! A run that is looked at before it is started.

use std::time::{Duration, Instant};

use seqjepa_model::DynMethod;
use seqjepa_nn::Launches;
use seqjepa_nn::host::{self, Traffic};
use seqjepa_train::observer::{Observer, Observers};

use super::error::RunError;
use super::run::{Parts, Run};
use crate::config::Config;
use crate::data::RunData;
use crate::folder::RunFolder;
use crate::memory::{MemoryEstimate, MemoryThere};
use crate::registry::Registry;
use crate::run_devices::{RunDevices, open_first};
use crate::tracking::TrackingVariables;

/// A run without a folder: everything that [`Run::start`] can refuse has been looked at.
#[derive(Debug)]
pub struct Rehearsal {
    parts: Parts,
}

impl Run {
    /// Prepares a run as [`start`](Self::start) does, but makes no run folder. A data set that is missing is fetched where the
    /// config asks for it.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn rehearse(config: Config, observer: &mut dyn Observer) -> Result<Rehearsal, RunError> {
        Self::rehearse_with(&Registry::standard(), config, observer)
    }

    /// The same with methods or data sets of one's own.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn rehearse_with(
        registry: &Registry,
        config: Config,
        observer: &mut dyn Observer,
    ) -> Result<Rehearsal, RunError> {
        config.check(registry)?;
        RunFolder::check(&config)?;
        let device = open_first(&config.run)?;
        Ok(Rehearsal { parts: Parts::prepare(registry, config, device, observer)? })
    }

    /// The same on the data of an earlier rehearsal, whose config said the same of them.
    pub(crate) fn rehearse_on(
        registry: &Registry,
        config: Config,
        data: RunData,
    ) -> Result<Rehearsal, RunError> {
        config.check(registry)?;
        RunFolder::check(&config)?;
        let device = open_first(&config.run)?;
        let devices = RunDevices::open(&config, device)?;
        Ok(Rehearsal { parts: Parts::prepare_on(registry, config, devices, data)? })
    }
}

impl Rehearsal {
    /// The resolved config.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.parts.config
    }

    /// The data.
    #[must_use]
    pub fn data(&self) -> &RunData {
        &self.parts.data
    }

    /// The data, for another rehearsal.
    pub(crate) fn into_data(self) -> RunData {
        self.parts.data
    }

    /// The method as initialised.
    #[must_use]
    pub fn method(&self) -> &dyn DynMethod {
        self.parts.trainer.method()
    }

    /// Trained parameters.
    #[must_use]
    pub fn parameter_count(&self) -> u64 {
        self.parts.method.parameter_count()
    }

    /// The backend that the run would compute on, as its cargo feature is called.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        self.parts.devices.backend
    }

    /// About how much memory its training takes.
    #[must_use]
    pub fn memory(&self) -> MemoryEstimate {
        self.parts.memory()
    }

    /// What there is in the memory of its device: of the machine where that is the processor, of a GPU where the driver's program says
    /// it; the environment may have renamed the machine's GPUs.
    #[must_use]
    pub fn memory_there(&self, variables: &TrackingVariables) -> Option<MemoryThere> {
        match self.parts.gpu(variables) {
            Some(gpu) => MemoryThere::of_gpu(&gpu),
            None if self.memory().beside().is_none() => MemoryThere::of_machine(),
            None => None,
        }
    }

    /// Optimizer steps of an epoch.
    #[must_use]
    pub fn steps_per_epoch(&self) -> usize {
        self.parts.trainer.steps_per_epoch()
    }

    /// Makes a first step, then up to `steps` more of the first epoch but no longer than about `limit`, and measures those; nothing where
    /// an epoch has only one step.
    ///
    /// # Errors
    ///
    /// As [`Run::train`].
    pub fn measure_steps(mut self, steps: usize, limit: Duration) -> Result<Option<StepCost>, RunError> {
        let trainer = &mut self.parts.trainer;
        let steps = steps.min(trainer.steps_per_epoch() - 1);
        // The first step also starts threads, allocates, and on some devices compiles.
        trainer.advance(&mut Observers::new())?;
        trainer.settle(&mut Observers::new())?;
        let before = host::traffic();
        let started = Instant::now();
        let (done, launches) = seqjepa_nn::count_launches(|| {
            let mut done = 0;
            while done < steps && started.elapsed() < limit {
                trainer.advance(&mut Observers::new())?;
                done += 1;
            }
            trainer.settle(&mut Observers::new())?;
            Ok::<_, RunError>(done)
        });
        let done = u32::try_from(done?).unwrap_or(u32::MAX);
        let time = started.elapsed().checked_div(done);
        let traffic = host::traffic() - before;
        Ok(time.map(|time| StepCost { steps: done, time, launches, traffic }))
    }
}

/// What steps cost that were made for the sake of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StepCost {
    /// How many were made.
    pub steps: u32,
    /// The mean time of one.
    pub time: Duration,
    /// The kernels that all of them launched on a GPU.
    pub launches: Launches,
    /// What all of them sent to the device, and how often they waited for values of it.
    pub traffic: Traffic,
}
