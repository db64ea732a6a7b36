//! Sums over large tensors by many cubes, in the same order every time.

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::kernel::into_contiguous;

use super::launch::{UNITS, narrowed, units};
use super::layout::room;
use crate::total::{AddedTerms, PARTIAL_SUMS, Term};

impl AddedTerms for CubeBackend {
    fn added_terms(values: FloatTensor<Self>, sums: FloatTensor<Self>, term: Term) -> FloatTensor<Self> {
        let (values, sums) = (into_contiguous(values), into_contiguous(sums));
        let new_sums = room(&sums, [PARTIAL_SUMS]);
        add_terms::launch(
            &values.client.clone(),
            CubeCount::Static(narrowed(PARTIAL_SUMS), 1, 1),
            units(),
            values.into_tensor_arg(),
            sums.into_tensor_arg(),
            new_sums.clone().into_tensor_arg(),
            0.0f32,
            term == Term::Square,
        );
        new_sums
    }
}

/// Each cube adds every [`PARTIAL_SUMS`]th stretch of values to its sum. `nothing` is 0, which compilers would not multiply by if they knew.
#[cube(launch)]
fn add_terms(
    values: &Tensor<f32>,
    sums: &Tensor<f32>,
    new_sums: &mut Tensor<f32>,
    nothing: f32,
    #[comptime] squares: bool,
) {
    let mut shared = Shared::new_slice(UNITS);
    let unit = UNIT_POS as usize;
    let mut sum = 0.0f32;
    let mut at = ABSOLUTE_POS;
    while at < values.len() {
        let value = values[at];
        sum += if comptime!(squares) { value * value } else { value * nothing };
        at += comptime!(PARTIAL_SUMS * UNITS);
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
