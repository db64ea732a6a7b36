//! Sums of squares.

use rayon::prelude::*;

use crate::Instructions;
use crate::compiled::compiled_for_each_set;
use crate::lane_sums::lane_sum;

/// Values that are summed in f32 before the sum goes on in f64, and by one task.
const PIECE: usize = 1 << 14;

/// The sum of the squares of all values; not finite if one of them is not, or if a piece of 16 384 of them sums to more than
/// an f32 holds. The result is the same, to the bit, at any number of threads and with any instructions.
#[must_use]
pub fn sum_of_squares(values: &[f32]) -> f64 {
    let instructions = Instructions::best();
    let piece = |piece: &[f32]| f64::from(piece_squares(instructions, piece));
    if values.len() <= PIECE {
        return piece(values);
    }
    // In the order of the values, whoever has summed them.
    values.par_chunks(PIECE).map(piece).collect::<Vec<f64>>().into_iter().sum()
}

compiled_for_each_set! {
    fn piece_squares(values: &[f32]) -> f32 {
        lane_sum::<64>(values, |value| value * value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_counts_once() {
        for length in [0, 1, 100, PIECE, PIECE + 1, 5 * PIECE + 77] {
            let values: Vec<f32> = (0..length).map(|index| [0.5, -1.0, 2.0][index % 3]).collect();
            let expected: f64 = values.iter().map(|value| f64::from(value * value)).sum();
            // Sums of multiples of a quarter below 2^22 are exact.
            assert_eq!(sum_of_squares(&values), expected, "{length}");
        }
        let mut values = vec![1.0; 3 * PIECE];
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            values[2 * PIECE + 3] = bad;
            assert!(!sum_of_squares(&values).is_finite());
        }
    }

    #[test]
    fn bits_do_not_depend_on_threads() {
        let values: Vec<f32> = (0..7 * PIECE + 5).map(|index| (index as f32 * 0.37).sin()).collect();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| sum_of_squares(&values)).to_bits()
        };
        assert_eq!([run(2), run(5)], [run(1); 2]);
    }
}
