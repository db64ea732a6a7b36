//! Loads, stores, atomic operations and copies.

use super::mnemonic::Mnemonic;
use super::operands::width_of;
use super::{Decoder, Result};
use crate::instruction::{AtomicOperation, Instruction, NO_ROW, Width};
use crate::syntax::{Operand, Statement};
use crate::types::{ScalarType, Space};

/// What says how an access is ordered or cached. Every access here is seen by all at once, in the order of the program.
const ORDER_AND_CACHE: &[&str] = &[
    "weak", "relaxed", "acquire", "release", "acq_rel", "volatile", "mmio", "cta", "cluster", "gpu", "sys",
    "nc", "ca", "cg", "cs", "cv", "lu", "wb", "wt", "noftz",
];

fn is_hint(part: &str) -> bool {
    part.starts_with("L1::") || part.starts_with("L2::")
}

pub(super) fn space_named(part: &str) -> Option<Space> {
    Some(match part {
        "global" => Space::Global,
        "shared" | "shared::cta" => Space::Shared,
        "local" => Space::Local,
        "param" | "param::entry" | "param::func" => Space::Parameter,
        "const" => Space::Constant,
        _ => return None,
    })
}

impl Decoder<'_> {
    pub(super) fn memory(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        match mnemonic.operation {
            "membar" | "fence" | "prefetch" | "prefetchu" | "discard" | "applypriority" => {
                mnemonic.parts.clear();
                return Ok(Instruction::Nothing);
            }
            "cp" => return self.copy(statement, mnemonic),
            _ => {}
        }
        mnemonic.ignore(ORDER_AND_CACHE);
        mnemonic.parts.retain(|part| !is_hint(part));
        let space = mnemonic.take_where(space_named).unwrap_or(Space::Generic);
        match mnemonic.operation {
            "ld" | "ldu" => self.load(statement, mnemonic, space),
            "st" => self.store(statement, mnemonic, space),
            _ => self.atomic(statement, mnemonic, space),
        }
    }

    /// How many elements, and of which type. Vectors of more than four do not exist on this card.
    fn vector(mnemonic: &mut Mnemonic) -> Result<(u8, ScalarType)> {
        let count = mnemonic.take_where(|part| match part {
            "v2" => Some(2),
            "v4" => Some(4),
            _ => None,
        });
        let ty = mnemonic.ty()?;
        if ty.size() > 8 {
            return mnemonic.unknown();
        }
        Ok((count.unwrap_or(1), ty))
    }

    fn load(&mut self, statement: &Statement, mnemonic: &mut Mnemonic, space: Space) -> Result<Instruction> {
        let (count, ty) = Self::vector(mnemonic)?;
        let elements = Self::elements(Self::operand(statement, 0)?);
        if elements.len() != usize::from(count) {
            return mnemonic.error("the number of registers is not that of the elements");
        }
        let width = self.width_of_first(elements, ty);
        let mut targets = [NO_ROW; 4];
        for (row, element) in targets.iter_mut().zip(elements) {
            if *element != Operand::Sink {
                *row = self.target_operand(statement, element, width)?;
            }
        }
        Ok(Instruction::Load { ty, width, count, address: self.address(statement, 1, space)?, targets })
    }

    fn store(&mut self, statement: &Statement, mnemonic: &mut Mnemonic, space: Space) -> Result<Instruction> {
        let (count, ty) = Self::vector(mnemonic)?;
        let address = self.address(statement, 0, space)?;
        let elements = Self::elements(Self::operand(statement, 1)?);
        if elements.len() != usize::from(count) {
            return mnemonic.error("the number of registers is not that of the elements");
        }
        let width = self.width_of_first(elements, ty);
        let mut sources = [NO_ROW; 4];
        for (row, element) in sources.iter_mut().zip(elements) {
            *row = self.source_operand(statement, element, width)?;
        }
        let size = u8::try_from(ty.size()).expect("a type of at most 8 bytes");
        Ok(Instruction::Store { size, is_long: width == Width::Long, count, address, sources })
    }

    /// The width of the first operand that is a register; it may be wider than the type.
    fn width_of_first(&self, elements: &[Operand], ty: ScalarType) -> Width {
        let register = elements.iter().find(
            |element| matches!(element, Operand::Name(name) if self.names.find_register(name).is_some()),
        );
        register.map_or(width_of(ty), |register| self.width_of_operand(register, width_of(ty)))
    }

    fn atomic(
        &mut self,
        statement: &Statement,
        mnemonic: &mut Mnemonic,
        space: Space,
    ) -> Result<Instruction> {
        let operation = mnemonic.take_where(|part| {
            Some(match part {
                "add" => AtomicOperation::Add,
                "min" => AtomicOperation::Minimum,
                "max" => AtomicOperation::Maximum,
                "and" => AtomicOperation::And,
                "or" => AtomicOperation::Or,
                "xor" => AtomicOperation::Xor,
                "exch" => AtomicOperation::Exchange,
                "cas" => AtomicOperation::CompareAndSwap,
                "inc" => AtomicOperation::Increment,
                "dec" => AtomicOperation::Decrement,
                _ => return None,
            })
        });
        let Some(operation) = operation else { return mnemonic.unknown() };
        let ty = mnemonic.ty()?;
        let width = width_of(ty);
        if ty.size() == 1 || ty.size() > 8 {
            return mnemonic.unknown();
        }
        let mut next = 0;
        let mut target = NO_ROW;
        if mnemonic.operation == "atom" {
            if statement.operands.first() != Some(&Operand::Sink) {
                target = self.target(statement, 0, width)?;
            }
            next = 1;
        }
        let address = self.address(statement, next, space)?;
        let first = self.source(statement, next + 1, width)?;
        let second = match operation {
            AtomicOperation::CompareAndSwap => self.source(statement, next + 2, width)?,
            _ => first,
        };
        Ok(Instruction::Atomic { operation, ty, address, target, operands: [first, second] })
    }

    /// A copy is done when it is asked for, so that there is nothing to wait for later.
    fn copy(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        if !mnemonic.take("async") {
            return mnemonic.unknown();
        }
        if mnemonic.take("commit_group") || mnemonic.take("wait_group") || mnemonic.take("wait_all") {
            return Ok(Instruction::Nothing);
        }
        mnemonic.ignore(&["ca", "cg"]);
        mnemonic.parts.retain(|part| !is_hint(part));
        if mnemonic.take_where(space_named) != Some(Space::Shared)
            || mnemonic.take_where(space_named) != Some(Space::Global)
        {
            return mnemonic.unknown();
        }
        let Operand::Integer(size @ (4 | 8 | 16)) = *Self::operand(statement, 2)? else {
            return mnemonic.error("copies are of 4, 8 or 16 bytes");
        };
        let source_size = match statement.operands.get(3) {
            Some(_) => self.source(statement, 3, Width::Word)?,
            None => self.constant(size, Width::Word),
        };
        Ok(Instruction::CopyAsync {
            size: size.to_le_bytes()[0],
            to: self.address(statement, 0, Space::Shared)?,
            from: self.address(statement, 1, Space::Global)?,
            source_size,
        })
    }
}
