//! Which device a run computes on, chosen at run time among the backends that were compiled in.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[cfg(any(feature = "metal", feature = "vulkan", feature = "wgpu-untuned"))]
use burn::backend::WgpuDeviceKind;
#[cfg(any(feature = "cuda", feature = "metal", feature = "vulkan", feature = "wgpu-untuned"))]
use burn::backend::{CubeDevice, DispatchDevice};
use burn::tensor::{Device, DeviceType};
use seqjepa_train::panic_text;
use thiserror::Error;

use crate::kernel_cache;
use crate::remote::RemoteAddress;

/// A device that cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// A name that means no device.
    #[error("device: expected {expected}, found {found}")]
    Unknown {
        /// The names there are.
        expected: &'static str,
        /// The name.
        found: String,
    },
    /// A device of a backend that this build does not contain.
    #[error(
        "device `{device}`: this build has no {backend} backend (compiled in: {compiled}); build with the cargo feature `{feature}`"
    )]
    NotCompiled {
        /// The device asked for.
        device: String,
        /// Its backend.
        backend: &'static str,
        /// The cargo feature that brings it.
        feature: &'static str,
        /// The backends there are.
        compiled: String,
    },
    /// A device that the machine does not have.
    #[error(
        "device `{device}` is not there: the {backend} backend looked for {looked_for} and found {found} device(s){problem}"
    )]
    Absent {
        /// The device asked for.
        device: String,
        /// Its backend.
        backend: &'static str,
        /// What the backend reaches its devices by.
        looked_for: &'static str,
        /// Devices of that backend.
        found: usize,
        /// Nothing, or ": " with what its driver failed of.
        problem: String,
    },
    /// A remote device in a build that fuses the operations it sends.
    #[error(
        "device `{device}`: expected a program without GPU backends, found one with them: there Burn 0.22.1 fuses the operations that it \
         sends, and the server ends the session over them; build this side with `--features remote` alone, only the server with those of \
         its GPU"
    )]
    FusedRemote {
        /// The device asked for.
        device: String,
    },
    /// A remote device where nothing can be reached.
    #[error(
        "device `{device}`: expected `seqjepa serve` at {server}, found nothing that can be reached there: {problem}"
    )]
    Unreachable {
        /// The device asked for.
        device: String,
        /// Where it should be served.
        server: String,
        /// What the system says.
        problem: String,
    },
    /// A remote device beyond those of its server.
    #[error(
        "device `{device}`: expected one of the {hosted} device(s) that {server} serves, counted from 0, found number {index}"
    )]
    NotHosted {
        /// The device asked for.
        device: String,
        /// The server.
        server: String,
        /// Devices that it serves.
        hosted: usize,
        /// The number asked for.
        index: usize,
    },
    /// A remote device whose server opens no session.
    #[error("device `{device}`: expected that {server} opens a session, found that it does not: {problem}")]
    Refused {
        /// The device asked for.
        device: String,
        /// The server.
        server: String,
        /// Why not.
        problem: String,
    },
    /// `auto` in a build and on a machine that give it no choice.
    #[error(
        "device `auto`: none of the backends of this build ({compiled}) finds a device that it may take; a software adapter has to \
         be named (`seqjepa devices` lists all)"
    )]
    None {
        /// The backends there are.
        compiled: String,
    },
}

/// A backend that can be asked for by name, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backend {
    Cuda,
    Rocm,
    Metal,
    Vulkan,
    Wgpu,
    Flex,
    NdArray,
    Remote,
}

impl Backend {
    /// Best first: the order of `auto`.
    const ALL: [Self; 8] = [
        Self::Cuda,
        Self::Rocm,
        Self::Metal,
        Self::Vulkan,
        Self::Wgpu,
        Self::Flex,
        Self::NdArray,
        Self::Remote,
    ];

