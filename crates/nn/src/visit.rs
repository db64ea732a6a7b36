//! Walking over a module's tensors by their dotted names: the one place that keeps the path.
//!
//! Burn's visitors are generic over a tensor's rank, which a closure cannot be. [`visit_floats`] and [`visit_tensors`] give
//! closures each tensor behind a trait that hides its rank; [`map_tensors`] keeps the rank, for whoever replaces values.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Gradients, Int, Tensor, TensorData};

use crate::host;

/// A float tensor of a module, a parameter or a running statistic, whatever its rank.
pub trait FloatTensor {
    /// Extents.
    fn shape(&self) -> Vec<usize>;

    /// Type of the elements.
    fn dtype(&self) -> DType;

    /// Where it is, outside autodiff.
    fn device(&self) -> Device;

    /// Whether a backward pass leaves a gradient for it.
    fn requires_gradient(&self) -> bool;

    /// All elements in row-major order, outside autodiff. Does not wait for the device.
    fn values(&self) -> Tensor<1>;

    /// All elements in the tensor's shape and type. Waits for the device.
    fn data(&self) -> TensorData;

    /// Takes its gradient out of what a backward pass returned: row-major, outside autodiff. Nothing if the tensor requires
    /// none or the loss does not reach it.
    fn take_gradient(&self, backward: &mut Gradients) -> Option<Tensor<1>>;
}

impl<const D: usize> FloatTensor for Param<Tensor<D>> {
    fn shape(&self) -> Vec<usize> {
        self.lazy_shape().to_vec()
    }

    fn dtype(&self) -> DType {
        self.val().dtype()
    }

    fn device(&self) -> Device {
        self.val().device().without_autodiff()
    }

    fn requires_gradient(&self) -> bool {
        self.val().is_require_grad()
    }

    fn values(&self) -> Tensor<1> {
        self.val().without_autodiff().reshape([-1])
    }

    fn data(&self) -> TensorData {
        host::read_data(self.val())
    }

    fn take_gradient(&self, backward: &mut Gradients) -> Option<Tensor<1>> {
        let value = self.val();
        if !value.is_require_grad() {
            return None;
        }
        Some(value.grad_remove(backward)?.reshape([-1]))
    }
}

/// An integer tensor of a module: a counter.
pub trait IntTensor {
    /// Extents.
    fn shape(&self) -> Vec<usize>;

    /// All elements in the tensor's shape and type. Waits for the device.
    fn data(&self) -> TensorData;
}

impl<const D: usize> IntTensor for Param<Tensor<D, Int>> {
    fn shape(&self) -> Vec<usize> {
        self.lazy_shape().to_vec()
    }

    fn data(&self) -> TensorData {
        host::read_integers(self.val())
    }
}

/// One tensor of a module.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it only borrows, for the length of a call")]
pub enum TensorRef<'a> {
    /// A tensor of floats.
    Float(&'a dyn FloatTensor),
    /// A tensor of integers.
    Int(&'a dyn IntTensor),
}

/// Shows `each` all float and integer tensors of `module` with their dotted names, in the module's order.
pub fn visit_tensors<M: Module>(module: &M, each: impl FnMut(&str, TensorRef<'_>)) {
    module.visit(&mut Visitor { path: Path::default(), each });
}

/// Shows `each` the float tensors of `module` with their dotted names, in the module's order.
pub fn visit_floats<M: Module>(module: &M, mut each: impl FnMut(&str, &dyn FloatTensor)) {
    visit_tensors(module, |name, tensor| {
        if let TensorRef::Float(tensor) = tensor {
            each(name, tensor);
        }
    });
}

/// Replaces tensors of a module that it knows by their names.
pub trait NamedMapper {
    /// Replaces a float tensor.
    fn float<const D: usize>(&mut self, name: &str, param: Param<Tensor<D>>) -> Param<Tensor<D>>;

    /// Replaces an integer tensor. One that is handed back untouched costs nothing.
    fn int<const D: usize>(&mut self, name: &str, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        let _ = name;
        param
    }
}

/// `module` with what `mapper` makes of its tensors, in the module's order.
pub fn map_tensors<M: Module>(module: M, mapper: &mut impl NamedMapper) -> M {
    module.map(&mut Mapper { path: Path::default(), mapper })
}

/// Where in a module a walk is.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn name(&self) -> String {
        self.0.join(".")
    }

    fn enter(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    fn exit(&mut self) {
        self.0.pop();
    }
}

struct Visitor<F> {
    path: Path,
    each: F,
}

impl<F: FnMut(&str, TensorRef<'_>)> ModuleVisitor for Visitor<F> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        (self.each)(&self.path.name(), TensorRef::Float(param));
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        (self.each)(&self.path.name(), TensorRef::Int(param));
    }
}

struct Mapper<'a, N> {
    path: Path,
    mapper: &'a mut N,
}

impl<N: NamedMapper> ModuleMapper for Mapper<'_, N> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.mapper.float(&self.path.name(), param)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        self.mapper.int(&self.path.name(), param)
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::{BatchNorm, InitRng, Linear};

    #[test]
    fn every_tensor_is_seen_with_its_name_and_shape() {
        let device = Device::flex();
        let module = (Linear::new(3, 2, &mut InitRng::new(1), &device), BatchNorm::new(2, &device));
        let mut seen = Vec::new();
        visit_tensors(&module, |name, tensor| match tensor {
            TensorRef::Float(tensor) => {
                assert_eq!(tensor.values().dims(), [tensor.shape().iter().product::<usize>()]);
                seen.push((name.to_owned(), tensor.shape()));
            }
            TensorRef::Int(tensor) => seen.push((name.to_owned(), tensor.shape())),
        });
        let expected: [(&str, &[usize]); 7] = [
            ("0.weight", &[2, 3]),
            ("0.bias", &[2]),
            ("1.weight", &[2]),
            ("1.bias", &[2]),
            ("1.running_mean", &[2]),
            ("1.running_var", &[2]),
            ("1.num_batches_tracked", &[1]),
        ];
        assert_eq!(seen, expected.map(|(name, shape)| (name.to_owned(), shape.to_vec())));
    }

    #[test]
    fn a_mapper_replaces_what_it_knows() {
        struct Zero;
        impl NamedMapper for Zero {
            fn float<const D: usize>(&mut self, name: &str, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                if name == "bias" { param.map(|value| value.zeros_like()) } else { param }
            }
        }
        let linear = Linear::new(3, 2, &mut InitRng::new(1), &Device::flex());
        let before = linear.weight.val().into_data();
        let mapped = map_tensors(linear, &mut Zero);
        assert_eq!(mapped.weight.val().into_data(), before);
        let bias = mapped.bias.expect("it was there").val().into_data();
        assert_eq!(bias, TensorData::from([0.0_f32, 0.0]));
    }
}
