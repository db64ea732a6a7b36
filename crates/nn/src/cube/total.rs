//! Sums over large tensors by many cubes, in the same order every time.

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::kernel::into_contiguous;

use super::launch::{UNITS, narrowed, units};
use super::layout::room;
use super::together::{Buffers, buffers, groups, lengths, without_gaps};
use crate::floats::Floats;
use crate::total::{AddedTerms, PARTIAL_SUMS, Term};

impl AddedTerms for CubeBackend {
    fn added_terms(tensors: Floats<Self>, sums: FloatTensor<Self>, term: Term) -> FloatTensor<Self> {
        let tensors = without_gaps(tensors.0);
        let mut sums = into_contiguous(sums);
        for group in groups(&tensors, 1) {
            let new_sums = room(&sums, [PARTIAL_SUMS]);
            add_terms::launch(
                &sums.client,
                CubeCount::Static(narrowed(PARTIAL_SUMS), 1, 1),
                units(),
                buffers(&tensors[group.clone()]),
                lengths(&tensors[group]),
                sums.clone().into_buffer_arg(),
                new_sums.clone().into_buffer_arg(),
                0.0f32,
                term == Term::Square,
            );
            sums = new_sums;
        }
        sums
    }
}

/// Each cube adds every [`PARTIAL_SUMS`]th stretch of each tensor's values to its sum. `nothing` is 0, which compilers would not multiply by if
/// they knew.
#[cube(launch)]
fn add_terms(
    tensors: &Buffers,
    lengths: &Sequence<usize>,
    sums: &[f32],
    new_sums: &mut [f32],
    nothing: f32,
    #[comptime] squares: bool,
) {
    let mut shared = Shared::new_slice(UNITS);
    let unit = UNIT_POS as usize;
    let mut sum = 0.0f32;
    #[unroll]
    for tensor in 0..tensors.len() {
        let mut at = ABSOLUTE_POS;
        while at < lengths[tensor] {
            let value = tensors[tensor][at];
            sum += if comptime!(squares) { value * value } else { value * nothing };
            at += comptime!(PARTIAL_SUMS * UNITS);
        }
    }
    shared[unit] = sum;
    sync_cube();
    let mut reach = comptime!(UNITS / 2).runtime();
    while reach >= 1 {
        if unit < reach {
            let more = shared[unit + reach];
            shared[unit] += more;
        }
        sync_cube();
        reach /= 2;
    }
    if unit == 0 {
        new_sums[CUBE_POS] = sums[CUBE_POS] + shared[0];
    }
}
