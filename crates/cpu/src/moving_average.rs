//! The exponential moving average of a model's values, in one pass.

use rayon::prelude::*;

use crate::Instructions;
use crate::compiled::compiled_for_each_set;

/// Values that one task moves: enough for a thread to be worth it.
const TASK: usize = 1 << 15;

/// Moves each of `averages` towards its one of `values`: `decay * average + (1 - decay) * value`, in place; both factors are
/// computed in f64 and rounded once. The result is the same, to the bit, at any number of threads and with any instructions.
///
/// # Panics
///
/// If the slices differ in length.
#[expect(clippy::cast_possible_truncation, reason = "the factors are rounded once")]
pub fn moving_average(decay: f64, averages: &mut [f32], values: &[f32]) {
    assert_eq!(averages.len(), values.len(), "as many averages as values");
    let instructions = Instructions::best();
    let factors = [decay as f32, (1.0 - decay) as f32];
    averages
        .par_chunks_mut(TASK)
        .zip(values.par_chunks(TASK))
        .for_each(|(averages, values)| piece(instructions, factors, averages, values));
}

compiled_for_each_set! {
    fn piece(factors: [f32; 2], averages: &mut [f32], values: &[f32]) {
        let [kept, taken] = factors;
        for (average, value) in averages.iter_mut().zip(values) {
            *average = *average * kept + value * taken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_values::values;

    #[test]
    fn every_value_moves_by_the_formula() {
        for length in [0, 1, 17, 2 * TASK + 3] {
            let (start, values) = (values(length, 1), values(length, 2));
            let mut found = start.clone();
            moving_average(0.996, &mut found, &values);
            for ((found, start), value) in found.iter().zip(&start).zip(&values) {
                assert_eq!(*found, start * 0.996_f32 + value * 0.004_f32);
            }
        }
    }
}
