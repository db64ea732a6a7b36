//! An optimizer's state as named tensors.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::config::OptimizerConfig;
use super::rule::ParameterState;
use crate::visit::visit_floats;
use crate::{NnError, host};

/// Name of the entry that counts a parameter's steps.
const STEP: &str = "step";

/// Shape, element type and device of every float parameter, by dotted path.
pub(super) type Parameters = BTreeMap<String, ParameterInfo>;

/// What a state must fit.
pub(super) struct ParameterInfo {
    pub(super) shape: Vec<usize>,
    pub(super) dtype: DType,
    pub(super) device: Device,
}

impl ParameterInfo {
    /// Refuses a tensor of another shape or element type.
    pub(super) fn check(&self, name: &str, shape: &[usize], dtype: DType) -> Result<(), NnError> {
        if shape != self.shape {
            return Err(NnError::ShapeMismatch {
                name: name.to_owned(),
                expected: self.shape.clone(),
                found: shape.to_vec(),
            });
        }
        if dtype != self.dtype {
            return Err(NnError::KindMismatch {
                name: name.to_owned(),
                expected: self.dtype.name(),
                found: format!("{dtype:?}"),
            });
        }
        Ok(())
    }
}

/// Lists the float parameters of a module.
pub(super) fn parameters<M: Module>(module: &M) -> Parameters {
    let mut found = Parameters::new();
    visit_floats(module, |path, tensor| {
        let info = ParameterInfo { shape: tensor.shape(), dtype: tensor.dtype(), device: tensor.device() };
        found.insert(path.to_owned(), info);
    });
    found
}

/// Writes `<path>.step` (`[1]`, i64) and one entry of the parameter's shape for each buffer.
pub(super) fn write(
    config: &OptimizerConfig,
    states: &BTreeMap<String, ParameterState>,
) -> Vec<(String, TensorData)> {
    let mut entries = Vec::new();
    for (path, state) in states {
        let steps = i64::try_from(state.steps).unwrap_or(i64::MAX);
        entries.push((format!("{path}.{STEP}"), TensorData::new(vec![steps], [1])));
        for (name, buffer) in config.buffer_names().iter().zip(&state.buffers) {
            let (bytes, _, dtype) = host::read_data(buffer.clone()).into_parts();
            let data = TensorData::from_bytes(bytes, state.shape.clone(), dtype);
            entries.push((format!("{path}.{name}"), data));
        }
    }
    entries
}

/// Reads what [`write`] wrote, checking every entry against the module's parameters.
pub(super) fn read(
    config: &OptimizerConfig,
    parameters: &Parameters,
    entries: Vec<(String, TensorData)>,
) -> Result<BTreeMap<String, ParameterState>, NnError> {
    let mut grouped: BTreeMap<String, BTreeMap<String, TensorData>> = BTreeMap::new();
    for (name, data) in entries {
        let (path, entry) = name.rsplit_once('.').unwrap_or(("", &name));
        if entry != STEP && !config.buffer_names().contains(&entry) {
            return Err(unknown_state(config, name));
        }
        if !parameters.contains_key(path) {
            return Err(NnError::UnexpectedTensor { found: data.shape().as_slice().to_vec(), name });
        }
        grouped.entry(path.to_owned()).or_default().insert(entry.to_owned(), data);
    }

    let mut states = BTreeMap::new();
    for (path, mut group) in grouped {
        let info = &parameters[&path];
        let mut take = |entry: &str| {
            let name = format!("{path}.{entry}");
            match group.remove(entry) {
                Some(data) => Ok((name, data)),
                None if entry == STEP => Err(NnError::MissingTensor { name, expected: vec![1] }),
                None => Err(NnError::MissingTensor { name, expected: info.shape.clone() }),
            }
        };
        let steps = read_steps(take(STEP)?)?;
        let buffers = config
            .buffer_names()
            .iter()
            .map(|entry| read_buffer(info, take(entry)?))
            .collect::<Result<_, _>>()?;
        states.insert(path.clone(), ParameterState { steps, shape: info.shape.clone(), buffers });
    }
    Ok(states)
}

fn unknown_state(config: &OptimizerConfig, name: String) -> NnError {
    let mut kept = vec![STEP];
    kept.extend(config.buffer_names());
    NnError::UnknownOptimizerState { name, rule: config.name(), expected: kept.join(", ") }
}

fn read_steps((name, data): (String, TensorData)) -> Result<u64, NnError> {
    let steps = match data.as_slice::<i64>() {
        Ok([steps]) => u64::try_from(*steps).ok().filter(|steps| *steps > 0),
        _ => None,
    };
    steps.ok_or_else(|| NnError::KindMismatch {
        name,
        expected: "one positive I64",
        found: format!("{data}"),
    })
}

fn read_buffer(info: &ParameterInfo, (name, data): (String, TensorData)) -> Result<Tensor<1>, NnError> {
    info.check(&name, data.shape().as_slice(), data.dtype())?;
    let (bytes, shape, dtype) = data.into_parts();
    let flat = TensorData::from_bytes(bytes, [shape.num_elements()], dtype);
    Ok(Tensor::from_data(flat, (&info.device, dtype)))
}
