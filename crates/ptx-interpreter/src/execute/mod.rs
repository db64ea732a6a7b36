//! What instructions do to the registers and the memory of a warp.

mod atomic;
mod convert;
mod exchange;
mod float;
mod half;
mod integer;
mod matrix;
mod memory;
mod predicate;

use crate::fault::FaultKind;
use crate::instruction::Instruction;
use crate::registers::{LANES, Longs, Mask, Words, by_lane, map, map_three, write};
use crate::warp::{Surroundings, Warp};

/// Why an instruction could not be executed.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) kind: FaultKind,
    pub(crate) lane: usize,
    pub(crate) detail: String,
}

type Result<T> = std::result::Result<T, Problem>;

/// Executes an instruction that does not change the flow of control, in the lanes of `mask`. It is put in line where it is called, so that
/// it is compiled with the vector instructions of its caller.
#[inline(always)]
pub(crate) fn execute(
    warp: &mut Warp,
    around: &Surroundings,
    instruction: &Instruction,
    mask: Mask,
) -> Result<()> {
    use Instruction as I;
    let file = &mut warp.file;
    match instruction {
        I::Nothing => {}
        I::IntegerUnary { operation, ty, rows } => integer::unary(file, *operation, *ty, *rows, mask),
        I::CountBits { count, ty, rows } => integer::count_bits(file, *count, *ty, *rows, mask),
        I::ReverseBits { is_long: false, rows } => map(file, *rows, mask, u32::reverse_bits),
        I::ReverseBits { is_long: true, rows } => map(file, *rows, mask, u64::reverse_bits),
        I::IntegerBinary { operation, ty, rows } => integer::binary(file, *operation, *ty, *rows, mask),
        I::ShiftLeft { ty, rows } => integer::shift_left(file, *ty, *rows, mask),
        I::ShiftRight { ty, rows } => integer::shift_right(file, *ty, *rows, mask),
        I::MultiplyWide { ty, rows } => integer::multiply_wide(file, *ty, *rows, mask),
        I::MultiplyAdd { product, ty, rows } => integer::multiply_add(file, *product, *ty, *rows, mask),
        I::AddWithCarry { subtract, use_carry, set_carry, is_long, rows } => {
            let carry = if *use_carry { warp.carry } else { 0 };
            let next = integer::add_with_carry(file, *subtract, carry, *is_long, *rows, mask);
            if *set_carry {
                warp.carry = warp.carry & !mask | next & mask;
            }
        }
        I::SumOfDifference { is_signed: true, rows } => {
            map_three(file, *rows, mask, |a: i32, b: i32, c: u32| c.wrapping_add(a.abs_diff(b)));
        }
        I::SumOfDifference { is_signed: false, rows } => {
            map_three(file, *rows, mask, |a: u32, b: u32, c: u32| c.wrapping_add(a.abs_diff(b)));
        }
        I::DotBytes { a_signed, b_signed, rows } => {
            integer::dot_bytes(file, *a_signed, *b_signed, *rows, mask);
        }
        I::ExtractBits { ty, rows } => integer::extract_bits(file, *ty, *rows, mask),
        I::InsertBits { is_long, rows } => integer::insert_bits(file, *is_long, *rows, mask),
        I::PermuteBytes { rows } => map_three(file, *rows, mask, integer::permute_bytes),
        I::FunnelShift { left, clamp, rows } => integer::funnel_shift(file, *left, *clamp, *rows, mask),
        I::LogicTable { table, rows } => {
            let table = *table;
            map_three(file, *rows, mask, move |a, b, c| integer::logic_table(table, a, b, c));
        }
        I::FloatUnary { operation, ty, mode, rows } => {
            float::unary(file, *operation, *ty, *mode, *rows, mask);
        }
        I::FloatBinary { operation, ty, mode, rows } => {
            float::binary(file, *operation, *ty, *mode, *rows, mask);
        }
        I::FusedMultiplyAdd { ty, mode, rows } => float::multiply_add(file, *ty, *mode, *rows, mask),
        I::Convert { from, to, to_integral, mode, saturate, from_long, to_width, rows } => {
            let conversion = convert::Conversion {
                from: *from,
                to: *to,
                to_integral: *to_integral,
                mode: *mode,
                saturate: *saturate,
                from_long: *from_long,
                to_width: *to_width,
            };
            convert::convert(file, &conversion, *rows, mask);
        }
        I::ConvertPair { to, mode, rows } => convert::convert_pair(file, *to, *mode, *rows, mask),
        I::MoveWord { rows } => map(file, *rows, mask, |value: u32| value),
        I::MoveLong { rows } => map(file, *rows, mask, |value: u64| value),
        I::Pack { packing, target, parts } => integer::pack(file, *packing, *target, *parts, mask),
        I::Unpack { packing, source, parts } => integer::unpack(file, *packing, *source, *parts, mask),
        I::Compare { comparison, ty, flush, target, inverse, rows, combine } => {
            let mut result = predicate::compare(file, *comparison, *ty, *flush, *rows);
            let mut negated = !result;
            if let Some((logic, predicate, is_negated)) = combine {
                let other = file.predicates[*predicate as usize] ^ if *is_negated { Mask::MAX } else { 0 };
                result = predicate::combine(*logic, result, other);
                negated = predicate::combine(*logic, negated, other);
            }
            file.set_predicate(*target, result, mask);
            if let Some(inverse) = inverse {
                file.set_predicate(*inverse, negated, mask);
            }
        }
        I::SetByPredicate { is_float, target, predicate } => {
            let one = if *is_float { 1f32.to_bits() } else { u32::MAX };
            let chosen = file.predicates[*predicate as usize];
            let values = by_lane(|lane| if chosen >> lane & 1 != 0 { one } else { 0 });
            write::<u32>(file, *target, &values, mask);
        }
        I::Select { is_long, rows: [target, first, second], predicate } => {
            let chosen = file.predicates[*predicate as usize];
            if *is_long {
                let Longs(a) = &file.longs[*first as usize];
                let Longs(b) = &file.longs[*second as usize];
                let values: [u64; LANES] =
                    by_lane(|lane| if chosen >> lane & 1 != 0 { a[lane] } else { b[lane] });
                write::<u64>(file, *target, &values, mask);
            } else {
                let Words(a) = &file.words[*first as usize];
                let Words(b) = &file.words[*second as usize];
                let values: [u32; LANES] =
                    by_lane(|lane| if chosen >> lane & 1 != 0 { a[lane] } else { b[lane] });
                write::<u32>(file, *target, &values, mask);
            }
        }
        I::SelectBySign { is_long, is_float, rows } => {
            predicate::select_by_sign(file, *is_long, *is_float, *rows, mask);
        }
        I::PredicateBinary { logic, target, operands: [first, second] } => {
            let (first, second) = (file.predicates[*first as usize], file.predicates[*second as usize]);
            file.set_predicate(*target, predicate::combine(*logic, first, second), mask);
        }
        I::PredicateNot { target, operand } => {
            let value = !file.predicates[*operand as usize];
            file.set_predicate(*target, value, mask);
        }
        I::PredicateMove { target, operand } => {
            let value = file.predicates[*operand as usize];
            file.set_predicate(*target, value, mask);
        }
        I::TestFloat { is_long, class, target, row } => {
            let value = predicate::test_float(file, *is_long, *class, *row);
            file.set_predicate(*target, value, mask);
        }
        I::IsInSpace { space, target, row } => {
            let value = memory::is_in_space(file, *space, *row);
            file.set_predicate(*target, value, mask);
        }
        I::Load { ty, width, count, address, targets } => {
            memory::load(warp, around, *ty, *width, *count, address, targets, mask)?;
        }
        I::Store { size, is_long, count, address, sources } => {
            memory::store(warp, around, *size, *is_long, *count, address, sources, mask)?;
        }
        I::Atomic { operation, ty, address, target, operands } => {
            atomic::atomic(warp, around, *operation, *ty, address, *target, *operands, mask)?;
        }
        I::CopyAsync { size, to, from, source_size } => {
            memory::copy(warp, around, u64::from(*size), to, from, *source_size, mask)?;
        }
        I::LoadMatrix { count, transpose, address, targets } => {
            matrix::load_rows(warp, around, usize::from(*count), *transpose, address, targets, mask)?;
        }
        I::LoadFragment(access) => matrix::load_fragment(warp, around, access, mask)?,
        I::StoreFragment(access) => matrix::store_fragment(warp, around, access, mask)?,
        I::MatrixProduct(product) => matrix::multiply(file, product),
        I::Shuffle { mode, target, valid, value, operand, bounds, members: _ } => {
            exchange::shuffle(file, *mode, [*target, *value, *operand, *bounds], *valid, mask);
        }
        I::VoteBallot { target, predicate, negated, members } => {
            exchange::ballot(file, *target, *predicate, *negated, *members, mask);
        }
        I::VotePredicate { vote, target, predicate, negated, members } => {
            exchange::vote(file, *vote, *target, *predicate, *negated, *members, mask);
        }
        I::Match { all, is_long, target, valid, value, members } => {
            exchange::match_values(file, *all, *is_long, [*target, *value, *members], *valid, mask);
        }
        I::Reduce { operation, ty, target, value, members } => {
            exchange::reduce(file, *operation, *ty, [*target, *value, *members], mask);
        }
        I::ActiveMask { target } => write::<u32>(file, *target, &[mask; LANES], mask),
        I::ClockWord { target } => {
            let value = u32::try_from(around.nanoseconds() & u64::from(u32::MAX)).unwrap_or_default();
            write::<u32>(file, *target, &[value; LANES], mask);
        }
        I::ClockLong { target } => write::<u64>(file, *target, &[around.nanoseconds(); LANES], mask),
        I::WarpBarrier { .. } => {}
        I::Branch { .. } | I::BranchIndexed { .. } | I::Exit | I::Trap | I::BlockBarrier { .. } => {
            unreachable!("the warp itself does what changes the flow of control")
        }
    }
    Ok(())
}
