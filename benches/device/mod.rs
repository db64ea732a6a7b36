//! On what a benchmark computes that can run anywhere.

use burn::tensor::Device;
use seqjepa::run::device::DeviceRequest;

/// The device that `SEQJEPA_BENCH_DEVICE` names as `run.device` does, else the processor. The benchmarks have to be built with its
/// feature.
pub(crate) fn device() -> Device {
    let name = std::env::var("SEQJEPA_BENCH_DEVICE").unwrap_or_else(|_| "flex".into());
    DeviceRequest::parse(&name).and_then(|request| request.open()).unwrap_or_else(|error| panic!("{error}"))
}
