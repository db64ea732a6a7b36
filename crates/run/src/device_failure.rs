//! What a device fails of, as an error.

use std::any::Any;
use std::fmt;

use seqjepa_train::panic_text;

use crate::config::abridged;
use crate::remote::is_lost_connection;

/// What backends say of memory that is used up, in lower case: CubeCL's errors and their names, CUDA's, those of wgpu and Vulkan.
const MEMORY: [&str; 7] = [
    "out of memory",
    "out of device memory",
    "out-of-memory",
    "out_of_memory",
    "outofmemory",
    "can't allocate buffer of size",
    "every page size",
];

/// What they say of a kernel, in lower case: CubeCL's errors, and those of a driver that is older than the program.
const KERNEL: [&str; 4] =
    ["compilation error", "failed to compile", "a launch error happened", "missing symbol cu"];

/// What they say of NVIDIA's mathematical functions where they are missing, in lower case.
const LIBDEVICE: &str = "libdevice";

/// Characters of a compiler's words that are told.
const LONGEST: usize = 500;

/// What a device has failed of. Backends say it by a panic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceFailure {
    /// Its memory is used up.
    Memory {
        /// What its backend has said.
        found: String,
    },
    /// A kernel was not compiled or not launched.
    Kernel {
        /// What the compiler or the driver has said.
        reason: String,
        /// Kernels that were left out since they needed what it was to compute, the first first.
        waiting: Vec<String>,
    },
    /// The server of a remote device is gone.
    LostConnection,
}

impl DeviceFailure {
    /// What a panic says of a device; `None` if nothing.
    #[must_use]
    pub fn of(panic: &(dyn Any + Send)) -> Option<Self> {
        let text = panic_text(panic);
        if is_lost_connection(panic) {
            return Some(Self::LostConnection);
        }
        let says = |line: &str, words: &[&str]| {
            let line = line.to_lowercase();
            words.iter().any(|words| line.contains(words))
        };
        if says(text, &MEMORY) {
            let line = text.lines().map(str::trim).find(|line| says(line, &MEMORY));
            return Some(Self::Memory { found: abridged(line.unwrap_or_default()) });
        }
        says(text, &KERNEL).then(|| Self::of_kernel(text))
    }

    fn of_kernel(text: &str) -> Self {
        // CubeCL lists what was left out, the last first.
        let mut waiting: Vec<String> = Vec::new();
        for line in text.lines().rev() {
            let kernel = line.trim().strip_prefix("skipped `").and_then(|rest| rest.split('`').next());
            if let Some(kernel) = kernel.filter(|kernel| !waiting.iter().any(|known| known == kernel)) {
                waiting.push(kernel.to_owned());
            }
        }
        // The causes, the innermost last, without what frames them.
        let frames = ["Caused by:", "No backtrace", "Backtrace:", "Asked at:", "skipped `"];
        let causes = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !frames.iter().any(|frame| line.starts_with(frame)));
        let causes: Vec<&str> = causes.collect();
        let innermost = causes
            .iter()
            .position(|line| KERNEL.iter().any(|words| line.to_lowercase().contains(words)))
            .unwrap_or_default();
        let missing = causes.iter().position(|line| line.to_lowercase().contains(LIBDEVICE));
        let reason: String =
            causes[missing.unwrap_or(innermost)..].join(": ").chars().take(LONGEST).collect();
        Self::Kernel { reason, waiting }
    }
}

impl fmt::Display for DeviceFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { found } => write!(formatter, "memory: the device has no more ({found})"),
            Self::Kernel { reason, waiting } => {
                write!(formatter, "the device cannot run a kernel: {reason}{}. {}", waiting_for(waiting), advice(reason))
            }
            Self::LostConnection => formatter.write_str(
                "the server of the remote device ended the session, or cannot be reached any more; where it still runs, it has said why",
            ),
        }
    }
}

/// The kernels that waited, as the end of a sentence.
pub(crate) fn waiting_for(kernels: &[String]) -> String {
    match kernels {
        [] => String::new(),
        [first, ..] => {
            format!("; its result was for `{first}` first, of {} kinds that needed it", kernels.len())
        }
    }
}

