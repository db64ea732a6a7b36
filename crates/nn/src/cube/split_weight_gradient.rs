//! The weight gradient of a convolution by matrix instructions, the batch divided among cubes.
//!
//! It is a product of matrices with few rows and columns, the output channels and the weights of one, and as many terms as a batch has
//! positions: millions. Burn 0.22.1 gives each tile of the result one cube, which goes through all of them: nine cubes for a layer of 64
//! channels, on devices that run hundreds; or it writes down every position's neighbourhood first, nine times the batch. Here the positions
//! are divided as well, and the parts of a tile summed by a second kernel, in the same order every time. Autotune says which is faster.

use burn::backend::TensorMetadata;
use burn::tensor::DType;
use burn_cubecl::cubecl::ir::FloatKind;
use burn_cubecl::cubecl::ir::features::MmaConfig;
use burn_cubecl::cubecl::{self, cmma, prelude::*};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::{permute_nchw_to_nhwc, permute_nhwc_to_nchw};
use burn_cubecl::tensor::CubeTensor;

use super::launch::{narrowed, per_value, units};
use super::layout::{element_type, room, room_of_f32};
use crate::conv::operator::Geometry;

/// Rows and columns that a cube computes.
const TILE: usize = 64;

/// Positions that a cube reads at a time.
const DEPTH: usize = 32;

/// From one position to the next in shared memory: aligned for matrix instructions, and not all in one bank.
const PITCH: usize = TILE + 8;

/// Units of a plane, planes of a cube: each computes a quarter of the tile.
const PLANE: usize = 32;
const PLANES: usize = 4;

/// Rows and columns of an instruction.
const SIDE: usize = 16;

/// Cubes that a multiprocessor is given one after another, as far as the positions go: of few, some would wait for the last.
const CUBES_OF_PROCESSOR: usize = 16;

/// Multiprocessors of a device that does not say how many it has.
const PROCESSORS: usize = 32;

/// Positions of a part at least: a smaller one would be read sooner than its sums are written.
const LEAST_POSITIONS: usize = 512;

/// What the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Convolution {
    inputs: usize,
    outputs: usize,
    height: usize,
    width: usize,
    results_height: usize,
    results_width: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    /// Channels that a unit reads at once: a divisor of both.
    lanes: usize,
    /// Terms of an instruction.
    terms: usize,
}

impl Convolution {
    /// Weights of an output channel.
    fn columns(&self) -> usize {
        self.kernel * self.kernel * self.inputs
    }

    fn tiles_of_outputs(&self) -> usize {
        self.outputs.div_ceil(TILE)
    }

    fn tiles_of_columns(&self) -> usize {
        self.columns().div_ceil(TILE)
    }

    /// Positions of an image of results.
    fn results(&self) -> usize {
        self.results_height * self.results_width
    }
}

/// The type of factors and the terms of an instruction for tensors of a type, where the device has one.
fn instruction(tensor: &CubeTensor) -> Option<(ElemType, usize)> {
    let (kind, terms) = match tensor.dtype {
        DType::F32 => (FloatKind::TF32, 8),
        DType::BF16 => (FloatKind::BF16, 16),
        _ => return None,
    };
    let properties = tensor.client.properties();
    let hardware = &properties.hardware;
    let of_planes = hardware.plane_size_min as usize == PLANE && hardware.plane_size_max as usize == PLANE;
    let factor = ElemType::Float(kind);
    let (m, n, k) = (narrowed(SIDE), narrowed(SIDE), narrowed(terms));
    let config =
        MmaConfig { a_type: factor, b_type: factor, cd_type: ElemType::Float(FloatKind::F32), m, n, k };
    (of_planes && properties.features.matmul.cmma.contains(&config)).then_some((factor, terms))
}

/// Whether the device has the instructions for it, and places in the images are numbers of 32 bits, as the kernels' are.
pub(super) fn serves(input: &CubeTensor, gradient: &CubeTensor) -> bool {
    let fits = |tensor: &CubeTensor| (1..1 << 32).contains(&tensor.shape().num_elements());
    instruction(input).is_some() && fits(input) && fits(gradient)
}

