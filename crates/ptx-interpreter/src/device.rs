//! The card: its memory, and launches on it.

use std::collections::BTreeMap;
use std::fmt;

use crate::fault::LaunchError;
use crate::launch;
use crate::memory::{ALLOCATION_ALIGNMENT, HostBlock, Range, Ranges};
use crate::module::Module;

/// Threads of a block at most.
pub(crate) const MAX_THREADS: u32 = 1024;
/// Threads of a block along each axis at most.
pub(crate) const MAX_BLOCK: [u32; 3] = [1024, 1024, 64];
/// Blocks of a grid along each axis at most.
pub(crate) const MAX_GRID: [u32; 3] = [0x7fff_ffff, 65_535, 65_535];
/// Bytes of shared memory that a block may have if it asks for more than usual.
pub(crate) const MAX_SHARED: usize = 99 << 10;

/// A card with memory of its own, which the processor keeps and computes for.
#[derive(Debug)]
pub struct Device {
    total: u64,
    used: u64,
    computes: bool,
    blocks: BTreeMap<u64, Allocation>,
    ranges: Ranges,
}

#[derive(Debug)]
struct Allocation {
    memory: HostBlock,
    /// What it takes of the card's memory: nothing if it is the host's.
    counted: u64,
}

/// How many blocks there are, of how many threads each, with how much shared memory besides what the kernel declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaunchShape {
    /// Blocks along each axis.
    pub grid: [u32; 3],
    /// Threads of a block along each axis.
    pub block: [u32; 3],
    /// In bytes.
    pub dynamic_shared: u32,
}

/// What a launch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LaunchReport {
    /// Instructions, each counted once for all lanes of a warp that execute it together.
    pub instructions: u64,
    /// The same by lanes.
    pub lane_instructions: u64,
    /// From global memory.
    pub bytes_read: u64,
    /// To global memory.
    pub bytes_written: u64,
}

/// An access by the host that does not lie in one allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutsideMemory {
    /// The address on the card.
    pub address: u64,
    /// In bytes.
    pub size: usize,
}

impl fmt::Display for OutsideMemory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes at {:#x} are not in one allocation", self.size, self.address)
    }
}

impl std::error::Error for OutsideMemory {}

impl Device {
    /// A card with so many bytes of memory.
    #[must_use]
    pub fn new(total: u64) -> Self {
        Self { total, used: 0, computes: true, blocks: BTreeMap::new(), ranges: Ranges::default() }
    }

    /// A card that keeps account of memory and launches, but computes nothing.
    #[must_use]
    pub fn without_computing(total: u64) -> Self {
        Self { computes: false, ..Self::new(total) }
    }

    /// Bytes of memory.
    #[must_use]
    pub fn total_memory(&self) -> u64 {
        self.total
    }

    /// Bytes of memory that are not allocated.
    #[must_use]
    pub fn free_memory(&self) -> u64 {
        self.total - self.used
    }

    /// Takes memory, filled with NaN, and gives its address. `None` if there is not as much left, or nothing is asked for.
    pub fn allocate(&mut self, size: usize) -> Option<u64> {
        let counted = u64::try_from(size.checked_next_multiple_of(ALLOCATION_ALIGNMENT)?).ok()?;
        if size == 0 || counted > self.free_memory() {
            return None;
        }
        let address = self.insert(size, counted)?;
        self.used += counted;
        Some(address)
    }

    /// Takes memory of the host that kernels can access, too, as pinned memory is.
    pub fn allocate_on_host(&mut self, size: usize) -> Option<u64> {
        self.insert(size, 0)
    }

    fn insert(&mut self, size: usize, counted: u64) -> Option<u64> {
        // Where nothing is computed, memory that nobody touches stays free on the host.
        let memory = match self.computes {
            true => HostBlock::fresh(size, ALLOCATION_ALIGNMENT),
            false => HostBlock::zeroed(size, ALLOCATION_ALIGNMENT),
        }?;
        let start = memory.address();
        self.ranges.insert(Range { start, end: start + size as u64 });
        self.blocks.insert(start, Allocation { memory, counted });
        Some(start)
    }

    /// Gives memory back. False if no allocation begins at this address.
    pub fn free(&mut self, address: u64) -> bool {
        let Some(allocation) = self.blocks.remove(&address) else { return false };
        self.used -= allocation.counted;
        self.ranges.remove(address);
        true
    }

    /// The allocation that an access lies in, and where in it.
    fn find(&self, address: u64, size: usize) -> Result<(&HostBlock, usize), OutsideMemory> {
        let outside = OutsideMemory { address, size };
        let range = self.ranges.find(address, size as u64).ok_or(outside)?;
        let allocation = self.blocks.get(&range.start).ok_or(outside)?;
        Ok((&allocation.memory, usize::try_from(address - range.start).map_err(|_| outside)?))
    }

