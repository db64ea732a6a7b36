//! What names stand for, and the rows of constants and special registers.

use std::collections::HashMap;

use super::Decoder;
use crate::instruction::{Predicate, Row, Width};
use crate::registers::Mask;
use crate::special::SpecialRegister;
use crate::types::{ScalarType, Space};

/// A variable: where it is and its address there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol {
    pub(super) space: Space,
    pub(super) value: u64,
}

/// A register, or the first of several that are numbered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Register {
    /// `None` for a predicate.
    pub(super) width: Option<Width>,
    pub(super) index: u32,
}

/// What is declared between braces.
#[derive(Debug, Default)]
struct Scope {
    registers: HashMap<String, Register>,
    ranges: HashMap<String, (Register, u32)>,
    variables: HashMap<String, Symbol>,
}

/// Names that are in scope.
pub(super) struct Names<'a> {
    module: &'a HashMap<String, Symbol>,
    scopes: Vec<Scope>,
    /// Those of the callers of a function that is put in line.
    outer: Vec<Vec<Scope>>,
}

impl<'a> Names<'a> {
    pub(super) fn new(module: &'a HashMap<String, Symbol>) -> Self {
        Self { module, scopes: Vec::new(), outer: Vec::new() }
    }

    pub(super) fn open(&mut self) {
        self.scopes.push(Scope::default());
    }

    pub(super) fn close(&mut self) {
        self.scopes.pop();
    }

    /// Hides all names but those of the module, for the body of another function.
    pub(super) fn enter(&mut self) {
        self.outer.push(std::mem::take(&mut self.scopes));
        self.open();
    }

    pub(super) fn leave(&mut self) {
        self.scopes = self.outer.pop().expect("a function that was entered");
    }

    pub(super) fn variable(&mut self, name: &str, symbol: Symbol) {
        self.innermost().variables.insert(name.to_owned(), symbol);
    }

    pub(super) fn register(&mut self, name: &str, register: Register) {
        self.innermost().registers.insert(name.to_owned(), register);
    }

    pub(super) fn range(&mut self, prefix: &str, first: Register, count: u32) {
        self.innermost().ranges.insert(prefix.to_owned(), (first, count));
    }

    fn innermost(&mut self) -> &mut Scope {
        self.scopes.last_mut().expect("a scope is open")
    }

    pub(super) fn find_variable(&self, name: &str) -> Option<Symbol> {
        let scoped = self.scopes.iter().rev().find_map(|scope| scope.variables.get(name));
        scoped.or_else(|| self.module.get(name)).copied()
    }

    pub(super) fn find_register(&self, name: &str) -> Option<Register> {
        let prefix = name.trim_end_matches(|character: char| character.is_ascii_digit());
        let number: Option<u32> = name[prefix.len()..].parse().ok();
        self.scopes.iter().rev().find_map(|scope| {
            if let Some(register) = scope.registers.get(name) {
                return Some(*register);
            }
            let (first, count) = scope.ranges.get(prefix)?;
            let number = number.filter(|number| number < count)?;
            Some(Register { width: first.width, index: first.index + number })
        })
    }
}

/// Rows whose values are known before a kernel starts.
#[derive(Debug, Default)]
pub(super) struct Constants {
    words: HashMap<u32, Row>,
    longs: HashMap<u64, Row>,
    predicates: HashMap<Mask, Predicate>,
    special: HashMap<SpecialRegister, Row>,
}

impl Constants {
    pub(super) fn words(&self) -> Vec<(Row, u32)> {
        self.words.iter().map(|(value, row)| (*row, *value)).collect()
    }

    pub(super) fn longs(&self) -> Vec<(Row, u64)> {
        self.longs.iter().map(|(value, row)| (*row, *value)).collect()
    }

    pub(super) fn predicates(&self) -> Vec<(Predicate, Mask)> {
        self.predicates.iter().map(|(value, row)| (*row, *value)).collect()
    }

    pub(super) fn special(&self) -> Vec<(Row, SpecialRegister)> {
        self.special.iter().map(|(register, row)| (*row, *register)).collect()
    }
}

fn next(count: &mut usize) -> u32 {
    *count += 1;
    u32::try_from(*count - 1).expect("a kernel has fewer registers than 2^32")
}

impl Decoder<'_> {
    pub(super) fn constant_word(&mut self, value: u32) -> Row {
        let count = &mut self.counts.words;
        *self.constants.words.entry(value).or_insert_with(|| next(count))
    }

    pub(super) fn constant_long(&mut self, value: u64) -> Row {
        let count = &mut self.counts.longs;
        *self.constants.longs.entry(value).or_insert_with(|| next(count))
    }

    pub(super) fn constant_predicate(&mut self, value: bool) -> Predicate {
        let count = &mut self.counts.predicates;
        let mask = if value { Mask::MAX } else { 0 };
        *self.constants.predicates.entry(mask).or_insert_with(|| next(count))
    }

    pub(super) fn special_register(&mut self, register: SpecialRegister) -> Row {
        let count = &mut self.counts.words;
        *self.constants.special.entry(register).or_insert_with(|| next(count))
    }

    /// A predicate that only this instruction uses.
    pub(super) fn fresh_predicate(&mut self) -> Predicate {
        next(&mut self.counts.predicates)
    }

    /// A row that only this instruction uses.
    pub(super) fn fresh_row(&mut self, width: Width) -> Row {
        match width {
            Width::Half | Width::Word => next(&mut self.counts.words),
            Width::Long => next(&mut self.counts.longs),
        }
    }

    pub(super) fn declare_registers(&mut self, ty: Option<ScalarType>, name: &str, count: Option<u32>) {
        let width = ty.map(|ty| match ty.size() {
            1 | 2 => Width::Half,
            4 => Width::Word,
            _ => Width::Long,
        });
        let counter = match width {
            None => &mut self.counts.predicates,
            Some(Width::Half | Width::Word) => &mut self.counts.words,
            Some(Width::Long) => &mut self.counts.longs,
        };
        let first = next(counter);
        for _ in 1..count.unwrap_or(1) {
            next(counter);
        }
        let register = Register { width, index: first };
        match count {
            Some(count) => self.names.range(name, register, count),
            None => self.names.register(name, register),
        }
    }
}
