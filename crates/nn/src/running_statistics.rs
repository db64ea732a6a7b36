//! The running statistics of a module, as one vector.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::is_buffer;
use crate::visit::{NamedMapper, map_tensors, visit_floats};

/// The running means and variances of a module one after the other, outside autodiff. Nothing where there are none; counters are not
/// among them. Does not wait for the device.
#[must_use]
pub fn running_statistics<M: Module>(module: &M) -> Option<Tensor<1>> {
    let mut found = Vec::new();
    visit_floats(module, |name, tensor| {
        if is_buffer(name) {
            found.push(tensor.values());
        }
    });
    (!found.is_empty()).then(|| Tensor::cat(found, 0))
}

/// `module` with the running statistics of `values`, as [`running_statistics`] has them.
///
/// # Panics
///
/// If there are fewer values.
#[must_use]
pub fn with_running_statistics<M: Module>(module: M, values: Tensor<1>) -> M {
    map_tensors(module, &mut Replace { values, next: 0 })
}

struct Replace {
    values: Tensor<1>,
    next: usize,
}

impl NamedMapper for Replace {
    fn float<const D: usize>(&mut self, name: &str, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !is_buffer(name) {
            return param;
        }
        let shape = param.lazy_shape();
        let (first, length) = (self.next, shape.num_elements());
        self.next += length;
        param.map(|_| self.values.clone().narrow(0, first, length).reshape(shape))
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::host::read;
    use crate::{BatchNorm, InitRng, Linear};

    #[test]
    fn what_is_read_can_be_put_back() {
        let device = Device::flex().autodiff();
        let module = (
            BatchNorm::new(2, &device),
            Linear::new(3, 2, &mut InitRng::new(1), &device),
            BatchNorm::new(3, &device),
        );
        let found = running_statistics(&module).unwrap();
        assert_eq!(read(found.clone()), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        let counted: Vec<f32> = (0..10u8).map(f32::from).collect();
        let module = with_running_statistics(module, Tensor::from_floats(&counted[..], &found.device()));
        assert_eq!(read(running_statistics(&module).unwrap()), counted);
        assert_eq!(read(module.2.running_var.value()), [7.0, 8.0, 9.0]);
        assert!(module.1.weight.val().is_require_grad());
        assert!(running_statistics(&module.1).is_none());
    }
}
