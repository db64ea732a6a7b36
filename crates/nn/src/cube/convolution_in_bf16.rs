//! Convolution of bf16 whose sums are f32.
//!
//! Some kernels among which Burn 0.22.1 chooses sum in the type of the images: the direct ones, and those that add up a gradient of
//! neighbourhoods. In bf16 such a sum is off by a hundredth after a few hundred terms. Here the choice is among kernels of matrix
//! instructions, which sum in f32, and Burn's convolution in f32, of which tensor cores round nothing that was bf16.

use burn::backend::TensorMetadata;
use burn::backend::ops::ModuleOps;
use burn::tensor::{DType, Shape};
use burn_cubecl::cubecl::ir::{ElemType, FloatKind};
use burn_cubecl::cubecl::tune::{LocalTuner, Tunable, TunableSet, local_tuner};
use burn_cubecl::kernel::cast;
use burn_cubecl::kernel::conv::{ConvStrategy, conv_data_backward};
use burn_cubecl::ops::{permute_nchw_to_nhwc, permute_nhwc_to_nchw};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, CubeTuneId};
use cubek::convolution::{
    AcceleratedTileKind, ConvAlgorithm, ConvolutionArgs, ConvolutionInputs, Strategy, launch_ref,
};
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems};
use cubek::std::InputBinding;

use super::convolution::whole_weight_gradient;
use super::layout::{is_channels_last, room};
use super::split_weight_gradient;
use crate::conv::operator::Geometry;
use crate::conv::taller::options;

/// What is tuned: the images that go in, the weight, and those whose shape the result has.
type Inputs = (CubeTensor, CubeTensor, Shape, Geometry);

/// The kernels of matrix instructions; which of them a device can run they say themselves.
const KERNELS: [(&str, ConvAlgorithm, AcceleratedTileKind); 6] = [
    ("sync_cmma", ConvAlgorithm::SimpleSyncCyclic, AcceleratedTileKind::Cmma),
    ("sync_mma", ConvAlgorithm::SimpleSyncStrided, AcceleratedTileKind::Mma),
    ("async_cmma", ConvAlgorithm::SimpleAsyncCyclic, AcceleratedTileKind::Cmma),
    ("async_mma", ConvAlgorithm::SimpleAsyncStrided, AcceleratedTileKind::Mma),
    ("tma_cmma", ConvAlgorithm::SimpleAsyncTma, AcceleratedTileKind::Cmma),
    ("tma_mma", ConvAlgorithm::SimpleAsyncTma, AcceleratedTileKind::Mma),
];

pub(super) fn forward(input: CubeTensor, weight: CubeTensor, geometry: Geometry) -> CubeTensor {
    static TUNER: LocalTuner<String, CubeTuneId> = local_tuner!("forward");
    let side = |side: usize, kernel: usize| (side + 2 * geometry.padding - kernel) / geometry.stride + 1;
    let ([batch, _, height, width], [outputs, _, kernel, _]) = (input.shape().dims(), weight.shape().dims());
    let shape = Shape::new([batch, outputs, side(height, kernel), side(width, kernel)]);
    let launch = |strategy: &Strategy, (input, weight, shape, geometry): Inputs| {
        let output = room(&input, channels_last(&shape));
        let [input, weight] = [input, weight].map(permute_nchw_to_nhwc);
        let inputs = ConvolutionInputs::Forward {
            input: InputBinding::new(input.clone().binding(), BF16),
            weight: InputBinding::new(weight.binding(), BF16),
            bias: None,
            out: output.clone().binding(),
        };
        run(strategy, &input, inputs, geometry).map(|()| permute_nhwc_to_nchw(output))
    };
    let wide = |(input, weight, _, geometry): Inputs| {
        narrow(CubeBackend::conv2d(widened(input), widened(weight), None, options(geometry)))
    };
    fastest(&TUNER, (input, weight, shape, geometry), launch, wide)
}

