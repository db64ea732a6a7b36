//! Operands: rows, predicates and addresses.

use super::names::Register;
use super::{Decoder, Result};
use crate::fault::ModuleError;
use crate::instruction::{Address, Base, Predicate, Row, Width};
use crate::special::SpecialRegister;
use crate::syntax::{Operand, Statement};
use crate::types::{ScalarType, Space};

/// The width of the register that holds a type.
pub(super) fn width_of(ty: ScalarType) -> Width {
    match ty.size() {
        1 | 2 => Width::Half,
        4 => Width::Word,
        _ => Width::Long,
    }
}

impl Decoder<'_> {
    pub(super) fn error<T>(statement: &Statement, message: impl std::fmt::Display) -> Result<T> {
        Err(ModuleError::new(statement.line, format!("{}: {message}", statement.mnemonic)))
    }

    /// The operand of this number, from 0.
    pub(super) fn operand(statement: &Statement, index: usize) -> Result<&Operand> {
        match statement.operands.get(index) {
            Some(operand) => Ok(operand),
            None => Self::error(statement, format!("operand {index} is not there")),
        }
    }

    fn register(&self, name: &str, line: u32) -> Result<Register> {
        self.names
            .find_register(name)
            .ok_or_else(|| ModuleError::new(line, format!("the register {name} is not declared")))
    }

    pub(super) fn named_predicate(&self, name: &str, line: u32) -> Result<Predicate> {
        let register = self.register(name, line)?;
        match register.width {
            None => Ok(register.index),
            Some(_) => Err(ModuleError::new(line, format!("{name} is no predicate"))),
        }
    }

    /// The row of an operand that is read, as a register of the given width.
    pub(super) fn source(&mut self, statement: &Statement, index: usize, width: Width) -> Result<Row> {
        let operand = Self::operand(statement, index)?;
        self.source_operand(statement, operand, width)
    }

    pub(super) fn source_operand(
        &mut self,
        statement: &Statement,
        operand: &Operand,
        width: Width,
    ) -> Result<Row> {
        let value = match operand {
            Operand::Integer(value) => *value,
            Operand::Single(bits) if width == Width::Long => f64::from(f32::from_bits(*bits)).to_bits(),
            Operand::Single(bits) => u64::from(*bits),
            Operand::Double(bits) if width == Width::Long => *bits,
            #[allow(clippy::cast_possible_truncation, reason = "a decimal literal of a single")]
            Operand::Double(bits) => u64::from((f64::from_bits(*bits) as f32).to_bits()),
            Operand::Name(name) => {
                if let Some(register) = self.names.find_register(name) {
                    if register.width.is_some_and(|found| (found == Width::Long) == (width == Width::Long)) {
                        return Ok(register.index);
                    }
                    return Self::error(statement, format!("the register {name} is not of this width"));
                }
                if let Some(special) = SpecialRegister::named(name)
                    && width != Width::Long
                {
                    return Ok(self.special_register(special));
                }
                match self.names.find_variable(name) {
                    Some(symbol) => symbol.value,
                    None if name == "WARP_SZ" => 32,
                    None => return Self::error(statement, format!("the name {name} is not declared")),
                }
            }
            other => return Self::error(statement, format!("the operand {other:?} is not supported here")),
        };
        Ok(self.constant(value, width))
    }

    #[allow(clippy::cast_possible_truncation, reason = "a literal is written for a register of this width")]
    pub(super) fn constant(&mut self, value: u64, width: Width) -> Row {
        match width {
            Width::Half => self.constant_word(u32::from(value as u16)),
            Width::Word => self.constant_word(value as u32),
            Width::Long => self.constant_long(value),
        }
    }

    /// The row of an operand that is written.
    pub(super) fn target(&mut self, statement: &Statement, index: usize, width: Width) -> Result<Row> {
        let operand = Self::operand(statement, index)?;
        self.target_operand(statement, operand, width)
    }

    pub(super) fn target_operand(
        &mut self,
        statement: &Statement,
        operand: &Operand,
        width: Width,
    ) -> Result<Row> {
        match operand {
            Operand::Sink => Ok(self.fresh_row(width)),
            Operand::Name(name) => {
                let register = self.register(name, statement.line)?;
                match register.width {
                    Some(found) if (found == Width::Long) == (width == Width::Long) => Ok(register.index),
                    _ => Self::error(statement, format!("the register {name} is not of this width")),
                }
            }
            other => Self::error(statement, format!("{other:?} is no register to write")),
        }
    }

    /// The width of the register that an operand names; of anything else, `otherwise`.
    pub(super) fn width_of_operand(&self, operand: &Operand, otherwise: Width) -> Width {
        let Operand::Name(name) = operand else { return otherwise };
        self.names.find_register(name).and_then(|register| register.width).unwrap_or(otherwise)
    }

    /// A predicate that is read, and whether it is negated.
    pub(super) fn predicate(&mut self, statement: &Statement, index: usize) -> Result<(Predicate, bool)> {
        match Self::operand(statement, index)? {
            Operand::Name(name) => Ok((self.named_predicate(name, statement.line)?, false)),
            Operand::Negated(name) => Ok((self.named_predicate(name, statement.line)?, true)),
            Operand::Integer(value) => Ok((self.constant_predicate(*value != 0), false)),
            other => Self::error(statement, format!("{other:?} is no predicate")),
        }
    }

    /// A predicate that is written.
    pub(super) fn target_predicate(&mut self, statement: &Statement, operand: &Operand) -> Result<Predicate> {
        match operand {
            Operand::Name(name) => self.named_predicate(name, statement.line),
            other => Self::error(statement, format!("{other:?} is no predicate to write")),
        }
    }

    /// The operands in braces, or the one without.
    pub(super) fn elements(operand: &Operand) -> &[Operand] {
        match operand {
            Operand::Vector(elements) => elements,
            single => std::slice::from_ref(single),
        }
    }

    pub(super) fn address(&mut self, statement: &Statement, index: usize, space: Space) -> Result<Address> {
        let Operand::Address { base, offset } = Self::operand(statement, index)? else {
            return Self::error(statement, "expected an address in brackets");
        };
        let Some(name) = base else { return Ok(Address { space, base: Base::None, offset: *offset }) };
        if let Some(register) = self.names.find_register(name) {
            let base = match register.width {
                Some(Width::Long) => Base::Long(register.index),
                Some(Width::Word) => Base::Word(register.index),
                _ => return Self::error(statement, format!("an address in {name}")),
            };
            return Ok(Address { space, base, offset: *offset });
        }
        let Some(symbol) = self.names.find_variable(name) else {
            return Self::error(statement, format!("the name {name} is not declared"));
        };
        let offset = symbol.value.cast_signed().wrapping_add(*offset);
        // Parameters of a function that is put in line are local memory. The address of a variable is one of its space.
        let fits = match space {
            Space::Parameter => matches!(symbol.space, Space::Parameter | Space::Local),
            Space::Constant | Space::Global => symbol.space == Space::Global,
            Space::Generic => symbol.space == Space::Global,
            other => symbol.space == other,
        };
        if !fits {
            return Self::error(statement, format!("the variable {name} is in another space"));
        }
        Ok(Address { space: symbol.space, base: Base::None, offset })
    }
}
