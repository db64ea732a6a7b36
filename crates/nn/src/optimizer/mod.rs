//! Adam, AdamW and SGD with the arithmetic, defaults and state of `torch.optim`, and LARS beside them.
//!
//! Burn's own optimizers differ from PyTorch's in their defaults (AdamW's eps and weight decay, a
//! momentum dampened by 0.1) and key their state by ids that change from run to run. These follow
//! `torch.optim`'s single-tensor code operation by operation, and key their state by the
//! parameter's dotted path, so that a run resumes with the same bits. [`OptimizerConfig::Lars`] is that of self-supervised
//! learning; [`ParameterGroups`] says whether weight decay acts on biases and norms. A [`step`](Optimizer::step) waits for no
//! device.
//!
//! ```
//! use burn::nn::LinearConfig;
//! use burn::tensor::{Device, Tensor};
//! use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};
//!
//! let device = Device::flex().autodiff();
//! let module = LinearConfig::new(3, 2).init(&device);
//! let mut optimizer = Optimizer::new(OptimizerConfig::adam())?;
//!
//! let loss = module.forward(Tensor::<2>::ones([4, 3], &device)).square().mean();
//! let mut backward = loss.backward();
//! let mut gradients = ParameterGradients::take(&mut backward, &module);
//! assert!(gradients.non_finite().is_empty());
//! gradients.clip_norm(1.0);
//! let module = optimizer.step(1e-3, module, gradients)?;
//!
//! // Resume elsewhere with the same bits.
//! let mut resumed = Optimizer::new(OptimizerConfig::adam())?;
//! resumed.load_state_dict(optimizer.state_dict(), &module)?;
//! # Ok::<(), seqjepa_nn::NnError>(())
//! ```

mod adam_step;
mod config;
#[cfg(any(feature = "flex", feature = "cube"))]
mod fused_adam;
mod gradients;
mod groups;
mod layout;
mod rule;
mod state;
#[cfg(feature = "cube")]
mod together;

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::visit::{NamedMapper, map_tensors};
use crate::{NnError, StateDict};

#[cfg(any(feature = "flex", feature = "cube"))]
pub(crate) use adam_step::AdamStep;
pub use config::OptimizerConfig;
#[cfg(any(feature = "flex", feature = "cube"))]
pub(crate) use fused_adam::AdamUpdate;
pub use gradients::ParameterGradients;
pub use groups::ParameterGroups;
pub use layout::GradientLayout;

use gradients::Gradient;
use rule::ParameterState;

/// Updates the parameters of one module by their gradients.
#[derive(Clone, Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    groups: ParameterGroups,
    states: BTreeMap<String, ParameterState>,
}

impl Optimizer {
    /// An optimizer without state that treats all parameters alike.
    ///
    /// # Errors
    ///
    /// If a constant of `config` is out of range ([`OptimizerConfig::validate`]).
    pub fn new(config: OptimizerConfig) -> Result<Self, NnError> {
        config.validate()?;
        Ok(Self { config, groups: ParameterGroups::default(), states: BTreeMap::new() })
    }

    /// The same optimizer with other parameter groups. They are not part of its state.
    #[must_use]
    pub fn with_groups(mut self, groups: ParameterGroups) -> Self {
        self.groups = groups;
        self
    }

    /// The rule and its constants.
    #[must_use]
    pub fn config(&self) -> &OptimizerConfig {
        &self.config
    }

    /// How parameters are treated apart.
    #[must_use]
    pub fn groups(&self) -> ParameterGroups {
        self.groups
    }

    /// Returns `module` with every parameter that has a gradient updated at learning rate `lr`;
    /// the others stay as they are, and their state too, as in PyTorch.
    ///
    /// # Errors
    ///
    /// If `lr` is negative or not finite, or if a gradient or a state does not fit the module.
    /// Nothing has been changed then.
    pub fn step<M: Module>(
        &mut self,
        lr: f64,
        module: M,
        gradients: ParameterGradients,
    ) -> Result<M, NnError> {
        self.check(lr, &module, &gradients)?;
        let mut mapper =
            Stepper { optimizer: self, lr, gradients: gradients.gradients, updated: BTreeMap::new() };
        #[cfg(feature = "cube")]
        mapper.update_together(&module);
        Ok(map_tensors(module, &mut mapper))
    }

