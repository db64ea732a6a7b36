//! A kernel that a device cannot be made to run, as an error.

/// What backends say of it, in lower case: CubeCL's errors.
const WORDS: [&str; 3] = ["compilation error", "failed to compile", "a launch error happened"];

/// Characters of a compiler's words that are told.
const LONGEST: usize = 300;

/// What is known of a kernel that was not compiled or not launched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KernelFailure {
    /// What the compiler or the driver has said.
    pub(crate) reason: String,
    /// Kernels that were left out since they needed what it was to compute, the first first.
    pub(crate) waiting: Vec<String>,
}

impl KernelFailure {
    /// What the text of a panic says of one.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let lower = text.to_lowercase();
        if !WORDS.iter().any(|words| lower.contains(words)) {
            return None;
        }
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
            .position(|line| WORDS.iter().any(|words| line.to_lowercase().contains(words)))
            .unwrap_or_default();
        let reason: String = causes[innermost..].join(": ").chars().take(LONGEST).collect();
        Some(Self { reason, waiting })
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
        let failure = KernelFailure::of(REPORT).unwrap();
        assert_eq!(failure.waiting, ["FinishMoments", "ElemwiseFuse", "Normalize"]);
        assert!(failure.reason.starts_with("A launch error happened"), "{}", failure.reason);
        assert!(failure.reason.contains("Expected operand type cube.ptr"), "{}", failure.reason);
        for other in ["index out of bounds", "out of device memory allocating 8 bytes", ""] {
            assert_eq!(KernelFailure::of(other), None);
        }
    }
}
