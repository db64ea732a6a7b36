//! Matrix products without matrix instructions, which round the factors of f32 to TF32.

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::ir::{ElemType, FloatKind};
use burn_cubecl::tensor::CubeTensor;
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems, MatmulSetupError};
use cubek::matmul::launch::launch_ref;
use cubek::matmul::multi_level;
use cubek::matmul::strategy::Strategy;
use cubek::std::InputBinding;

use super::layout::room;
use crate::precision::product_operator::{ProductInF32, product_shape};

impl ProductInF32 for CubeBackend {
    fn product_in_f32(left: FloatTensor<Self>, right: FloatTensor<Self>) -> FloatTensor<Self> {
        product(left, right)
    }
}

/// The product of matrices of f32 with equal axes before the last two.
pub(super) fn product(left: CubeTensor, right: CubeTensor) -> CubeTensor {
    let output = room(&left, product_shape(&left.shape(), &right.shape()));
    let launched = launch(multi_level::Strategy::SimpleUnit(Default::default()), &left, &right, &output);
    // Matrices that do not fit its tiles; the other takes any.
    if launched.is_err() {
        let launched = launch(multi_level::Strategy::Naive, &left, &right, &output);
        launched.expect("a kernel that takes matrices of any shape");
    }
    output
}

fn launch(
    strategy: multi_level::Strategy,
    left: &CubeTensor,
    right: &CubeTensor,
    output: &CubeTensor,
) -> Result<(), MatmulSetupError> {
    let element = ElemType::Float(FloatKind::F32);
    let mut elements =
        MatmulElems::from_globals(&MatmulGlobalElems { lhs: element, rhs: element, out: element });
    launch_ref(
        &Strategy::MultiLevel(strategy),
        &left.client,
        InputBinding::new(left.clone().binding(), element),
        InputBinding::new(right.clone().binding(), element),
        output.clone().binding(),
        &mut elements,
    )
}
