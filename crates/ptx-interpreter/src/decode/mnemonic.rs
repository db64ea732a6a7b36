//! The parts of a mnemonic, each of which must be understood by someone.

use super::Result;
use crate::fault::ModuleError;
use crate::syntax::Statement;
use crate::types::{FloatMode, Rounding, ScalarType};

/// `ld.global.b32` as the operation `ld` and the parts `global` and `b32`, which are taken as they are understood.
pub(super) struct Mnemonic<'a> {
    pub(super) operation: &'a str,
    pub(super) parts: Vec<&'a str>,
    whole: &'a str,
    line: u32,
}

impl<'a> Mnemonic<'a> {
    pub(super) fn new(statement: &'a Statement) -> Self {
        let mut parts: Vec<_> = statement.mnemonic.split('.').collect();
        let operation = parts.remove(0);
        Self { operation, parts, whole: &statement.mnemonic, line: statement.line }
    }

    /// Takes a part out, and says whether it was there.
    pub(super) fn take(&mut self, part: &str) -> bool {
        let found = self.parts.iter().position(|candidate| *candidate == part);
        if let Some(index) = found {
            self.parts.remove(index);
        }
        found.is_some()
    }

    /// Takes parts that make no difference here.
    pub(super) fn ignore(&mut self, parts: &[&str]) {
        self.parts.retain(|part| !parts.contains(part));
    }

    /// Takes the first part that `meaning` knows.
    pub(super) fn take_where<T>(&mut self, meaning: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (index, value) =
            self.parts.iter().enumerate().find_map(|(index, part)| Some((index, meaning(part)?)))?;
        self.parts.remove(index);
        Some(value)
    }

    /// Takes the first part that names a type.
    pub(super) fn ty(&mut self) -> Result<ScalarType> {
        match self.take_where(ScalarType::named) {
            Some(ty) => Ok(ty),
            None => self.unknown(),
        }
    }

    pub(super) fn rounding(&mut self) -> Option<Rounding> {
        self.take_where(|part| {
            Some(match part {
                "rn" => Rounding::NearestEven,
                "rna" => Rounding::NearestAway,
                "rz" => Rounding::TowardsZero,
                "rm" => Rounding::Down,
                "rp" => Rounding::Up,
                _ => return None,
            })
        })
    }

    pub(super) fn float_mode(&mut self) -> FloatMode {
        FloatMode {
            rounding: self.rounding().unwrap_or_default(),
            flush: self.take("ftz"),
            saturate: self.take("sat"),
            rectify: self.take("relu"),
            keep_nan: self.take("NaN"),
        }
    }

    pub(super) fn error<T>(&self, message: impl std::fmt::Display) -> Result<T> {
        Err(ModuleError::new(self.line, format!("{}: {message}", self.whole)))
    }

    /// The instruction is not one of those that this program knows.
    pub(super) fn unknown<T>(&self) -> Result<T> {
        self.error("the instruction is not supported")
    }

    /// Nothing may be left that nobody understood.
    pub(super) fn finish(self) -> Result<()> {
        match self.parts.first() {
            None => Ok(()),
            Some(part) => self.error(format!("the modifier .{part} is not supported")),
        }
    }
}