    /// Its name, which is that of its cargo feature.
    fn name(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::Rocm => "rocm",
            Self::Metal => "metal",
            Self::Vulkan => "vulkan",
            Self::Wgpu => "wgpu",
            Self::Flex => "flex",
            Self::NdArray => "ndarray",
            Self::Remote => "remote",
        }
    }

    fn is_compiled(self) -> bool {
        match self {
            Self::Remote => cfg!(feature = "remote"),
            _ => self.device_type().is_some(),
        }
    }

    /// What Burn calls it, where it was compiled in. Of remote devices nothing, since Burn looks for them by their address.
    fn device_type(self) -> Option<DeviceType> {
        match self {
            #[cfg(feature = "cuda")]
            Self::Cuda => Some(DeviceType::Cuda),
            #[cfg(feature = "rocm")]
            Self::Rocm => Some(DeviceType::Rocm),
            #[cfg(feature = "metal")]
            Self::Metal => Some(DeviceType::Metal),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Some(DeviceType::Vulkan),
            #[cfg(feature = "wgpu-untuned")]
            Self::Wgpu => Some(DeviceType::Wgpu),
            #[cfg(feature = "flex")]
            Self::Flex => Some(DeviceType::Flex),
            #[cfg(feature = "ndarray")]
            Self::NdArray => Some(DeviceType::NdArray),
            #[allow(unreachable_patterns, reason = "with every backend compiled in there is no other arm")]
            _ => None,
        }
    }

    /// What it reaches its devices by.
    fn looked_for(self) -> &'static str {
        match self {
            Self::Cuda => "NVIDIA's driver (libcuda.so.1)",
            Self::Rocm => "AMD's ROCm (libamdhip64.so)",
            Self::Metal => "adapters of Apple's Metal",
            Self::Vulkan => "adapters of Vulkan (its loader, libvulkan.so.1, and a driver)",
            Self::Wgpu => {
                "adapters of Vulkan, DirectX 12, Metal or OpenGL (on Linux libvulkan.so.1 and a driver)"
            }
            Self::Flex | Self::NdArray => "the processor",
            Self::Remote => "`seqjepa serve` at the address that the name holds",
        }
    }

    /// Whether its devices have numbers. Those of remote ones stand in the address.
    fn has_several(self) -> bool {
        !matches!(self, Self::Flex | Self::NdArray | Self::Remote)
    }

    /// The devices of this backend that are present, software adapters last; none where it was not compiled in, and none that are
    /// remote. An error is what its driver died of.
    fn look(self) -> Result<Vec<Device>, String> {
        kernel_cache::keep_nothing();
        let Some(device_type) = self.device_type() else {
            return Ok(Vec::new());
        };
        // A driver library that is missing or broken makes some backends panic here rather than report no device.
        let devices = catch_unwind(AssertUnwindSafe(|| Device::enumerate(device_type).into_vec()));
        let mut devices = devices.map_err(|panic| {
            panic_text(&*panic).lines().next().unwrap_or("it panicked without a message").to_owned()
        })?;
        devices.sort_by_key(is_software);
        #[cfg(feature = "cuda")]
        if self == Self::Cuda && devices.is_empty() {
            return catch_unwind(driver_problem).ok().flatten().map_or(Ok(devices), Err);
        }
        Ok(devices)
    }

    fn compiled() -> String {
        let names: Vec<_> =
            Self::ALL.into_iter().filter(|backend| backend.is_compiled()).map(Self::name).collect();
        if names.is_empty() { "none".into() } else { names.join(", ") }
    }
}

/// What NVIDIA's driver fails of, if it is there and is not merely without a card; CubeCL sees no device then and does not say why.
#[cfg(feature = "cuda")]
fn driver_problem() -> Option<String> {
    use cudarc::driver::{CudaContext, DriverError, sys};

    // SAFETY: this opens the driver's library, as CubeCL has done before, and calls nothing of it.
    if !unsafe { sys::is_culib_present() } {
        return None;
    }
    match CudaContext::device_count() {
        Ok(_)
        | Err(DriverError(sys::CUresult::CUDA_ERROR_NO_DEVICE | sys::CUresult::CUDA_ERROR_STUB_LIBRARY)) => {
            None
        }
        Err(DriverError(code)) => {
            Some(format!("the driver is there and fails with {code:?}; `nvidia-smi` may say more"))
        }
    }
}

/// Whether a device is a program on the processor in place of a graphics card: llvmpipe, SwiftShader, WARP.
fn is_software(device: &Device) -> bool {
    #[cfg(any(feature = "metal", feature = "vulkan", feature = "wgpu-untuned"))]
    if let DispatchDevice::Cube(CubeDevice::Wgpu(device)) = device.as_dispatch() {
        return device.kind == WgpuDeviceKind::Cpu;
    }
    let _ = device;
    false
}

/// Whether a device is one of CUDA.
pub(crate) fn is_cuda(device: &Device) -> bool {
    #[cfg(feature = "cuda")]
    return matches!(device.as_dispatch(), DispatchDevice::Cube(CubeDevice::Cuda(_)));
    #[cfg(not(feature = "cuda"))]
    {
        let _ = device;
        false
    }
}

