//! Products of matrices whose elements are spread over the lanes of a warp.

use super::Result;
use super::half;
use super::memory::{Direction, put, read, resolve};
use crate::instruction::{Address, Fragments, MatrixAccess, MatrixProduct, MatrixShape, NO_ROW, Row};
use crate::registers::{Element, LANES, Mask, RegisterFile, by_lane, write};
use crate::types::ScalarType;
use crate::warp::{Surroundings, Warp};

/// An operand of a product.
#[derive(Clone, Copy)]
enum Operand {
    A,
    B,
    Accumulator,
}

/// Where among the elements of a matrix, row by row, one is, by the lane and the element's number among the lane's.
#[inline(always)]
fn place(product: &MatrixProduct, operand: Operand, ty: ScalarType, lane: usize, element: usize) -> usize {
    let MatrixShape { m, n, k } = product.shape;
    let packed = 4 / ty.size();
    if product.fragments == Fragments::Opaque {
        return match operand {
            Operand::A => opaque_place(m * k, product.a.len() * packed, lane, element),
            Operand::B => opaque_place(k * n, product.b.len() * packed, lane, element),
            Operand::Accumulator => opaque_place(m * n, m * n / LANES, lane, element),
        };
    }
    // As PTX has it: lanes by fours, each four with a row of A or a column of B.
    let (group, member) = (lane / 4, lane % 4);
    // Elements of one register lie side by side, registers take turns between the upper and the lower half of A.
    let (register, part) = (element / packed, element % packed);
    match operand {
        Operand::A => (group + 8 * (register % 2)) * k + member * packed + part + 4 * packed * (register / 2),
        Operand::B => (member * packed + part + 4 * packed * register) * n + group,
        Operand::Accumulator => (group + 8 * (element / 2)) * n + member * 2 + element % 2,
    }
}

/// Each lane has as many elements in a row, over again where there are more places than elements, whose number is a power of two.
#[inline(always)]
fn opaque_place(size: usize, elements: usize, lane: usize, element: usize) -> usize {
    (lane * elements + element) & (size - 1)
}

/// The numbers in a register's word.
#[inline(always)]
fn unpack(word: u32, ty: ScalarType, part: usize) -> f32 {
    let half = (word >> (16 * (part & 1))) as u16;
    match ty {
        ScalarType::Half => half::from_half(half),
        ScalarType::Brain => half::from_brain(half),
        // Of a factor, the bits that the instruction does not read are as good as zero.
        ScalarType::Tensor32 => f32::from_bits(word & !0x1fff),
        _ => f32::from_bits(word),
    }
}

fn spread<T: Copy + Default>(
    file: &RegisterFile,
    product: &MatrixProduct,
    operand: Operand,
    value: impl Fn(u32, usize) -> T,
    matrix: &mut [T],
) {
    let (rows, ty) = match operand {
        Operand::A => (&product.a, product.a_type),
        Operand::B => (&product.b, product.b_type),
        Operand::Accumulator => (&product.c, product.c_type),
    };
    let packed = 4 / ty.size();
    for (register, &row) in rows.iter().enumerate() {
        let words = u32::row(file, row);
        for (lane, &word) in words.iter().enumerate() {
            for part in 0..packed {
                matrix[place(product, operand, ty, lane, register * packed + part)] = value(word, part);
            }
        }
    }
}

/// The largest matrix of the instructions.
const LARGEST: usize = 512;

/// `d = a * b + c`.
pub(super) fn multiply(file: &mut RegisterFile, product: &MatrixProduct) {
    if let ScalarType::Signed8 | ScalarType::Unsigned8 = product.a_type {
        return multiply_bytes(file, product);
    }
    let MatrixShape { m, n, k } = product.shape;
    let (mut a, mut b, mut sums) = ([0f32; LARGEST], [0f32; LARGEST], [0f32; LARGEST]);
    let (a_type, b_type, c_type) = (product.a_type, product.b_type, product.c_type);
    spread(file, product, Operand::A, |word, part| unpack(word, a_type, part), &mut a);
    spread(file, product, Operand::B, |word, part| unpack(word, b_type, part), &mut b);
    spread(file, product, Operand::Accumulator, |word, part| unpack(word, c_type, part), &mut sums);
    // The products are exact in single precision.
    for y in 0..m {
        for i in 0..k {
            let factor = a[y * k + i];
            for x in 0..n {
                sums[y * n + x] += factor * b[i * n + x];
            }
        }
    }
    collect(file, product, |index| sums[index]);
}

/// Writes the elements of the result where they belong.
fn collect(file: &mut RegisterFile, product: &MatrixProduct, value: impl Fn(usize) -> f32) {
    let packed = 4 / product.d_type.size();
    for (register, &row) in product.d.iter().enumerate() {
        let words = by_lane(|lane| {
            let at = |part| {
                let element = register * packed + part;
                value(place(product, Operand::Accumulator, product.d_type, lane, element))
            };
            match product.d_type {
                ScalarType::Half => u32::from(half::to_half(at(0))) | u32::from(half::to_half(at(1))) << 16,
                _ => at(0).to_bits(),
            }
        });
        write::<u32>(file, row, &words, Mask::MAX);
    }
}

