//! What the lanes of a warp tell each other.

use super::arithmetic::integer_type;
use super::mnemonic::Mnemonic;
use super::operands::width_of;
use super::{Decoder, Result};
use crate::instruction::{Instruction, IntegerBinary, Predicate, Row, ShuffleMode, Vote, Width};
use crate::syntax::{Operand, Statement};
use crate::types::ScalarType;

impl Decoder<'_> {
    pub(super) fn exchange(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        if !mnemonic.take("sync") && mnemonic.operation != "activemask" {
            return mnemonic.error("only the form with .sync is supported");
        }
        match mnemonic.operation {
            "shfl" => self.shuffle(statement, mnemonic),
            "vote" => self.vote(statement, mnemonic),
            "match" => {
                let all = mnemonic.take("all");
                mnemonic.take("any");
                let width = width_of(mnemonic.ty()?);
                let (target, valid) = self.target_with_predicate(statement)?;
                Ok(Instruction::Match {
                    all,
                    is_long: width == Width::Long,
                    target,
                    valid,
                    value: self.source(statement, 1, width)?,
                    members: self.source(statement, 2, Width::Word)?,
                })
            }
            "redux" => {
                let operation = mnemonic.take_where(|part| {
                    Some(match part {
                        "add" => IntegerBinary::Add,
                        "min" => IntegerBinary::Minimum,
                        "max" => IntegerBinary::Maximum,
                        "and" => IntegerBinary::And,
                        "or" => IntegerBinary::Or,
                        "xor" => IntegerBinary::Xor,
                        _ => return None,
                    })
                });
                let ty = integer_type(mnemonic.ty()?);
                let (Some(operation), Some(ty)) = (operation, ty) else { return mnemonic.unknown() };
                Ok(Instruction::Reduce {
                    operation,
                    ty,
                    target: self.target(statement, 0, Width::Word)?,
                    value: self.source(statement, 1, Width::Word)?,
                    members: self.source(statement, 2, Width::Word)?,
                })
            }
            _ => {
                mnemonic.ty()?;
                Ok(Instruction::ActiveMask { target: self.target(statement, 0, Width::Word)? })
            }
        }
    }

    /// `%r1`, or `%r1|%p1`.
    fn target_with_predicate(&mut self, statement: &Statement) -> Result<(Row, Option<Predicate>)> {
        match Self::operand(statement, 0)? {
            Operand::Pair(register, predicate) => {
                let register = match register.as_str() {
                    "_" => Operand::Sink,
                    name => Operand::Name(name.to_owned()),
                };
                let row = self.target_operand(statement, &register, Width::Word)?;
                Ok((row, Some(self.named_predicate(predicate, statement.line)?)))
            }
            operand => Ok((self.target_operand(statement, operand, Width::Word)?, None)),
        }
    }

    fn shuffle(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        let mode = mnemonic.take_where(|part| {
            Some(match part {
                "idx" => ShuffleMode::Index,
                "up" => ShuffleMode::Up,
                "down" => ShuffleMode::Down,
                "bfly" => ShuffleMode::Butterfly,
                _ => return None,
            })
        });
        let Some(mode) = mode else { return mnemonic.unknown() };
        if mnemonic.ty()? != ScalarType::Bits32 {
            return mnemonic.unknown();
        }
        let (target, valid) = self.target_with_predicate(statement)?;
        Ok(Instruction::Shuffle {
            mode,
            target,
            valid,
            value: self.source(statement, 1, Width::Word)?,
            operand: self.source(statement, 2, Width::Word)?,
            bounds: self.source(statement, 3, Width::Word)?,
            members: self.source(statement, 4, Width::Word)?,
        })
    }

    fn vote(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        let vote = mnemonic.take_where(|part| {
            Some(match part {
                "all" => Vote::All,
                "any" => Vote::Any,
                "uni" => Vote::Uniform,
                "ballot" => Vote::Ballot,
                _ => return None,
            })
        });
        let Some(vote) = vote else { return mnemonic.unknown() };
        let (predicate, negated) = self.predicate(statement, 1)?;
        let members = self.source(statement, 2, Width::Word)?;
        if let Vote::Ballot = vote {
            mnemonic.ty()?;
            let target = self.target(statement, 0, Width::Word)?;
            return Ok(Instruction::VoteBallot { target, predicate, negated, members });
        }
        mnemonic.take("pred");
        let target = self.target_predicate(statement, Self::operand(statement, 0)?)?;
        Ok(Instruction::VotePredicate { vote, target, predicate, negated, members })
    }
}
