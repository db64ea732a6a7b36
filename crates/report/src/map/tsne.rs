//! Exact t-SNE (van der Maaten and Hinton, 2008) from the principal components (Kobak and Berens, 2019).
//!
//! The approximate ones sum over threads in whatever order these end, so that no two maps are alike. Up to a thousand points are few
//! enough to sum over all pairs: row by row, each on one thread, in one order.

use rayon::prelude::*;

/// Neighbours that a point is to keep, about.
const PERPLEXITY: f64 = 30.0;
const ITERATIONS: usize = 500;
/// Iterations in which neighbours attract more, and how much more.
const EARLY: (usize, f64) = (120, 12.0);
/// Standard deviation of the first coordinate at the start.
const START: f64 = 1e-4;

/// A map of the rows of `values`, `[points, width]`, that begins at `start`.
pub(crate) fn tsne(values: &[f64], width: usize, start: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let points = start.len();
    let affinities = affinities(values, width, points);
    let spread = (start.iter().map(|point| point[0].powi(2)).sum::<f64>() / points as f64).sqrt();
    let scale = if spread > 0.0 { START / spread } else { 0.0 };
    let mut map: Vec<[f64; 2]> = start.iter().map(|point| point.map(|value| value * scale)).collect();
    let mut step = vec![[0.0; 2]; points];
    let mut gain = vec![[1.0_f64; 2]; points];
    let rate = (points as f64 / EARLY.1).max(50.0);
    for iteration in 0..ITERATIONS {
        let early = iteration < EARLY.0;
        let (exaggeration, momentum) = if early { (EARLY.1, 0.5) } else { (1.0, 0.8) };
        let gradient = gradient(&affinities, &map, exaggeration);
        for (((point, step), gain), gradient) in map.iter_mut().zip(&mut step).zip(&mut gain).zip(&gradient) {
            for axis in 0..2 {
                let same = (gradient[axis] > 0.0) == (step[axis] > 0.0);
                gain[axis] = if same { (gain[axis] * 0.8).max(0.01) } else { gain[axis] + 0.2 };
                step[axis] = momentum * step[axis] - rate * gain[axis] * gradient[axis];
                point[axis] += step[axis];
            }
        }
        let mean = [0, 1].map(|axis| map.iter().map(|point| point[axis]).sum::<f64>() / points as f64);
        map.iter_mut().for_each(|point| (0..2).for_each(|axis| point[axis] -= mean[axis]));
    }
    map
}

/// Symmetric affinities `[points, points]` whose sum is 1.
fn affinities(values: &[f64], width: usize, points: usize) -> Vec<f64> {
    let perplexity = PERPLEXITY.min((points - 1) as f64 / 3.0).max(1.0);
    let row = |index: usize| &values[index * width..(index + 1) * width];
    let mut conditional = vec![0.0; points * points];
    conditional.par_chunks_mut(points).enumerate().for_each(|(index, out)| {
        for (other, out) in out.iter_mut().enumerate() {
            *out = row(index).iter().zip(row(other)).map(|(a, b)| (a - b).powi(2)).sum();
        }
        to_perplexity(out, index, perplexity);
    });
    let mut joint = vec![0.0; points * points];
    joint.par_chunks_mut(points).enumerate().for_each(|(index, out)| {
        for (other, out) in out.iter_mut().enumerate() {
            let both = conditional[index * points + other] + conditional[other * points + index];
            *out = (both / (2.0 * points as f64)).max(1e-12);
        }
        out[index] = 0.0;
    });
    joint
}

/// Squared distances from point `own` to the probabilities of a Gaussian of this perplexity.
fn to_perplexity(row: &mut [f64], own: usize, perplexity: f64) {
    let others = |index: &usize| *index != own;
    let nearest = (0..row.len()).filter(others).map(|index| row[index]).fold(f64::INFINITY, f64::min);
    let target = perplexity.ln();
    let (mut low, mut high, mut precision) = (0.0, f64::INFINITY, 1.0);
    let weigh = |distance: f64, precision: f64| (-(distance - nearest) * precision).exp();
    for _ in 0..60 {
        let (mut sum, mut weighted) = (0.0, 0.0);
        for index in (0..row.len()).filter(others) {
            let weight = weigh(row[index], precision);
            sum += weight;
            weighted += weight * (row[index] - nearest);
        }
        let entropy = sum.ln() + precision * weighted / sum;
        if (entropy - target).abs() < 1e-5 {
            break;
        }
        if entropy > target {
            low = precision;
            precision = if high.is_finite() { (low + high) / 2.0 } else { precision * 2.0 };
        } else {
            high = precision;
            precision = (low + high) / 2.0;
        }
    }
    let sum: f64 = (0..row.len()).filter(others).map(|index| weigh(row[index], precision)).sum();
    for (index, value) in row.iter_mut().enumerate() {
        *value = if index == own { 0.0 } else { weigh(*value, precision) / sum };
    }
}

fn gradient(affinities: &[f64], map: &[[f64; 2]], exaggeration: f64) -> Vec<[f64; 2]> {
    let points = map.len();
    // Of each point: what attracts, what repels before it is divided by the sum over all pairs, and its part of that sum.
    let forces: Vec<([f64; 2], [f64; 2], f64)> = (0..points)
        .into_par_iter()
        .map(|index| {
            let own = map[index];
            let (mut attract, mut repel, mut sum) = ([0.0; 2], [0.0; 2], 0.0);
            for (other, affinity) in map.iter().zip(&affinities[index * points..(index + 1) * points]) {
                let apart = [own[0] - other[0], own[1] - other[1]];
                let near = 1.0 / (1.0 + apart[0] * apart[0] + apart[1] * apart[1]);
                let (pull, push) = (affinity * near, near * near);
                sum += near;
                for axis in 0..2 {
                    attract[axis] += pull * apart[axis];
                    repel[axis] += push * apart[axis];
                }
            }
            // A point is no pair with itself.
            (attract, repel, sum - 1.0)
        })
        .collect();
    let total = forces.iter().map(|force| force.2).sum::<f64>().max(f64::MIN_POSITIVE);
    let one = |(attract, repel, _): &([f64; 2], [f64; 2], f64)| {
        [0, 1].map(|axis| 4.0 * (exaggeration * attract[axis] - repel[axis] / total))
    };
    forces.iter().map(one).collect()
}
