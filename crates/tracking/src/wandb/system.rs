/// How busy the machine and the process are. What is not known is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SystemFigures {
    /// How busy the machine's processors are, in percent of all of them.
    pub cpu_percent: Option<f64>,
    /// How much of the machine's memory is in use, in percent.
    pub memory_percent: Option<f64>,
    /// How busy the process keeps processors, in percent of one.
    pub process_cpu_percent: Option<f64>,
    /// Memory of the process that is in the machine's memory, in MiB.
    pub process_memory_mib: Option<f64>,
    /// Those of the GPU that the process computes on.
    pub gpu: Option<GpuFigures>,
}

/// How busy a GPU is, all its users together. What is not known is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct GpuFigures {
    /// Its number on the machine, by which W&B names its charts.
    pub index: u32,
    /// Share of the time in which it computed, in percent.
    pub busy_percent: Option<f64>,
    /// Share of the time in which its memory was read or written, in percent.
    pub memory_busy_percent: Option<f64>,
    /// Its memory in use, in bytes.
    pub memory_used: Option<f64>,
    /// All its memory, in bytes.
    pub memory_total: Option<f64>,
    /// Temperature in degrees Celsius.
    pub temperature: Option<f64>,
    /// Power that it draws, in watts.
    pub power: Option<f64>,
}

impl SystemFigures {
    /// Those that are known, with the names under which W&B shows them (after `system.`).
    pub fn named(&self) -> impl Iterator<Item = (String, f64)> {
        let own = [
            ("cpu", self.cpu_percent),
            ("memory_percent", self.memory_percent),
            ("proc.cpu.percent", self.process_cpu_percent),
            ("proc.memory.rssMB", self.process_memory_mib),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        own.chain(self.gpu.into_iter().flat_map(GpuFigures::named))
    }
}

impl GpuFigures {
    fn named(self) -> impl Iterator<Item = (String, f64)> {
        let allocated = self.memory_used.zip(self.memory_total).filter(|(_, total)| *total > 0.0);
        [
            ("gpu", self.busy_percent),
            ("memory", self.memory_busy_percent),
            ("memoryAllocated", allocated.map(|(used, total)| 100.0 * used / total)),
            ("memoryAllocatedBytes", self.memory_used),
            ("temp", self.temperature),
            ("powerWatts", self.power),
        ]
        .into_iter()
        .filter_map(move |(name, value)| Some((format!("gpu.{}.{name}", self.index), value?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_names_of_the_charts() {
        let gpu = GpuFigures {
            index: 3,
            busy_percent: Some(87.0),
            memory_used: Some(512.0),
            memory_total: Some(2048.0),
            ..GpuFigures::default()
        };
        let figures = SystemFigures { cpu_percent: Some(1.0), gpu: Some(gpu), ..SystemFigures::default() };
        let named: Vec<_> = figures.named().collect();
        let expected = [
            ("cpu", 1.0),
            ("gpu.3.gpu", 87.0),
            ("gpu.3.memoryAllocated", 25.0),
            ("gpu.3.memoryAllocatedBytes", 512.0),
        ];
        assert_eq!(named, expected.map(|(name, value)| (name.to_owned(), value)));
    }
}
