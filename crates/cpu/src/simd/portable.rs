//! Plain Rust, which the compiler vectorises with what the target always has.

use super::Vector;

#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; 8]);

// SAFETY: no instruction beyond the target's own is used.
unsafe impl Vector for Portable {
    const LANES: usize = 8;

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
}