/// What can be done about a kernel that fails of `reason`.
pub(crate) fn advice(reason: &str) -> &'static str {
    if reason.to_lowercase().contains(LIBDEVICE) {
        "Install NVIDIA's toolkit, or name a folder that holds nvvm/libdevice/libdevice.10.bc by the environment variable CUDA_PATH \
         (docs/gpu.md says where to get that file alone)"
    } else {
        "Try a newer driver, another backend (`seqjepa devices`, `seqjepa devices --check`), or kernels that are not fused: the environment \
         variable BURN_FUSION_MAX_EXPLORATIONS=0"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As CubeCL 0.11.3 says it of a kernel that does not pass its compiler, on `wgpu`.
    const REPORT: &str = "Error while reading data: An error happened during execution
Caused by:
  Several failures at once
Caused by:
  The bytes were never written (failure #2098, still claiming 8 buffer(s))
  skipped `Normalize`: it needed memory ManagedMemoryId { value: 5779 }, which carried the failure
  skipped `ElemwiseFuse`: it needed memory ManagedMemoryId { value: 5779 }, which carried the failure
  skipped `ElemwiseFuse`: it needed memory ManagedMemoryId { value: 5779 }, which carried the failure
  skipped `FinishMoments`: it needed memory ManagedMemoryId { value: 5777 }, which carried the failure
Caused by:
  A launch error happened
Caused by:
  A compilation error happened during launch
Caused by:
  Compilation error: verification failed.
Expected operand type cube.ptr, but found cube.index
Backtrace:
No backtrace available";

    #[test]
    fn the_report_of_a_kernel_becomes_a_line() {
        let Some(DeviceFailure::Kernel { reason, waiting }) = DeviceFailure::of(&REPORT) else { panic!() };
        assert_eq!(waiting, ["FinishMoments", "ElemwiseFuse", "Normalize"]);
        assert!(reason.starts_with("A launch error happened"), "{reason}");
        assert!(reason.contains("Expected operand type cube.ptr"), "{reason}");
    }

    #[test]
    fn functions_that_are_missing_are_told_whole() {
        let report = "A launch error happened\nCaused by:\n  Compilation error: cannot link\nCaused by:\n  libdevice.10.bc was not found in /usr/local/cuda";
        let failure = DeviceFailure::of(&report.to_owned()).unwrap().to_string();
        assert!(failure.contains("found in /usr/local/cuda") && failure.contains("CUDA_PATH"), "{failure}");
        assert!(!failure.contains("newer driver"), "{failure}");
    }

    #[test]
    fn a_driver_that_is_too_old_is_told_of() {
        let panic = "Missing symbol cuEventElapsedTime_v2: undefined symbol: cuEventElapsedTime_v2";
        let failure = DeviceFailure::of(&panic.to_owned()).unwrap().to_string();
        assert!(failure.contains("cuEventElapsedTime_v2") && failure.contains("newer driver"), "{failure}");
    }

    #[test]
    fn panics_of_memory_are_told_from_others() {
        let is =
            |text: &str| matches!(DeviceFailure::of(&text.to_owned()), Some(DeviceFailure::Memory { .. }));
        for text in [
            "out of device memory allocating 8589934592 bytes\n  0: backtrace",
            "Error while reading data: An out-of-memory error happened during launch\nCaused by:\n  no page",
            "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")",
            "called `Result::unwrap()` on an `Err` value: OutOfMemory { size: 12 }",
            "wgpu error: Out of Memory",
            "can't allocate buffer of size: 99",
            "Can't allocate 8589934592 bytes: every page size is too small",
        ] {
            assert!(is(text), "{text}");
        }
        for text in ["index out of bounds", "a step", ""] {
            assert!(!is(text), "{text}");
            assert_eq!(DeviceFailure::of(&text.to_owned()), None);
        }
        assert_eq!(DeviceFailure::of(&7), None);
    }
}
