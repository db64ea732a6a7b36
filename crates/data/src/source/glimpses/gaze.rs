//! Where the gaze falls: draws from a saliency map with inhibition of return.

use rand::Rng;

use super::MAX_SIDE;

/// What every pixel has once there was inhibition, of a total of 1: as published.
const FLOOR: f32 = 1e-16;

/// Cells that are summed side by side, so that a processor can add them at a time; the sums' order is fixed by it.
const LANES: usize = 8;

/// The weights of a map while points are drawn from it.
///
/// Weights are f32, sums f64 in a fixed order: the sum of a row goes over [`LANES`] interleaved parts, and rows are added from
/// the top. So a draw finds its row by 96 sums and its column by 96 weights.
pub(super) struct Gaze<'a> {
    weights: &'a mut [f32],
    side: usize,
    rows: [f64; MAX_SIDE],
    total: f64,
}

/// A pixel, counted from the top left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) row: usize,
    pub(super) column: usize,
}

impl<'a> Gaze<'a> {
    /// Over `[side, side]` weights, none below 0, not all 0, all finite.
    pub(super) fn new(weights: &'a mut [f32], side: usize) -> Self {
        let mut gaze = Self { weights, side, rows: [0.0; MAX_SIDE], total: 0.0 };
        for (row, weights) in gaze.rows.iter_mut().zip(gaze.weights.chunks_exact(side)) {
            *row = sum(weights);
        }
        gaze.total = total(&gaze.rows[..side]);
        gaze
    }

    /// The first pixel, row by row, up to which more than the share `share` of all weight lies; `share` is in `[0, 1)`.
    pub(super) fn draw(&self, share: f64) -> Point {
        let wanted = share * self.total;
        let mut before = 0.0;
        let mut last = 0;
        for (row, sum) in self.rows[..self.side].iter().enumerate() {
            if *sum > 0.0 {
                last = row;
                if wanted < before + sum {
                    break;
                }
            }
            before += sum;
        }
        let weights = &self.weights[last * self.side..][..self.side];
        let mut column = 0;
        for (place, weight) in weights.iter().enumerate() {
            if *weight > 0.0 {
                column = place;
                before += f64::from(*weight);
                if wanted < before {
                    break;
                }
            }
        }
        Point { row: last, column }
    }

    /// Inhibits return: pixels up to `radius` rows and columns from `point` get weight 0, then all get 1e-16 of what there
    /// was in total.
    pub(super) fn inhibit(&mut self, point: Point, radius: usize) {
        let [rows, columns] = [point.row, point.column]
            .map(|middle| middle.saturating_sub(radius)..(middle + radius + 1).min(self.side));
        #[expect(clippy::cast_possible_truncation, reason = "a divisor in the precision of the weights")]
        let divisor = self.total as f32;
        for (row, (sum_of_row, weights)) in
            self.rows.iter_mut().zip(self.weights.chunks_exact_mut(self.side)).enumerate()
        {
            if rows.contains(&row) {
                weights[columns.clone()].fill(0.0);
            }
            weights.iter_mut().for_each(|weight| *weight = *weight / divisor + FLOOR);
            *sum_of_row = sum(weights);
        }
        self.total = total(&self.rows[..self.side]);
    }
}

/// A number of `[0, 1)` on a grid of 2^-53.
pub(super) fn share(rng: &mut impl Rng) -> f64 {
    const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
    (rng.next_u64() >> 11) as f64 * STEP
}

fn sum(weights: &[f32]) -> f64 {
    let mut parts = [0.0; LANES];
    let whole = weights.chunks_exact(LANES);
    let rest = whole.remainder();
    for weights in whole {
        for (part, weight) in parts.iter_mut().zip(weights) {
            *part += f64::from(*weight);
        }
    }
    let parts = parts.iter().fold(0.0, |sum, part| sum + part);
    rest.iter().fold(parts, |sum, weight| sum + f64::from(*weight))
}

