//! The gradients of one module, named by the parameter's dotted path.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Gradients, Tensor};

use crate::host;
use crate::total::{Term, sum, total};
use crate::visit::visit_floats;

/// The gradients of one module, by dotted parameter path (`encoder.stem.weight`), outside
/// autodiff.
///
/// Paths, not Burn's `ParamId`s, name them: ids change between runs and are shared by clones of a
/// module (an encoder and its moving average), paths do neither.
#[derive(Debug, Default)]
pub struct ParameterGradients {
    pub(super) gradients: BTreeMap<String, Gradient>,
}

/// One gradient, flattened, with the shape of its parameter.
#[derive(Debug)]
pub(super) struct Gradient {
    pub(super) values: Tensor<1>,
    pub(super) shape: Vec<usize>,
}

impl ParameterGradients {
    /// Takes the gradients of `module`'s parameters out of what `loss.backward()` returned.
    /// Gradients of other modules stay there. Parameters that the loss does not reach, or that do
    /// not require gradients, are left out.
    #[must_use]
    pub fn take<M: Module>(backward: &mut Gradients, module: &M) -> Self {
        let mut gradients = BTreeMap::new();
        visit_floats(module, |path, parameter| {
            if let Some(values) = parameter.take_gradient(backward) {
                gradients.insert(path.to_owned(), Gradient { values, shape: parameter.shape() });
            }
        });
        Self { gradients }
    }

    /// Number of parameters that have a gradient.
    #[must_use]
    pub fn len(&self) -> usize {
        self.gradients.len()
    }

    /// Whether no parameter has a gradient.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gradients.is_empty()
    }

    /// Dotted paths of the parameters that have a gradient, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.gradients.keys().map(String::as_str)
    }

    /// A gradient's values in row-major order, if the parameter has one.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<Tensor<1>> {
        self.gradients.get(path).map(|gradient| gradient.values.clone())
    }

    /// The extents of its parameter, if the parameter has a gradient.
    #[must_use]
    pub fn shape(&self, path: &str) -> Option<&[usize]> {
        self.gradients.get(path).map(|gradient| gradient.shape.as_slice())
    }

    /// The sum of the squares of all elements of all gradients, `[1]`; not finite if any element is not. Does not wait for
    /// the device. Nothing without gradients.
    #[must_use]
    pub fn norm_squared(&self) -> Option<Tensor<1>> {
        total(Term::Square, self.gradients.values().map(|gradient| gradient.values.clone()))
    }

    /// The L2 norm over all elements of all gradients: the norm of the vector of per-tensor
    /// norms, as `torch.nn.utils.clip_grad_norm_`. 0 without gradients; not finite if any element
    /// is not. Waits for the device.
    #[must_use]
    pub fn norm(&self) -> f64 {
        self.norm_squared().map_or(0.0, |squared| host::read_scalar(squared.sqrt()))
    }

    /// Scales all gradients so that their common norm is at most `max_norm` (by
    /// `max_norm / (norm + 1e-6)` where that is below 1), as `torch.nn.utils.clip_grad_norm_`.
    /// Returns the norm from before. Gradients that are not finite are left as they are: check
    /// the returned norm. Waits for the device.
    pub fn clip_norm(&mut self, max_norm: f64) -> f64 {
        let norm = self.norm();
        let factor = max_norm / (norm + 1e-6);
        if norm.is_finite() && factor < 1.0 {
            self.scale(factor);
        }
        norm
    }

    /// Multiplies every gradient by `factor`.
    pub fn scale(&mut self, factor: f64) {
        for gradient in self.gradients.values_mut() {
            gradient.values.inplace(|values| values.mul_scalar(factor));
        }
    }

    /// A copy on another device, outside autodiff.
    #[must_use]
    pub fn to_device(&self, device: &Device) -> Self {
        let moved = |gradient: &Gradient| Gradient {
            values: gradient.values.clone().to_device(device),
            shape: gradient.shape.clone(),
        };
        Self {
            gradients: self
                .gradients
                .iter()
                .map(|(path, gradient)| (path.clone(), moved(gradient)))
                .collect(),
        }
    }

    /// Adds another backward pass's gradients of the same module to these. Divide by the number
    /// of passes with [`scale`](Self::scale) for the gradient of their mean.
    ///
    /// # Panics
    ///
    /// If a path has different element counts in both, which one module cannot produce.
    pub fn accumulate(&mut self, other: Self) {
        for (path, gradient) in other.gradients {
            match self.gradients.get_mut(&path) {
                Some(sum) => sum.values.inplace(|values| values + gradient.values),
                None => {
                    self.gradients.insert(path, gradient);
                }
            }
        }
    }

    /// Paths of the gradients that hold a NaN or an infinity; empty when all is well. Waits for the device, and reads one
    /// number if all are finite.
    #[must_use]
    pub fn non_finite(&self) -> Vec<&str> {
        if self.norm().is_finite() {
            return Vec::new();
        }
        let zeros = self.gradients.values().map(|gradient| sum(Term::Nothing, &gradient.values));
        let zeros = host::read_all(zeros.collect());
        self.paths().zip(zeros).filter(|(_, zero)| zero != &[0.0]).map(|(path, _)| path).collect()
    }
}
