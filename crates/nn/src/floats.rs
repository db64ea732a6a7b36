//! As many float tensors as one likes, as an operator of a backend takes and gives them.
//!
//! Burn derives what carries a struct's tensors to a backend and through its fusion, each field by itself; a list has to do so itself.

use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Backend, BackendTensor, Dispatch, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind,
    ExtensionType,
};
use burn::tensor::Tensor;

/// Float tensors of a backend.
pub(crate) struct Floats<B: Backend>(pub(crate) Vec<FloatTensor<B>>);

impl Floats<Dispatch> {
    /// Flattened tensors, on one device.
    pub(crate) fn of(tensors: Vec<Tensor<1>>) -> Self {
        Self(tensors.into_iter().map(Tensor::into_dispatch).collect())
    }

    pub(crate) fn tensors(self) -> Vec<Tensor<1>> {
        self.0.into_iter().map(Tensor::from_dispatch).collect()
    }
}

impl<B: Backend> ExtensionType<B> for Floats<B> {
    type Target = Floats<Dispatch>;

    fn map_to_dispatch<F>(self, map_kind: F, autodiff: DispatchAutodiffContext) -> Floats<Dispatch>
    where
        F: Fn(BackendTensor<B>) -> DispatchTensorKind,
    {
        let wrapped = |tensor| DispatchTensor { kind: map_kind(BackendTensor::Float(tensor)), autodiff };
        Floats(self.0.into_iter().map(wrapped).collect())
    }

    fn map_from_dispatch<F>(target: Floats<Dispatch>, unwrap_kind: F) -> Self
    where
        F: Fn(DispatchTensor) -> BackendTensor<B>,
    {
        Self(target.0.into_iter().map(|tensor| unwrap_kind(tensor).float()).collect())
    }

    fn routing_tensor(target: &Floats<Dispatch>) -> Option<&DispatchTensor> {
        target.0.first()
    }

    fn routing_float_tensor(target: &Floats<Dispatch>) -> Option<&DispatchTensor> {
        target.0.first()
    }

    fn autodiff_context(target: &Floats<Dispatch>) -> DispatchAutodiffContext {
        let contexts = target.0.iter().map(|tensor| tensor.autodiff);
        contexts.fold(DispatchAutodiffContext::Disabled, DispatchAutodiffContext::merge)
    }
}

#[cfg(feature = "cube")]
mod fusion {
    use burn::backend::Backend;
    use burn::backend::fusion::custom::{
        ExtensionMetadata, Float, FusionValueAdapter, HandleContainer, OutputTensor, TensorId, TensorIr,
        TensorSpec,
    };
    use burn::backend::fusion::{ExecutionError, Fusion, FusionBackend, FusionRuntime, FusionTensor};

    use super::Floats;

    type Handles<B> = HandleContainer<<<B as FusionBackend>::FusionRuntime as FusionRuntime>::FusionHandle>;
    type Lazy<B> = FusionTensor<<B as FusionBackend>::FusionRuntime>;

    impl<B: Backend> ExtensionMetadata for Floats<B> {
        type Metadata = Vec<TensorSpec>;
        type Input = Vec<TensorIr>;
        type Output = Vec<OutputTensor>;
    }

    /// One tensor after another, as [`Float`] has each.
    impl<B: FusionBackend> FusionValueAdapter<B> for Floats<B> {
        type Metadata = Vec<TensorSpec>;
        type Input = Vec<TensorIr>;
        type Output = Vec<OutputTensor>;
        type Inner = Self;
        type Fused = Floats<Fusion<B>>;

        fn to_metadata(value: &Self::Fused) -> Self::Metadata {
            value.0.iter().map(<Float as FusionValueAdapter<B>>::to_metadata).collect()
        }

        fn visit_fused_tensors(value: &Self::Fused, visit: &mut impl FnMut(&Lazy<B>)) {
            value.0.iter().for_each(visit);
        }

        fn tensor_count(meta: &Self::Metadata) -> usize {
            meta.len()
        }

        fn append_input_ir(value: Self::Fused, inputs: &mut Vec<TensorIr>) -> Self::Input {
            let append = |tensor| <Float as FusionValueAdapter<B>>::append_input_ir(tensor, inputs);
            value.0.into_iter().map(append).collect()
        }

        fn resolve_inputs(input: &Self::Input, handles: &mut Handles<B>) -> Self {
            let resolve = |input| <Float as FusionValueAdapter<B>>::resolve_inputs(input, handles);
            Self(input.iter().map(resolve).collect())
        }

        fn append_output_ir(
            meta: &Self::Metadata,
            out: &mut Vec<TensorIr>,
            create: &mut impl FnMut() -> TensorId,
        ) -> Self::Output {
            let append = |spec| <Float as FusionValueAdapter<B>>::append_output_ir(spec, out, create);
            meta.iter().map(append).collect()
        }

        fn validate_outputs(
            value: &Self,
            output: &Self::Output,
            device: Option<&B::Device>,
        ) -> Result<(), ExecutionError> {
            let mut tensors = value.0.iter().zip(output);
            tensors.try_for_each(|(tensor, output)| {
                <Float as FusionValueAdapter<B>>::validate_outputs(tensor, output, device)
            })
        }

        fn register_output_handles(value: Self, output: &Self::Output, handles: &mut Handles<B>) {
            for (tensor, output) in value.0.into_iter().zip(output) {
                <Float as FusionValueAdapter<B>>::register_output_handles(tensor, output, handles);
            }
        }

        fn build_fused_output(
            meta: &Self::Metadata,
            tensors: &mut std::vec::IntoIter<Lazy<B>>,
        ) -> Self::Fused {
            let build = |spec| <Float as FusionValueAdapter<B>>::build_fused_output(spec, tensors);
            Floats(meta.iter().map(build).collect())
        }
    }
}