fn total(rows: &[f64]) -> f64 {
    rows.iter().fold(0.0, |sum, row| sum + row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The published steps as they are written down, and the sums of all weights up to each pixel.
    struct Plain {
        weights: Vec<f32>,
        side: usize,
    }

    impl Plain {
        fn sums(&self) -> Vec<f64> {
            let mut sum = 0.0;
            self.weights
                .iter()
                .map(|weight| {
                    sum += f64::from(*weight);
                    sum
                })
                .collect()
        }

        fn draw(&self, share: f64) -> usize {
            let sums = self.sums();
            let wanted = share * sums.last().unwrap();
            sums.iter().position(|sum| wanted < *sum).unwrap()
        }

        /// By how much of the whole `share` misses the nearest border of a pixel's part.
        fn margin(&self, share: f64) -> f64 {
            let sums = self.sums();
            let whole = sums.last().unwrap();
            sums.iter().map(|sum| (sum / whole - share).abs()).fold(share, f64::min)
        }

        fn inhibit(&self, place: usize, radius: usize) -> Self {
            let (row, column) = (place / self.side, place % self.side);
            let whole = *self.sums().last().unwrap() as f32;
            let weight = |(place, weight): (usize, &f32)| {
                let near = (place / self.side).abs_diff(row) <= radius
                    && (place % self.side).abs_diff(column) <= radius;
                if near { FLOOR } else { weight / whole + FLOOR }
            };
            Self { weights: self.weights.iter().enumerate().map(weight).collect(), side: self.side }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn draws_are_those_of_the_plain_way(
            side in 1_usize..40, radius in 0_usize..9, exponents in prop::collection::vec(-30_i32..4, 40 * 40),
            empty in prop::collection::vec(prop::bool::weighted(0.3), 40 * 40),
            shares in prop::collection::vec(0.0_f64..1.0, 1..40),
        ) {
            let mut weights: Vec<f32> = exponents[..side * side]
                .iter().zip(&empty).map(|(exponent, empty)| if *empty { 0.0 } else { 2.0_f32.powi(*exponent) }).collect();
            weights[side * side / 2] = 1.0;
            let mut plain = Plain { weights: weights.clone(), side };
            let mut gaze = Gaze::new(&mut weights, side);
            for share in shares {
                let point = gaze.draw(share);
                let place = point.row * side + point.column;
                // Where two orders of summing may end on either side of a border, either pixel is right.
                if plain.margin(share) > 1e-12 {
                    prop_assert_eq!(place, plain.draw(share));
                }
                gaze.inhibit(point, radius);
                plain = plain.inhibit(place, radius);
                prop_assert_eq!(&*gaze.weights, &plain.weights);
            }
        }
    }

    #[test]
    fn the_ends_of_the_shares_stay_on_pixels_with_weight() {
        let mut weights = [0.0; 25];
        (weights[7], weights[17]) = (0.1, 0.3);
        let gaze = Gaze::new(&mut weights, 5);
        assert_eq!(gaze.draw(0.0), Point { row: 1, column: 2 });
        assert_eq!(gaze.draw(0.249), Point { row: 1, column: 2 });
        assert_eq!(gaze.draw(0.251), Point { row: 3, column: 2 });
        assert_eq!(gaze.draw(1.0 - f64::EPSILON / 2.0), Point { row: 3, column: 2 });
        // Beyond the end, as rounding might lead there.
        assert_eq!(gaze.draw(1.5), Point { row: 3, column: 2 });
    }

    #[test]
    fn a_map_that_is_inhibited_everywhere_goes_on_as_uniform() {
        let mut weights = [0.25; 4];
        let mut gaze = Gaze::new(&mut weights, 2);
        gaze.inhibit(Point { row: 0, column: 1 }, 16);
        for (share, row, column) in [(0.0, 0, 0), (0.3, 0, 1), (0.6, 1, 0), (0.9, 1, 1)] {
            assert_eq!(gaze.draw(share), Point { row, column });
        }
        // And again and again: nothing underflows.
        for _ in 0..1000 {
            gaze.inhibit(Point { row: 1, column: 1 }, 1);
        }
        assert_eq!(gaze.draw(0.6), Point { row: 1, column: 0 });
    }
}
