//! A device without memory, as an error.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use seqjepa_train::panic_text;

use super::estimate::MemoryEstimate;
use crate::config::abridged;
use crate::kernel_failure::KernelFailure;
use crate::remote::is_lost_connection;
use crate::run::RunError;

/// What backends say of it, in lower case: CubeCL's errors and their names, CUDA's, those of wgpu and Vulkan.
const WORDS: [&str; 6] = [
    "out of memory",
    "out of device memory",
    "out-of-memory",
    "out_of_memory",
    "outofmemory",
    "can't allocate buffer of size",
];

/// Whether a panic is that of a device whose memory is used up.
#[must_use]
pub fn is_out_of_memory(panic: &(dyn Any + Send)) -> bool {
    let text = panic_text(panic).to_lowercase();
    WORDS.iter().any(|words| text.contains(words))
}

/// Does work of a run on a device. Backends report by a panic that the memory of theirs is used up, that a kernel cannot be run or that the
/// server of a remote device is gone; it becomes an error, any other goes on. Whatever the work has changed is not to be used after that.
pub(crate) fn guarded<T>(
    device: &str,
    estimate: &MemoryEstimate,
    work: impl FnOnce() -> Result<T, RunError>,
) -> Result<T, RunError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        if !is_out_of_memory(&*panic) {
            if let Some(KernelFailure { reason, waiting }) = KernelFailure::of(panic_text(&*panic)) {
                return Err(RunError::Kernel { device: device.to_owned(), reason, waiting });
            }
            if is_lost_connection(&*panic) {
                return Err(RunError::LostConnection { device: device.to_owned() });
            }
            resume_unwind(panic)
        }
        let line = panic_text(&*panic).lines().map(str::trim).find(|line| {
            let line = line.to_lowercase();
            WORDS.iter().any(|words| line.contains(words))
        });
        Err(RunError::OutOfMemory {
            device: device.to_owned(),
            found: abridged(line.unwrap_or_default()),
            expected: estimate.peak(),
            hint: estimate.hint(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_of_memory_are_told_from_others() {
        let is = |text: &str| is_out_of_memory(&text.to_owned());
        for text in [
            "out of device memory allocating 8589934592 bytes\n  0: backtrace",
            "Error while reading data: An out-of-memory error happened during launch\nCaused by:\n  no page",
            "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")",
            "called `Result::unwrap()` on an `Err` value: OutOfMemory { size: 12 }",
            "wgpu error: Out of Memory",
            "can't allocate buffer of size: 99",
        ] {
            assert!(is(text), "{text}");
        }
        for text in ["index out of bounds", "a step", ""] {
            assert!(!is(text), "{text}");
        }
        assert!(is_out_of_memory(&"Out of memory") && !is_out_of_memory(&7));
    }
}
