//! Whether a module's tensors are finite.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::host;
use crate::total::{Term, sum, total};
use crate::visit::visit_floats;

/// Dotted names of the float tensors of `module`, parameters and running statistics, that hold a NaN or an infinity; empty
/// when all is well. Waits for the device, once.
#[must_use]
pub fn non_finite<M: Module>(module: &M) -> Vec<String> {
    let (names, zeros): (Vec<_>, Vec<_>) = zeros(module).into_iter().unzip();
    let bad = host::read_all(zeros).into_iter().zip(names).filter(|(zero, _)| zero != &[0.0]);
    bad.map(|(_, name)| name).collect()
}

/// The same question, answered on the device: `[1]`, 0 if all float tensors of `module` are finite, else NaN. Does not wait
/// for the device; [`non_finite`] names the tensors. Nothing for a module without float tensors.
#[must_use]
pub fn finite_flag<M: Module>(module: &M) -> Option<Tensor<1>> {
    let mut tensors = Vec::new();
    visit_floats(module, |_, tensor| tensors.push(tensor.values()));
    total(Term::Nothing, tensors)
}

/// For each float tensor its name and `[1]`, 0 if it is finite, else NaN.
fn zeros<M: Module>(module: &M) -> Vec<(String, Tensor<1>)> {
    let mut zeros = Vec::new();
    visit_floats(module, |name, tensor| zeros.push((name.to_owned(), sum(Term::Nothing, &tensor.values()))));
    zeros
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::module::Param;
    use burn::tensor::Device;

    use super::*;
    use crate::{InitRng, Linear};

    #[test]
    fn what_is_not_finite_is_named() {
        let device = Device::flex();
        let mut module = Linear::new(3, 2, &mut InitRng::new(1), &device);
        let flag = |module: &Linear| host::read_scalar(finite_flag(module).expect("it has tensors"));
        assert!(non_finite(&module).is_empty());
        assert_eq!(flag(&module), 0.0);
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            module.bias = Some(Param::from_tensor(Tensor::from_floats([1.0, value], &device)));
            assert_eq!(non_finite(&module), ["bias"]);
            assert!(flag(&module).is_nan());
        }
        // Finite, though their sum is not.
        module.bias = Some(Param::from_tensor(Tensor::from_floats([f32::MAX, f32::MAX], &device)));
        assert!(non_finite(&module).is_empty());
        assert_eq!(flag(&module), 0.0);
    }
}
