//! Moves, conversions, comparisons and choices.

use super::mnemonic::Mnemonic;
use super::operands::width_of;
use super::{Decoder, Result};
use crate::instruction::{
    FloatClass, FloatType, Instruction, IntegerBinary, IntegerType, Logic, NO_ROW, Packing, Width,
};
use crate::memory::{LOCAL_WINDOW, PARAMETER_WINDOW, SHARED_WINDOW};
use crate::syntax::{Operand, Statement};
use crate::types::{Comparison, Rounding, ScalarType, Space};

impl Decoder<'_> {
    pub(super) fn value(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        match mnemonic.operation {
            "mov" => self.move_value(statement, mnemonic),
            "cvt" => self.convert(statement, mnemonic),
            "cvta" => self.convert_address(statement, mnemonic),
            "setp" | "set" => self.compare(statement, mnemonic),
            "isspacep" => {
                let Some(space) = mnemonic.take_where(super::memory::space_named) else {
                    return mnemonic.unknown();
                };
                let target = self.target_predicate(statement, Self::operand(statement, 0)?)?;
                Ok(Instruction::IsInSpace { space, target, row: self.source(statement, 1, Width::Long)? })
            }
            "testp" => {
                let class = mnemonic.take_where(|part| {
                    Some(match part {
                        "finite" => FloatClass::Finite,
                        "infinite" => FloatClass::Infinite,
                        "number" => FloatClass::Number,
                        "notanumber" => FloatClass::NotNumber,
                        "normal" => FloatClass::Normal,
                        "subnormal" => FloatClass::Subnormal,
                        _ => return None,
                    })
                });
                let Some(class) = class else { return mnemonic.unknown() };
                let width = width_of(mnemonic.ty()?);
                let target = self.target_predicate(statement, Self::operand(statement, 0)?)?;
                let row = self.source(statement, 1, width)?;
                Ok(Instruction::TestFloat { is_long: width == Width::Long, class, target, row })
            }
            "slct" => {
                let width = width_of(mnemonic.ty()?);
                let is_float = mnemonic.ty()?.is_float();
                let rows = [
                    self.target(statement, 0, width)?,
                    self.source(statement, 1, width)?,
                    self.source(statement, 2, width)?,
                    self.source(statement, 3, Width::Word)?,
                ];
                Ok(Instruction::SelectBySign { is_long: width == Width::Long, is_float, rows })
            }
            _ => {
                let width = width_of(mnemonic.ty()?);
                let mut rows = [
                    self.target(statement, 0, width)?,
                    self.source(statement, 1, width)?,
                    self.source(statement, 2, width)?,
                ];
                let (predicate, negated) = self.predicate(statement, 3)?;
                if negated {
                    rows.swap(1, 2);
                }
                Ok(Instruction::Select { is_long: width == Width::Long, rows, predicate })
            }
        }
    }

    fn move_value(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        if mnemonic.take("pred") {
            let target = self.target_predicate(statement, Self::operand(statement, 0)?)?;
            let (operand, negated) = self.predicate(statement, 1)?;
            return Ok(match negated {
                true => Instruction::PredicateNot { target, operand },
                false => Instruction::PredicateMove { target, operand },
            });
        }
        let width = width_of(mnemonic.ty()?);
        let (to, from) = (Self::operand(statement, 0)?, Self::operand(statement, 1)?);
        if let Operand::Vector(elements) = from {
            let (packing, part) = self.packing(statement, elements, width)?;
            let mut parts = [NO_ROW; 4];
            for (row, element) in parts.iter_mut().zip(elements) {
                *row = self.source_operand(statement, element, part)?;
            }
            return Ok(Instruction::Pack { packing, target: self.target(statement, 0, width)?, parts });
        }
        if let Operand::Vector(elements) = to {
            let (packing, part) = self.packing(statement, elements, width)?;
            let mut parts = [NO_ROW; 4];
            for (row, element) in parts.iter_mut().zip(elements) {
                if *element != Operand::Sink {
                    *row = self.target_operand(statement, element, part)?;
                }
            }
            return Ok(Instruction::Unpack { packing, source: self.source(statement, 1, width)?, parts });
        }
        match from {
            Operand::Name(name) if name == "%clock" || name == "%clock_hi" || name == "%globaltimer_lo" => {
                return Ok(Instruction::ClockWord { target: self.target(statement, 0, Width::Word)? });
            }
            Operand::Name(name) if name == "%clock64" || name == "%globaltimer" => {
                return Ok(Instruction::ClockLong { target: self.target(statement, 0, Width::Long)? });
            }
            _ => {}
        }
        let rows = [self.target(statement, 0, width)?, self.source(statement, 1, width)?];
        Ok(if width == Width::Long { Instruction::MoveLong { rows } } else { Instruction::MoveWord { rows } })
    }

    fn packing(&self, statement: &Statement, elements: &[Operand], width: Width) -> Result<(Packing, Width)> {
        Ok(match (elements.len(), width) {
            (2, Width::Word) => (Packing::WordOfHalves, Width::Half),
            (2, Width::Long) => (Packing::LongOfWords, Width::Word),
            (4, Width::Long) => (Packing::LongOfHalves, Width::Half),
            (2, Width::Half) => (Packing::HalfOfBytes, Width::Half),
            (4, Width::Word) => (Packing::WordOfBytes, Width::Half),
            (count, _) => return Self::error(statement, format!("{count} parts of a register")),
        })
    }

    fn convert(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        let to_integral = mnemonic.take_where(|part| {
            Some(match part {
                "rni" => Rounding::NearestEven,
                "rzi" => Rounding::TowardsZero,
                "rmi" => Rounding::Down,
                "rpi" => Rounding::Up,
                _ => return None,
            })
        });
        let mut mode = mnemonic.float_mode();
        let saturate = std::mem::take(&mut mode.saturate);
        let to = mnemonic.ty()?;
        let from = mnemonic.ty()?;
        let has_single = [from, to].contains(&ScalarType::Single);
        let is_pair = matches!(to, ScalarType::HalfPair | ScalarType::BrainPair);
        let is_small = matches!(to, ScalarType::Half | ScalarType::Brain | ScalarType::Tensor32);
        let is_long = matches!(from, ScalarType::Signed64 | ScalarType::Unsigned64 | ScalarType::Bits64);
        // What would make no difference below is refused.
        let dropped = [
            (mode.keep_nan, "NaN"),
            (mode.flush && (is_pair || !has_single), "ftz"),
            (saturate && (is_pair || to == ScalarType::Tensor32), "sat"),
            (mode.rectify && !is_pair && !is_small, "relu"),
            (mode.rounding == Rounding::NearestAway && to != ScalarType::Tensor32, "rna"),
            (mode.rounding != Rounding::NearestEven && is_long && to == ScalarType::Double, "rz, .rm or .rp"),
        ];
        if let Some((_, part)) = dropped.iter().find(|(is_dropped, _)| *is_dropped) {
            return mnemonic.error(format!("the modifier .{part} is not supported"));
        }
        if is_pair {
            if from != ScalarType::Single {
                return mnemonic.unknown();
            }
            let to = if to == ScalarType::HalfPair { FloatType::HalfPair } else { FloatType::BrainPair };
            let rows = [
                self.target(statement, 0, Width::Word)?,
                self.source(statement, 1, Width::Word)?,
                self.source(statement, 2, Width::Word)?,
            ];
            return Ok(Instruction::ConvertPair { to, mode, rows });
        }
        // A register may be wider than the type.
        let from_width = self.width_of_operand(Self::operand(statement, 1)?, width_of(from));
        let to_width = self.width_of_operand(Self::operand(statement, 0)?, width_of(to));
        let rows = [self.target(statement, 0, to_width)?, self.source(statement, 1, from_width)?];
        Ok(Instruction::Convert {
            from,
            to,
            to_integral,
            mode,
            saturate,
            from_long: from_width == Width::Long,
            to_width,
            rows,
        })
    }

    /// Between an address of a space and a generic one: a distance apart.
    fn convert_address(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        let to_space = mnemonic.take("to");
        let Some(space) = mnemonic.take_where(super::memory::space_named) else { return mnemonic.unknown() };
        if mnemonic.ty()?.size() != 8 {
            return mnemonic.unknown();
        }
        let window = match space {
            Space::Shared => SHARED_WINDOW,
            Space::Local => LOCAL_WINDOW,
            Space::Parameter => PARAMETER_WINDOW,
            _ => 0,
        };
        let rows = [
            self.target(statement, 0, Width::Long)?,
            self.source(statement, 1, Width::Long)?,
            self.constant_long(window),
        ];
        let operation = if to_space { IntegerBinary::Subtract } else { IntegerBinary::Add };
        Ok(Instruction::IntegerBinary { operation, ty: IntegerType::Unsigned64, rows })
    }

    fn compare(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        let is_set = mnemonic.operation == "set";
        let flush = mnemonic.take("ftz");
        let Some(comparison) = mnemonic.take_where(Comparison::named) else { return mnemonic.unknown() };
        let logic = mnemonic.take_where(|part| {
            Some(match part {
                "and" => Logic::And,
                "or" => Logic::Or,
                "xor" => Logic::Xor,
                _ => return None,
            })
        });
        let result = if is_set { Some(mnemonic.ty()?) } else { None };
        let ty = mnemonic.ty()?;
        if flush && !matches!(ty, ScalarType::Single | ScalarType::Half) {
            return mnemonic.error("the modifier .ftz is for f32 and f16 alone");
        }
        // Of pairs there would be two results.
        if matches!(ty, ScalarType::HalfPair | ScalarType::BrainPair | ScalarType::Tensor32) {
            return mnemonic.unknown();
        }
        let width = width_of(ty);
        let rows = [self.source(statement, 1, width)?, self.source(statement, 2, width)?];
        let combine = match logic {
            Some(logic) => {
                let (predicate, negated) = self.predicate(statement, 3)?;
                Some((logic, predicate, negated))
            }
            None => None,
        };
        if let Some(result) = result {
            let predicate = self.fresh_predicate();
            let row = self.target(statement, 0, width_of(result))?;
            if width_of(result) != Width::Word {
                return mnemonic.unknown();
            }
            // Two instructions: the guard of the first is that of the second, which is left out, since nothing else reads it.
            self.push(
                statement.line,
                None,
                Instruction::Compare {
                    comparison,
                    ty,
                    flush,
                    target: predicate,
                    inverse: None,
                    rows,
                    combine,
                },
            );
            return Ok(Instruction::SetByPredicate { is_float: result.is_float(), target: row, predicate });
        }
        let (target, inverse) = match Self::operand(statement, 0)? {
            Operand::Pair(target, inverse) => (
                self.named_predicate(target, statement.line)?,
                Some(self.named_predicate(inverse, statement.line)?),
            ),
            operand => (self.target_predicate(statement, operand)?, None),
        };
        Ok(Instruction::Compare { comparison, ty, flush, target, inverse, rows, combine })
    }
}
