//! Batch norm: three kernels forward, three backward.

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::kernels::{
    finish_gradients, finish_moments, input_gradient, normalize, sum_gradients, sum_moments,
};
use super::launch::{UNITS, narrowed, per_vector, single, units};
use super::layout::{Layout, element_type, room, room_of_f32};
use crate::batch_norm::fused::{Kernels, Normalization};

/// Vectors that a unit adds up at least, or half as many.
const LEAST_VECTORS: usize = 16;

/// Cubes that share the sums of a channel at most.
const MOST_PARTS: usize = 256;

/// Cubes that are launched for sums at most, if a channel does not need more: several for each multiprocessor of a large card, of which there are 132.
const MOST_CUBES: usize = 1024;

/// How the sums of a batch are divided.
struct Parts {
    positions: usize,
    positions_of_part: usize,
    parts: usize,
    /// Cubes side by side that all channels take.
    columns: usize,
    reciprocal_count: f32,
}

impl Parts {
    fn new(layout: Layout, batch: &CubeTensor) -> Self {
        let positions = layout.positions(batch);
        let columns = layout.channels.div_ceil(layout.lanes());
        let parts = positions.div_ceil(LEAST_VECTORS * UNITS / layout.lanes());
        let parts = parts.min(MOST_PARTS).min((MOST_CUBES / columns).max(1));
        let positions_of_part = positions.div_ceil(parts);
        let reciprocal_count = single(1.0 / (positions * layout.values_of_channel()) as f64);
        Self { positions, positions_of_part, parts, columns, reciprocal_count }
    }

    /// The cubes that make the sums of all parts.
    fn cubes(&self) -> CubeCount {
        CubeCount::Static(narrowed(self.columns), narrowed(self.parts), 1)
    }

    /// The cubes that add up the parts.
    fn finishing_cubes(&self) -> CubeCount {
        CubeCount::Static(narrowed(self.columns), 1, 1)
    }
}

impl Kernels for CubeBackend {
    fn batch_norm_statistics(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let (layout, input) = Layout::of(input);
        let parts = Parts::new(layout, &input);
        let (client, elements) = (input.client.clone(), element_type(&input));
        let sums = room_of_f32(&input, [2, parts.parts, layout.all_channels()]);
        let statistics = room_of_f32(&input, [2, layout.all_channels()]);
        sum_moments::launch(
            &client,
            parts.cubes(),
            units(),
            layout.width,
            layout.channels_of_vector(),
            input.clone().into_buffer_arg(),
            sums.clone().into_buffer_arg(),
            parts.positions,
            parts.positions_of_part,
            layout,
            elements,
        );
        finish_moments::launch(
            &client,
            parts.finishing_cubes(),
            units(),
            layout.width,
            layout.channels_of_vector(),
            input.into_buffer_arg(),
            sums.into_buffer_arg(),
            statistics.clone().into_buffer_arg(),
            parts.positions,
            parts.parts,
            parts.reciprocal_count,
            layout,
            elements,
        );
        statistics
    }

    fn batch_norm_gradient(
        input: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
        rectified: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let ([input, gain, shift], _) =
            gradients([input, gradient, output], [gain, statistics], epsilon, rectified, false);
        (input, gain, shift)
    }

    fn batch_norm_add_relu_gradient(
        input: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let ([input, gain, shift], residual) =
            gradients([input, gradient, output], [gain, statistics], epsilon, true, true);
        (input, gain, shift, residual)
    }
}

impl Normalization for CubeBackend {
    fn batch_norm_apply(
        input: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
        rectify: bool,
    ) -> FloatTensor<Self> {
        applied(input, None, [gain, shift, statistics], epsilon, rectify)
    }

    fn batch_norm_add_relu(
        input: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        applied(input, Some(residual), [gain, shift, statistics], epsilon, true)
    }
}

fn applied(
    input: CubeTensor,
    residual: Option<CubeTensor>,
    by_channel: [CubeTensor; 3],
    epsilon: f64,
    rectify: bool,
) -> CubeTensor {
    let (layout, input) = Layout::of(input);
    let [gain, shift, statistics] = by_channel.map(into_contiguous);
    let with_residual = residual.is_some();
    // Without a residual something has to stand in its place; it is not read.
    let residual = residual.map_or_else(|| input.clone(), |residual| layout.bring(residual));
    let output = room(&input, input.meta.shape().clone());
    let elements = element_type(&output);
    normalize::launch(
        &output.client,
        per_vector(&output, layout.width),
        units(),
        layout.width,
        layout.channels_of_vector(),
        input.into_buffer_arg(),
        residual.into_buffer_arg(),
        gain.into_buffer_arg(),
        shift.into_buffer_arg(),
        statistics.into_buffer_arg(),
        output.clone().into_buffer_arg(),
        single(epsilon),
        with_residual,
        rectify,
        layout,
        elements,
    );
    layout.back(output)
}

/// Gradients of input, gain and shift, and of the residual: that of the input again where it was not asked for.
fn gradients(
    [input, gradient, output]: [CubeTensor; 3],
    by_channel: [CubeTensor; 2],
    epsilon: f64,
    rectified: bool,
    with_residual: bool,
) -> ([CubeTensor; 3], CubeTensor) {
    let (layout, input) = Layout::of(input);
    let gradient = layout.bring(gradient);
    let output = if rectified { layout.bring(output) } else { input.clone() };
    let [gain, statistics] = by_channel.map(into_contiguous);
    let parts = Parts::new(layout, &input);
    let (client, elements) = (input.client.clone(), element_type(&input));

    let channels = layout.all_channels();
    let sums = room_of_f32(&input, [2, parts.parts, channels]);
    sum_gradients::launch(
        &client,
        parts.cubes(),
        units(),
        layout.width,
        layout.channels_of_vector(),
        input.clone().into_buffer_arg(),
        gradient.clone().into_buffer_arg(),
        output.clone().into_buffer_arg(),
        statistics.clone().into_buffer_arg(),
        sums.clone().into_buffer_arg(),
        parts.positions,
        parts.positions_of_part,
        rectified,
        layout,
        elements,
    );

    let [of_gain, of_shift] = [(); 2].map(|()| room_of_f32(&input, [channels]));
    let coefficients = room_of_f32(&input, [4, channels]);
    finish_gradients::launch(
        &client,
        parts.finishing_cubes(),
        units(),
        layout.channels_of_vector(),
        sums.into_buffer_arg(),
        gain.into_buffer_arg(),
        statistics.into_buffer_arg(),
        of_gain.clone().into_buffer_arg(),
        of_shift.clone().into_buffer_arg(),
        coefficients.clone().into_buffer_arg(),
        parts.parts,
        parts.reciprocal_count,
        single(epsilon),
        layout,
    );

    let of_input = room(&input, input.meta.shape().clone());
    let of_residual = if with_residual { room(&input, input.meta.shape().clone()) } else { of_input.clone() };
    input_gradient::launch(
        &client,
        per_vector(&of_input, layout.width),
        units(),
        layout.width,
        layout.channels_of_vector(),
        input.into_buffer_arg(),
        gradient.into_buffer_arg(),
        output.into_buffer_arg(),
        coefficients.into_buffer_arg(),
        of_input.clone().into_buffer_arg(),
        of_residual.clone().into_buffer_arg(),
        rectified,
        with_residual,
        layout,
        elements,
    );
    ([layout.back(of_input), of_gain, of_shift], layout.back(of_residual))
}
