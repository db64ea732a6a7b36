//! A warp: 32 threads, in groups that are at the same instruction, of which the one that is furthest behind runs first.

use std::time::Instant;

use crate::execute::{Problem, execute};
use crate::fault::FaultKind;
use crate::instruction::{Decoded, Instruction, Row};
use crate::memory::{FRESH, HostBlock, Range, Ranges};
use crate::module::Kernel;
use crate::registers::{ALL, LANES, Mask, RegisterFile, lanes};
use crate::special;

/// How many jumps backwards a warp makes before others of its block have a turn, so that it may wait for what they write.
const TURN: u32 = 1 << 16;

/// What is the same for all warps of a block.
pub(crate) struct Surroundings<'a> {
    pub(crate) kernel: &'a Kernel,
    pub(crate) parameters: &'a [u8],
    pub(crate) ranges: &'a Ranges,
    /// As they are when a block starts.
    pub(crate) registers: &'a RegisterFile,
    pub(crate) grid: [u32; 3],
    pub(crate) block: [u32; 3],
    /// Which block of the grid this is.
    pub(crate) position: [u32; 3],
    pub(crate) shared_address: u64,
    pub(crate) shared_bytes: usize,
    pub(crate) dynamic_shared: u32,
    pub(crate) start: Instant,
}

impl Surroundings<'_> {
    pub(crate) fn nanoseconds(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn threads(&self) -> u32 {
        self.block.iter().product()
    }
}

/// What a warp has done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    pub(crate) instructions: u64,
    pub(crate) lane_instructions: u64,
    pub(crate) bytes_read: u64,
    pub(crate) bytes_written: u64,
}

impl Counters {
    pub(crate) fn add(&mut self, other: &Self) {
        self.instructions += other.instructions;
        self.lane_instructions += other.lane_instructions;
        self.bytes_read += other.bytes_read;
        self.bytes_written += other.bytes_written;
    }
}

/// Lanes that are at the same instruction.
#[derive(Debug, Clone, Copy)]
struct Group {
    at: u32,
    lanes: Mask,
    /// Waits for other lanes of the warp to come.
    waits: bool,
}

/// Why a warp stopped running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// All its threads are at their end.
    Exited,
    /// At a barrier of the block, for as many threads, or for all.
    Barrier { barrier: u32, threads: Option<u32> },
    /// It has run for long and others shall have a turn.
    Turn,
}

/// A problem and the instruction that had it.
pub(crate) struct Located {
    pub(crate) problem: Problem,
    pub(crate) at: u32,
}

/// The state of 32 threads.
pub(crate) struct Warp {
    pub(crate) file: RegisterFile,
    /// The lanes whose last sum left a carry.
    pub(crate) carry: Mask,
    pub(crate) counters: Counters,
    /// The allocations that were accessed last.
    pub(crate) recent: [Range; 4],
    /// Of one lane after the other.
    local: Option<HostBlock>,
    groups: Vec<Group>,
    /// The lanes that have not ended.
    live: Mask,
    index: u32,
}

impl Warp {
    /// The registers as a block finds them: constants, and what is no number, so that a kernel that reads a register before it writes it
    /// finds neither zeros nor what another block left.
    pub(crate) fn registers(kernel: &Kernel) -> RegisterFile {
        let mut file = RegisterFile::filled(kernel.registers, FRESH);
        for &(row, value) in &kernel.constant_words {
            file.words[row as usize].0 = [value; LANES];
        }
        for &(row, value) in &kernel.constant_longs {
            file.longs[row as usize].0 = [value; LANES];
        }
        for &(predicate, value) in &kernel.constant_predicates {
            file.predicates[predicate as usize] = value;
        }
        file
    }

    /// `None` if there is no memory for the local variables of the threads.
    pub(crate) fn new(kernel: &Kernel, registers: &RegisterFile, index: u32) -> Option<Self> {
        let local = match kernel.local_bytes.checked_mul(LANES)? {
            0 => None,
            bytes => Some(HostBlock::fresh(bytes, 16)?),
        };
        Some(Self {
            file: registers.clone(),
            carry: 0,
            counters: Counters::default(),
            recent: [Range::EMPTY; 4],
            local,
            groups: Vec::new(),
            live: 0,
            index,
        })
    }

    pub(crate) fn local_address(&self) -> u64 {
        self.local.as_ref().map_or(0, HostBlock::address)
    }

    pub(crate) fn live_threads(&self) -> u32 {
        self.live.count_ones()
    }

    /// Where the first of the lanes that have not ended is.
    pub(crate) fn position(&self) -> u32 {
        self.groups.first().map_or(0, |group| group.at)
    }

