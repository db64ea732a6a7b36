use std::time::{Duration, Instant};

use seqjepa_tracking::wandb::{MachineDescription, SystemFigures};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::gpu::GpuWatch;

/// Time between two samples; as the public client's.
const INTERVAL: Duration = Duration::from_secs(15);

/// How busy machine and process are, every so often.
#[derive(Debug)]
pub(super) struct Monitor {
    system: System,
    process: Option<Pid>,
    sampled: Option<Instant>,
    gpu: Option<GpuWatch>,
}

impl Monitor {
    /// Of this process, its machine and the GPU that `nvidia-smi -i` calls `gpu`.
    pub(super) fn new(gpu: Option<&str>) -> Self {
        let mut monitor = Self {
            system: System::new(),
            process: sysinfo::get_current_pid().ok(),
            sampled: None,
            gpu: gpu.and_then(GpuWatch::new),
        };
        // How busy a processor is, is known from two looks.
        monitor.refresh();
        monitor
    }

    fn refresh(&mut self) {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
        let process = self.process.as_slice();
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(process), false, kind);
    }

    /// A sample, if it is time for one. The GPU is asked with it, and is a sample of its own when it has answered.
    pub(super) fn sample(&mut self) -> Option<SystemFigures> {
        let gpu = self.gpu.as_ref().and_then(GpuWatch::answer);
        if self.sampled.is_some_and(|sampled| sampled.elapsed() < INTERVAL) {
            return gpu.map(|gpu| SystemFigures { gpu: Some(gpu), ..SystemFigures::default() });
        }
        self.sampled = Some(Instant::now());
        if let Some(gpu) = &self.gpu {
            gpu.ask();
        }
        self.refresh();
        let process = self.process.and_then(|process| self.system.process(process));
        let share = |part: u64, whole: u64| (whole > 0).then(|| 100.0 * part as f64 / whole as f64);
        Some(SystemFigures {
            cpu_percent: Some(self.system.global_cpu_usage().into()),
            memory_percent: share(self.system.used_memory(), self.system.total_memory()),
            process_cpu_percent: process.map(|process| process.cpu_usage().into()),
            process_memory_mib: process.map(|process| process.memory() as f64 / f64::from(1 << 20)),
            gpu,
        })
    }

    pub(super) fn machine(&self, device: &str) -> MachineDescription {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let on_cpu = matches!(device, "flex" | "ndarray");
        MachineDescription {
            system: std::env::consts::OS.into(),
            cores: System::physical_core_count().map_or(0, count),
            threads: std::thread::available_parallelism().map_or(0, |threads| count(threads.get())),
            memory: self.system.total_memory(),
            accelerator: if on_cpu { String::new() } else { device.into() },
        }
    }
}