/// What a device calls itself, such as `NVIDIA GeForce RTX 3060`; opens it. `None` if it does not say, or cannot be opened.
#[must_use]
pub fn own_name(device: &Device) -> Option<String> {
    #[cfg(any(
        feature = "cuda",
        feature = "metal",
        feature = "rocm",
        feature = "vulkan",
        feature = "wgpu-untuned"
    ))]
    {
        let identity = catch_unwind(AssertUnwindSafe(|| device.identity())).ok().flatten();
        identity.map(|identity| identity.name)
    }
    #[cfg(not(any(
        feature = "cuda",
        feature = "metal",
        feature = "rocm",
        feature = "vulkan",
        feature = "wgpu-untuned"
    )))]
    {
        let _ = device;
        None
    }
}

/// What a build knows of a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackendReport {
    /// Its name in `run.device`, which is that of its cargo feature.
    pub name: &'static str,
    /// Whether this build contains it.
    pub compiled: bool,
    /// The devices of it that this machine has, for people.
    pub devices: Vec<String>,
    /// How many of them, the last ones, are software adapters: programs on the processor in place of a graphics card, which `auto`
    /// leaves alone.
    pub software: usize,
    /// What it reaches its devices by, for people.
    pub looked_for: &'static str,
    /// Why none could be looked for, where its driver failed.
    pub problem: Option<String>,
}

/// Every backend, in the order in which `auto` looks for a device.
#[must_use]
pub fn backends() -> Vec<BackendReport> {
    let report = |backend: Backend| {
        let (devices, problem) = match backend.look() {
            Ok(devices) => (devices, None),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        BackendReport {
            name: backend.name(),
            compiled: backend.is_compiled(),
            software: devices.iter().filter(|device| is_software(device)).count(),
            devices: devices.iter().map(|device| format!("{device:?}")).collect(),
            looked_for: backend.looked_for(),
            problem,
        }
    };
    Backend::ALL.into_iter().map(report).collect()
}

/// A device as a config names it, such as `auto` or `cuda:1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRequest {
    text: String,
    backend: Option<Backend>,
    index: usize,
    /// That of a remote device.
    address: Option<RemoteAddress>,
}

impl fmt::Display for DeviceRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl DeviceRequest {
    /// Reads `auto`, `cpu`, `flex`, `ndarray`, `cuda[:n]`, `rocm[:n]`, `metal[:n]`, `vulkan[:n]`, `wgpu[:n]` or `remote:HOST:PORT[/n]`.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Unknown`] for anything else.
    pub fn parse(text: &str) -> Result<Self, DeviceError> {
        let refuse = || DeviceError::Unknown {
            expected: "auto, cpu, flex, ndarray, cuda[:n], vulkan[:n], metal[:n], rocm[:n], wgpu[:n] or remote:HOST:PORT[/n], an IPv6 \
                       address in brackets",
            found: text.into(),
        };
        if let Some(address) = text.strip_prefix("remote:") {
            let address = RemoteAddress::parse(address).ok_or_else(refuse)?;
            let (backend, index) = (Some(Backend::Remote), address.index());
            return Ok(Self { text: text.into(), backend, index, address: Some(address) });
        }
        let (name, index) = match text.split_once(':') {
            None => (text, None),
            Some((name, index)) => (name, Some(index.parse::<usize>().map_err(|_| refuse())?)),
        };
        let backend = match name {
            "auto" => None,
            "cpu" => Some(Backend::Flex),
            _ => Some(Backend::ALL.into_iter().find(|backend| backend.name() == name).ok_or_else(refuse)?),
        };
        let needs_address = backend == Some(Backend::Remote);
        if needs_address || index.is_some() && !backend.is_some_and(Backend::has_several) {
            return Err(refuse());
        }
        Ok(Self { text: text.into(), backend, index: index.unwrap_or(0), address: None })
    }

    /// Whether it leaves the choice open.
    pub(crate) fn is_auto(&self) -> bool {
        self.backend.is_none()
    }

    /// The name in `run.device` of what this has opened on `backend`: `flex`, `cuda:1`, `remote:127.0.0.1:3000/0`.
    #[must_use]
    pub fn resolved(&self, backend: &str) -> String {
        match (backend, &self.address) {
            ("flex" | "ndarray", _) => backend.to_owned(),
            (_, Some(address)) => format!("{backend}:{address}"),
            // `auto` takes the first.
            _ => format!("{backend}:{}", self.index),
        }
    }

