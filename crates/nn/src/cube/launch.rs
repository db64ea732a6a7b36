//! How many units a kernel is launched with, and its scalars.

use burn_cubecl::cubecl::calculate_cube_count_elemwise;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;

/// Units of a cube.
pub(super) const UNITS: usize = 256;

/// A cube.
pub(super) fn units() -> CubeDim {
    CubeDim::new_1d(narrowed(UNITS))
}

/// One unit per value.
pub(super) fn per_value(values: &CubeTensor) -> CubeCount {
    per_vector(values, 1)
}

/// One unit per vector of `width` values.
pub(super) fn per_vector(values: &CubeTensor, width: usize) -> CubeCount {
    calculate_cube_count_elemwise(&values.client, values.meta.num_elements() / width, units())
}

pub(super) fn narrowed(count: usize) -> u32 {
    u32::try_from(count).expect("as many cubes as a device takes")
}

#[expect(clippy::cast_possible_truncation, reason = "kernels compute in f32")]
pub(super) fn single(value: f64) -> f32 {
    value as f32
}
