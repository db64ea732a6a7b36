//! Copies of modules that share nothing.

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::{Bool, Int, Tensor};

/// A copy of `module` with equal values, its own identities and statistics, and no gradients.
///
/// `Clone` keeps the parameter ids, by which gradients are looked up, so a clone beside its original in
/// one model would take the original's gradients. Use this for an EMA target.
pub fn independent_copy<M: Module>(module: &M) -> M {
    module.clone().map(&mut Renew)
}

struct Renew;

impl ModuleMapper for Renew {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        Param::initialized(ParamId::new(), param.val().without_autodiff())
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        Param::initialized(ParamId::new(), param.val().without_autodiff())
    }

    fn map_bool<const D: usize>(&mut self, param: Param<Tensor<D, Bool>>) -> Param<Tensor<D, Bool>> {
        Param::initialized(ParamId::new(), param.val())
    }
}