/// The gradient of `weight`, whose values are not read, where [`serves`] says so.
pub(super) fn weight_gradient(
    input: CubeTensor,
    weight: &CubeTensor,
    gradient: CubeTensor,
    geometry: Geometry,
) -> CubeTensor {
    let (factor, terms) = instruction(&input).expect("it was asked before");
    let [batch, inputs, height, width] = input.shape().dims();
    let [_, outputs, results_height, results_width] = gradient.shape().dims();
    let Geometry { stride, padding, .. } = geometry;
    // 16 bytes.
    let most = 16 / input.dtype.size();
    let lanes = if inputs.is_multiple_of(most) && outputs.is_multiple_of(most) { most } else { 1 };
    let kernel = weight.shape()[2];
    let shape = Convolution {
        inputs,
        outputs,
        height,
        width,
        results_height,
        results_width,
        kernel,
        stride,
        padding,
        lanes,
        terms,
    };
    let [input, gradient] = [input, gradient].map(|images| into_contiguous(permute_nchw_to_nhwc(images)));

    let tiles = shape.tiles_of_outputs() * shape.tiles_of_columns();
    let processors = input.client.properties().hardware.num_streaming_multiprocessors;
    let cubes = processors.map_or(PROCESSORS, |count| count as usize) * CUBES_OF_PROCESSOR;
    let positions = batch * shape.results();
    let parts = cubes.div_ceil(tiles).clamp(1, positions.div_ceil(LEAST_POSITIONS));
    let positions_of_part = positions.div_ceil(parts).next_multiple_of(DEPTH);
    let parts = positions.div_ceil(positions_of_part);
    let sums = room_of_f32(&input, [parts, shape.tiles_of_outputs() * TILE, shape.tiles_of_columns() * TILE]);
    let result = room(&input, [outputs, kernel, kernel, inputs]);
    let (client, element) = (input.client.clone(), element_type(&input));
    let buffer = |tensor: &CubeTensor| tensor.clone().into_buffer_arg();
    sum_products::launch(
        &client,
        CubeCount::Static(narrowed(tiles), narrowed(parts), 1),
        CubeDim::new_2d(narrowed(PLANE), narrowed(PLANES)),
        lanes,
        buffer(&input),
        buffer(&gradient),
        buffer(&sums),
        positions,
        positions_of_part,
        shape,
        element,
        factor,
    );
    add_parts::launch(
        &client,
        per_value(&result),
        units(),
        buffer(&sums),
        buffer(&result),
        parts,
        shape,
        element,
    );
    permute_nhwc_to_nchw(result)
}

/// A part of a tile's sums: the products of `gradient`, `[positions, outputs]`, turned, and of what each weight has seen of `input`,
/// `[positions, columns]`, over the positions of the part.
#[cube(launch)]
fn sum_products<E: Float, S: Float, N: Size>(
    input: &[Vector<E, N>],
    gradient: &[Vector<E, N>],
    sums: &mut [f32],
    positions: usize,
    positions_of_part: usize,
    #[comptime] shape: Convolution,
    #[define(E)] _element: ElemType,
    #[define(S)] _factor: ElemType,
) {
    let lanes = comptime!(shape.lanes);
    let vectors = comptime!(TILE / lanes);
    let rows_at_once = comptime!(PLANE * PLANES / vectors);
    let passes = comptime!(DEPTH / rows_at_once);
    let mut of_gradient = Shared::<[S]>::new_slice(DEPTH * PITCH);
    let mut of_input = Shared::<[S]>::new_slice(DEPTH * PITCH);
    let unit = UNIT_POS as usize;
    let own_row = unit / vectors;
    let own_column = unit % vectors * lanes;

    // Cubes side by side read the same positions.
    let tiles_of_outputs = comptime!(shape.tiles_of_outputs());
    let output = CUBE_POS_X as usize % tiles_of_outputs * TILE;
    let column = CUBE_POS_X as usize / tiles_of_outputs * TILE;
    let start = CUBE_POS_Y as usize * positions_of_part;
    let end = min(start + positions_of_part, positions);

    let mut gradients = Array::<Vector<E, N>>::new(passes);
    let mut inputs = Array::<Vector<E, N>>::new(passes);
    let c00 = nothing(shape);
    let c01 = nothing(shape);
    let c10 = nothing(shape);
    let c11 = nothing(shape);
    let plane = unit / PLANE;
    let own_output = plane / 2 * comptime!(2 * SIDE);
    let own_weight = plane % 2 * comptime!(2 * SIDE);

    let mut first = start;
    read(
        input,
        gradient,
        &mut inputs,
        &mut gradients,
        first + own_row,
        end,
        output + own_column,
        column + own_column,
        shape,
    );
    while first < end {
        // What is in shared memory has been used.
        sync_cube();
        #[unroll]
        for pass in 0..passes {
            let at = (own_row + pass * rows_at_once) * PITCH + own_column;
            #[unroll]
            for lane in 0..lanes {
                of_gradient[at + lane] = S::cast_from(gradients[pass].extract(lane));
                of_input[at + lane] = S::cast_from(inputs[pass].extract(lane));
            }
        }
        sync_cube();
        first += DEPTH;
        // Under way while this is multiplied.
        read(
            input,
            gradient,
            &mut inputs,
            &mut gradients,
            first + own_row,
            end,
            output + own_column,
            column + own_column,
            shape,
        );
        #[unroll]
        for step in 0..comptime!(DEPTH / shape.terms) {
            let row = comptime!(step * shape.terms * PITCH);
            let a0 = factor(&of_gradient, row + own_output, cmma::MatrixIdent::A, shape);
            let a1 = factor(&of_gradient, row + own_output + SIDE, cmma::MatrixIdent::A, shape);
            let b0 = factor(&of_input, row + own_weight, cmma::MatrixIdent::B, shape);
            let b1 = factor(&of_input, row + own_weight + SIDE, cmma::MatrixIdent::B, shape);
            cmma::execute(&a0, &b0, &c00, &c00);
            cmma::execute(&a0, &b1, &c01, &c01);
            cmma::execute(&a1, &b0, &c10, &c10);
            cmma::execute(&a1, &b1, &c11, &c11);
        }
    }

    let pitch = comptime!(shape.tiles_of_columns() * TILE);
    let rows = comptime!(shape.tiles_of_outputs() * TILE);
    let at = (CUBE_POS_Y as usize * rows + output + own_output) * pitch + column + own_weight;
    write(sums, at, &c00, shape);
    write(sums, at + SIDE, &c01, shape);
    write(sums, at + SIDE * pitch, &c10, shape);
    write(sums, at + SIDE * pitch + SIDE, &c11, shape);
}

