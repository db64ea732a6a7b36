//! Puts the tensors of a checkpoint into a module.

use super::error::ExchangeError;
use super::names::Nest;
use burn::module::Module;
use burn::tensor::{DType, Shape, TensorData};
use seqjepa_nn::{NnError, StateDict, TensorSpec, load_state_dict, state_dict, tensor_specs};
use std::collections::{HashMap, HashSet};

/// A module with imported tensors, and an account of them.
#[derive(Clone, Debug)]
pub struct Import<M> {
    /// The module.
    pub module: M,
    /// Names of the module's tensors that came from the checkpoint, in the module's order.
    pub used: Vec<String>,
    /// Names of the module's tensors that the checkpoint lacks; they keep their values.
    pub missing: Vec<String>,
    /// Names of batch norm's counters that the checkpoint lacks beside the statistics that they belong to, as those of PyTorch before
    /// 0.4.1 do; they are 0, as PyTorch fills them in.
    pub counters: Vec<String>,
    /// What the checkpoint has beyond the module, as optimizer state or probes (`online_linprobe.0.weight`),
    /// under the checkpoint's names without nest and wrapper; [`export_tensors`](super::export_tensors) can take them along.
    pub left_over: StateDict,
}

/// Puts `tensors` into `module`.
///
/// The names may lie under what scripts call a model's state (`model.`, `state_dict.`, `model_state_dict.`, `net.`, `ema_model.`,
/// `state_dict_ema.` and so on), one inside the other too, and may have the prefixes of wrappers anywhere (`module.`, `_orig_mod.`,
/// `_fsdp_wrapped_module.`, `_checkpoint_wrapped_module.`, `_forward_module.`); the place that fits best is taken, of a model and its
/// average the model. Floats of other widths are converted to the module's f32: f16 and bf16 exactly, f64 rounded.
///
/// # Errors
/// [`ExchangeError::Nn`] with the tensor's name for a wrong shape or type, or one that occurs twice;
/// [`ExchangeError::NothingInCommon`] if no name fits. The module is dropped then, never half filled.
pub fn import_tensors<M: Module>(module: M, tensors: StateDict) -> Result<Import<M>, ExchangeError> {
    let specs = tensor_specs(&module);
    let known: HashSet<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let nest = Nest::find(tensors.iter().map(|(name, _)| name.as_str()), &known);

    let mut given = HashMap::new();
    let mut left_over = Vec::new();
    let found: Vec<_> = tensors.iter().take(EXAMPLES).map(|(name, _)| shortened(name)).collect();
    for (name, data) in tensors {
        match nest.strip(&name, &known) {
            Some(inner) if known.contains(&*inner) => {
                let inner = inner.into_owned();
                if given.insert(inner.clone(), data).is_some() {
                    return Err(NnError::DuplicateTensor { name: inner }.into());
                }
            }
            Some(inner) => left_over.push((inner.into_owned(), data)),
            None => left_over.push((name, data)),
        }
    }
    if given.is_empty() {
        let expected = specs.iter().take(EXAMPLES).map(|spec| spec.name.clone()).collect();
        return Err(ExchangeError::NothingInCommon { path: None, expected, found });
    }

    let (mut used, mut missing, mut counters) = (Vec::new(), Vec::new(), Vec::new());
    let statistics: HashSet<String> =
        given.keys().filter_map(|name| name.strip_suffix("running_mean")).map(str::to_owned).collect();
    let old = state_dict(&module);
    let tensors: StateDict = specs
        .iter()
        .zip(old)
        .map(|(spec, (name, old))| match given.remove(&name) {
            Some(data) => {
                used.push(name.clone());
                (name, adapted(data, spec))
            }
            None => match name.strip_suffix("num_batches_tracked") {
                Some(layer) if statistics.contains(layer) => {
                    counters.push(name.clone());
                    let zero = TensorData::zeros::<i64, _>(spec.shape.clone());
                    (name, zero)
                }
                _ => {
                    missing.push(name.clone());
                    (name, old)
                }
            },
        })
        .collect();
    let module = load_state_dict(module, tensors)?;
    tracing::info!(
        used = used.len(),
        missing = missing.len(),
        counters = counters.len(),
        left_over = left_over.len(),
        "imported tensors"
    );
    Ok(Import { module, used, missing, counters, left_over })
}

/// Names that an error shows of each side.
const EXAMPLES: usize = 3;

/// A name of a file, which may be as long as it likes.
fn shortened(name: &str) -> String {
    const LONGEST: usize = 80;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => name.to_owned(),
    }
}

/// The data as the module stores it where a script may have stored the same otherwise: a token without its leading
/// axes of length 1, a batch count as a float. All else is unchanged, to be refused with its own shape and type.
fn adapted(data: TensorData, spec: &TensorSpec) -> TensorData {
    if spec.name.ends_with("_token") {
        let found = data.shape().to_vec();
        let missing = spec.shape.len().saturating_sub(found.len());
        let (ones, rest) = spec.shape.split_at(missing);
        if rest == found && ones.iter().all(|axis| *axis == 1) {
            let (bytes, _, dtype) = data.into_parts();
            return TensorData::from_bytes(bytes, Shape::from(spec.shape.clone()), dtype);
        }
    } else if spec.name.ends_with("num_batches_tracked") && data.dtype().is_float() {
        // `{name: value.half() for ..}` converts the counters too.
        let whole = |count: f64| count >= 0.0 && count.fract() == 0.0;
        if data.iter::<f64>().all(whole) {
            return data.convert_dtype(DType::I64);
        }
    }
    data
}
