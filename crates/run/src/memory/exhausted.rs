//! A device's failure, as an error of the run.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::estimate::MemoryEstimate;
use crate::device_failure::DeviceFailure;
use crate::run::RunError;

/// Does work of a run on a device. Backends report by a panic that the memory of theirs is used up, that a kernel cannot be run or that the
/// server of a remote device is gone; it becomes an error, any other goes on. Whatever the work has changed is not to be used after that.
pub(crate) fn guarded<T>(
    device: &str,
    estimate: &MemoryEstimate,
    work: impl FnOnce() -> Result<T, RunError>,
) -> Result<T, RunError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let device = device.to_owned();
        Err(match DeviceFailure::of(&*panic) {
            None => resume_unwind(panic),
            Some(DeviceFailure::Memory { found }) => {
                RunError::OutOfMemory { device, found, expected: estimate.peak(), hint: estimate.hint() }
            }
            Some(DeviceFailure::Kernel { reason, waiting }) => RunError::Kernel { device, reason, waiting },
            Some(DeviceFailure::LostConnection) => RunError::LostConnection { device },
        })
    })
}
