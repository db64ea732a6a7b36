//! Bits to a mask.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::kernel::into_contiguous;

use super::launch::{per_value, units};
use super::layout::room;
use crate::dropout::MaskOfBits;

impl MaskOfBits for CubeBackend {
    fn mask_of_bits(words: IntTensor<Self>, keep: FloatTensor<Self>, shape: Shape) -> FloatTensor<Self> {
        let [words, keep] = [words, keep].map(into_contiguous);
        let mask = room(&keep, shape);
        mask_of_bits::launch(
            &mask.client,
            per_value(&mask),
            units(),
            words.into_buffer_arg(),
            keep.into_buffer_arg(),
            mask.clone().into_buffer_arg(),
        );
        mask
    }
}

#[cube(launch)]
fn mask_of_bits(words: &[i32], keep: &[f32], mask: &mut [f32]) {
    let at = ABSOLUTE_POS;
    if at >= mask.len() {
        terminate!();
    }
    let word = u32::cast_from(words[at / 32]);
    let kept = (word >> u32::cast_from(at % 32)) & 1u32;
    mask[at] = f32::cast_from(kept) * keep[0];
}
