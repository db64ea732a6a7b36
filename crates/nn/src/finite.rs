//! Whether a module's tensors are finite.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// Dotted names of the float tensors of `module`, parameters and running statistics, that hold a NaN or an infinity; empty
/// when all is well. Reads one number from the device if all are finite.
#[must_use]
pub fn non_finite<M: Module>(module: &M) -> Vec<String> {
    let mut zeros = Zeros::default();
    module.visit(&mut zeros);
    let (names, zeros): (Vec<_>, Vec<_>) = zeros.found.into_iter().unzip();
    // Nothing times zero is zero, but for what is not finite.
    if zeros.is_empty() || Tensor::cat(zeros.clone(), 0).sum().into_scalar::<f32>() == 0.0 {
        return Vec::new();
    }
    let bad = zeros.into_iter().zip(names).filter(|(zero, _)| zero.clone().into_scalar::<f32>() != 0.0);
    bad.map(|(_, name)| name).collect()
}

#[derive(Default)]
struct Zeros {
    path: Vec<String>,
    found: Vec<(String, Tensor<1>)>,
}

impl ModuleVisitor for Zeros {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let zero = param.val().without_autodiff().mul_scalar(0.0).sum();
        self.found.push((self.path.join("."), zero));
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::{InitRng, Linear};

    #[test]
    fn what_is_not_finite_is_named() {
        let device = Device::flex();
        let mut module = Linear::new(3, 2, &mut InitRng::new(1), &device);
        assert!(non_finite(&module).is_empty());
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            module.bias = Some(Param::from_tensor(Tensor::from_floats([1.0, value], &device)));
            assert_eq!(non_finite(&module), ["bias"]);
        }
        // Finite, though their sum is not.
        module.bias = Some(Param::from_tensor(Tensor::from_floats([f32::MAX, f32::MAX], &device)));
        assert!(non_finite(&module).is_empty());
    }
}
