//! Methods that are chosen at run time.
//!
//! [`Method`] is generic code's view of a method, [`DynMethod`] the same behind a pointer: loops, run folders and evaluations
//! are compiled once, and a registry can hold methods by name.

use std::any::Any;
use std::fmt::Debug;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Gradients, Tensor};
use seqjepa_nn::optimizer::{Optimizer, ParameterGradients};
use seqjepa_nn::{
    DropoutKey, NnError, StateDict, TensorSpec, finite_flag, load_state_dict, non_finite, running_statistics,
    state_dict, tensor_specs, with_running_statistics,
};

use super::input::{SequenceActions, SequenceInput};
use super::layout::{EncoderChoice, RepresentationLayout, TensorRole, ViewsUsed};
use super::output::{EvaluationOutput, TrainingOutput};
use super::traits::{Method, MethodConfig};
use crate::any_encoder::EncoderConfig;
use crate::error::ModelError;
use crate::interop::{ExchangeError, Import, import_tensors, read_tensors};
use crate::layer_memory::LayerMemory;

/// Any [`Method`], and all that is done with its tensors. Made by [`boxed`] or [`DynMethodConfig::init`].
pub trait DynMethod: Debug + Send {
    /// [`MethodConfig::NAME`].
    fn name(&self) -> &'static str;

    /// What it was built from.
    fn config(&self) -> Box<dyn DynMethodConfig>;

    /// What it was built from, as JSON.
    ///
    /// # Errors
    /// As [`DynMethodConfig::to_json`].
    fn config_json(&self) -> Result<serde_json::Value, ModelError> {
        self.config().to_json()
    }

    /// As [`Method::views_used`].
    fn views_used(&self) -> ViewsUsed;

    /// As [`Method::representations`].
    fn representations(&self) -> RepresentationLayout;

    /// As [`Method::tensor_role`].
    fn tensor_role(&self, name: &str) -> TensorRole;

    /// As [`Method::training_forward`].
    ///
    /// # Errors
    /// Those of [`Method::training_forward`].
    fn training_forward(&self, input: SequenceInput, key: DropoutKey) -> Result<TrainingOutput, ModelError>;

    /// As [`Method::evaluation_forward`].
    ///
    /// # Errors
    /// Those of [`Method::evaluation_forward`].
    fn evaluation_forward(&self, input: SequenceInput) -> Result<EvaluationOutput, ModelError>;

    /// As [`Method::encode`].
    fn encode(&self, images: Tensor<4>, encoder: EncoderChoice) -> Option<Tensor<2>>;

    /// As [`Method::invariant`].
    ///
    /// # Errors
    /// Those of [`Method::invariant`].
    fn invariant(
        &self,
        representations: Tensor<3>,
        actions: &SequenceActions,
    ) -> Result<Tensor<2>, ModelError>;

    /// As [`Method::predict`].
    ///
    /// # Errors
    /// Those of [`Method::predict`].
    fn predict(
        &self,
        invariant: Tensor<2>,
        actions: &SequenceActions,
    ) -> Result<Option<Tensor<2>>, ModelError>;

    /// Takes the gradients of the method's parameters out of what `loss.backward()` returned.
    fn take_gradients(&self, backward: &mut Gradients) -> ParameterGradients;

    /// Updates the parameters by their gradients at learning rate `lr`.
    ///
    /// # Errors
    /// As [`Optimizer::step`]; nothing has been changed then.
    fn optimizer_step(
        &mut self,
        optimizer: &mut Optimizer,
        lr: f64,
        gradients: ParameterGradients,
    ) -> Result<(), NnError>;

    /// As [`Method::after_step`].
    fn after_step(&mut self, step: u64, total_steps: u64);

    /// As [`running_statistics`].
    fn running_statistics(&self) -> Option<Tensor<1>>;

    /// As [`with_running_statistics`].
    fn set_running_statistics(&mut self, values: Tensor<1>);

    /// All tensors by name. Waits for the device.
    fn state_dict(&self) -> StateDict;

    /// Replaces all tensors by those of a [`state_dict`](Self::state_dict).
    ///
    /// # Errors
    /// As [`load_state_dict`]; nothing has been changed then.
    fn load_state_dict(&mut self, tensors: StateDict) -> Result<(), NnError>;

    /// Gives `optimizer` the state that it had when it had updated this method's parameters.
    ///
    /// # Errors
    /// As [`Optimizer::load_state_dict`].
    fn load_optimizer(&self, optimizer: &mut Optimizer, state: StateDict) -> Result<(), NnError>;

