//! A block: warps that take turns, and wait for each other at barriers.

use crate::execute::Problem;
use crate::fault::FaultKind;
use crate::warp::{Located, Stop, Surroundings, Warp};

/// A problem, and the warp that had it.
pub(crate) struct BlockProblem {
    pub(crate) warp: usize,
    pub(crate) located: Box<Located>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Waiting { barrier: u32, threads: Option<u32> },
    Done,
}

/// Runs all warps of a block to their end.
pub(crate) fn run(warps: &mut [Warp], around: &Surroundings) -> Result<(), BlockProblem> {
    for warp in warps.iter_mut() {
        warp.start(around);
    }
    let mut states = vec![State::Ready; warps.len()];
    loop {
        for (index, (warp, state)) in warps.iter_mut().zip(&mut states).enumerate() {
            if *state != State::Ready {
                continue;
            }
            *state = match warp.run(around) {
                Ok(Stop::Exited) => State::Done,
                Ok(Stop::Turn) => State::Ready,
                Ok(Stop::Barrier { barrier, threads }) => State::Waiting { barrier, threads },
                Err(located) => return Err(BlockProblem { warp: index, located }),
            };
        }
        if states.contains(&State::Ready) {
            continue;
        }
        let Some((first, barrier)) = states.iter().enumerate().find_map(|(index, state)| match state {
            State::Waiting { barrier, .. } => Some((index, *barrier)),
            _ => None,
        }) else {
            return Ok(());
        };
        if !release(warps, &mut states) {
            let waiting = states.iter().filter(|state| matches!(state, State::Waiting { .. })).count();
            let detail = format!(
                "{waiting} warps of the block wait, this one at barrier {barrier}, and no barrier has all that it waits for"
            );
            let problem = Problem { kind: FaultKind::Deadlock, lane: 0, detail };
            // The barrier is the instruction before the one that would be next.
            let at = warps[first].position().saturating_sub(1);
            return Err(BlockProblem { warp: first, located: Box::new(Located { problem, at }) });
        }
    }
}

/// Lets the warps go on whose barrier has all the threads that it waits for. Threads that have ended are not waited for.
fn release(warps: &[Warp], states: &mut [State]) -> bool {
    let live: u32 = warps.iter().map(Warp::live_threads).sum();
    let mut released = false;
    for index in 0..states.len() {
        let State::Waiting { barrier, threads } = states[index] else { continue };
        let is_here =
            |state: &State| matches!(state, State::Waiting { barrier: other, .. } if *other == barrier);
        let here = warps.iter().zip(&*states).filter(|(_, state)| is_here(state));
        let arrived: u32 = here.map(|(warp, _)| warp.live_threads()).sum();
        if arrived >= threads.unwrap_or(live).min(live) {
            for state in states.iter_mut().filter(|state| is_here(state)) {
                *state = State::Ready;
            }
            released = true;
        }
    }
    released
}
