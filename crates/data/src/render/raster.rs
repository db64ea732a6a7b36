//! Which surface is seen where.

use super::camera::Projected;

/// Samples of a pixel in each direction.
pub(super) const SAMPLES: usize = 3;

/// No surface.
pub(super) const NOTHING: u16 = u16::MAX;

/// The nearest surface at each sample of an image.
#[derive(Debug, Default)]
pub(super) struct DepthBuffer {
    side: usize,
    depths: Vec<f64>,
    surfaces: Vec<u16>,
}

impl DepthBuffer {
    /// Empties it for an image of `pixels` rows and columns.
    pub(super) fn clear(&mut self, pixels: usize) {
        self.side = pixels * SAMPLES;
        self.depths.clear();
        self.depths.resize(self.side * self.side, 0.0);
        self.surfaces.clear();
        self.surfaces.resize(self.side * self.side, NOTHING);
    }

    /// Rows and columns of samples.
    pub(super) fn side(&self) -> usize {
        self.side
    }

    /// Draws a triangle whose corners are in samples; one that is seen from behind is left out.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clipped to the image")]
    pub(super) fn draw(&mut self, [a, b, c]: [Projected; 3], surface: u16) {
        // Rows go down, so that a triangle against the clock has negative area.
        let area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
        if area >= 0.0 {
            return;
        }
        let most = self.side as f64;
        let clip = |low: f64, high: f64| {
            let first = (low - 0.5).ceil().clamp(0.0, most) as usize;
            let end = ((high - 0.5).floor() + 1.0).clamp(0.0, most) as usize;
            first..end
        };
        let columns = clip(a.x.min(b.x).min(c.x), a.x.max(b.x).max(c.x));
        let rows = clip(a.y.min(b.y).min(c.y), a.y.max(b.y).max(c.y));
        // The share of each corner at a sample is linear in its place; so is the inverse depth of a plane.
        let share = |from: Projected, to: Projected| {
            let (by_x, by_y) = ((from.y - to.y) / area, (to.x - from.x) / area);
            [by_x, by_y, -(from.x * by_x + from.y * by_y)]
        };
        let shares = [share(b, c), share(c, a), share(a, b)];
        for row in rows {
            let y = row as f64 + 0.5;
            let line = shares.map(|[by_x, by_y, constant]| (by_x, by_y * y + constant));
            let mut inside = false;
            for column in columns.clone() {
                let x = column as f64 + 0.5;
                let [at_a, at_b, at_c] = line.map(|(by_x, constant)| by_x * x + constant);
                if at_a < 0.0 || at_b < 0.0 || at_c < 0.0 {
                    // A triangle meets a line in one piece.
                    if inside {
                        break;
                    }
                    continue;
                }
                inside = true;
                let depth = at_a * a.inverse_depth + at_b * b.inverse_depth + at_c * c.inverse_depth;
                let place = row * self.side + column;
                if depth > self.depths[place] {
                    self.depths[place] = depth;
                    self.surfaces[place] = surface;
                }
            }
        }
    }

    /// The surfaces at the samples of a pixel.
    pub(super) fn pixel(&self, row: usize, column: usize) -> impl Iterator<Item = u16> {
        let first = row * SAMPLES * self.side + column * SAMPLES;
        (0..SAMPLES)
            .flat_map(move |line| self.surfaces[first + line * self.side..][..SAMPLES].iter().copied())
    }
}
