//! The devices of a run, and how they compute.

use burn::tensor::Device;
use seqjepa_nn::Precision;
use seqjepa_train::AllReduce;

use crate::config::{AllReduceName, Config, ConfigError, RunConfig, abridged, invalid};
use crate::device::{DeviceError, DeviceRequest};
use crate::kernel_cache::KernelCache;
use crate::precision;
use crate::run::RunError;

const KEY: &str = "run.further_devices";

/// Backends whose devices Burn adds up itself.
const WITH_ALL_REDUCE: &str = "cuda";

/// Opens the device of a run's state: that, and its backend, as its cargo feature is called.
///
/// # Errors
///
/// [`RunError::Config`] for kernels that are to be kept by a build that keeps none, [`RunError::Device`] for a device that cannot be had.
pub(crate) fn open_first(config: &RunConfig) -> Result<(Device, &'static str), RunError> {
    KernelCache::announce(config)?;
    Ok(DeviceRequest::parse(&config.device)?.open_named()?)
}

/// The names of a run's devices, which have been opened on `backend`, as `run.device` would call them.
///
/// # Errors
///
/// [`DeviceError::Unknown`].
pub(crate) fn resolved_names(config: &RunConfig, backend: &str) -> Result<Vec<String>, DeviceError> {
    let names = [&config.device].into_iter().chain(&config.further_devices);
    names.map(|name| Ok(DeviceRequest::parse(name)?.resolved(backend))).collect()
}

/// What a run computes on.
#[derive(Debug)]
pub(crate) struct RunDevices {
    /// That of the run's state, probes and evaluations.
    pub first: Device,
    /// Those that train with it.
    pub further: Vec<Device>,
    /// The backend of them all, as its cargo feature is called.
    pub backend: &'static str,
    pub all_reduce: AllReduce,
    pub precision: Precision,
    pub kernels: KernelCache,
}

impl RunDevices {
    /// Those of a config whose first device has been opened.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for one that cannot be had or is of another backend, and for what the backend cannot do.
    pub(crate) fn open(
        config: &Config,
        (first, backend): (Device, &'static str),
    ) -> Result<Self, ConfigError> {
        let further = further(config, backend)?;
        let devices = Self {
            first,
            further,
            backend,
            all_reduce: all_reduce(config, backend)?,
            precision: Precision::Full,
            kernels: KernelCache::none(),
        };
        let all = devices.all();
        if let Some(repeated) = repeated(&all, backend) {
            let name = &config.run.further_devices[repeated - 1];
            return Err(invalid(KEY, "each device once, and not that of `run.device`", name));
        }
        let precisions = all.iter().map(|device| precision::resolve(config.run.precision, backend, device));
        let precisions = precisions.collect::<Result<Vec<_>, _>>()?;
        let named: Vec<_> = resolved_names(&config.run, backend)?.into_iter().zip(&all).collect();
        let kernels = KernelCache::open(&config.run, backend, &named)?;
        Ok(Self { precision: precisions[0], kernels, ..devices })
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Device> {
        [&self.first].into_iter().chain(&self.further).cloned().collect()
    }
}

/// Checks the names of `run.further_devices`.
///
/// # Errors
///
/// [`ConfigError::Invalid`] for a name that means no device, or that leaves open which.
pub(crate) fn check(config: &Config) -> Result<(), ConfigError> {
    for name in &config.run.further_devices {
        let request = DeviceRequest::parse(name).map_err(|error| match error {
            DeviceError::Unknown { expected, found } => invalid(KEY, expected, abridged(&found)),
            error => error.into(),
        })?;
        if request.is_auto() {
            return Err(invalid(KEY, "devices by their names", name));
        }
    }
    Ok(())
}

/// The first device that is there a second time; the processor may be.
fn repeated(devices: &[Device], backend: &str) -> Option<usize> {
    let several = ["flex", "ndarray"].contains(&backend);
    (1..devices.len()).find(|&index| !several && devices[..index].contains(&devices[index]))
}

/// Opens the further devices of a run on `backend`.
fn further(config: &Config, backend: &str) -> Result<Vec<Device>, ConfigError> {
    let open = |name: &String| {
        let opened = DeviceRequest::parse(name).and_then(|request| request.open_named());
        let (device, found) = opened.map_err(|error| invalid(KEY, "devices that can be had", error))?;
        if found == backend {
            Ok(device)
        } else {
            Err(invalid(KEY, format!("devices of `{backend}`, as the first"), name))
        }
    };
    config.run.further_devices.iter().map(open).collect()
}

/// How the devices of a run on `backend` add up.
fn all_reduce(config: &Config, backend: &str) -> Result<AllReduce, ConfigError> {
    match config.run.all_reduce {
        AllReduceName::Host => Ok(AllReduce::Host),
        AllReduceName::Device if backend == WITH_ALL_REDUCE => Ok(AllReduce::Device),
        AllReduceName::Device => Err(invalid(
            "run.all_reduce",
            format!(
                "host: Burn 0.22.1 has no all_reduce among devices of `{backend}`, only of `{WITH_ALL_REDUCE}`"
            ),
            "device",
        )),
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    fn config(overrides: &[&str]) -> Result<Config, ConfigError> {
        Config::parse("", "test", overrides)
    }

    #[test]
    fn names_are_checked_before_anything_is_opened() {
        let of = |first: &str, names: &str| {
            let given = [format!("run.device={first}"), format!("run.further_devices={names}")];
            config(&given.each_ref().map(String::as_str)).map_err(|error| error.to_string())
        };
        assert!(of("cuda:0", "[cuda:1, cuda:2]").is_ok());
        assert!(of("flex", "[flex, cpu]").is_ok());
        // Which devices these are is seen when they are opened.
        assert!(of("auto", "[cuda:0]").is_ok() && of("cuda", "[cuda:0]").is_ok());
        for (first, names) in [("cuda:0", "[auto]"), ("cuda:0", "[tpu]"), ("cuda:0", "[cuda:x]")] {
            let message = of(first, names).unwrap_err();
            assert!(message.contains("`run.further_devices`"), "{message}");
        }
    }

    #[test]
    fn a_device_is_taken_once() {
        let two = [Device::flex(), Device::flex()];
        assert_eq!(
            (repeated(&two, "flex"), repeated(&two, "cuda"), repeated(&two[..1], "cuda")),
            (None, Some(1), None)
        );
    }

    #[test]
    fn all_are_of_one_backend_and_add_up_as_it_can() {
        let two = config(&["run.device=flex", "run.further_devices=[cpu]"]).unwrap();
        assert_eq!(further(&two, "flex").unwrap(), [Device::flex()]);
        let devices = RunDevices::open(&two, open_first(&two.run).unwrap()).unwrap();
        assert_eq!(devices.all(), [Device::flex(), Device::flex()]);
        let message = further(&two, "cuda").unwrap_err().to_string();
        assert!(message.contains("expected devices of `cuda`"), "{message}");
        let absent = config(&["run.further_devices=[cuda:1]"]).unwrap();
        assert!(further(&absent, "flex").unwrap_err().to_string().contains("cuda"));
        assert_eq!(all_reduce(&two, "flex").unwrap(), AllReduce::Host);
        let among = config(&["run.all_reduce=device"]).unwrap();
        assert_eq!(all_reduce(&among, "cuda").unwrap(), AllReduce::Device);
        let message = all_reduce(&among, "wgpu").unwrap_err().to_string();
        assert!(message.contains("no all_reduce among devices of `wgpu`"), "{message}");
    }
}