    /// Names of the tensors that are not finite, as [`non_finite`]. Waits for the device.
    fn non_finite(&self) -> Vec<String>;

    /// Whether all tensors are finite, answered on the device, as [`finite_flag`].
    fn finite_flag(&self) -> Option<Tensor<1>>;

    /// Names and shapes of all tensors.
    fn tensor_specs(&self) -> Vec<TensorSpec>;

    /// Loads a checkpoint of PyTorch, or of this project in SafeTensors, into this method; see
    /// [`import_tensors`] for the names that are understood.
    ///
    /// # Errors
    /// As [`read_tensors`] and [`import_tensors`]; nothing has been changed then. Tensors that the file lacks are no error: look
    /// at [`Import::missing`].
    fn import(&mut self, path: &Path) -> Result<Import<()>, ExchangeError>;

    /// A copy that shares no state.
    fn clone_box(&self) -> Box<dyn DynMethod>;

    /// A copy that records no gradients.
    fn valid(&self) -> Box<dyn DynMethod>;

    /// A copy on another device.
    fn to_device(&self, device: &Device) -> Box<dyn DynMethod>;

    /// The method itself, of the type that [`boxed`] was given.
    fn as_any(&self) -> &dyn Any;
}

impl dyn DynMethod {
    /// The method itself, if it is an `M`.
    #[must_use]
    pub fn downcast_ref<M: Method>(&self) -> Option<&M> {
        self.as_any().downcast_ref()
    }
}

impl Clone for Box<dyn DynMethod> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}

/// Any [`MethodConfig`]. Made by [`boxed_config`].
pub trait DynMethodConfig: Debug + Send + Sync {
    /// [`MethodConfig::NAME`].
    fn name(&self) -> &'static str;

    /// As [`MethodConfig::with_input`].
    fn with_input(&self, encoder: EncoderConfig, action_dim: usize) -> Box<dyn DynMethodConfig>;

    /// As [`MethodConfig::validate`].
    ///
    /// # Errors
    /// Those of [`MethodConfig::validate`].
    fn validate(&self) -> Result<(), ModelError>;

    /// As [`MethodConfig::parameter_count`].
    fn parameter_count(&self) -> u64;

    /// As [`MethodConfig::loss_is_mean`].
    fn loss_is_mean(&self) -> bool;

    /// As [`MethodConfig::layer_memory`].
    fn layer_memory(&self, views: usize, side: usize) -> Option<Vec<LayerMemory>>;

    /// As [`MethodConfig::init`].
    ///
    /// # Errors
    /// Those of [`MethodConfig::init`].
    fn init(&self, seed: u64, device: &Device) -> Result<Box<dyn DynMethod>, ModelError>;

    /// The config as JSON.
    ///
    /// # Errors
    /// [`ModelError::Config`] for a config that JSON cannot hold.
    fn to_json(&self) -> Result<serde_json::Value, ModelError>;

    /// A copy.
    fn clone_box(&self) -> Box<dyn DynMethodConfig>;
}

impl Clone for Box<dyn DynMethodConfig> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}

/// The method behind a pointer that no longer says which it is.
#[must_use]
pub fn boxed<M: Method>(method: M) -> Box<dyn DynMethod> {
    Box::new(Erased { method: Some(method) })
}

/// The config behind a pointer that no longer says of which method it is.
#[must_use]
pub fn boxed_config<C: MethodConfig>(config: C) -> Box<dyn DynMethodConfig> {
    Box::new(ErasedConfig(config))
}

/// A method that updates in place what Burn updates by value.
#[derive(Debug)]
struct Erased<M> {
    /// `None` only inside [`replace`](Self::replace).
    method: Option<M>,
}

impl<M: Method> Erased<M> {
    fn get(&self) -> &M {
        self.method.as_ref().expect("a method is away only while it is replaced")
    }

    fn replace(&mut self, change: impl FnOnce(M) -> M) {
        let method = self.method.take().expect("a method is away only while it is replaced");
        self.method = Some(change(method));
    }
}

