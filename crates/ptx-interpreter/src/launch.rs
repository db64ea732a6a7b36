//! A grid: its blocks are spread over the cores of the machine.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::block::{self, BlockProblem};
use crate::device::LaunchShape;
use crate::fault::{Fault, LaunchError};
use crate::memory::{FRESH, HostBlock, Ranges};
use crate::module::{Kernel, Module};
use crate::registers::RegisterFile;
use crate::warp::{Counters, Surroundings, Warp};

/// Runs a kernel whose shape and parameters have been checked.
pub(crate) fn run(
    module: &Module,
    kernel: &Kernel,
    shape: &LaunchShape,
    parameters: &[u8],
    ranges: &Ranges,
) -> Result<Counters, LaunchError> {
    let grid = Grid {
        module,
        kernel,
        shape,
        parameters,
        ranges,
        registers: Warp::registers(kernel),
        blocks: shape.grid.iter().map(|&size| u64::from(size)).product(),
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        fault: Mutex::new(None),
        start: Instant::now(),
    };
    let cores = u64::try_from(rayon::current_num_threads()).unwrap_or(1);
    let workers = cores.min(grid.blocks);
    let counters = match workers {
        0 | 1 => grid.work(),
        _ => (0..workers).into_par_iter().map(|_| grid.work()).reduce(
            || None,
            |sum, other| match (sum, other) {
                (Some(mut sum), Some(other)) => {
                    sum.add(&other);
                    Some(sum)
                }
                (sum, other) => sum.or(other),
            },
        ),
    };
    // One that found memory is enough: it computes all blocks.
    let counters = counters.ok_or_else(|| LaunchError::OutOfMemory(grid.needs()))?;
    match grid.fault.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        None => Ok(counters),
        Some((_, fault)) => Err(LaunchError::Fault(fault)),
    }
}

/// What those who work on a grid share.
struct Grid<'a> {
    module: &'a Module,
    kernel: &'a Kernel,
    shape: &'a LaunchShape,
    parameters: &'a [u8],
    ranges: &'a Ranges,
    /// As they are when a block starts.
    registers: RegisterFile,
    blocks: u64,
    /// The first block that nobody has begun.
    next: AtomicU64,
    stop: AtomicBool,
    /// That of the lowest block.
    fault: Mutex<Option<(u64, Fault)>>,
    start: Instant,
}

impl Grid<'_> {
    /// Computes blocks until there are none left. `None`, and no block begun, if there is no memory for one.
    fn work(&self) -> Option<Counters> {
        let shape = self.shape;
        let shared_bytes = self.shared_bytes();
        let shared = HostBlock::fresh(shared_bytes, 128)?;
        let threads: u32 = shape.block.iter().product();
        let mut warps = (0..threads.div_ceil(32))
            .map(|index| Warp::new(self.kernel, &self.registers, index))
            .collect::<Option<Vec<_>>>()?;
        loop {
            let block = self.next.fetch_add(1, Ordering::Relaxed);
            if block >= self.blocks || self.stop.load(Ordering::Relaxed) {
                break;
            }
            let around = Surroundings {
                kernel: self.kernel,
                parameters: self.parameters,
                ranges: self.ranges,
                registers: &self.registers,
                grid: shape.grid,
                block: shape.block,
                position: self.position(block),
                shared_address: shared.address(),
                shared_bytes,
                dynamic_shared: shape.dynamic_shared,
                start: self.start,
            };
            if let Err(problem) = block::run(&mut warps, &around) {
                self.report(block, &around, problem);
                break;
            }
            shared.fill(FRESH);
        }
        let mut counters = Counters::default();
        for warp in &warps {
            counters.add(&warp.counters);
        }
        Some(counters)
    }

    fn shared_bytes(&self) -> usize {
        self.kernel.shared_bytes + self.shape.dynamic_shared as usize
    }

    /// What a block takes of the host's memory, in words.
    fn needs(&self) -> String {
        format!(
            "{}: the host has no memory for a block: {} bytes of shared memory, and {} bytes of local memory for each of {} threads",
            self.kernel.name,
            self.shared_bytes(),
            self.kernel.local_bytes,
            self.shape.block.iter().product::<u32>()
        )
    }

    fn position(&self, block: u64) -> [u32; 3] {
        let [x, y, _] = self.shape.grid.map(u64::from);
        [block % x, block / x % y, block / (x * y)].map(|index| u32::try_from(index).unwrap_or(u32::MAX))
    }

    fn report(&self, block: u64, around: &Surroundings, problem: BlockProblem) {
        let BlockProblem { warp, located } = problem;
        let line = self.kernel.code.get(located.at as usize).map_or(0, |decoded| decoded.line);
        let fault = Fault {
            kind: located.problem.kind,
            kernel: self.kernel.name.clone(),
            line,
            instruction: self.module.line(line).to_owned(),
            block: around.position,
            thread: u32::try_from(warp * 32 + located.problem.lane).unwrap_or(u32::MAX),
            detail: located.problem.detail,
        };
        self.stop.store(true, Ordering::Relaxed);
        let mut first = self.fault.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if first.as_ref().is_none_or(|(other, _)| block < *other) {
            *first = Some((block, fault));
        }
    }
}