fn multiply_bytes(file: &mut RegisterFile, product: &MatrixProduct) {
    let MatrixShape { m, n, k } = product.shape;
    let (mut a, mut b, mut sums) = ([0i32; LARGEST], [0i32; LARGEST], [0i32; LARGEST]);
    let byte = |ty: ScalarType| {
        move |word: u32, part: usize| {
            let byte = word.to_le_bytes()[part];
            if ty.is_signed() { i32::from(byte.cast_signed()) } else { i32::from(byte) }
        }
    };
    spread(file, product, Operand::A, byte(product.a_type), &mut a);
    spread(file, product, Operand::B, byte(product.b_type), &mut b);
    spread(file, product, Operand::Accumulator, |word, _| word.cast_signed(), &mut sums);
    for y in 0..m {
        for i in 0..k {
            for x in 0..n {
                let sum = &mut sums[y * n + x];
                *sum = sum.wrapping_add(a[y * k + i] * b[i * n + x]);
            }
        }
    }
    // As bits, which is what the words hold.
    collect(file, product, |index| f32::from_bits(sums[index].cast_unsigned()));
}

/// `ldmatrix`: the first eight lanes have the addresses of the rows of the first matrix, and so on.
pub(super) fn load_rows(
    warp: &mut Warp,
    around: &Surroundings,
    count: usize,
    transpose: bool,
    address: &Address,
    targets: &[Row; 4],
    mask: Mask,
) -> Result<()> {
    let with_addresses = Mask::MAX >> (32 - 8 * count);
    let pointers = resolve(warp, around, address, 16, mask & with_addresses, Direction::Read)?;
    for (matrix, &target) in targets[..count].iter().enumerate() {
        let words = by_lane(|lane| {
            let half = |part: usize| -> u16 {
                let (row, column) = row_and_column(lane, part, transpose);
                // SAFETY: the pointer is of an access of 16 bytes that was resolved; a column is below 8.
                unsafe { read(pointers[8 * matrix + row] + 2 * column as u64) }
            };
            u32::from(half(0)) | u32::from(half(1)) << 16
        });
        write::<u32>(&mut warp.file, target, &words, mask);
    }
    Ok(())
}

/// Where in a matrix of eight rows a lane's halves are.
fn row_and_column(lane: usize, part: usize, transpose: bool) -> (usize, usize) {
    let (row, column) = (lane / 4, 2 * (lane % 4) + part);
    if transpose { (column, row) } else { (row, column) }
}

/// `wmma.load`.
pub(super) fn load_fragment(
    warp: &mut Warp,
    around: &Surroundings,
    access: &MatrixAccess,
    mask: Mask,
) -> Result<()> {
    let elements = access.registers.len() * 4 / access.ty.size();
    let mut halves_or_words = vec![[0u32; LANES]; elements];
    for (element, values) in halves_or_words.iter_mut().enumerate() {
        let pointers = fragment_pointers(warp, around, access, elements, element, mask, Direction::Read)?;
        for (value, pointer) in values.iter_mut().zip(pointers) {
            // SAFETY: the pointer is of an access of the element's size that was resolved.
            *value = unsafe {
                match access.ty.size() {
                    2 => u32::from(read::<u16>(pointer)),
                    _ => read(pointer),
                }
            };
        }
    }
    for (register, &row) in access.registers.iter().enumerate() {
        let words = by_lane(|lane| match access.ty.size() {
            2 => halves_or_words[2 * register][lane] | halves_or_words[2 * register + 1][lane] << 16,
            _ => halves_or_words[register][lane],
        });
        if row != NO_ROW {
            write::<u32>(&mut warp.file, row, &words, mask);
        }
    }
    Ok(())
}

/// `wmma.store`.
pub(super) fn store_fragment(
    warp: &mut Warp,
    around: &Surroundings,
    access: &MatrixAccess,
    mask: Mask,
) -> Result<()> {
    let packed = 4 / access.ty.size();
    let elements = access.registers.len() * packed;
    for element in 0..elements {
        let pointers = fragment_pointers(warp, around, access, elements, element, mask, Direction::Write)?;
        let words = *u32::row(&warp.file, access.registers[element / packed]);
        for (lane, (word, pointer)) in words.into_iter().zip(pointers).enumerate() {
            if mask >> lane & 1 == 0 {
                continue;
            }
            // SAFETY: the pointer is of an access for writing of the element's size that was resolved.
            unsafe {
                match packed {
                    2 => put(pointer, (word >> (16 * (element % 2))) as u16),
                    _ => put(pointer, word),
                }
            }
        }
    }
    Ok(())
}

/// Where one element of each lane is in memory.
fn fragment_pointers(
    warp: &mut Warp,
    around: &Surroundings,
    access: &MatrixAccess,
    elements: usize,
    element: usize,
    mask: Mask,
    direction: Direction,
) -> Result<[u64; LANES]> {
    let stride = *u32::row(&warp.file, access.stride);
    let size = access.ty.size() as u64;
    let offsets = by_lane(|lane| {
        let index = opaque_place(access.rows * access.columns, elements, lane, element);
        let (row, column) = (index / access.columns, index % access.columns);
        let (major, minor) = if access.is_row_major { (row, column) } else { (column, row) };
        (major as u64 * u64::from(stride[lane]) + minor as u64) * size
    });
    super::memory::resolve_with(warp, around, &access.address, &offsets, size, mask, direction)
}
