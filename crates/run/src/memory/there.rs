use sysinfo::System;

use crate::tracking;

/// The memory of a machine or of a GPU, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryThere {
    /// All of it; of a machine what this process may have, where the system limits that.
    pub total: u64,
    /// What nobody uses at the moment, where that is known.
    pub free: Option<u64>,
}

impl MemoryThere {
    /// That of the machine, where the system says it; in a container what that is given.
    #[must_use]
    pub fn of_machine() -> Option<Self> {
        let mut system = System::new();
        system.refresh_memory();
        let (total, free) = (system.total_memory(), system.available_memory());
        let there = match system.cgroup_limits() {
            Some(limits) if limits.total_memory > 0 => {
                Self { total: total.min(limits.total_memory), free: Some(free.min(limits.free_memory)) }
            }
            _ => Self { total, free: Some(free) },
        };
        (there.total > 0).then_some(there)
    }

    /// That of the GPU that `nvidia-smi -i` calls `gpu`, if that program answers.
    #[must_use]
    pub fn of_gpu(gpu: &str) -> Option<Self> {
        let (used, total) = tracking::gpu_memory(gpu)?;
        Some(Self { total, free: used.map(|used| total.saturating_sub(used)) })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_no_more_than_the_kernel_says() {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap();
        let kib: u64 = line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap();
        let there = MemoryThere::of_machine().unwrap();
        assert!(there.total <= 1024 * kib && there.total > 1 << 20, "{there:?}");
        assert!(there.free.unwrap() <= there.total);
    }
}
