//! The gradients of one module, named by the parameter's dotted path.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

/// Elements that are summed at a time for a norm. Some backends sum longer tensors in parallel,
/// in an order that varies from run to run; pieces of this size are summed in one order.
const NORM_PIECE: usize = 1 << 20;

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
        let mut taker = Taker { backward, path: Vec::new(), gradients: BTreeMap::new() };
        module.visit(&mut taker);
        Self { gradients: taker.gradients }
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

    /// The L2 norm over all elements of all gradients: the norm of the vector of per-tensor
    /// norms, as `torch.nn.utils.clip_grad_norm_`. 0 without gradients; not finite if any element
    /// is not. Waits for the device.
    #[must_use]
    pub fn norm(&self) -> f64 {
        let squares: Vec<Tensor<1>> =
            self.gradients.values().map(|gradient| sum_of_squares(&gradient.values)).collect();
        if squares.is_empty() {
            return 0.0;
        }
        Tensor::cat(squares, 0).sum().sqrt().into_scalar::<f64>()
    }

    /// Scales all gradients so that their common norm is at most `max_norm` (by
    /// `max_norm / (norm + 1e-6)` where that is below 1), as `torch.nn.utils.clip_grad_norm_`.
    /// Returns the norm from before. Gradients that are not finite are left as they are: check
    /// the returned norm.
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

    /// Paths of the gradients that hold a NaN or an infinity; empty when all is well. Reads one
    /// number from the device if all are finite.
    #[must_use]
    pub fn non_finite(&self) -> Vec<&str> {
        if self.norm().is_finite() {
            return Vec::new();
        }
        self.gradients
            .iter()
            .filter(|(_, gradient)| !gradient.values.clone().is_finite().all().into_scalar::<bool>())
            .map(|(path, _)| path.as_str())
            .collect()
    }
}

fn sum_of_squares(values: &Tensor<1>) -> Tensor<1> {
    #[cfg(feature = "flex")]
    if crate::flex::serves(values) {
        return crate::flex::sum_of_squares(values);
    }
    let squares = values.clone().square();
    if squares.dims()[0] <= NORM_PIECE {
        return squares.sum();
    }
    let pieces = squares.split(NORM_PIECE, 0);
    Tensor::cat(pieces.into_iter().map(Tensor::sum).collect(), 0).sum()
}

struct Taker<'a> {
    backward: &'a mut Gradients,
    path: Vec<String>,
    gradients: BTreeMap<String, Gradient>,
}

impl ModuleVisitor for Taker<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() {
            return;
        }
        if let Some(gradient) = param.val().grad_remove(self.backward) {
            let shape = gradient.dims().to_vec();
            let values = gradient.reshape([-1]);
            self.gradients.insert(self.path.join("."), Gradient { values, shape });
        }
    }
}
