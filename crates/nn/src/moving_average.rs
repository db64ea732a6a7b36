//! The exponential moving average that a target encoder is.

#[cfg(any(feature = "flex", feature = "cube"))]
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use std::collections::BTreeMap;

#[cfg(any(feature = "flex", feature = "cube"))]
use crate::floats::Floats;
#[cfg(any(feature = "flex", feature = "cube"))]
use crate::own_kernels;
use crate::state_dict::is_buffer;
use crate::visit::{NamedMapper, map_tensors, visit_floats};

/// Moves every parameter of `target` towards `online`: `decay * target + (1 - decay) * online`. One pass over memory on the Flex backend; on
/// a GPU a launch for each large parameter, and one for several small ones.
///
/// Running statistics are left alone, since the target gathers its own. The result needs no gradients.
///
/// # Panics
/// If the two modules differ in their parameters' names or shapes.
#[must_use]
pub fn ema_update<M: Module>(target: M, online: &M, decay: f64) -> M {
    let mut values = BTreeMap::new();
    visit_floats(online, |name, tensor| {
        if !is_buffer(name) {
            values.insert(name.to_owned(), tensor.values());
        }
    });
    let mut mapper = Mover { values, moved: BTreeMap::new(), decay };
    #[cfg(feature = "cube")]
    mapper.move_together(&target);
    let target = map_tensors(target, &mut mapper);
    let left = mapper.values.keys().next();
    assert!(
        left.is_none(),
        "the target lacks the parameter `{}` of the online module",
        left.expect("there is one")
    );
    target
}

struct Mover {
    /// What averages move towards, flattened.
    values: BTreeMap<String, Tensor<1>>,
    /// Averages that have moved and are not in the target yet, flattened.
    moved: BTreeMap<String, Tensor<1>>,
    decay: f64,
}

impl Mover {
    /// Moves the small ones, into [`moved`](Self::moved).
    #[cfg(feature = "cube")]
    fn move_together<M: Module>(&mut self, target: &M) {
        let (mut names, mut averages, mut values) = (Vec::new(), Vec::new(), Vec::new());
        visit_floats(target, |name, tensor| {
            let average = tensor.values();
            let is_small =
                |value: &Tensor<1>| value.dims() == average.dims() && own_kernels::is_small_on_gpu(value);
            if own_kernels::is_small_on_gpu(&average) && self.values.get(name).is_some_and(is_small) {
                names.push(name.to_owned());
                values.extend(self.values.remove(name));
                averages.push(average);
            }
        });
        if !names.is_empty() {
            self.moved.extend(names.into_iter().zip(by_own_kernels(self.decay, averages, values)));
        }
    }
}

impl NamedMapper for Mover {
    fn float<const D: usize>(&mut self, name: &str, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if is_buffer(name) {
            return param;
        }
        let moved = self.moved.remove(name);
        let value = self.values.remove(name);
        param.map(|average| {
            let shape = average.dims();
            let moved = moved.unwrap_or_else(|| {
                let value = value.unwrap_or_else(|| {
                    panic!("the online module lacks the parameter `{name}` of the target")
                });
                moving_average(self.decay, average.without_autodiff().reshape([-1]), value)
            });
            moved.reshape(shape)
        })
    }
}

/// `decay * average + (1 - decay) * value`, outside autodiff.
fn moving_average(decay: f64, average: Tensor<1>, value: Tensor<1>) -> Tensor<1> {
    assert_eq!(average.dims(), value.dims(), "a value for every average");
    #[cfg(any(feature = "flex", feature = "cube"))]
    if own_kernels::serve(&average) && own_kernels::serve(&value) {
        return by_own_kernels(decay, vec![average], vec![value]).remove(0);
    }
    average.mul_scalar(decay) + value.mul_scalar(1.0 - decay)
}

#[cfg(any(feature = "flex", feature = "cube"))]
fn by_own_kernels(decay: f64, averages: Vec<Tensor<1>>, values: Vec<Tensor<1>>) -> Vec<Tensor<1>> {
    let [averages, values] = [averages, values].map(Floats::of);
    <Dispatch as MovingAverages>::moving_averages(averages, values, decay).tensors()
}

#[cfg(any(feature = "flex", feature = "cube"))]
#[backend_extension(Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "cube"))]
pub(crate) trait MovingAverages: Backend {
    /// The averages of f32, moved, a value for each; on the processor in place where nothing else holds them.
    #[fusion(meta = |averages, _, _| averages.clone())]
    fn moving_averages(
        #[extension_type] averages: Floats<Self>,
        #[extension_type] values: Floats<Self>,
        decay: f64,
    ) -> Floats<Self>;
}
