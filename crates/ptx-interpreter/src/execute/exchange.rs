//! What the lanes of a warp tell each other.

use super::integer::{Integer, with_type};
use crate::instruction::{IntegerBinary, IntegerType, Predicate, Row, ShuffleMode, Vote};
use crate::registers::{Element, LANES, Mask, RegisterFile, by_lane, lanes, write};

/// `rows`: target, value, operand, bounds.
#[inline(always)]
pub(super) fn shuffle(
    file: &mut RegisterFile,
    mode: ShuffleMode,
    [target, value, operand, bounds]: [Row; 4],
    valid: Option<Predicate>,
    mask: Mask,
) {
    let (value, operand) = (*u32::row(file, value), *u32::row(file, operand));
    let bounds = *u32::row(file, bounds);
    let mut is_valid: Mask = 0;
    let values = by_lane(|lane| {
        // The lanes are cut into segments of equal length; a source outside of the lane's own is the lane itself.
        let own = lane as u32;
        let (clamp, segment) = (bounds[lane] & 0x1f, bounds[lane] >> 8 & 0x1f);
        let last = own & segment | clamp & !segment;
        let distance = operand[lane] & 0x1f;
        let (source, is_inside) = match mode {
            ShuffleMode::Up => {
                let source = own.wrapping_sub(distance);
                (source, source.cast_signed() >= last.cast_signed())
            }
            ShuffleMode::Down => (own + distance, own + distance <= last),
            ShuffleMode::Butterfly => (own ^ distance, own ^ distance <= last),
            ShuffleMode::Index => {
                let source = own & segment | distance & !segment;
                (source, source <= last)
            }
        };
        is_valid |= u32::from(is_inside) << lane;
        if is_inside { value[source as usize & 0x1f] } else { value[lane] }
    });
    write::<u32>(file, target, &values, mask);
    if let Some(predicate) = valid {
        file.set_predicate(predicate, is_valid, mask);
    }
}

#[inline(always)]
fn votes(file: &RegisterFile, predicate: Predicate, negated: bool, mask: Mask) -> Mask {
    (file.predicates[predicate as usize] ^ if negated { Mask::MAX } else { 0 }) & mask
}

#[inline(always)]
pub(super) fn ballot(
    file: &mut RegisterFile,
    target: Row,
    predicate: Predicate,
    negated: bool,
    members: Row,
    mask: Mask,
) {
    let votes = votes(file, predicate, negated, mask);
    let values = u32::row(file, members).map(|members| votes & members);
    write::<u32>(file, target, &values, mask);
}

#[inline(always)]
pub(super) fn vote(
    file: &mut RegisterFile,
    vote: Vote,
    target: Predicate,
    predicate: Predicate,
    negated: bool,
    members: Row,
    mask: Mask,
) {
    let votes = votes(file, predicate, negated, mask);
    let members = u32::row(file, members);
    let mut result: Mask = 0;
    for (lane, members) in members.iter().enumerate() {
        let members = members & mask;
        let holds = match vote {
            Vote::All => votes & members == members,
            Vote::Any | Vote::Ballot => votes & members != 0,
            Vote::Uniform => votes & members == members || votes & members == 0,
        };
        result |= u32::from(holds) << lane;
    }
    file.set_predicate(target, result, mask);
}

/// `rows`: target, value, members.
pub(super) fn match_values(
    file: &mut RegisterFile,
    all: bool,
    is_long: bool,
    [target, value, members]: [Row; 3],
    valid: Option<Predicate>,
    mask: Mask,
) {
    let values: [u64; LANES] = match is_long {
        true => *u64::row(file, value),
        false => u32::row(file, value).map(u64::from),
    };
    let members = *u32::row(file, members);
    let mut agreed: Mask = 0;
    let results = by_lane(|lane| {
        let members = members[lane] & mask;
        let same = lanes(members).filter(|&other| values[other] == values[lane]);
        let same = same.fold(0, |same, other| same | 1 << other);
        let is_agreed = same == members;
        agreed |= u32::from(is_agreed) << lane;
        if all && !is_agreed { 0 } else { same }
    });
    write::<u32>(file, target, &results, mask);
    if let Some(predicate) = valid {
        file.set_predicate(predicate, agreed, mask);
    }
}

/// `rows`: target, value, members.
pub(super) fn reduce(
    file: &mut RegisterFile,
    operation: IntegerBinary,
    ty: IntegerType,
    [target, value, members]: [Row; 3],
    mask: Mask,
) {
    let members = *u32::row(file, members);
    with_type!(ty, T => {
        let values = *T::row(file, value);
        let mut results = values;
        for lane in lanes(mask) {
            let reduced = lanes(members[lane] & mask)
                .map(|other| T::load(values[other]))
                .reduce(|first, second| first.apply(second, operation));
            if let Some(reduced) = reduced {
                results[lane] = reduced.store();
            }
        }
        write::<T>(file, target, &results, mask);
    });
}
