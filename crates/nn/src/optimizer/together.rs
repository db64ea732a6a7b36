//! Adam's step on many small parameters in few launches, on a GPU.

use burn::module::Module;
use burn::tensor::Tensor;

use super::Stepper;
use super::adam_step::AdamStep;
use super::fused_adam::adam;
use super::gradients::Gradient;
use crate::own_kernels::is_small_on_gpu;
use crate::visit::visit_floats;

/// Parameters whose step has the same scalars.
struct Together {
    step: AdamStep,
    paths: Vec<String>,
    values: Vec<Tensor<1>>,
    means: Vec<Tensor<1>>,
    squares: Vec<Tensor<1>>,
    gradients: Vec<Tensor<1>>,
}

impl Together {
    fn new(step: AdamStep) -> Self {
        let [values, means, squares, gradients] = [(); 4].map(|()| Vec::new());
        Self { step, paths: Vec::new(), values, means, squares, gradients }
    }
}

impl Stepper<'_> {
    /// Updates the small parameters of `module` whose rule is Adam's: into [`updated`](Self::updated), out of the gradients.
    pub(super) fn update_together<M: Module>(&mut self, module: &M) {
        let mut all: Vec<Together> = Vec::new();
        visit_floats(module, |path, parameter| {
            let is_small = |gradient: &Gradient| is_small_on_gpu(&gradient.values);
            if !self.gradients.get(path).is_some_and(is_small) {
                return;
            }
            let (config, groups, lr) = (self.optimizer.config, self.optimizer.groups, self.lr);
            let shape = parameter.shape();
            let values = parameter.values();
            let state = self.state(path, &shape);
            let Some(step) = AdamStep::new(&groups.rule(&config, &shape), lr, state.steps + 1) else {
                return;
            };
            state.steps += 1;
            state.follow(&values);
            let gradient = self.gradients.remove(path).expect("it is there").values;
            let [mean, square] = self.state(path, &shape).moments(&gradient);
            let at = all.iter().position(|together| together.step == step).unwrap_or_else(|| {
                all.push(Together::new(step));
                all.len() - 1
            });
            let together = &mut all[at];
            together.paths.push(path.to_owned());
            together.values.push(values);
            together.means.push(mean);
            together.squares.push(square);
            together.gradients.push(gradient);
        });
        for Together { step, paths, values, means, squares, gradients } in all {
            let [values, means, squares] = adam(step, values, [means, squares], gradients);
            for (((path, values), mean), square) in paths.into_iter().zip(values).zip(means).zip(squares) {
                let state = self.optimizer.states.get_mut(&path).expect("it has had a step");
                state.buffers = vec![mean, square];
                self.updated.insert(path, values);
            }
        }
    }
}
