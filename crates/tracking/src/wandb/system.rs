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
}

impl SystemFigures {
    /// Those that are known, with the names under which W&B shows them (after `system.`).
    pub fn named(&self) -> impl Iterator<Item = (&'static str, f64)> {
        [
            ("cpu", self.cpu_percent),
            ("memory_percent", self.memory_percent),
            ("proc.cpu.percent", self.process_cpu_percent),
            ("proc.memory.rssMB", self.process_memory_mib),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}
