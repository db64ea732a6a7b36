//! The update of Adam and AdamW in one pass.
//!
//! A step of single-tensor operations passes over parameters, gradients and moments some fifteen times, and memory is all that
//! it waits for. Each value here goes through the same operations, with the same roundings, in the order of
//! `torch.optim`'s single-tensor code.

use rayon::prelude::*;

use crate::Instructions;
use crate::compiled::compiled_for_each_set;

/// Values that one task updates: enough for a thread to be worth it, few enough to stay in its cache.
const TASK: usize = 1 << 15;

/// The scalars of one step of Adam, each computed in f64 and rounded once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// The first moment's weight for the gradient, `1 - beta1`.
    pub mean_weight: f64,
    /// The second moment's decay.
    pub beta2: f64,
    /// The square root of the second moment's correction, `sqrt(1 - beta2^t)`.
    pub correction_root: f64,
    /// The constant in the denominator.
    pub eps: f64,
    /// Learning rate over the first moment's correction, `lr / (1 - beta1^t)`.
    pub step_size: f64,
    /// Adam's weight decay, added to the gradient; 0 for none.
    pub penalty: f64,
    /// What AdamW's weight decay multiplies the values by, `1 - lr * weight_decay`; 1 for none.
    pub shrinkage: f64,
}

/// Updates `values` and their moments by `gradient`, in place. The result is the same, to the bit, at any number of threads and
/// with any instructions.
///
/// # Panics
///
/// If the slices differ in length.
pub fn adam(step: &AdamStep, values: &mut [f32], mean: &mut [f32], square: &mut [f32], gradient: &[f32]) {
    adam_with(Instructions::best(), step, values, mean, square, gradient);
}

/// [`adam`] with a given instruction set.
///
/// # Panics
///
/// As [`adam`].
pub fn adam_with(
    instructions: Instructions,
    step: &AdamStep,
    values: &mut [f32],
    mean: &mut [f32],
    square: &mut [f32],
    gradient: &[f32],
) {
    let lengths = [values.len(), mean.len(), square.len()];
    assert_eq!(lengths, [gradient.len(); 3], "values and moments of as many as the gradient");
    if values.len() <= TASK {
        return update(instructions, step, values, mean, square, gradient);
    }
    let moments = mean.par_chunks_mut(TASK).zip(square.par_chunks_mut(TASK));
    let pieces = values.par_chunks_mut(TASK).zip(moments).zip(gradient.par_chunks(TASK));
    pieces.for_each(|((values, (mean, square)), gradient)| {
        update(instructions, step, values, mean, square, gradient)
    });
}

compiled_for_each_set! {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the scalars of a step are rounded once, as PyTorch rounds them"
    )]
    fn update(
        step: &AdamStep,
        values: &mut [f32],
        mean: &mut [f32],
        square: &mut [f32],
        gradient: &[f32],
    ) {
        // `torch.lerp` starts from the end that is nearer.
        let near = step.mean_weight < 0.5;
        let weight = if near { step.mean_weight } else { 1.0 - step.mean_weight } as f32;
        let (beta2, square_weight) = (step.beta2 as f32, (1.0 - step.beta2) as f32);
        let (root, eps, factor) = (step.correction_root as f32, step.eps as f32, -step.step_size as f32);
        let (penalty, shrinkage) = (step.penalty as f32, step.shrinkage as f32);
        let decayed = [step.penalty != 0.0, step.shrinkage != 1.0];
        let moments = mean.iter_mut().zip(square.iter_mut());
        for ((value, (mean, square)), gradient) in values.iter_mut().zip(moments).zip(gradient) {
            let mut g = *gradient;
            let mut v = *value;
            if decayed[0] {
                g += v * penalty;
            }
            if decayed[1] {
                v *= shrinkage;
            }
            let difference = (g - *mean) * weight;
            let m = if near { *mean + difference } else { g - difference };
            let s = *square * beta2 + (g * square_weight) * g;
            *mean = m;
            *square = s;
            *value = v + m * factor / (s.sqrt() / root + eps);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_values::values;

    const STEP: AdamStep = AdamStep {
        mean_weight: 0.1,
        beta2: 0.999,
        correction_root: 0.05,
        eps: 1e-8,
        step_size: 2e-3,
        penalty: 0.0,
        shrinkage: 1.0,
    };

    /// Every value by the formula in f64; the second moment is never negative.
    #[test]
    fn a_step_is_adams() {
        for step in [
            STEP,
            AdamStep { penalty: 0.01, ..STEP },
            AdamStep { shrinkage: 0.99, ..STEP },
            AdamStep { mean_weight: 0.8, ..STEP },
        ] {
            let (start, gradient) = (values(50, 1), values(50, 2));
            let (mean, square) = (values(50, 3), values(50, 4).iter().map(|x| x * x).collect::<Vec<_>>());
            let (mut v, mut m, mut s) = (start.clone(), mean.clone(), square.clone());
            adam(&step, &mut v, &mut m, &mut s, &gradient);
            for i in 0..50 {
                let g = f64::from(gradient[i]) + step.penalty * f64::from(start[i]);
                let first = f64::from(mean[i]) * (1.0 - step.mean_weight) + step.mean_weight * g;
                let second = f64::from(square[i]) * step.beta2 + (1.0 - step.beta2) * g * g;
                let value = f64::from(start[i]) * step.shrinkage
                    - step.step_size * first / (second.sqrt() / step.correction_root + step.eps);
                // A few roundings of values of the order of 1.
                for (found, expected) in [(m[i], first), (s[i], second), (v[i], value)] {
                    assert!((f64::from(found) - expected).abs() < 1e-6, "{i}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn bits_depend_neither_on_instructions_nor_on_threads() {
        let count = 3 * TASK + 1001;
        let run = |instructions, threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (mut v, mut m) = (values(count, 1), values(count, 3));
            let mut s: Vec<f32> = values(count, 4).iter().map(|x| x * x).collect();
            pool.install(|| adam_with(instructions, &STEP, &mut v, &mut m, &mut s, &values(count, 2)));
            [v, m, s].concat().into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let expected = run(Instructions::PORTABLE, 1);
        for instructions in Instructions::available() {
            for threads in [1, 2, 5] {
                assert!(run(instructions, threads) == expected, "{instructions:?}, {threads} threads");
            }
        }
    }
}
