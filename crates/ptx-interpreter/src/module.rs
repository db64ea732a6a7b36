//! A loaded module: its kernels, decoded, and its variables, in memory.

use crate::decode;
use crate::fault::ModuleError;
use crate::instruction::{Decoded, Predicate, Row};
use crate::memory::HostBlock;
use crate::registers::RegisterCounts;
use crate::special::SpecialRegister;
use crate::syntax;

/// PTX that has been read and can be launched.
#[derive(Debug)]
pub struct Module {
    pub(crate) kernels: Vec<Kernel>,
    pub(crate) variables: Vec<ModuleVariable>,
    source: String,
}

/// A variable of a module in global or constant memory.
#[derive(Debug)]
pub(crate) struct ModuleVariable {
    pub(crate) name: String,
    pub(crate) size: usize,
    pub(crate) memory: HostBlock,
}

/// A parameter's place among the bytes of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// In bytes from the first parameter.
    pub offset: usize,
    /// In bytes.
    pub size: usize,
}

/// A kernel, decoded.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) name: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) parameter_bytes: usize,
    pub(crate) required_threads: Option<[u32; 3]>,
    pub(crate) code: Vec<Decoded>,
    pub(crate) registers: RegisterCounts,
    /// Rows that hold the same everywhere and always.
    pub(crate) constant_words: Vec<(Row, u32)>,
    pub(crate) constant_longs: Vec<(Row, u64)>,
    pub(crate) constant_predicates: Vec<(Predicate, u32)>,
    /// Rows that are set when a warp starts.
    pub(crate) special: Vec<(Row, SpecialRegister)>,
    /// Bytes of shared memory without what the launch adds, which begins there.
    pub(crate) shared_bytes: usize,
    /// Bytes of local memory of each thread.
    pub(crate) local_bytes: usize,
}

impl Module {
    /// Reads PTX. What this program cannot do is refused here, by name.
    ///
    /// # Errors
    ///
    /// Text that is not PTX, or an instruction or declaration that is not known.
    pub fn parse(text: &str) -> Result<Self, ModuleError> {
        let syntax = syntax::parse(text)?;
        let (kernels, variables) = decode::module(&syntax)?;
        Ok(Self { kernels, variables, source: text.to_owned() })
    }

    /// The names of the kernels, in the order of the text.
    pub fn kernel_names(&self) -> impl Iterator<Item = &str> {
        self.kernels.iter().map(|kernel| kernel.name.as_str())
    }

    /// The parameters that a kernel takes, if there is a kernel of this name.
    #[must_use]
    pub fn parameters(&self, kernel: &str) -> Option<&[Parameter]> {
        self.kernel(kernel).map(|kernel| kernel.parameters.as_slice())
    }

    pub(crate) fn kernel(&self, name: &str) -> Option<&Kernel> {
        self.kernels.iter().find(|kernel| kernel.name == name)
    }

    /// A line of the text.
    pub(crate) fn line(&self, line: u32) -> &str {
        let index = usize::try_from(line).unwrap_or(0).saturating_sub(1);
        self.source.lines().nth(index).unwrap_or("").trim()
    }
}
