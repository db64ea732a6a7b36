//! Patterns that repeat over the plane, as fields that a threshold turns into figure and ground.
//!
//! Only `+ - * /`, `sqrt`, `abs`, `floor`, `min` and `max` are used here and in the rest of the renderer: IEEE 754 fixes their
//! results to the last bit, so images are the same on every platform. Sines from a system's library would not be.

/// A point of the plane.
pub(super) type Point = [f32; 2];

/// What the figures of an image are and how they stand together: its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// Upright stripes.
    Stripes,
    /// Lying stripes.
    Bands,
    /// Stripes at 45 degrees.
    Twill,
    Checks,
    /// Checks that stand on their corners.
    Diamonds,
    Dots,
    Rings,
    Crosses,
    /// Zigzags.
    Chevrons,
    /// Bars in staggered rows at 45 degrees.
    Bricks,
}

impl Pattern {
    /// About the distance from the innermost point or line of a figure, in periods. It repeats with period 2 in both
    /// coordinates.
    pub(super) fn field(self, [x, y]: Point) -> f32 {
        match self {
            Self::Stripes | Self::Twill => 0.5 - 0.5 * wave(x),
            Self::Bands => 0.5 - 0.5 * wave(y),
            Self::Checks | Self::Diamonds => {
                let (across, down) = (0.5 * wave(x) - 0.25, 0.5 * wave(y) - 0.25);
                across.min(down).max(-across.max(down))
            }
            Self::Dots => length([cell(x), cell(y)]),
            Self::Rings => (length([cell(x), cell(y)]) - 0.3).abs(),
            Self::Chevrons => {
                // Sides at 48 degrees, since blunt tips have less edge upright than lying; the last factor makes it a distance.
                (0.5 - 0.5 * wave(y + 0.55 * wave(x))) * 0.673
            }
            Self::Crosses => {
                let (x, y) = (cell(x).abs(), cell(y).abs());
                let bar = |along: f32, across: f32| (along - 0.44).max(across - 0.16);
                bar(x, y).min(bar(y, x))
            }
            Self::Bricks => {
                let shift = if odd(y.floor()) { 0.5 } else { 0.0 };
                (2.0 * cell(0.5 * x + shift).abs() - 0.5).max(cell(y).abs())
            }
        }
    }

    /// The value of the field below which the given share of the plane lies, `share` in `[0, 1)`.
    ///
    /// Where the figures of every pattern cover the same share, brightness does not tell one from another.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the number of points")]
    pub(super) fn threshold(self, share: f32) -> f32 {
        const POINTS: u16 = 1024;
        // Steps of a sequence that fills the unit square evenly (Roberts, 2018): the powers of the plastic ratio's inverse.
        const STEP: Point = [0.754_877_7, 0.569_840_3];
        let mut values: [f32; POINTS as usize] = [0.0; POINTS as usize];
        for (value, index) in values.iter_mut().zip(0..POINTS) {
            *value = self.field(STEP.map(|step| 2.0 * fraction(f32::from(index) * step)));
        }
        let rank = (share * f32::from(POINTS)) as usize;
        *values.select_nth_unstable_by(rank, f32::total_cmp).1
    }

    /// Length of the figures' edges per unit of area where the period is 1 and half of the plane is covered.
    ///
    /// Periods in proportion to it give every pattern as much edge in an image. A pixel's step to the right plus that downwards
    /// sees an edge at 45 degrees 1.4 times as strongly, the root of their squares does not; the numbers are those that make
    /// the geometric mean of both alike, measured over rendered images.
    pub(super) fn edge_length(self) -> f32 {
        match self {
            Self::Stripes | Self::Bands => 1.82,
            Self::Twill => 2.24,
            Self::Checks => 3.33,
            Self::Diamonds => 3.87,
            Self::Dots => 2.51,
            Self::Rings => 3.88,
            Self::Crosses => 2.99,
            Self::Chevrons => 3.06,
            Self::Bricks => 2.22,
        }
    }

    /// Whether the field is laid over the image turned by 45 degrees.
    pub(super) fn turned(self) -> bool {
        matches!(self, Self::Twill | Self::Diamonds | Self::Bricks)
    }
}

pub(super) fn length([x, y]: Point) -> f32 {
    (x * x + y * y).sqrt()
}

/// A triangle wave of period 1: 1 at whole numbers, 0 between them.
fn wave(phase: f32) -> f32 {
    (2.0 * fraction(phase) - 1.0).abs()
}

/// Signed distance in periods from the middle of a cell of period 1, -0.5 to 0.5.
fn cell(phase: f32) -> f32 {
    fraction(phase) - 0.5
}

fn fraction(value: f32) -> f32 {
    value - value.floor()
}

/// Whether a whole number is odd.
fn odd(number: f32) -> bool {
    fraction(0.5 * number) > 0.25
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Pattern; 10] = [
        Pattern::Stripes,
        Pattern::Bands,
        Pattern::Twill,
        Pattern::Checks,
        Pattern::Diamonds,
        Pattern::Dots,
        Pattern::Rings,
        Pattern::Crosses,
        Pattern::Chevrons,
        Pattern::Bricks,
    ];

    /// Points of a grid that is no multiple of a period.
    fn grid() -> impl Iterator<Item = Point> {
        const SIDE: u16 = 301;
        let place = |index: u16| 2.0 * (f32::from(index) + 0.5) / f32::from(SIDE);
        (0..SIDE).flat_map(move |row| (0..SIDE).map(move |column| [place(column), place(row)]))
    }

    #[test]
    fn thresholds_cover_the_asked_share() {
        for pattern in ALL {
            for share in [0.4_f32, 0.45, 0.5] {
                let threshold = pattern.threshold(share);
                let covered = grid().filter(|&point| pattern.field(point) < threshold).count();
                let covered = covered as f32 / grid().count() as f32;
                assert!((covered - share).abs() < 0.01, "{pattern:?} {share} {covered}");
            }
        }
    }

    #[test]
    fn fields_repeat() {
        for pattern in ALL {
            for [x, y] in grid().step_by(7) {
                let here = pattern.field([x, y]);
                let away = pattern.field([x + 2.0, y + 4.0]);
                assert!((here - away).abs() < 1e-4, "{pattern:?} {x} {y}: {here} {away}");
            }
        }
    }

    #[test]
    fn patterns_differ_by_more_than_a_shift_of_the_threshold() {
        for (index, &first) in ALL.iter().enumerate() {
            for &second in &ALL[..index] {
                let [a, b] = [first, second].map(|pattern| (pattern, pattern.threshold(0.45)));
                let inside = |(pattern, threshold): (Pattern, f32), [x, y]: Point| {
                    let point = if pattern.turned() { [x + y, y - x] } else { [x, y] };
                    pattern.field(point) < threshold
                };
                let different = grid().filter(|&point| inside(a, point) != inside(b, point)).count();
                assert!(different * 10 > grid().count(), "{first:?} {second:?}");
            }
        }
    }
}