pub(super) fn input_gradient(
    input: &CubeTensor,
    weight: CubeTensor,
    gradient: CubeTensor,
    geometry: Geometry,
) -> CubeTensor {
    static TUNER: LocalTuner<String, CubeTuneId> = local_tuner!("input_gradient");
    let wide = |(gradient, weight, shape, geometry): Inputs| {
        let (weight, gradient) = (widened(weight), widened(gradient));
        let found = conv_data_backward(gradient, weight, shape, options(geometry), ConvStrategy::default());
        narrow(found.expect("a kernel that takes images of any shape"))
    };
    let inputs = (gradient, weight, input.shape(), geometry);
    // The kernels of matrix instructions are for a stride of 1.
    if geometry.stride != 1 {
        return wide(inputs);
    }
    let launch = |strategy: &Strategy, (gradient, weight, shape, geometry): Inputs| {
        let found = room(&gradient, channels_last(&shape));
        let [gradient, weight] = [gradient, weight].map(permute_nchw_to_nhwc);
        let inputs = ConvolutionInputs::BackwardData {
            out_grad: InputBinding::new(gradient.clone().binding(), BF16),
            weights: InputBinding::new(weight.binding(), BF16),
            in_grad: found.clone().binding(),
        };
        run(strategy, &gradient, inputs, geometry).map(|()| permute_nhwc_to_nchw(found))
    };
    fastest(&TUNER, inputs, launch, wide)
}

pub(super) fn weight_gradient(
    input: CubeTensor,
    weight: CubeTensor,
    gradient: CubeTensor,
    geometry: Geometry,
) -> CubeTensor {
    if split_weight_gradient::serves(&input, &gradient) {
        return split_weight_gradient::weight_gradient(input, &weight, gradient, geometry);
    }
    narrow(whole_weight_gradient(widened(input), widened(weight), widened(gradient), geometry))
}

const BF16: ElemType = ElemType::Float(FloatKind::BF16);

fn widened(tensor: CubeTensor) -> CubeTensor {
    cast(tensor, DType::F32)
}

fn narrow(tensor: CubeTensor) -> CubeTensor {
    cast(tensor, DType::BF16)
}

fn channels_last(shape: &Shape) -> [usize; 4] {
    [shape[0], shape[2], shape[3], shape[1]]
}

fn run(
    strategy: &Strategy,
    images: &CubeTensor,
    inputs: ConvolutionInputs,
    Geometry { stride, padding, .. }: Geometry,
) -> Result<(), String> {
    let elements = MatmulElems::from_globals(&MatmulGlobalElems { lhs: BF16, rhs: BF16, out: BF16 });
    let args = ConvolutionArgs { stride: [stride; 2], padding: [padding; 2], dilation: [1; 2] };
    launch_ref::<2>(strategy, &images.client, inputs, args, elements).map_err(|error| format!("{error:?}"))
}

/// The result by the fastest kernel that the device can run.
fn fastest(
    tuner: &'static LocalTuner<String, CubeTuneId>,
    inputs: Inputs,
    launch: impl Fn(&Strategy, Inputs) -> Result<CubeTensor, String> + Copy + Send + Sync + 'static,
    wide: impl Fn(Inputs) -> CubeTensor + Copy + Send + Sync + 'static,
) -> CubeTensor {
    let (client, id) = (inputs.0.client.clone(), CubeTuneId::new(&inputs.0.client, &inputs.0.device));
    let tunables = tuner.init(&id, move || {
        let key = |(images, weight, shape, Geometry { stride, padding, .. }): &Inputs| {
            let last = is_channels_last(images);
            format!("{:?} {:?} {shape:?} {stride} {padding} {last}", images.shape(), weight.shape())
        };
        let mut set = TunableSet::new(key, |_: &String, inputs: &Inputs| inputs.clone())
            .with(Tunable::new("wide", move |inputs: Inputs| Ok::<_, String>(wide(inputs))));
        for (name, algorithm, tile_kind) in KERNELS {
            let strategy = Strategy::Inferred { algorithm, tile_kind };
            set = set.with(Tunable::new(name, move |inputs: Inputs| launch(&strategy, inputs)));
        }
        set
    });
    tuner.execute(&id, &client, tunables, inputs)
}