impl<M: Method> DynMethod for Erased<M> {
    fn name(&self) -> &'static str {
        M::Config::NAME
    }

    fn config(&self) -> Box<dyn DynMethodConfig> {
        boxed_config(self.get().config().clone())
    }

    fn views_used(&self) -> ViewsUsed {
        self.get().views_used()
    }

    fn representations(&self) -> RepresentationLayout {
        self.get().representations()
    }

    fn tensor_role(&self, name: &str) -> TensorRole {
        self.get().tensor_role(name)
    }

    fn training_forward(&self, input: SequenceInput, key: DropoutKey) -> Result<TrainingOutput, ModelError> {
        self.get().training_forward(input, key)
    }

    fn evaluation_forward(&self, input: SequenceInput) -> Result<EvaluationOutput, ModelError> {
        self.get().evaluation_forward(input)
    }

    fn encode(&self, images: Tensor<4>, encoder: EncoderChoice) -> Option<Tensor<2>> {
        self.get().encode(images, encoder)
    }

    fn invariant(
        &self,
        representations: Tensor<3>,
        actions: &SequenceActions,
    ) -> Result<Tensor<2>, ModelError> {
        self.get().invariant(representations, actions)
    }

    fn predict(
        &self,
        invariant: Tensor<2>,
        actions: &SequenceActions,
    ) -> Result<Option<Tensor<2>>, ModelError> {
        self.get().predict(invariant, actions)
    }

    fn take_gradients(&self, backward: &mut Gradients) -> ParameterGradients {
        ParameterGradients::take(backward, self.get())
    }

    fn optimizer_step(
        &mut self,
        optimizer: &mut Optimizer,
        lr: f64,
        gradients: ParameterGradients,
    ) -> Result<(), NnError> {
        // First, since an error in the midst of it would lose the method.
        optimizer.check(lr, self.get(), &gradients)?;
        self.replace(|method| optimizer.step(lr, method, gradients).expect("the arguments were checked"));
        Ok(())
    }

    fn after_step(&mut self, step: u64, total_steps: u64) {
        self.replace(|method| method.after_step(step, total_steps));
    }

    fn running_statistics(&self) -> Option<Tensor<1>> {
        running_statistics(self.get())
    }

    fn set_running_statistics(&mut self, values: Tensor<1>) {
        self.replace(|method| with_running_statistics(method, values));
    }

    fn state_dict(&self) -> StateDict {
        state_dict(self.get())
    }

    fn load_state_dict(&mut self, tensors: StateDict) -> Result<(), NnError> {
        self.method = Some(load_state_dict(self.get().clone(), tensors)?);
        Ok(())
    }

    fn load_optimizer(&self, optimizer: &mut Optimizer, state: StateDict) -> Result<(), NnError> {
        optimizer.load_state_dict(state, self.get())
    }

    fn non_finite(&self) -> Vec<String> {
        non_finite(self.get())
    }

    fn finite_flag(&self) -> Option<Tensor<1>> {
        finite_flag(self.get())
    }

    fn tensor_specs(&self) -> Vec<TensorSpec> {
        tensor_specs(self.get())
    }

    fn import(&mut self, path: &Path) -> Result<Import<()>, ExchangeError> {
        let imported = import_tensors(self.get().clone(), read_tensors(path)?);
        let Import { module, used, missing, counters, left_over } =
            imported.map_err(|error| error.in_file(path))?;
        self.method = Some(module);
        Ok(Import { module: (), used, missing, counters, left_over })
    }

    fn clone_box(&self) -> Box<dyn DynMethod> {
        boxed(self.get().clone())
    }

    fn valid(&self) -> Box<dyn DynMethod> {
        boxed(Module::valid(self.get()))
    }

    fn to_device(&self, device: &Device) -> Box<dyn DynMethod> {
        boxed(Module::to_device(self.get().clone(), device))
    }

    fn as_any(&self) -> &dyn Any {
        self.get()
    }
}

#[derive(Debug)]
struct ErasedConfig<C>(C);

impl<C: MethodConfig> DynMethodConfig for ErasedConfig<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn with_input(&self, encoder: EncoderConfig, action_dim: usize) -> Box<dyn DynMethodConfig> {
        boxed_config(self.0.clone().with_input(encoder, action_dim))
    }

    fn validate(&self) -> Result<(), ModelError> {
        self.0.validate()
    }

    fn parameter_count(&self) -> u64 {
        self.0.parameter_count()
    }

    fn loss_is_mean(&self) -> bool {
        self.0.loss_is_mean()
    }

    fn layer_memory(&self, views: usize, side: usize) -> Option<Vec<LayerMemory>> {
        self.0.layer_memory(views, side)
    }

    fn init(&self, seed: u64, device: &Device) -> Result<Box<dyn DynMethod>, ModelError> {
        Ok(boxed(self.0.init(seed, device)?))
    }

    fn to_json(&self) -> Result<serde_json::Value, ModelError> {
        serde_json::to_value(&self.0).map_err(|error| ModelError::Config {
            field: "the method's configuration",
            expected: "what JSON can hold".to_owned(),
            found: error.to_string(),
        })
    }

    fn clone_box(&self) -> Box<dyn DynMethodConfig> {
        boxed_config(self.0.clone())
    }
}
