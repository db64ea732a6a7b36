//! Sums, products, shifts, bits, logic and functions.

use super::mnemonic::Mnemonic;
use super::operands::width_of;
use super::{Decoder, Result};
use crate::instruction::{
    BitCount, FloatBinary, FloatType, FloatUnary, Instruction, IntegerBinary, IntegerType, IntegerUnary,
    Logic, Product, Row, Width,
};
use crate::syntax::Statement;
use crate::types::{Rounding, ScalarType};

/// The type that integers are computed in.
pub(super) fn integer_type(ty: ScalarType) -> Option<IntegerType> {
    Some(match ty {
        ScalarType::Bits16 | ScalarType::Unsigned16 => IntegerType::Unsigned16,
        ScalarType::Signed16 => IntegerType::Signed16,
        ScalarType::Bits32 | ScalarType::Unsigned32 => IntegerType::Unsigned32,
        ScalarType::Signed32 => IntegerType::Signed32,
        ScalarType::Bits64 | ScalarType::Unsigned64 => IntegerType::Unsigned64,
        ScalarType::Signed64 => IntegerType::Signed64,
        _ => return None,
    })
}

fn float_type(ty: ScalarType) -> Option<FloatType> {
    Some(match ty {
        ScalarType::Half => FloatType::Half,
        ScalarType::Brain => FloatType::Brain,
        ScalarType::Single => FloatType::Single,
        ScalarType::Double => FloatType::Double,
        ScalarType::HalfPair => FloatType::HalfPair,
        ScalarType::BrainPair => FloatType::BrainPair,
        _ => return None,
    })
}

fn unsigned(ty: IntegerType) -> IntegerType {
    match ty {
        IntegerType::Signed16 => IntegerType::Unsigned16,
        IntegerType::Signed32 => IntegerType::Unsigned32,
        IntegerType::Signed64 => IntegerType::Unsigned64,
        other => other,
    }
}

