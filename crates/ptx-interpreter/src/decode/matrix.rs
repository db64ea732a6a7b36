//! Matrix instructions.

use super::mnemonic::Mnemonic;
use super::{Decoder, Result};
use crate::instruction::{
    Fragments, Instruction, MatrixAccess, MatrixProduct, MatrixShape, NO_ROW, Row, Width,
};
use crate::syntax::{Operand, Statement};
use crate::types::{ScalarType, Space};

fn shape_named(part: &str) -> Option<MatrixShape> {
    let (m, rest) = part.strip_prefix('m')?.split_once('n')?;
    let (n, k) = rest.split_once('k')?;
    Some(MatrixShape { m: m.parse().ok()?, n: n.parse().ok()?, k: k.parse().ok()? })
}

/// `Some(true)` for rows one after the other.
fn layout_named(part: &str) -> Option<bool> {
    match part {
        "row" => Some(true),
        "col" => Some(false),
        _ => None,
    }
}

/// Words of a fragment of `elements` elements by 32 lanes.
fn words(elements: usize, ty: ScalarType) -> usize {
    elements * ty.size() / 4 / 32
}

impl Decoder<'_> {
    pub(super) fn matrix(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        mnemonic.ignore(&["sync", "aligned"]);
        let operation = mnemonic.operation;
        match operation {
            "ldmatrix" => self.matrix_rows(statement, mnemonic),
            "mma" => self.matrix_product(statement, mnemonic, Fragments::Documented),
            _ if mnemonic.take("mma") => self.matrix_product(statement, mnemonic, Fragments::Opaque),
            _ if mnemonic.take("load") => self.fragment(statement, mnemonic, true),
            _ if mnemonic.take("store") => self.fragment(statement, mnemonic, false),
            _ => mnemonic.unknown(),
        }
    }

    fn source_words(&mut self, statement: &Statement, index: usize) -> Result<Vec<Row>> {
        let elements = Self::elements(Self::operand(statement, index)?);
        elements.iter().map(|element| self.source_operand(statement, element, Width::Word)).collect()
    }

    fn target_words(&mut self, statement: &Statement, index: usize) -> Result<Vec<Row>> {
        let elements = Self::elements(Self::operand(statement, index)?);
        elements.iter().map(|element| self.target_operand(statement, element, Width::Word)).collect()
    }

    fn matrix_rows(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        let count = mnemonic.take_where(|part| match part {
            "x1" => Some(1),
            "x2" => Some(2),
            "x4" => Some(4),
            _ => None,
        });
        let transpose = mnemonic.take("trans");
        let space = mnemonic.take_where(super::memory::space_named).unwrap_or(Space::Generic);
        let (Some(count), true, ScalarType::Bits16) = (count, mnemonic.take("m8n8"), mnemonic.ty()?) else {
            return mnemonic.unknown();
        };
        let address = self.address(statement, 1, space)?;
        let registers = self.target_words(statement, 0)?;
        if registers.len() != usize::from(count) {
            return mnemonic.error("the number of registers is not that of the matrices");
        }
        let mut targets = [NO_ROW; 4];
        targets[..registers.len()].copy_from_slice(&registers);
        Ok(Instruction::LoadMatrix { count, transpose, address, targets })
    }

    fn matrix_product(
        &mut self,
        statement: &Statement,
        mnemonic: &mut Mnemonic,
        fragments: Fragments,
    ) -> Result<Instruction> {
        let Some(shape) = mnemonic.take_where(shape_named) else { return mnemonic.unknown() };
        let layouts = (mnemonic.take_where(layout_named), mnemonic.take_where(layout_named));
        let documented = fragments == Fragments::Documented;
        if documented && layouts != (Some(true), Some(false)) {
            return mnemonic.error("only .row.col is supported");
        }
        // `wmma` in half precision names only the types of the accumulators, `mma` all four.
        let mut types = vec![mnemonic.ty()?, mnemonic.ty()?];
        while let Some(ty) = mnemonic.take_where(ScalarType::named) {
            types.push(ty);
        }
        let (d_type, a_type, b_type, c_type) = match types[..] {
            [d, c] => (d, ScalarType::Half, ScalarType::Half, c),
            [d, a, b, c] => (d, a, b, c),
            _ => return mnemonic.unknown(),
        };
        if mnemonic.take("satfinite") {
            return mnemonic.unknown();
        }
        let product = MatrixProduct {
            shape,
            fragments,
            a_type,
            b_type,
            c_type,
            d_type,
            d: self.target_words(statement, 0)?,
            a: self.source_words(statement, 1)?,
            b: self.source_words(statement, 2)?,
            c: self.source_words(statement, 3)?,
        };
        let MatrixShape { m, n, k } = shape;
        let is_right = if documented {
            let known = match a_type {
                ScalarType::Half | ScalarType::Brain => (m, n) == (16, 8) && matches!(k, 8 | 16),
                ScalarType::Tensor32 => (m, n) == (16, 8) && matches!(k, 4 | 8),
                ScalarType::Signed8 | ScalarType::Unsigned8 => (m, n) == (16, 8) && matches!(k, 16 | 32),
                _ => false,
            };
            known
                && product.a.len() == words(m * k, a_type)
                && product.b.len() == words(k * n, b_type)
                && product.c.len() == words(m * n, c_type)
                && product.d.len() == words(m * n, d_type)
        } else {
            matches!(a_type, ScalarType::Half | ScalarType::Brain | ScalarType::Tensor32)
                && product.c.len() == words(m * n, c_type)
                && product.d.len() == words(m * n, d_type)
        };
        let is_integer = matches!(a_type, ScalarType::Signed8 | ScalarType::Unsigned8);
        let sums = |ty| match is_integer {
            true => ty == ScalarType::Signed32,
            false => matches!(ty, ScalarType::Single | ScalarType::Half),
        };
        if !is_right || !sums(c_type) || !sums(d_type) || (a_type != b_type && !is_integer) {
            return mnemonic.unknown();
        }
        Ok(Instruction::MatrixProduct(Box::new(product)))
    }

    /// `wmma.load` and `wmma.store`.
    fn fragment(
        &mut self,
        statement: &Statement,
        mnemonic: &mut Mnemonic,
        is_load: bool,
    ) -> Result<Instruction> {
        let Some(shape) = mnemonic.take_where(shape_named) else { return mnemonic.unknown() };
        let Some(is_row_major) = mnemonic.take_where(layout_named) else { return mnemonic.unknown() };
        let MatrixShape { m, n, k } = shape;
        let extent = mnemonic.take_where(|part| {
            Some(match part {
                "a" => (m, k),
                "b" => (k, n),
                "c" | "d" => (m, n),
                _ => return None,
            })
        });
        let Some((rows, columns)) = extent else { return mnemonic.unknown() };
        let space = mnemonic.take_where(super::memory::space_named).unwrap_or(Space::Generic);
        let ty = mnemonic.ty()?;
        let address = self.address(statement, usize::from(is_load), space)?;
        let registers =
            if is_load { self.target_words(statement, 0)? } else { self.source_words(statement, 1)? };
        let stride = match statement.operands.get(2) {
            Some(Operand::Name(_) | Operand::Integer(_)) => self.source(statement, 2, Width::Word)?,
            _ => self.constant(if is_row_major { columns } else { rows } as u64, Width::Word),
        };
        let access = MatrixAccess { rows, columns, is_row_major, ty, address, stride, registers };
        let known =
            matches!(ty, ScalarType::Half | ScalarType::Brain | ScalarType::Tensor32 | ScalarType::Single);
        if !known || access.registers.is_empty() {
            return mnemonic.unknown();
        }
        let access = Box::new(access);
        Ok(if is_load { Instruction::LoadFragment(access) } else { Instruction::StoreFragment(access) })
    }
}