    /// Whether [`step`](Self::step) would take these arguments: for whoever cannot lose a module to an error.
    ///
    /// # Errors
    ///
    /// As [`step`](Self::step).
    pub fn check<M: Module>(
        &self,
        lr: f64,
        module: &M,
        gradients: &ParameterGradients,
    ) -> Result<(), NnError> {
        if !lr.is_finite() || lr < 0.0 {
            return Err(NnError::OptimizerSetting {
                setting: "lr",
                expected: "finite and at least 0",
                found: lr,
            });
        }
        let parameters = state::parameters(module);
        for (path, gradient) in &gradients.gradients {
            let Some(info) = parameters.get(path) else {
                return Err(NnError::StrayGradient { name: path.clone() });
            };
            let dtype = gradient.values.dtype();
            info.check(&format!("{path} (gradient)"), &gradient.shape, dtype)?;
            if let Some(state) = self.states.get(path) {
                info.check(&format!("{path} (optimizer state)"), &state.shape, info.dtype)?;
            }
        }
        Ok(())
    }

    /// The state as named tensors, sorted by parameter path: for each parameter that has been
    /// updated its `<path>.step` (shape `[1]`, i64) and its moments in the parameter's own shape:
    /// `<path>.exp_avg` and `<path>.exp_avg_sq` for Adam and AdamW, `<path>.momentum_buffer` for
    /// SGD and LARS with momentum.
    #[must_use]
    pub fn state_dict(&self) -> StateDict {
        state::write(&self.config, &self.states)
    }

    /// Replaces the state by one that [`state_dict`](Self::state_dict) wrote, on the devices of
    /// `module`'s parameters. Training continues with the same bits. Parameters without an entry
    /// have not been updated yet.
    ///
    /// # Errors
    ///
    /// If an entry belongs to no parameter or not to this rule, if a parameter's entries are
    /// incomplete, or if one has the wrong shape or element type. The state is unchanged then.
    pub fn load_state_dict<M: Module>(&mut self, entries: StateDict, module: &M) -> Result<(), NnError> {
        self.states = state::read(&self.config, &state::parameters(module), entries)?;
        Ok(())
    }
}

struct Stepper<'a> {
    optimizer: &'a mut Optimizer,
    lr: f64,
    /// Those whose parameters have not been updated yet.
    gradients: BTreeMap<String, Gradient>,
    /// Flattened values of parameters that have been updated with others, and are not in the module yet.
    updated: BTreeMap<String, Tensor<1>>,
}

impl Stepper<'_> {
    /// The state of a parameter that has a gradient of this shape.
    fn state(&mut self, path: &str, shape: &[usize]) -> &mut ParameterState {
        let states = &mut self.optimizer.states;
        states.entry(path.to_owned()).or_insert_with(|| ParameterState::new(shape.to_vec()))
    }

    /// Flattened values after the step.
    fn update(&mut self, path: &str, values: Tensor<1>, gradient: Gradient) -> Tensor<1> {
        let (config, groups, lr) = (self.optimizer.config, self.optimizer.groups, self.lr);
        rule::update(&config, groups, lr, values, gradient.values, self.state(path, &gradient.shape))
    }
}

impl NamedMapper for Stepper<'_> {
    fn float<const D: usize>(&mut self, path: &str, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (updated, gradient) = (self.updated.remove(path), self.gradients.remove(path));
        if updated.is_none() && gradient.is_none() {
            return param;
        }
        let (id, tensor, mapper) = param.consume();
        let require_grad = tensor.is_require_grad();
        let checkpointing = tensor.gradient_checkpointing_strategy();
        let shape = tensor.shape();

        let values = match gradient {
            Some(gradient) => self.update(path, tensor.inner().reshape([-1]), gradient),
            None => updated.expect("a parameter that has neither has been left alone"),
        };

        // The updated value goes back as it came: a leaf of its own graph, on the same tape policy.
        let mut tensor = Tensor::from_inner(values.reshape(shape));
        if let Some(strategy) = checkpointing {
            tensor = tensor.with_gradient_checkpointing_strategy(strategy);
        }
        Param::from_mapped_value(id, tensor.set_require_grad(require_grad), mapper)
    }
}
