//! The exponential moving average.

use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};

use super::launch::{single, units};
use super::together::{Buffers, buffers, groups, room_for_each, row_for_each, units_of_row, without_gaps};
use crate::floats::Floats;
use crate::moving_average::MovingAverages;

impl MovingAverages for CubeBackend {
    fn moving_averages(averages: Floats<Self>, values: Floats<Self>, decay: f64) -> Floats<Self> {
        let [averages, values] = [averages, values].map(|tensors| without_gaps(tensors.0));
        let moved = room_for_each(&averages);
        for group in groups(&averages, 3) {
            step::launch(
                &averages[group.start].client,
                row_for_each(&averages[group.clone()]),
                units(),
                buffers(&averages[group.clone()]),
                buffers(&values[group.clone()]),
                buffers(&moved[group]),
                single(decay),
                single(1.0 - decay),
            );
        }
        Floats(moved)
    }
}

#[cube(launch)]
fn step(averages: &Buffers, values: &Buffers, moved: &mut Buffers, decay: f32, weight: f32) {
    #[unroll]
    for tensor in 0..averages.len() {
        if CUBE_POS_Y as usize == tensor {
            let mut at = ABSOLUTE_POS_X as usize;
            while at < moved[tensor].len() {
                moved.index_mut(tensor)[at] = decay * averages[tensor][at] + weight * values[tensor][at];
                at += units_of_row();
            }
        }
    }
}
