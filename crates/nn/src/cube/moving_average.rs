//! The exponential moving average: one launch a tensor.

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::kernel::into_contiguous;

use super::launch::{per_value, single, units};
use super::layout::room;
use crate::moving_average::MovingAverage;

impl MovingAverage for CubeBackend {
    fn moving_average(average: FloatTensor<Self>, value: FloatTensor<Self>, decay: f64) -> FloatTensor<Self> {
        let [average, value] = [average, value].map(into_contiguous);
        let moved = room(&average, average.shape());
        step::launch(
            &average.client.clone(),
            per_value(&average),
            units(),
            average.into_buffer_arg(),
            value.into_buffer_arg(),
            moved.clone().into_buffer_arg(),
            single(decay),
            single(1.0 - decay),
        );
        moved
    }
}

#[cube(launch)]
fn step(average: &[f32], value: &[f32], moved: &mut [f32], decay: f32, weight: f32) {
    let at = ABSOLUTE_POS;
    if at >= moved.len() {
        terminate!();
    }
    moved[at] = decay * average[at] + weight * value[at];
}
