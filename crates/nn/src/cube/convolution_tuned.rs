//! Which weight gradient a device is faster by: what it measures once for each shape.

use burn::backend::TensorMetadata;
use burn_cubecl::CubeTuneId;
use burn_cubecl::cubecl::tune::{LocalTuner, Tunable, TunableSet, local_tuner};
use burn_cubecl::tensor::CubeTensor;

use super::convolution::whole_weight_gradient;
use super::layout::is_channels_last;
use super::split_weight_gradient;
use crate::conv::operator::Geometry;

/// Input, weight, gradient.
type Inputs = (CubeTensor, CubeTensor, CubeTensor, Geometry);

/// The gradient of `weight` by the faster of both kernels.
pub(super) fn weight_gradient(
    input: CubeTensor,
    weight: CubeTensor,
    gradient: CubeTensor,
    geometry: Geometry,
) -> CubeTensor {
    static TUNER: LocalTuner<String, CubeTuneId> = local_tuner!();
    let (client, id) = (input.client.clone(), CubeTuneId::new(&input.client, &input.device));
    let tunables = TUNER.init(&id, || {
        TunableSet::new(key, |_: &String, inputs: &Inputs| inputs.clone())
            .with(Tunable::new("whole", |(input, weight, gradient, geometry): Inputs| {
                Ok::<_, String>(whole_weight_gradient(input, weight, gradient, geometry))
            }))
            .with(Tunable::new("split", |(input, weight, gradient, geometry): Inputs| {
                Ok::<_, String>(split_weight_gradient::weight_gradient(input, &weight, gradient, geometry))
            }))
    });
    TUNER.execute(&id, &client, tunables, (input, weight, gradient, geometry))
}

/// Whatever kernels may be faster or slower by.
fn key((input, weight, gradient, Geometry { stride, padding, .. }): &Inputs) -> String {
    let [input_dims, weight_dims, gradient_dims] = [input, weight, gradient].map(|tensor| tensor.shape());
    // Others are copied before.
    let last = [input, gradient].map(is_channels_last);
    format!("{:?} {input_dims:?} {weight_dims:?} {gradient_dims:?} {stride} {padding} {last:?}", input.dtype)
}