impl Decoder<'_> {
    /// A target and sources, all of the same width.
    fn rows<const COUNT: usize>(&mut self, statement: &Statement, width: Width) -> Result<[Row; COUNT]> {
        self.rows_of(statement, [width; COUNT])
    }

    fn rows_of<const COUNT: usize>(
        &mut self,
        statement: &Statement,
        widths: [Width; COUNT],
    ) -> Result<[Row; COUNT]> {
        if statement.operands.len() != COUNT {
            return Self::error(statement, format!("{COUNT} operands are expected"));
        }
        let mut rows = [0; COUNT];
        for (index, width) in widths.into_iter().enumerate() {
            rows[index] = match index {
                0 => self.target(statement, 0, width)?,
                _ => self.source(statement, index, width)?,
            };
        }
        Ok(rows)
    }

    pub(super) fn arithmetic(
        &mut self,
        statement: &Statement,
        mnemonic: &mut Mnemonic,
    ) -> Result<Instruction> {
        if mnemonic.take("pred") {
            return self.predicate_logic(statement, mnemonic);
        }
        if mnemonic.parts.iter().filter_map(|part| ScalarType::named(part)).any(ScalarType::is_float) {
            return self.float_arithmetic(statement, mnemonic);
        }
        self.integer_arithmetic(statement, mnemonic)
    }

    fn predicate_logic(&mut self, statement: &Statement, mnemonic: &Mnemonic) -> Result<Instruction> {
        let target = self.target_predicate(statement, Self::operand(statement, 0)?)?;
        let (first, first_negated) = self.predicate(statement, 1)?;
        if first_negated {
            return mnemonic.unknown();
        }
        let logic = match mnemonic.operation {
            "not" => return Ok(Instruction::PredicateNot { target, operand: first }),
            "and" => Logic::And,
            "or" => Logic::Or,
            "xor" => Logic::Xor,
            _ => return mnemonic.unknown(),
        };
        let (second, second_negated) = self.predicate(statement, 2)?;
        if second_negated {
            return mnemonic.unknown();
        }
        Ok(Instruction::PredicateBinary { logic, target, operands: [first, second] })
    }

    fn integer_arithmetic(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        let operation = mnemonic.operation;
        // Taken where it is done; elsewhere it is left, and refused by name.
        let is_sum = matches!(operation, "add" | "sub" | "addc" | "subc");
        let with_carry = is_sum && mnemonic.take("cc");
        let saturate = is_sum && operation.len() == 3 && !with_carry && mnemonic.take("sat");
        let is_product = matches!(operation, "mul" | "mad");
        let product = mnemonic.take_where(|part| {
            Some(match part {
                _ if !is_product => return None,
                "lo" => Product::Low,
                "hi" => Product::High,
                "wide" => Product::Wide,
                _ => return None,
            })
        });
        if operation == "lop3" || operation == "prmt" || operation == "shf" || operation == "dp4a" {
            return self.special_word(statement, mnemonic);
        }
        let shift_amount = operation == "bfind" && mnemonic.take("shiftamt");
        let scalar = mnemonic.ty()?;
        let Some(ty) = integer_type(scalar) else { return mnemonic.unknown() };
        let width = width_of(scalar);
        let is_long = width == Width::Long;
        if saturate && scalar != ScalarType::Signed32 {
            return mnemonic.error("the modifier .sat is supported for s32 alone");
        }
        let binary = match operation {
            "add" if saturate => IntegerBinary::AddSaturating,
            "sub" if saturate => IntegerBinary::SubtractSaturating,
            "add" | "sub" | "addc" | "subc" if with_carry || operation.len() == 4 => {
                return Ok(Instruction::AddWithCarry {
                    subtract: operation.starts_with("sub"),
                    use_carry: operation.ends_with('c'),
                    set_carry: with_carry,
                    is_long,
                    rows: self.rows(statement, width)?,
                });
            }
            "add" => IntegerBinary::Add,
            "sub" => IntegerBinary::Subtract,
            "mul" => match product {
                Some(Product::Wide) => {
                    let wide = if width == Width::Half { Width::Word } else { Width::Long };
                    let rows = self.rows_of(statement, [wide, width, width])?;
                    return Ok(Instruction::MultiplyWide { ty, rows });
                }
                Some(Product::High) => IntegerBinary::MultiplyHigh,
                _ => IntegerBinary::Multiply,
            },
            "mad" => {
                let Some(product) = product else { return mnemonic.unknown() };
                let wide = match (product, width) {
                    (Product::Wide, Width::Half) => Width::Word,
                    (Product::Wide, _) => Width::Long,
                    _ => width,
                };
                let rows = self.rows_of(statement, [wide, width, width, wide])?;
                return Ok(Instruction::MultiplyAdd { product, ty, rows });
            }
            "div" => IntegerBinary::Divide,
            "rem" => IntegerBinary::Remainder,
            "min" => IntegerBinary::Minimum,
            "max" => IntegerBinary::Maximum,
            "and" => IntegerBinary::And,
            "or" => IntegerBinary::Or,
            "xor" => IntegerBinary::Xor,
            "shl" => {
                let rows = self.rows_of(statement, [width, width, Width::Word])?;
                return Ok(Instruction::ShiftLeft { ty: unsigned(ty), rows });
            }
            "shr" => {
                let rows = self.rows_of(statement, [width, width, Width::Word])?;
                return Ok(Instruction::ShiftRight { ty, rows });
            }
            "not" | "neg" | "abs" | "cnot" => {
                let operation = match operation {
                    "not" => IntegerUnary::Not,
                    "neg" => IntegerUnary::Negate,
                    "abs" => IntegerUnary::Absolute,
                    _ => return mnemonic.unknown(),
                };
                return Ok(Instruction::IntegerUnary { operation, ty, rows: self.rows(statement, width)? });
            }
            "popc" | "clz" | "bfind" => {
                let count = match operation {
                    "popc" => BitCount::Ones,
                    "clz" => BitCount::LeadingZeros,
                    _ if shift_amount => BitCount::HighestShift,
                    _ => BitCount::Highest,
                };
                let rows = self.rows_of(statement, [Width::Word, width])?;
                return Ok(Instruction::CountBits { count, ty, rows });
            }
            "brev" => return Ok(Instruction::ReverseBits { is_long, rows: self.rows(statement, width)? }),
            "bfe" => {
                let rows = self.rows_of(statement, [width, width, Width::Word, Width::Word])?;
                return Ok(Instruction::ExtractBits { ty, rows });
            }
            "bfi" => {
                let rows = self.rows_of(statement, [width, width, width, Width::Word, Width::Word])?;
                return Ok(Instruction::InsertBits { is_long, rows });
            }
            "sad" if width == Width::Word => {
                let rows = self.rows(statement, width)?;
                return Ok(Instruction::SumOfDifference { is_signed: scalar.is_signed(), rows });
            }
            _ => return mnemonic.unknown(),
        };
        Ok(Instruction::IntegerBinary { operation: binary, ty, rows: self.rows(statement, width)? })
    }

    fn special_word(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        Ok(match mnemonic.operation {
            "lop3" => {
                mnemonic.ty()?;
                let Some(crate::syntax::Operand::Integer(table)) = statement.operands.get(4) else {
                    return mnemonic.error("the table must be a number");
                };
                let table = table.to_le_bytes()[0];
                let mut rows = [self.target(statement, 0, Width::Word)?; 4];
                for (index, row) in rows.iter_mut().enumerate().skip(1) {
                    *row = self.source(statement, index, Width::Word)?;
                }
                Instruction::LogicTable { table, rows }
            }
            "prmt" => {
                mnemonic.ty()?;
                Instruction::PermuteBytes { rows: self.rows(statement, Width::Word)? }
            }
            "shf" => {
                mnemonic.ty()?;
                let left = mnemonic.take("l");
                let clamp = mnemonic.take("clamp");
                mnemonic.ignore(&["r", "wrap"]);
                Instruction::FunnelShift { left, clamp, rows: self.rows(statement, Width::Word)? }
            }
            _ => {
                let a_signed = mnemonic.ty()?.is_signed();
                let b_signed = mnemonic.ty()?.is_signed();
                Instruction::DotBytes { a_signed, b_signed, rows: self.rows(statement, Width::Word)? }
            }
        })
    }

    fn float_arithmetic(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        let mode = mnemonic.float_mode();
        // What is approximate on a card is exact, or nearly so, here.
        mnemonic.ignore(&["approx", "full", "noftz"]);
        let scalar = mnemonic.ty()?;
        let Some(ty) = float_type(scalar) else { return mnemonic.unknown() };
        let width = width_of(scalar);
        let operation = mnemonic.operation;
        let is_rounded = matches!(operation, "add" | "sub" | "mul" | "div" | "fma" | "mad" | "sqrt" | "rcp");
        if mode.rounding != Rounding::NearestEven && (ty != FloatType::Single || !is_rounded) {
            return mnemonic
                .error("this rounding is supported for f32 alone, of sums, products, quotients and roots");
        }
        // None of these is done for doubles, nor by a card, but that the functions which are approximate flush.
        let flushes = mode.flush && !matches!(operation, "rcp" | "rsqrt");
        if ty == FloatType::Double && (flushes || mode.saturate || mode.rectify || mode.keep_nan) {
            return mnemonic.error("the modifiers .ftz, .sat, .relu and .NaN are not supported for f64");
        }
        if mode.keep_nan && !matches!(operation, "min" | "max") {
            return mnemonic.error("only min and max have the modifier .NaN");
        }
        let binary = match operation {
            "add" => FloatBinary::Add,
            "sub" => FloatBinary::Subtract,
            "mul" => FloatBinary::Multiply,
            "div" => FloatBinary::Divide,
            "min" => FloatBinary::Minimum,
            "max" => FloatBinary::Maximum,
            "copysign" => FloatBinary::CopySign,
            "fma" | "mad" => {
                return Ok(Instruction::FusedMultiplyAdd { ty, mode, rows: self.rows(statement, width)? });
            }
            operation => {
                let operation = match operation {
                    "neg" => FloatUnary::Negate,
                    "abs" => FloatUnary::Absolute,
                    "sqrt" => FloatUnary::SquareRoot,
                    "rsqrt" => FloatUnary::ReciprocalSquareRoot,
                    "rcp" => FloatUnary::Reciprocal,
                    "ex2" => FloatUnary::PowerOfTwo,
                    "lg2" => FloatUnary::LogarithmOfTwo,
                    "sin" => FloatUnary::Sine,
                    "cos" => FloatUnary::Cosine,
                    "tanh" => FloatUnary::Tangent,
                    _ => return mnemonic.unknown(),
                };
                return Ok(Instruction::FloatUnary {
                    operation,
                    ty,
                    mode,
                    rows: self.rows(statement, width)?,
                });
            }
        };
        Ok(Instruction::FloatBinary { operation: binary, ty, mode, rows: self.rows(statement, width)? })
    }
}
