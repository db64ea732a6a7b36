//! What goes wrong: PTX that is not understood, and launches that fail.

use std::fmt;

/// Why a module cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleError {
    /// Of the PTX, from 1.
    pub line: u32,
    /// The kernel or function it is in, if it is in one.
    pub function: Option<String>,
    /// What is wrong there.
    pub message: String,
}

impl ModuleError {
    pub(crate) fn new(line: u32, message: impl Into<String>) -> Self {
        Self { line, function: None, message: message.into() }
    }

    pub(crate) fn within(mut self, function: &str) -> Self {
        self.function.get_or_insert_with(|| function.to_owned());
        self
    }
}

impl fmt::Display for ModuleError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {} of the PTX", self.line)?;
        if let Some(function) = &self.function {
            write!(formatter, ", in {function}")?;
        }
        write!(formatter, ": {}", self.message)
    }
}

impl std::error::Error for ModuleError {}

/// The ways in which a running kernel fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// An access outside of every live allocation, or of shared, local or parameter memory.
    IllegalAddress,
    /// An access at an address that is no multiple of its size.
    MisalignedAddress,
    /// Threads wait for others that never come.
    Deadlock,
    /// The kernel executed `trap`.
    Trap,
}

/// Why a kernel stopped before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The way in which it failed.
    pub kind: FaultKind,
    /// The kernel's name.
    pub kernel: String,
    /// Of the PTX, from 1.
    pub line: u32,
    /// The line itself.
    pub instruction: String,
    /// The block, and the thread in it by its linear index, where it happened.
    pub block: [u32; 3],
    /// The first thread that it concerns.
    pub thread: u32,
    /// The address and what is near it, or what is waited for.
    pub detail: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            FaultKind::IllegalAddress => "illegal address",
            FaultKind::MisalignedAddress => "misaligned address",
            FaultKind::Deadlock => "deadlock",
            FaultKind::Trap => "trap",
        };
        let [x, y, z] = self.block;
        write!(
            formatter,
            "{kind} in kernel {} at line {} of the PTX, `{}`, block ({x}, {y}, {z}), thread {}: {}",
            self.kernel, self.line, self.instruction, self.thread, self.detail
        )
    }
}

impl std::error::Error for Fault {}

/// Why a launch did not come about or did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchError {
    /// The grid, block, shared memory or parameters are not what the kernel or the card takes.
    Invalid(String),
    /// The host has no memory left for what a block needs. Nothing was computed.
    OutOfMemory(String),
    /// The kernel failed while it ran.
    Fault(Fault),
}

impl fmt::Display for LaunchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(message) | Self::OutOfMemory(message) => formatter.write_str(message),
            Self::Fault(fault) => fault.fmt(formatter),
        }
    }
}

impl std::error::Error for LaunchError {}