    /// Opens the device: for `auto` the best backend that is compiled in and has a device other than a software adapter, else the one
    /// named.
    ///
    /// # Errors
    ///
    /// [`DeviceError::NotCompiled`], [`DeviceError::Absent`] and [`DeviceError::None`]; of a remote device
    /// [`DeviceError::FusedRemote`], [`DeviceError::Unreachable`], [`DeviceError::NotHosted`] and [`DeviceError::Refused`], each within some seconds.
    pub fn open(&self) -> Result<Device, DeviceError> {
        self.open_named().map(|(device, _)| device)
    }

    /// The same, with the name of its backend, which is that of its cargo feature.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_named(&self) -> Result<(Device, &'static str), DeviceError> {
        let Some(backend) = self.backend else {
            let first = |backend: Backend| {
                let name = backend.name();
                // A driver that is there and fails is no reason not to compute, but the user may wonder where the GPU is.
                let found = backend
                    .look()
                    .inspect_err(|problem| tracing::warn!("device `auto` passes over {name}: {problem}"));
                let device = found.ok()?.into_iter().next().filter(|device| !is_software(device))?;
                Some((device, name))
            };
            let best = Backend::ALL.into_iter().find_map(first);
            return best.ok_or_else(|| DeviceError::None { compiled: Backend::compiled() });
        };
        // `cpu` is flex, or ndarray in a build that has only that.
        let backend = match backend {
            Backend::Flex if self.text == "cpu" && backend.device_type().is_none() => Backend::NdArray,
            backend => backend,
        };
        if !backend.is_compiled() {
            return Err(DeviceError::NotCompiled {
                device: self.text.clone(),
                backend: backend.name(),
                feature: backend.name(),
                compiled: Backend::compiled(),
            });
        }
        #[cfg(feature = "remote")]
        if let Some(address) = &self.address {
            return Ok((crate::remote::connect(&self.text, address)?, backend.name()));
        }
        let (devices, problem) = match backend.look() {
            Ok(devices) => (devices, String::new()),
            Err(problem) => (Vec::new(), format!(": {problem}")),
        };
        let found = devices.len();
        let device = devices.into_iter().nth(self.index).map(|device| (device, backend.name()));
        device.ok_or_else(|| DeviceError::Absent {
            device: self.text.clone(),
            backend: backend.name(),
            looked_for: backend.looked_for(),
            found,
            problem,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_others_are_refused() {
        for text in [
            "auto",
            "cpu",
            "flex",
            "ndarray",
            "cuda",
            "cuda:3",
            "vulkan:0",
            "metal",
            "rocm:1",
            "wgpu",
            "wgpu:2",
            "remote:127.0.0.1:3000",
            "remote:gpu.lab:3000/1",
            "remote:[::1]:3000",
        ] {
            assert_eq!(DeviceRequest::parse(text).unwrap().to_string(), text);
        }
        for (text, name) in [("auto", "cuda:0"), ("cuda", "cuda:0"), ("cuda:3", "cuda:3")] {
            assert_eq!(DeviceRequest::parse(text).unwrap().resolved("cuda"), name);
        }
        let remote = |text| DeviceRequest::parse(text).unwrap().resolved("remote");
        assert_eq!(remote("remote:[::1]:3000"), "remote:[::1]:3000/0");
        assert_eq!(remote("remote:gpu.lab:3000/1"), "remote:gpu.lab:3000/1");
        for text in [
            "gpu",
            "",
            "cuda:",
            "cuda:x",
            "cuda:-1",
            "cpu:1",
            "auto:0",
            "CUDA",
            "remote",
            "remote:",
            "remote:0",
            "remote:gpu.lab",
            "remote:::1:3000",
            "remote:gpu.lab:3000:1",
        ] {
            let message = DeviceRequest::parse(text).unwrap_err().to_string();
            assert!(message.contains("device") && message.contains("expected"), "{message}");
        }
    }

    #[cfg(feature = "flex")]
    #[test]
    fn the_cpu_is_always_there() {
        for text in ["auto", "cpu", "flex"] {
            let request = DeviceRequest::parse(text).unwrap();
            assert_eq!(request.resolved(request.open_named().unwrap().1), "flex");
        }
    }

    #[cfg(not(feature = "remote"))]
    #[test]
    fn a_remote_device_names_its_feature_where_it_is_not_compiled_in() {
        let message = DeviceRequest::parse("remote:127.0.0.1:1").unwrap().open().unwrap_err().to_string();
        assert!(message.contains("cargo feature `remote`"), "{message}");
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_backend_that_is_not_compiled_in_names_its_feature() {
        let message = DeviceRequest::parse("cuda:0").unwrap().open().unwrap_err().to_string();
        assert!(message.contains("cargo feature `cuda`"), "{message}");
    }
}
