//! Several tensors in one launch: a row of cubes for each.

use std::ops::Range;

use burn::backend::TensorMetadata;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{UNITS, narrowed};
use super::layout::room;

/// Tensors that a kernel is compiled for at most: it is as long.
const MOST: usize = 16;

/// Values of f32 of several tensors.
pub(super) type Buffers = Sequence<Box<[f32]>>;

/// Tensors that kernels read, each without gaps.
pub(super) fn without_gaps(tensors: Vec<CubeTensor>) -> Vec<CubeTensor> {
    tensors.into_iter().map(into_contiguous).collect()
}

/// Room for as many values as each of these tensors has.
pub(super) fn room_for_each(tensors: &[CubeTensor]) -> Vec<CubeTensor> {
    tensors.iter().map(|tensor| room(tensor, tensor.shape())).collect()
}

/// Which of these tensors go into one launch, where each comes with others to `buffers` in all.
pub(super) fn groups(tensors: &[CubeTensor], buffers: usize) -> Vec<Range<usize>> {
    let Some(first) = tensors.first() else { return Vec::new() };
    // Beside them kernels have scalars, and the lengths of all.
    let bindings = (first.client.properties().hardware.max_bindings as usize).saturating_sub(2);
    let most = (bindings / buffers).clamp(1, MOST);
    (0..tensors.len()).step_by(most).map(|start| start..tensors.len().min(start + most)).collect()
}

/// Cubes of a row at most, enough for large cards; units go on in strides of their row. Some devices count cubes to 65535 alone.
const LONGEST_ROW: usize = 1 << 10;

/// As many rows of cubes as there are tensors, each with a unit for every value of the longest.
pub(super) fn row_for_each(tensors: &[CubeTensor]) -> CubeCount {
    let longest = tensors.iter().map(|tensor| tensor.meta.num_elements()).max().unwrap_or(0);
    CubeCount::Static(narrowed(longest.div_ceil(UNITS).min(LONGEST_ROW)), narrowed(tensors.len()), 1)
}

/// Units of a row.
#[cube]
pub(super) fn units_of_row() -> usize {
    (CUBE_COUNT_X * CUBE_DIM_X) as usize
}

/// As kernels take them.
pub(super) fn buffers(tensors: &[CubeTensor]) -> SequenceArg<Box<[f32]>> {
    tensors.iter().map(|tensor| tensor.clone().into_buffer_arg()).collect()
}

/// How many values each has: a buffer may go on behind the tensor that begins in it.
pub(super) fn lengths(tensors: &[CubeTensor]) -> SequenceArg<usize> {
    tensors.iter().map(|tensor| tensor.meta.num_elements()).collect()
}
