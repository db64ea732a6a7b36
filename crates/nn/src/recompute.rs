//! Activations that are computed again in the backward pass in place of being kept (Chen et al. 2016, arXiv 1604.06174).

use std::cell::{Cell, RefCell};
use std::fmt;

use burn::module::{Module, Param};
use burn::tensor::{Gradients, Tensor};

use crate::precision::Precision;

/// Which stages of an encoder keep nothing for the backward pass but what enters each of their blocks; their forward pass is then made
/// a second time, block by block. For memory: gradients and running statistics stay what they are, to the bit where an operator computes
/// the same with gradients and without (on the Flex backend those of residual networks; Burn's layer norm and softmax round otherwise).
///
/// Stages have numbers from 1; an encoder marks their blocks with [`recomputable`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recompute {
    stages: u64,
}

/// What a forward pass has left to be computed again; see [`Recompute::record`].
#[must_use = "without its backward pass the blocks have no gradients"]
pub struct Recording {
    blocks: Vec<Block>,
}

/// The backward pass of a block, given those that have come before it.
type Block = Box<dyn FnOnce(&mut [Gradients]) -> Option<Gradients>>;

/// In which pass over a block the layers of this thread are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// The only one.
    Only,
    /// The first of two: nothing is kept.
    First,
    /// The second: running statistics have moved already.
    Second,
}

/// The blocks of a forward pass so far.
struct Recorder {
    recompute: Recompute,
    blocks: Vec<Block>,
}

thread_local! {
    static PASS: Cell<Pass> = const { Cell::new(Pass::Only) };
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

impl Recompute {
    /// The largest number of a stage.
    pub const MOST: usize = 64;

    /// These stages.
    ///
    /// # Panics
    /// If a number is 0 or above [`MOST`](Self::MOST).
    #[must_use]
    pub fn stages(stages: impl IntoIterator<Item = usize>) -> Self {
        let bit = |stage: usize| {
            assert!((1..=Self::MOST).contains(&stage), "a stage from 1 to {}, not {stage}", Self::MOST);
            1 << (stage - 1)
        };
        Self { stages: stages.into_iter().map(bit).fold(0, |stages, stage| stages | stage) }
    }

    /// Whether `stage` is one of them.
    #[must_use]
    pub fn contains(self, stage: usize) -> bool {
        (1..=Self::MOST).contains(&stage) && self.stages >> (stage - 1) & 1 == 1
    }

    /// Computes `forward` so. Its gradients come by [`Recording::backward`] alone.
    pub fn record<T>(self, forward: impl FnOnce() -> T) -> (T, Recording) {
        /// Restores what the thread recorded before, after a panic too.
        struct Back(Option<Recorder>);
        impl Drop for Back {
            fn drop(&mut self) {
                RECORDER.set(self.0.take());
            }
        }
        let recorder = (self.stages != 0).then(|| Recorder { recompute: self, blocks: Vec::new() });
        let _back = Back(RECORDER.replace(recorder));
        let value = forward();
        let blocks = RECORDER.take().map(|recorder| recorder.blocks).unwrap_or_default();
        (value, Recording { blocks })
    }
}

impl Recording {
    /// The backward pass from `loss`, in parts. `each` takes its parameters' gradients out of every part (what it leaves there stays until
    /// the end), and adds up those of a parameter that is in several.
    pub fn backward(self, loss: Tensor<1>, mut each: impl FnMut(&mut Gradients)) {
        let mut parts = vec![loss.backward()];
        drop(loss);
        each(&mut parts[0]);
        // The last block's output is in the loss's part, the others' are in those of the blocks after them.
        for block in self.blocks.into_iter().rev() {
            if let Some(mut part) = block(&mut parts) {
                each(&mut part);
                parts.push(part);
            }
        }
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recording({} blocks)", self.blocks.len())
    }
}

impl Pass {
    /// The layers of `forward` are in this pass.
    fn within<T>(self, forward: impl FnOnce() -> T) -> T {
        /// Restores the thread's pass, after a panic too.
        struct Back(Pass);
        impl Drop for Back {
            fn drop(&mut self) {
                PASS.set(self.0);
            }
        }
        let _back = Back(PASS.replace(self));
        forward()
    }
}

/// `forward(module, input)`: a block of an encoder's stage `stage`, which within [`Recompute::record`] is computed again in the backward
/// pass where the stage is among those. `input` is `[batch, ..]`.
///
/// `forward` has to compute the same both times, without dropout. What it uses of parameters that are not of layers of this crate is kept
/// nevertheless, and Burn's own batch norm in it would move its statistics twice. An `input` that is not the output of a block of these
/// stages, or a leaf, belongs to this block alone: whatever else computes with it would have its graph gone, which Burn ends in a panic.
pub fn recomputable<M: Module + 'static, const D: usize>(
    stage: usize,
    module: &M,
    input: Tensor<D>,
    forward: impl Fn(&M, Tensor<D>) -> Tensor<D> + 'static,
) -> Tensor<D> {
    let recorded = input.is_autodiff()
        && PASS.get() == Pass::Only
        && RECORDER.with_borrow(|recorder| recorder.as_ref().is_some_and(|it| it.recompute.contains(stage)));
    if !recorded {
        return forward(module, input);
    }
    let first = input.clone().without_autodiff();
    let output = Pass::First.within(|| forward(module, first)).without_autodiff();
    // A leaf, on the input's tape: the graph of what comes after ends here.
    let mut output = Tensor::from_inner(output);
    if let Some(strategy) = input.gradient_checkpointing_strategy() {
        output = output.with_gradient_checkpointing_strategy(strategy);
    }
    let output = output.require_grad();
    let (module, leaf, precision) = (module.clone(), output.clone(), Precision::current());
    let block = move |parts: &mut [Gradients]| {
        let gradient = parts.iter_mut().filter_map(|part| leaf.grad_remove(part));
        let gradient = gradient.reduce(|sum, gradient| sum + gradient)?;
        drop(leaf);
        let output = Pass::Second.within(|| precision.within(|| forward(&module, input)));
        // Its gradient by the output is `gradient`, to the bit: every element has a loss of its own.
        output.is_tracked().then(|| (output * gradient).backward())
    };
    RECORDER.with_borrow_mut(|recorder| {
        recorder.as_mut().expect("looked at above").blocks.push(Box::new(block));
    });
    output
}

/// The value of a layer's parameter in this pass.
pub(crate) fn value<const D: usize>(parameter: &Param<Tensor<D>>) -> Tensor<D> {
    match PASS.get() {
        Pass::First => parameter.val().without_autodiff(),
        Pass::Only | Pass::Second => parameter.val(),
    }
}

/// Whether running statistics take this pass's batch in.
pub(crate) fn moves_statistics() -> bool {
    PASS.get() != Pass::Second
}
