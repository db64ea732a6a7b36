//! UMAP (McInnes, Healy and Melville, 2018) from the principal components, with exact neighbours.
//!
//! One point after another moves, as in the authors' program, and every draw comes from one keyed stream: a thousand points are few
//! enough not to need threads, and the map is the same at any number of them.

use rand::Rng;
use rayon::prelude::*;
use seqjepa_data::{KeyedRng, ShuffleKey, Split};

/// Neighbours of a point, itself among them, by which its own scale is told: the authors' default.
const NEIGHBOURS: usize = 15;
const EPOCHS: usize = 500;
/// Points that one is pushed away from for each that it is drawn to.
const NEGATIVES: usize = 5;
/// Width of the map at the start.
const START: f64 = 10.0;
/// The curve `1 / (1 + A d^2B)` is nearest to 1 up to a distance of 0.1 and `exp(0.1 - d)` beyond: the authors' defaults, a least
/// distance of 0.1 and a spread of 1.
const A: f64 = 1.576_943_460_405_378;
const B: f64 = 0.895_060_878_102_882_5;

/// A map of the rows of `values`, `[points, width]`, that begins at `start`.
pub(crate) fn umap(values: &[f64], width: usize, start: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let edges = Edges::of(values, width);
    let strongest = edges.0.iter().map(|edge| edge.2).fold(0.0, f64::max);
    let mut rng = ShuffleKey { seed: 0, split: Split::Test, epoch: 0 }.rng();
    let mut map = started(start, &mut rng);
    // An edge is drawn every so many epochs, the strongest in each.
    let periods: Vec<f64> = edges.0.iter().map(|edge| strongest / edge.2).collect();
    let mut next = periods.clone();
    for epoch in 0..EPOCHS {
        let rate = 1.0 - epoch as f64 / EPOCHS as f64;
        for ((&(from, to, _), period), next) in edges.0.iter().zip(&periods).zip(&mut next) {
            if *period > EPOCHS as f64 || *next > (epoch + 1) as f64 {
                continue;
            }
            *next += period;
            // An edge stands for both of its directions.
            for (own, other) in [(from, to), (to, from)] {
                let (step, squared) = apart(map[own], map[other]);
                let pull = attraction(squared);
                for axis in 0..2 {
                    let moved = rate * (pull * step[axis]).clamp(-4.0, 4.0);
                    map[own][axis] += moved;
                    map[other][axis] -= moved;
                }
                for _ in 0..NEGATIVES {
                    let other = below(&mut rng, map.len());
                    let (step, squared) = apart(map[own], map[other]);
                    let push = repulsion(squared);
                    for axis in 0..2 {
                        map[own][axis] += rate * (push * step[axis]).clamp(-4.0, 4.0);
                    }
                }
            }
        }
    }
    map
}

/// From the second point to the first, and the square of their distance.
fn apart(own: [f64; 2], other: [f64; 2]) -> ([f64; 2], f64) {
    let step = [own[0] - other[0], own[1] - other[1]];
    (step, step[0] * step[0] + step[1] * step[1])
}

/// Gradient of the logarithm of the curve, over the step; 0 where both points are one.
fn attraction(squared: f64) -> f64 {
    if squared > 0.0 {
        let power = squared.powf(B);
        -2.0 * A * B * power / squared / (1.0 + A * power)
    } else {
        0.0
    }
}

/// Gradient of the logarithm of one minus the curve, over the step.
fn repulsion(squared: f64) -> f64 {
    if squared > 0.0 { 2.0 * B / ((0.001 + squared) * (1.0 + A * squared.powf(B))) } else { 0.0 }
}

/// The principal components, `START` wide, each point a ten-thousandth off: points that are one could not part.
fn started(start: &[[f64; 2]], rng: &mut KeyedRng) -> Vec<[f64; 2]> {
    let widest = start.iter().flatten().map(|value| value.abs()).fold(0.0, f64::max);
    let scale = if widest > 0.0 { START / widest } else { 0.0 };
    let mut off = |value: f64| value * scale + 1e-4 * START * (unit(rng) - 0.5);
    start.iter().map(|[x, y]| [off(*x), off(*y)]).collect()
}

/// Uniform in `[0, 1)`.
fn unit(rng: &mut KeyedRng) -> f64 {
    f64::from(rng.next_u32()) / 4_294_967_296.0
}

fn below(rng: &mut KeyedRng, bound: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in 0..bound")]
    let index = (unit(rng) * bound as f64) as usize;
    index
}

/// The fuzzy graph: `(first, second, weight in 0..=1)`, the first point before the second, in order.
struct Edges(Vec<(usize, usize, f64)>);

