//! Bytes to values.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::kernel::into_contiguous;

use super::launch::{per_value, units};
use super::layout::room;
use crate::pixels::PixelLookup;

impl PixelLookup for CubeBackend {
    fn look_up(words: IntTensor<Self>, table: FloatTensor<Self>, shape: Shape) -> FloatTensor<Self> {
        let [words, table] = [words, table].map(into_contiguous);
        let pixels = shape[shape.num_dims() - 2] * shape[shape.num_dims() - 1];
        let channels = shape[shape.num_dims() - 3];
        let values = room(&table, shape);
        look_up::launch(
            &values.client,
            per_value(&values),
            units(),
            words.into_buffer_arg(),
            table.into_buffer_arg(),
            values.clone().into_buffer_arg(),
            pixels,
            channels,
        );
        values
    }
}

#[cube(launch)]
fn look_up(
    words: &[i32],
    table: &[f32],
    values: &mut [f32],
    #[comptime] pixels: usize,
    #[comptime] channels: usize,
) {
    let at = ABSOLUTE_POS;
    if at >= values.len() {
        terminate!();
    }
    let word = u32::cast_from(words[at / 4]);
    let byte = (word >> (u32::cast_from(at % 4) * 8u32)) & 255u32;
    let channel = at / pixels % channels;
    values[at] = table[channel * 256 + byte as usize];
}
