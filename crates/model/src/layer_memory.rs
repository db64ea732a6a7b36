//! How much memory training takes, part by part, without building anything.
//!
//! What is counted is what Burn's autodiff and the operators of `seqjepa-nn` keep from the forward pass for the backward pass: the input of
//! every linear map and convolution, the input of every batch norm and its rectified output, which is the input of what follows; of layer
//! norm what is centred and what is normalised; of attention the three projections, the exponentials and what is mixed.

use seqjepa_nn::Recompute;

/// What a part of a method takes of memory in training: in values, which are 4 bytes each in f32.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerMemory {
    /// What the part is, as `encoder, stage 1`.
    pub name: &'static str,
    /// Its trained parameters.
    pub parameters: u64,
    /// Values that are kept from the forward pass until the backward pass has come by, of one sequence.
    pub kept: u64,
    /// Values that are kept as long, whatever the number of sequences.
    pub fixed: u64,
    /// Values beside them while a pass goes through the part, about, of one sequence.
    pub passing: u64,
    /// Whether it is held in bf16, 2 bytes a value, where training steps compute in bf16 ([`narrowed`](seqjepa_nn::narrowed)).
    pub narrowed: bool,
    /// What of it is other where it is computed again in the backward pass; `None` where it cannot be.
    pub recomputed: Option<RecomputedMemory>,
}

/// What a stage of an encoder takes where its blocks are [computed again](Recompute), of one sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecomputedMemory {
    /// The number of the stage.
    pub stage: usize,
    /// In place of [`LayerMemory::kept`]: what leaves each of its blocks.
    pub kept: u64,
    /// In place of [`LayerMemory::passing`]: with what its largest block keeps until its own backward pass.
    pub passing: u64,
}

impl LayerMemory {
    /// The same where stages are computed again.
    #[must_use]
    pub fn recomputing(self, recompute: Recompute) -> Self {
        match self.recomputed {
            Some(RecomputedMemory { stage, kept, passing }) if recompute.contains(stage) => {
                Self { kept, passing, ..self }
            }
            _ => self,
        }
    }

    /// The same for `count` images or rows of each sequence.
    #[must_use]
    pub fn times(self, count: usize) -> Self {
        let count = count as u64;
        let recomputed = self.recomputed.map(|stage| RecomputedMemory {
            kept: count * stage.kept,
            passing: count * stage.passing,
            ..stage
        });
        Self { kept: count * self.kept, passing: count * self.passing, recomputed, ..self }
    }
}

/// The pass of one image of each sequence through an encoder of these layers that is not trained: nothing is kept.
pub(crate) fn target_encoder(layers: &[LayerMemory]) -> LayerMemory {
    let passing = layers.iter().map(|layer| layer.passing).max().unwrap_or_default();
    let narrowed = layers.iter().all(|layer| layer.narrowed);
    LayerMemory { name: "target encoder", passing, narrowed, ..LayerMemory::default() }
}

/// A transformer of `layers` layers over `tokens` tokens of `width` features, with `feed_forward` features inside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransformerMemory {
    pub name: &'static str,
    pub parameters: u64,
    pub layers: usize,
    pub tokens: usize,
    pub width: usize,
    pub feed_forward: usize,
    pub heads: usize,
    /// Whether masks are drawn: each is kept, with what it is multiplied with where that goes into a product.
    pub dropout: bool,
}

impl TransformerMemory {
    pub(crate) fn layer_memory(self) -> LayerMemory {
        let Self { layers, tokens, width, feed_forward, heads, dropout, .. } = self;
        // Two norms: centred, normalised, and the output; three projections; what attention mixes. With dropout two masks.
        let wide = 2 * 3 + 3 + 1 + if dropout { 2 } else { 0 };
        // What is inside, before and after its activation or mask; an activation that is a rectification keeps its output alone.
        let inside = if dropout { 3 } else { 2 };
        // Exponentials and what goes into the product; with dropout a mask.
        let weights = if dropout { 3 } else { 2 };
        let token = wide * width + inside * feed_forward + weights * heads * tokens;
        LayerMemory {
            name: self.name,
            parameters: self.parameters,
            kept: (layers * tokens * token) as u64,
            passing: (tokens * (3 * feed_forward + 2 * heads * tokens)) as u64,
            ..LayerMemory::default()
        }
    }
}

/// Linear maps to `widths` features, each but the last followed by a norm and a rectification, from `inputs` features to what a loss
/// compares.
pub(crate) fn perceptron(
    name: &'static str,
    parameters: u64,
    inputs: usize,
    widths: &[usize],
) -> LayerMemory {
    /// Of the output: normalised, divided by its norm, the products of a cosine.
    const COMPARED: usize = 4;
    let last = widths.last().copied().unwrap_or_default();
    let hidden: usize = widths.iter().rev().skip(1).sum();
    LayerMemory {
        name,
        parameters,
        kept: (inputs + 2 * hidden + COMPARED * last) as u64,
        passing: 3 * widths.iter().copied().max().unwrap_or_default() as u64,
        ..LayerMemory::default()
    }
}