    /// The allocation that holds an address: where it begins, and its size.
    #[must_use]
    pub fn allocation_of(&self, address: u64) -> Option<(u64, usize)> {
        self.find(address, 1).ok().map(|(memory, _)| (memory.address(), memory.size()))
    }

    /// Copies to the card.
    ///
    /// # Errors
    ///
    /// The target does not lie in one allocation.
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), OutsideMemory> {
        if bytes.is_empty() {
            return Ok(());
        }
        let (memory, offset) = self.find(address, bytes.len())?;
        memory.write(offset, bytes);
        Ok(())
    }

    /// Copies from the card.
    ///
    /// # Errors
    ///
    /// The source does not lie in one allocation.
    pub fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), OutsideMemory> {
        if bytes.is_empty() {
            return Ok(());
        }
        let (memory, offset) = self.find(address, bytes.len())?;
        memory.read(offset, bytes);
        Ok(())
    }

    /// Copies on the card; the two may overlap.
    ///
    /// # Errors
    ///
    /// Source or target do not lie in one allocation.
    pub fn copy(&mut self, to: u64, from: u64, size: usize) -> Result<(), OutsideMemory> {
        if size == 0 {
            return Ok(());
        }
        let (source, source_offset) = self.find(from, size)?;
        let (target, target_offset) = self.find(to, size)?;
        target.copy_from(target_offset, source, source_offset, size);
        Ok(())
    }

    /// Repeats a pattern of bytes `count` times from an address on.
    ///
    /// # Errors
    ///
    /// The target does not lie in one allocation.
    pub fn fill(&mut self, address: u64, pattern: &[u8], count: usize) -> Result<(), OutsideMemory> {
        let outside = OutsideMemory { address, size: usize::MAX };
        let size = pattern.len().checked_mul(count).ok_or(outside)?;
        if size == 0 {
            return Ok(());
        }
        let (memory, offset) = self.find(address, size)?;
        if self.computes {
            for index in 0..count {
                memory.write(offset + index * pattern.len(), pattern);
            }
        }
        Ok(())
    }

    /// Runs a kernel to its end. `parameters` are the bytes of all of them, each at its offset.
    ///
    /// # Errors
    ///
    /// The launch is none that the kernel or the card takes, or the kernel failed while it ran.
    pub fn launch(
        &mut self,
        module: &Module,
        kernel: &str,
        shape: &LaunchShape,
        parameters: &[u8],
    ) -> Result<LaunchReport, LaunchError> {
        let invalid = |message: String| Err(LaunchError::Invalid(format!("{kernel}: {message}")));
        let Some(found) = module.kernel(kernel) else {
            return invalid("there is no kernel of this name in the module".to_owned());
        };
        let too_large = |sizes: [u32; 3], most: [u32; 3]| {
            sizes.iter().zip(most).any(|(size, most)| *size == 0 || *size > most)
        };
        if too_large(shape.grid, MAX_GRID) {
            return invalid(format!("a grid of {:?} blocks", shape.grid));
        }
        if too_large(shape.block, MAX_BLOCK) || shape.block.iter().product::<u32>() > MAX_THREADS {
            return invalid(format!("blocks of {:?} threads", shape.block));
        }
        if let Some(required) = found.required_threads
            && required != shape.block
        {
            return invalid(format!("blocks of {:?} threads, not the {required:?} required", shape.block));
        }
        let shared = found.shared_bytes + shape.dynamic_shared as usize;
        if shared > MAX_SHARED {
            return invalid(format!("{shared} bytes of shared memory"));
        }
        if parameters.len() != found.parameter_bytes {
            return invalid(format!(
                "{} bytes of parameters, not {}",
                parameters.len(),
                found.parameter_bytes
            ));
        }
        if !self.computes {
            return Ok(LaunchReport::default());
        }
        let counters = if module.variables.is_empty() {
            launch::run(module, found, shape, parameters, &self.ranges)?
        } else {
            let mut ranges = self.ranges.clone();
            for variable in &module.variables {
                let start = variable.memory.address();
                ranges.insert(Range { start, end: start + variable.size as u64 });
            }
            launch::run(module, found, shape, parameters, &ranges)?
        };
        Ok(LaunchReport {
            instructions: counters.instructions,
            lane_instructions: counters.lane_instructions,
            bytes_read: counters.bytes_read,
            bytes_written: counters.bytes_written,
        })
    }
}