    /// Puts all threads at the first instruction, with nothing left of the block before.
    pub(crate) fn start(&mut self, around: &Surroundings) {
        self.file.copy_from(around.registers);
        self.carry = ALL;
        if let Some(local) = &self.local {
            local.fill(FRESH);
        }
        let first = self.index * 32;
        let count = around.threads().saturating_sub(first).min(32);
        self.live = if count == 0 { 0 } else { ALL >> (32 - count) };
        self.groups.clear();
        self.groups.push(Group { at: 0, lanes: self.live, waits: false });
        for &(row, register) in &around.kernel.special {
            self.file.words[row as usize].0 =
                std::array::from_fn(|lane| special::value(register, around, self.index, lane as u32));
        }
    }

    /// Runs until the warp has to wait or has ended.
    pub(crate) fn run(&mut self, around: &Surroundings) -> Result<Stop, Box<Located>> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt")
        {
            // SAFETY: the processor has these instructions.
            return unsafe { self.run_with_vectors(around) };
        }
        self.run_anywhere(around)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
    fn run_with_vectors(&mut self, around: &Surroundings) -> Result<Stop, Box<Located>> {
        self.run_anywhere(around)
    }

    #[inline(always)]
    fn run_anywhere(&mut self, around: &Surroundings) -> Result<Stop, Box<Located>> {
        let code = around.kernel.code.as_slice();
        let mut turns = TURN;
        'groups: loop {
            let Some(mut group) = self.next_group() else {
                return match self.groups.first() {
                    None => Ok(Stop::Exited),
                    Some(_) => self.all_wait(around),
                };
            };
            // Where another group that can run is, it takes over; where one waits, it is joined.
            let limit = self.limit();
            loop {
                if group.at >= limit && self.meets(group.at) {
                    self.groups.push(group);
                    continue 'groups;
                }
                let Decoded { guard, instruction, .. } = &code[group.at as usize];
                let mask = match *guard {
                    None => group.lanes,
                    Some((predicate, false)) => group.lanes & self.file.predicates[predicate as usize],
                    Some((predicate, true)) => group.lanes & !self.file.predicates[predicate as usize],
                };
                self.counters.instructions += 1;
                self.counters.lane_instructions += u64::from(mask.count_ones());
                match instruction {
                    Instruction::Branch { target } => {
                        let target = *target;
                        if target <= group.at {
                            turns -= 1;
                            if turns == 0 {
                                self.groups.push(group);
                                return Ok(Stop::Turn);
                            }
                        }
                        let staying = group.lanes & !mask;
                        if staying == 0 {
                            group.at = target;
                        } else if mask == 0 {
                            group.at += 1;
                        } else {
                            self.groups.push(Group { at: target, lanes: mask, waits: false });
                            self.groups.push(Group { at: group.at + 1, lanes: staying, waits: false });
                            continue 'groups;
                        }
                    }
                    _ if mask == 0 => group.at += 1,
                    Instruction::BranchIndexed { index, targets } => {
                        let rows = self.file.words[*index as usize].0;
                        for lane in lanes(mask) {
                            let Some(&target) = targets.get(rows[lane] as usize) else {
                                let detail = format!("the branch has no target {}", rows[lane]);
                                let problem = Problem { kind: FaultKind::IllegalAddress, lane, detail };
                                return Err(Box::new(Located { problem, at: group.at }));
                            };
                            self.groups.push(Group { at: target, lanes: 1 << lane, waits: false });
                        }
                        let staying = group.lanes & !mask;
                        if staying != 0 {
                            self.groups.push(Group { at: group.at + 1, lanes: staying, waits: false });
                        }
                        continue 'groups;
                    }
                    Instruction::Exit => {
                        self.live &= !mask;
                        let staying = group.lanes & !mask;
                        if staying != 0 {
                            self.groups.push(Group { at: group.at + 1, lanes: staying, waits: false });
                        }
                        // Those that wait may have waited for these.
                        self.wake();
                        continue 'groups;
                    }
                    Instruction::Trap => {
                        let lane = mask.trailing_zeros() as usize;
                        let problem = Problem { kind: FaultKind::Trap, lane, detail: "trap".to_owned() };
                        return Err(Box::new(Located { problem, at: group.at }));
                    }
                    Instruction::BlockBarrier { aligned: _, barrier, threads } => {
                        if mask != self.live {
                            self.groups.push(Group { waits: true, ..group });
                            continue 'groups;
                        }
                        let first = mask.trailing_zeros() as usize & (LANES - 1);
                        let barrier = self.file.words[*barrier as usize].0[first];
                        let threads = threads.map(|row| self.file.words[row as usize].0[first]);
                        group.at += 1;
                        self.groups.push(group);
                        return Ok(Stop::Barrier { barrier, threads });
                    }
                    _ => {
                        let mut ready = mask;
                        if let Some(members) = self.members(instruction, mask)
                            && members & self.live & !mask != 0
                        {
                            ready = self.ready(instruction, mask);
                            if ready == 0 {
                                self.groups.push(Group { waits: true, ..group });
                                continue 'groups;
                            }
                        }
                        if let Err(problem) = execute(self, around, instruction, ready) {
                            let problem = of_lanes(problem, ready);
                            return Err(Box::new(Located { problem, at: group.at }));
                        }
                        if ready != mask {
                            // The rest waits here, and where these go on is looked at anew.
                            let rest = mask & !ready;
                            self.groups.push(Group { at: group.at, lanes: rest, waits: true });
                            let lanes = group.lanes & !rest;
                            self.groups.push(Group { at: group.at + 1, lanes, waits: false });
                            continue 'groups;
                        }
                        group.at += 1;
                    }
                }
            }
        }
    }

    /// The lanes that an instruction waits for, if it is one that waits: of all that are at it, together.
    #[inline(always)]
    fn members(&self, instruction: &Instruction, mask: Mask) -> Option<Mask> {
        if let Some(row) = Self::member_row(instruction) {
            let row = &self.file.words[row as usize].0;
            return Some(lanes(mask).fold(0, |all, lane| all | row[lane]));
        }
        match instruction {
            Instruction::LoadMatrix { .. }
            | Instruction::LoadFragment(_)
            | Instruction::StoreFragment(_)
            | Instruction::MatrixProduct(_) => Some(self.live),
            _ => None,
        }
    }

    /// Those of the lanes at an instruction whose own members have all come, where each lane names its own.
    #[cold]
    fn ready(&self, instruction: &Instruction, mask: Mask) -> Mask {
        let Some(row) = Self::member_row(instruction) else { return 0 };
        let row = &self.file.words[row as usize].0;
        lanes(mask)
            .filter(|&lane| row[lane] & self.live & !mask == 0)
            .fold(0, |ready, lane| ready | 1 << lane)
    }

    /// The row in which each lane names those that it waits for.
    #[inline(always)]
    fn member_row(instruction: &Instruction) -> Option<Row> {
        match instruction {
            Instruction::Shuffle { members, .. }
            | Instruction::VoteBallot { members, .. }
            | Instruction::VotePredicate { members, .. }
            | Instruction::Match { members, .. }
            | Instruction::Reduce { members, .. }
            | Instruction::WarpBarrier { members } => Some(*members),
            _ => None,
        }
    }

    /// Takes out the group that is furthest behind of those that can run, with all others that are at the same place.
    fn next_group(&mut self) -> Option<Group> {
        let at = self.groups.iter().filter(|group| !group.waits).map(|group| group.at).min()?;
        let mut lanes = 0;
        self.groups.retain(|group| {
            if group.at == at {
                lanes |= group.lanes;
            }
            group.at != at
        });
        Some(Group { at, lanes, waits: false })
    }

    /// No group is before this place.
    fn limit(&self) -> u32 {
        self.groups.iter().map(|group| group.at).min().unwrap_or(u32::MAX)
    }

    /// Whether a group that has come here has to look at the others.
    fn meets(&self, at: u32) -> bool {
        self.groups.iter().any(|group| group.at == at || (!group.waits && group.at < at))
    }

    fn wake(&mut self) {
        for group in &mut self.groups {
            group.waits = false;
        }
    }

    /// Every group waits: at a barrier that lanes may come to from different places, or for ever.
    fn all_wait(&mut self, around: &Surroundings) -> Result<Stop, Box<Located>> {
        let barrier_of = |group: &Group| match &around.kernel.code[group.at as usize].instruction {
            Instruction::BlockBarrier { aligned: false, barrier, threads } => {
                let lane = group.lanes.trailing_zeros() as usize & (LANES - 1);
                let value = |row: u32| self.file.words[row as usize].0[lane];
                Some((value(*barrier), threads.map(value)))
            }
            _ => None,
        };
        let first = self.groups[0];
        let common = barrier_of(&first);
        match common {
            Some((barrier, threads)) if self.groups.iter().all(|group| barrier_of(group) == common) => {
                for group in &mut self.groups {
                    group.at += 1;
                    group.waits = false;
                }
                Ok(Stop::Barrier { barrier, threads })
            }
            _ => {
                let detail = format!(
                    "lanes {:#010x} of the warp wait for others of {:#010x} that do not come",
                    first.lanes, self.live
                );
                let lane = first.lanes.trailing_zeros() as usize;
                let problem = Problem { kind: FaultKind::Deadlock, lane, detail };
                Err(Box::new(Located { problem, at: first.at }))
            }
        }
    }
}

/// The lane of a problem is one that takes part: what others access is what the first of these accesses.
fn of_lanes(problem: Problem, mask: Mask) -> Problem {
    let takes_part = mask >> problem.lane & 1 != 0;
    let lane = if takes_part { problem.lane } else { mask.trailing_zeros() as usize };
    Problem { lane, ..problem }
}