impl Edges {
    fn of(values: &[f64], width: usize) -> Self {
        let points = values.len() / width;
        let row = |index: usize| &values[index * width..(index + 1) * width];
        let neighbours: Vec<Vec<(usize, f64)>> = (0..points)
            .into_par_iter()
            .map(|index| {
                let distance = |other| {
                    row(index).iter().zip(row(other)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
                };
                let others = (0..points).filter(|other| *other != index);
                let mut others: Vec<(usize, f64)> = others.map(|other| (other, distance(other))).collect();
                others.sort_by(|a, b| a.1.total_cmp(&b.1));
                others.truncate(NEIGHBOURS - 1);
                memberships(&mut others);
                others
            })
            .collect();
        let weight = |from: usize, to: usize| {
            let found = neighbours[from].iter().find(|(other, _)| *other == to);
            found.map_or(0.0, |(_, weight)| *weight)
        };
        let mut edges = Vec::new();
        for (from, near) in neighbours.iter().enumerate() {
            for &(to, there) in near {
                let back = weight(to, from);
                // Each pair once, from its first point, or from its second where the first does not know it.
                if from < to || back == 0.0 {
                    edges.push((from.min(to), from.max(to), there + back - there * back));
                }
            }
        }
        edges.retain(|edge| edge.2 > 0.0);
        edges.sort_by_key(|edge| (edge.0, edge.1));
        Self(edges)
    }
}

/// Distances of a point's neighbours, nearest first, to the weights by which they are its neighbours: 1 for the nearest, then
/// falling at the rate that makes their sum the binary logarithm of [`NEIGHBOURS`].
fn memberships(near: &mut [(usize, f64)]) {
    let nearest = near.iter().map(|(_, distance)| *distance).find(|distance| *distance > 0.0).unwrap_or(0.0);
    let weigh = |distance: f64, scale: f64| {
        let beyond = distance - nearest;
        if beyond > 0.0 { (-beyond / scale).exp() } else { 1.0 }
    };
    let target = (near.len() as f64 + 1.0).log2();
    let (mut low, mut high, mut scale) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..64 {
        let sum: f64 = near.iter().map(|(_, distance)| weigh(*distance, scale)).sum();
        if (sum - target).abs() < 1e-5 {
            break;
        }
        if sum > target {
            high = scale;
            scale = (low + high) / 2.0;
        } else {
            low = scale;
            scale = if high.is_finite() { (low + high) / 2.0 } else { scale * 2.0 };
        }
    }
    let mean = near.iter().map(|(_, distance)| distance).sum::<f64>() / (near.len() as f64 + 1.0);
    let scale = scale.max(1e-3 * mean).max(f64::MIN_POSITIVE);
    near.iter_mut().for_each(|(_, distance)| *distance = weigh(*distance, scale));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scripts/goldens/umap_graph.py`. umap-learn keeps distances and weights in f32 and stops its search for a scale within 1e-5
    /// of the sum, which is some 1e-4 of a weight.
    #[test]
    fn the_graph_and_the_curve_are_those_of_umap_learn() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("fixtures/umap.json")).expect("a fixture is JSON");
        let numbers = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
        };
        assert!((golden["a"].as_f64().unwrap() - A).abs() < 1e-6);
        assert!((golden["b"].as_f64().unwrap() - B).abs() < 1e-6);
        let found = Edges::of(&numbers(&golden["values"]), 3).0;
        let expected = golden["edges"].as_array().unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let expected = numbers(expected);
            assert_eq!([found.0 as f64, found.1 as f64], expected[..2]);
            assert!((found.2 - expected[2]).abs() < 2e-4, "{found:?} {expected:?}");
        }
    }

    #[test]
    fn forces_are_the_gradients_of_the_curve() {
        let curve = |distance: f64| 1.0 / (1.0 + A * distance.powf(2.0 * B));
        for distance in [0.3_f64, 1.0, 2.5, 7.0] {
            let h = 1e-5;
            let slope = |f: &dyn Fn(f64) -> f64| (f(distance + h) - f(distance - h)) / (2.0 * h);
            let attract = slope(&|d| curve(d).ln());
            let repel = slope(&|d| (1.0 - curve(d)).ln());
            let squared = distance * distance;
            assert!((attraction(squared) * distance - attract).abs() < 1e-6 * attract.abs());
            // The authors add a thousandth to the square, that nothing is divided by 0.
            let softened = repel * squared / (squared + 0.001);
            assert!((repulsion(squared) * distance - softened).abs() < 1e-6 * softened);
        }
    }

    #[test]
    fn points_that_are_one_part_and_stay_finite() {
        let map = umap(&[1.0; 60], 3, &[[0.0; 2]; 20]);
        assert!(map.iter().flatten().all(|value| value.is_finite()));
        assert_ne!(map[0], map[1]);
    }
}
