//! Plain Rust, which the compiler vectorises with what the target always has.

use super::Vector;

#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; 8]);

// SAFETY: no instruction beyond the target's own is used.
unsafe impl Vector for Portable {
    const LANES: usize = 8;
    const REGISTERS: usize = 8;
    type Half = Self;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 8])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for eight values at `from`.
        Self(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for room for eight values at `to`.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self {
        // Two roundings: a fused one would be a library call where the target has no such instruction.
        let mut lanes = addend.0;
        for (lane, (a, b)) in lanes.iter_mut().zip(self.0.into_iter().zip(factor.0)) {
            *lane += a * b;
        }
        Self(lanes)
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        let mut lanes = self.0;
        for (lane, other) in lanes.iter_mut().zip(other.0) {
            *lane += other;
        }
        Self(lanes)
    }

    #[inline(always)]
    unsafe fn subtract(self, other: Self) -> Self {
        let mut lanes = self.0;
        for (lane, other) in lanes.iter_mut().zip(other.0) {
            *lane -= other;
        }
        Self(lanes)
    }

    #[inline(always)]
    unsafe fn unzip(self, other: Self) -> [Self; 2] {
        let lane = |index: usize| if index < 8 { self.0[index] } else { other.0[index - 8] };
        [0, 1].map(|odd| Self(std::array::from_fn(|index| lane(2 * index + odd))))
    }

    #[inline(always)]
    unsafe fn zip(self, other: Self) -> [Self; 2] {
        [0, 4].map(|first| Self(std::array::from_fn(|index| [self.0, other.0][index % 2][first + index / 2])))
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        for column in 0..Self::LANES {
            for row in 0..Self::LANES {
                // SAFETY: the caller vouches for eight rows and columns of eight values.
                unsafe { *to.add(column * to_stride + row) = *from.add(row * from_stride + column) };
            }
        }
    }
}
