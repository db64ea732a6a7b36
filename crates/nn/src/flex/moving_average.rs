//! The exponential moving average.

use burn::backend::Flex;

use crate::floats::Floats;
use crate::moving_average::MovingAverages;

impl MovingAverages for Flex {
    fn moving_averages(averages: Floats<Self>, values: Floats<Self>, decay: f64) -> Floats<Self> {
        let [mut averages, values] = [averages, values].map(super::contiguous);
        for (average, value) in averages.0.iter_mut().zip(&values.0) {
            seqjepa_cpu::moving_average(decay, average.storage_mut(), value.storage());
        }
        averages
    }
}
