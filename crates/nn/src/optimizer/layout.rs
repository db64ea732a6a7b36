//! Gradients as one vector.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};

use super::gradients::{Gradient, ParameterGradients};

/// How the gradients of one module lie in a vector, for an exchange between devices: one after the other in the order of their paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GradientLayout {
    /// By dotted parameter path.
    shapes: BTreeMap<String, Vec<usize>>,
}

impl GradientLayout {
    /// That of these gradients.
    #[must_use]
    pub fn of(gradients: &ParameterGradients) -> Self {
        let gradients = gradients.gradients.iter();
        Self { shapes: gradients.map(|(path, gradient)| (path.clone(), gradient.shape.clone())).collect() }
    }

    /// That of all gradients that one of several backward passes has: some may not reach every parameter.
    #[must_use]
    pub fn merged<'a>(layouts: impl IntoIterator<Item = &'a Self>) -> Self {
        let shapes = layouts.into_iter().flat_map(|layout| &layout.shapes);
        Self { shapes: shapes.map(|(path, shape)| (path.clone(), shape.clone())).collect() }
    }

    /// Values of the vector.
    #[must_use]
    pub fn values(&self) -> usize {
        self.shapes.values().map(|shape| shape.iter().product::<usize>()).sum()
    }

    /// The vector, outside autodiff, `[values]`: zeros for a gradient that is not there. `device` is where it is.
    ///
    /// # Panics
    ///
    /// If there is a gradient that the layout does not have.
    #[must_use]
    pub fn join(&self, gradients: ParameterGradients, device: &Device) -> Tensor<1> {
        let device = &device.clone().inner();
        let mut gradients = gradients.gradients;
        let part = |(path, shape): (&String, &Vec<usize>)| match gradients.remove(path) {
            Some(gradient) => gradient.values,
            None => Tensor::zeros([shape.iter().product::<usize>()], device),
        };
        let parts: Vec<_> = self.shapes.iter().map(part).collect();
        assert!(gradients.is_empty(), "gradients that the layout does not have: {:?}", gradients.keys());
        if parts.is_empty() { Tensor::zeros([0], device) } else { Tensor::cat(parts, 0) }
    }

    /// The gradients that lie in `values`.
    ///
    /// # Panics
    ///
    /// If `values` is not of this layout.
    #[must_use]
    pub fn split(&self, values: Tensor<1>) -> ParameterGradients {
        assert_eq!(values.dims(), [self.values()], "a vector of this layout");
        let mut next = 0;
        let part = |(path, shape): (&String, &Vec<usize>)| {
            let length = shape.iter().product();
            let values = values.clone().narrow(0, next, length);
            next += length;
            (path.clone(), Gradient { values, shape: shape.clone() })
        };
        ParameterGradients { gradients: self.shapes.iter().map(part).collect() }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::host::read;
    use crate::{InitRng, Linear};

    #[test]
    fn passes_that_reach_other_parameters_have_one_layout() {
        let device = Device::flex().autodiff();
        let rng = &mut InitRng::new(1);
        let module = (Linear::new(3, 2, rng, &device), Linear::without_bias(2, 2, rng, &device));
        let pass = |twice: bool| {
            let hidden = module.0.forward(Tensor::<2>::ones([1, 3], &device));
            let output = if twice { module.1.forward(hidden) } else { hidden };
            ParameterGradients::take(&mut output.sum().backward(), &module)
        };
        let layouts = [false, true].map(|twice| GradientLayout::of(&pass(twice)));
        let layout = GradientLayout::merged(&layouts);
        assert_eq!(layout.values(), 6 + 2 + 4);
        // In the order of the paths: 0.bias, 0.weight, 1.weight.
        let joined = read(layout.join(pass(false), &device));
        assert_eq!(joined, [[1.0; 8].as_slice(), &[0.0; 4]].concat());
        let both = layout.join(pass(true), &device);
        let split = layout.split(both.clone());
        assert_eq!(split.paths().collect::<Vec<_>>(), ["0.bias", "0.weight", "1.weight"]);
        assert_eq!(read(split.get("1.weight").unwrap()), read(pass(true).get("1.weight").unwrap()));
        assert_eq!(read(layout.join(split, &device)), read(both));

        let empty = GradientLayout::default();
        assert_eq!(empty.join(ParameterGradients::default(), &device).dims(), [0]);
        assert!(empty.split(Tensor::zeros([0], &device)).is_empty());
    }

    #[test]
    #[should_panic(expected = "gradients that the layout does not have")]
    fn nothing_is_left_out() {
        let device = Device::flex().autodiff();
        let module = Linear::new(3, 2, &mut InitRng::new(1), &device);
        let loss = module.forward(Tensor::<2>::ones([1, 3], &device)).sum();
        let gradients = ParameterGradients::take(&mut loss.backward(), &module);
        let _ = GradientLayout::default().join(gradients, &device);
    }
}
