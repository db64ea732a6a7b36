//! Named tensors of a module.

use crate::NnError;
use crate::host;
use crate::visit::{NamedMapper, TensorRef, map_tensors, visit_tensors};
use burn::module::{Module, Param};
use burn::tensor::{DType, Int, Shape, Tensor, TensorData};
use std::collections::{HashMap, HashSet};

/// Dotted names and tensors in the module's order.
pub type StateDict = Vec<(String, TensorData)>;

/// Name of batch norm's counter, the one tensor without axes.
const COUNTER: &str = "num_batches_tracked";

/// Name and shape of one tensor of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Dotted path, as `layer1.0.conv1.weight`.
    pub name: String,
    /// Extents; empty for a scalar.
    pub shape: Vec<usize>,
    /// Whether it is a running statistic instead of a trained parameter.
    pub buffer: bool,
}

/// Whether a dotted name is that of a running statistic: state that is saved, but neither trained nor
/// averaged.
#[must_use]
pub fn is_buffer(name: &str) -> bool {
    let leaf = name.rsplit('.').next().unwrap_or(name);
    matches!(leaf, "running_mean" | "running_var" | COUNTER)
}

/// All tensors of `module` under stable dotted names, parameters and running statistics.
///
/// Names are those of PyTorch's `state_dict()` for the layers of this crate; counters are scalars of
/// type `i64`, as there. Waits for the device, for every tensor.
#[must_use]
pub fn state_dict<M: Module>(module: &M) -> StateDict {
    let mut tensors = StateDict::new();
    visit_tensors(module, |name, tensor| {
        let data = match tensor {
            TensorRef::Float(tensor) => tensor.data(),
            TensorRef::Int(tensor) => {
                let data = tensor.data().convert_dtype(DType::I64);
                if name.ends_with(COUNTER) { reshaped(data, Shape::from(Vec::<usize>::new())) } else { data }
            }
        };
        tensors.push((name.to_owned(), data));
    });
    tensors
}

/// Names and shapes of all tensors of `module`, without copying their values.
#[must_use]
pub fn tensor_specs<M: Module>(module: &M) -> Vec<TensorSpec> {
    let mut specs = Vec::new();
    visit_tensors(module, |name, tensor| {
        let shape = match tensor {
            TensorRef::Float(tensor) => tensor.shape(),
            TensorRef::Int(_) if name.ends_with(COUNTER) => Vec::new(),
            TensorRef::Int(tensor) => tensor.shape(),
        };
        specs.push(TensorSpec { buffer: is_buffer(name), name: name.to_owned(), shape });
    });
    specs
}

/// Puts `tensors` into `module`, which must have exactly these names and shapes.
///
/// Parameters keep their identity, device and gradient setting; float data of any width is converted to
/// the parameter's type.
///
/// # Errors
/// [`NnError`] for a missing, unknown, doubled or wrongly shaped tensor; the first in the module's order.
pub fn load_state_dict<M: Module>(
    module: M,
    tensors: impl IntoIterator<Item = (String, TensorData)>,
) -> Result<M, NnError> {
    let mut given = HashMap::new();
    for (name, data) in tensors {
        if given.insert(name.clone(), data).is_some() {
            return Err(NnError::DuplicateTensor { name });
        }
    }
    let specs = tensor_specs(&module);
    for spec in &specs {
        check(spec, given.get(&spec.name))?;
    }
    let known: HashSet<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let mut unknown: Vec<_> = given.iter().filter(|(name, _)| !known.contains(name.as_str())).collect();
    unknown.sort_by_key(|(name, _)| name.as_str());
    if let Some((name, data)) = unknown.first() {
        return Err(NnError::UnexpectedTensor { name: (*name).clone(), found: data.shape().to_vec() });
    }
    Ok(map_tensors(module, &mut Load { given }))
}

/// The largest count that the integer tensors of every backend hold.
const MAX_COUNT: i32 = i32::MAX;

fn check(spec: &TensorSpec, data: Option<&TensorData>) -> Result<(), NnError> {
    let Some(data) = data else {
        return Err(NnError::MissingTensor { name: spec.name.clone(), expected: spec.shape.clone() });
    };
    let counter = spec.name.ends_with(COUNTER);
    let found = data.shape().to_vec();
    let same_shape = if counter { data.num_elements() == 1 } else { found == spec.shape };
    if !same_shape {
        return Err(NnError::ShapeMismatch { name: spec.name.clone(), expected: spec.shape.clone(), found });
    }
    let (expected, right_kind) = if counter {
        ("integer", data.dtype().is_int() || data.dtype().is_uint())
    } else {
        ("float", data.dtype().is_float())
    };
    if !right_kind {
        return Err(NnError::KindMismatch {
            name: spec.name.clone(),
            expected,
            found: format!("{:?}", data.dtype()),
        });
    }
    if counter {
        // Through f64, which every integer converts to.
        let count = data.iter::<f64>().next().unwrap_or(0.0);
        if !(0.0..=f64::from(MAX_COUNT)).contains(&count) {
            return Err(NnError::CountOutOfRange {
                name: spec.name.clone(),
                expected: MAX_COUNT,
                found: count,
            });
        }
    }
    Ok(())
}

/// The same elements under another shape: Burn's tensors have at least one axis, PyTorch's counters none.
fn reshaped(data: TensorData, shape: Shape) -> TensorData {
    let (bytes, _, dtype) = data.into_parts();
    TensorData::from_bytes(bytes, shape, dtype)
}

struct Load {
    given: HashMap<String, TensorData>,
}

impl Load {
    fn take(&mut self, name: &str) -> TensorData {
        self.given.remove(name).expect("every name was checked before the module was mapped")
    }
}

impl NamedMapper for Load {
    fn float<const D: usize>(&mut self, name: &str, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let data = self.take(name);
        param.map(|old| {
            let data = data.convert_dtype(old.dtype());
            host::send_without_gaps(data, &old.device()).set_require_grad(old.is_require_grad())
        })
    }

    fn int<const D: usize>(&mut self, name: &str, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        let data = self.take(name);
        param.map(|old| {
            let data = reshaped(data, old.shape()).convert_dtype(old.dtype());
            Tensor::from_data(data, &old.device())
        })
    }
}