/// What a unit needs of the next positions: zeros beyond the last, outside an image, and beyond the last channel.
#[cube]
fn read<E: Float, N: Size>(
    input: &[Vector<E, N>],
    gradient: &[Vector<E, N>],
    inputs: &mut Array<Vector<E, N>>,
    gradients: &mut Array<Vector<E, N>>,
    first: usize,
    end: usize,
    output: usize,
    column: usize,
    #[comptime] shape: Convolution,
) {
    let lanes = comptime!(shape.lanes);
    let rows_at_once = comptime!(PLANE * PLANES * lanes / TILE);
    let channel = column % comptime!(shape.inputs);
    let place = column / comptime!(shape.inputs);
    let down = place / comptime!(shape.kernel);
    let right = place % comptime!(shape.kernel);
    #[unroll]
    for pass in 0..comptime!(DEPTH / rows_at_once) {
        let position = first + pass * rows_at_once;
        let mut of_gradient = Vector::<E, N>::zero();
        let mut of_input = Vector::<E, N>::zero();
        if position < end {
            if output < comptime!(shape.outputs) {
                of_gradient = gradient[(position * comptime!(shape.outputs) + output) / lanes];
            }
            let image = position / comptime!(shape.results());
            let pixel = position % comptime!(shape.results());
            // Less the padding.
            let y = pixel / comptime!(shape.results_width) * comptime!(shape.stride) + down;
            let x = pixel % comptime!(shape.results_width) * comptime!(shape.stride) + right;
            let inside = y >= comptime!(shape.padding)
                && y < comptime!(shape.padding + shape.height)
                && x >= comptime!(shape.padding)
                && x < comptime!(shape.padding + shape.width);
            if inside && column < comptime!(shape.columns()) {
                let row = image * comptime!(shape.height) + y - comptime!(shape.padding);
                let pixel = row * comptime!(shape.width) + x - comptime!(shape.padding);
                of_input = input[(pixel * comptime!(shape.inputs) + channel) / lanes];
            }
        }
        gradients[pass] = of_gradient;
        inputs[pass] = of_input;
    }
}

/// A factor of an instruction from shared memory, where the gradient, the left one, lies turned.
#[cube]
fn factor<S: Float>(
    shared: &Shared<[S]>,
    at: usize,
    #[comptime] ident: cmma::MatrixIdent,
    #[comptime] shape: Convolution,
) -> cmma::Matrix<S> {
    let layout = comptime!(if ident == cmma::MatrixIdent::A {
        cmma::MatrixLayout::ColMajor
    } else {
        cmma::MatrixLayout::RowMajor
    });
    let end = at + comptime!((shape.terms - 1) * PITCH + SIDE);
    cmma::Matrix::<S>::from_slice(
        ident,
        SIDE,
        SIDE,
        shape.terms,
        layout,
        &shared[at..end],
        comptime!(narrowed(PITCH)),
    )
}

/// Sums of nothing yet.
#[cube]
fn nothing(#[comptime] shape: Convolution) -> cmma::Matrix<f32> {
    cmma::Matrix::<f32>::from_value(
        cmma::MatrixIdent::Accumulator,
        SIDE,
        SIDE,
        shape.terms,
        cmma::MatrixLayout::Undefined,
        0.0f32,
    )
}

#[cube]
fn write(sums: &mut [f32], at: usize, found: &cmma::Matrix<f32>, #[comptime] shape: Convolution) {
    let pitch = comptime!(shape.tiles_of_columns() * TILE);
    let end = at + comptime!((SIDE - 1) * pitch + SIDE);
    cmma::store(&mut sums[at..end], found, comptime!(narrowed(pitch)), cmma::MatrixLayout::RowMajor);
}

/// Each weight's sum over all parts.
#[cube(launch)]
fn add_parts<E: Float>(
    sums: &[f32],
    weights: &mut [E],
    parts: usize,
    #[comptime] shape: Convolution,
    #[define(E)] _element: ElemType,
) {
    let at = ABSOLUTE_POS;
    if at >= weights.len() {
        terminate!();
    }
    let pitch = comptime!(shape.tiles_of_columns() * TILE);
    let place = at / comptime!(shape.columns()) * pitch + at % comptime!(shape.columns());
    let mut sum = 0.0f32;
    for part in 0..parts {
        sum +=
            sums[part * comptime!(shape.tiles_of_outputs() * TILE * shape.tiles_of_columns() * TILE) + place];
    }
    weights[at] = E::cast_from(sum);
}
