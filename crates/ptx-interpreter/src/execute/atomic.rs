//! Atomic operations: one lane after the other, each with an atomic operation of the host.

use std::ptr::with_exposed_provenance_mut;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

use super::memory::{Direction, resolve};
use super::{Result, float, half};
use crate::instruction::{Address, AtomicOperation, FloatType, NO_ROW, Row};
use crate::registers::{Element, LANES, Mask, RegisterFile, lanes, write};
use crate::types::ScalarType;
use crate::warp::{Surroundings, Warp};

macro_rules! update {
    ($atomic:ident, $t:ty, $name:ident) => {
        /// Replaces the value at `pointer` and gives the old one.
        ///
        /// # Safety
        ///
        /// The pointer must be of an access of this size that was resolved for writing, and a multiple of it.
        unsafe fn $name(pointer: u64, function: impl Fn($t) -> $t) -> $t {
            // SAFETY: by the caller's word; nobody holds a reference to memory of the card. Plain accesses by other threads at the same
            // time are a race of the kernel, which is taken over as it is: see `HostBlock`.
            let cell = unsafe { $atomic::from_ptr(with_exposed_provenance_mut(pointer as usize)) };
            let mut old = cell.load(Ordering::SeqCst);
            loop {
                match cell.compare_exchange_weak(old, function(old), Ordering::SeqCst, Ordering::SeqCst) {
                    Ok(old) => return old,
                    Err(now) => old = now,
                }
            }
        }
    };
}

update!(AtomicU16, u16, update_half);
update!(AtomicU32, u32, update_word);
update!(AtomicU64, u64, update_long);

#[allow(clippy::too_many_arguments, reason = "the fields of the instruction")]
pub(super) fn atomic(
    warp: &mut Warp,
    around: &Surroundings,
    operation: AtomicOperation,
    ty: ScalarType,
    address: &Address,
    target: Row,
    [first, second]: [Row; 2],
    mask: Mask,
) -> Result<()> {
    let size = ty.size() as u64;
    let pointers = resolve(warp, around, address, size, mask, Direction::Both)?;
    let first = operand(&warp.file, first, size);
    let second = operand(&warp.file, second, size);
    let mut old = [0u64; LANES];
    for lane in lanes(mask) {
        let (pointer, operands) = (pointers[lane], [first[lane], second[lane]]);
        // SAFETY: the pointer is of an access that was resolved for writing, and was checked to be a multiple of its size, the memory of a
        // block being aligned to more.
        old[lane] = unsafe {
            match size {
                2 => update_half(pointer, |old| apply(operation, ty, old.into(), operands) as u16).into(),
                4 => update_word(pointer, |old| apply(operation, ty, old.into(), operands) as u32).into(),
                _ => update_long(pointer, |old| apply(operation, ty, old, operands)),
            }
        };
    }
    if target == NO_ROW {
        return Ok(());
    }
    match size {
        8 => write::<u64>(&mut warp.file, target, &old, mask),
        _ => write::<u32>(&mut warp.file, target, &old.map(|value| value as u32), mask),
    }
    Ok(())
}

fn operand(file: &RegisterFile, row: Row, size: u64) -> [u64; LANES] {
    if size == 8 { *u64::row(file, row) } else { u32::row(file, row).map(u64::from) }
}

/// What a memory cell holds afterwards.
fn apply(operation: AtomicOperation, ty: ScalarType, old: u64, [value, other]: [u64; 2]) -> u64 {
    match operation {
        AtomicOperation::And => old & value,
        AtomicOperation::Or => old | value,
        AtomicOperation::Xor => old ^ value,
        AtomicOperation::Exchange => value,
        AtomicOperation::CompareAndSwap => {
            if old == value {
                other
            } else {
                old
            }
        }
        AtomicOperation::Increment => {
            if old >= value {
                0
            } else {
                old + 1
            }
        }
        AtomicOperation::Decrement => {
            if old == 0 || old > value {
                value
            } else {
                old - 1
            }
        }
        AtomicOperation::Add => add(ty, old, value),
        AtomicOperation::Minimum | AtomicOperation::Maximum => {
            let takes_value = is_less(ty, value, old) == matches!(operation, AtomicOperation::Minimum);
            if takes_value { value } else { old }
        }
    }
}

fn is_less(ty: ScalarType, first: u64, second: u64) -> bool {
    match ty {
        ScalarType::Signed32 => (first as u32).cast_signed() < (second as u32).cast_signed(),
        ScalarType::Signed64 => first.cast_signed() < second.cast_signed(),
        ScalarType::Single => f32::from_bits(first as u32) < f32::from_bits(second as u32),
        ScalarType::Double => f64::from_bits(first) < f64::from_bits(second),
        ScalarType::Half => half::from_half(first as u16) < half::from_half(second as u16),
        ScalarType::Brain => half::from_brain(first as u16) < half::from_brain(second as u16),
        _ => first < second,
    }
}

fn add(ty: ScalarType, old: u64, value: u64) -> u64 {
    let halves = |ty| {
        let low = float::add_small(ty, old as u16, value as u16);
        let high = float::add_small(ty, (old >> 16) as u16, (value >> 16) as u16);
        u64::from(high) << 16 | u64::from(low)
    };
    match ty {
        ScalarType::Single => {
            u64::from((f32::from_bits(old as u32) + f32::from_bits(value as u32)).to_bits())
        }
        ScalarType::Double => (f64::from_bits(old) + f64::from_bits(value)).to_bits(),
        ScalarType::Half => float::add_small(FloatType::Half, old as u16, value as u16).into(),
        ScalarType::Brain => float::add_small(FloatType::Brain, old as u16, value as u16).into(),
        ScalarType::HalfPair => halves(FloatType::Half),
        ScalarType::BrainPair => halves(FloatType::Brain),
        _ => old.wrapping_add(value),
    }
}
