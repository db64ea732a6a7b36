//! The exponential moving average.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;

use crate::moving_average::MovingAverage;

impl MovingAverage for Flex {
    fn moving_average(average: FloatTensor<Self>, value: FloatTensor<Self>, decay: f64) -> FloatTensor<Self> {
        let mut moved = average.to_contiguous();
        drop(average);
        seqjepa_cpu::moving_average(decay, moved.storage_mut(), value.to_contiguous().storage());
        moved
    }
}
