//! What a glimpse at a point shows.

use serde::{Deserialize, Serialize};

use super::gaze::Point;
use crate::augment::ImageView;

/// Which pixels a glimpse shows for the point that was drawn.
///
/// Outside the image both show black, as published: moving the glimpse inside would give different actions the same view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GlimpseGeometry {
    /// The pixels around the point as they are: of a glimpse of `s` pixels at row `r`, rows `r - s/2` to `r - s/2 + s - 1`, and
    /// columns alike.
    #[default]
    Centered,
    /// What the published code shows: row and column of the point change places, and `s` pixels are resampled bilinearly
    /// over a way of `s` pixels from end to end, `s / (s - 1)` apart, half a pixel off: output row `i` is at
    /// `column - 1/2 - s/2 + i s / (s - 1)`. The action stays that of the point, so that glimpses off the diagonal are not
    /// where their action says.
    Published,
}

/// What each byte of each channel is written as.
pub(super) type Levels<P> = [[P; 256]; 3];

impl GlimpseGeometry {
    /// Writes the glimpse at `point` to `[3, size, size]`.
    pub(super) fn render<P: Copy>(
        self,
        image: ImageView<'_>,
        point: Point,
        size: usize,
        levels: &Levels<P>,
        out: &mut [P],
    ) {
        match self {
            Self::Centered => centered(image, point, size, levels, out),
            Self::Published => published(image, point, size, levels, out),
        }
    }
}

/// Where the byte of a channel is among those of a pixel.
fn offsets(image: ImageView<'_>) -> [usize; 3] {
    [0, 1, 2].map(|channel| channel % image.format().channels())
}

fn centered<P: Copy>(image: ImageView<'_>, point: Point, size: usize, levels: &Levels<P>, out: &mut [P]) {
    let (channels, width) = (image.format().channels(), image.width());
    // The part of the glimpse that shows the image, and where it begins there.
    let inside = |middle: usize, length: usize| {
        let first = (size / 2).saturating_sub(middle);
        let begin = middle.saturating_sub(size / 2);
        let shown = (length + size / 2 - middle).min(size);
        (first..shown, begin)
    };
    let (rows, top) = inside(point.row, image.height());
    let (columns, left) = inside(point.column, width);
    let planes = out.chunks_exact_mut(size * size).zip(levels).zip(offsets(image));
    for ((plane, levels), offset) in planes {
        plane.fill(levels[0]);
        let lines = plane.chunks_exact_mut(size).enumerate().filter(|(row, _)| rows.contains(row));
        for ((_, line), y) in lines.zip(top..) {
            let pixels = image.pixels()[(y * width + left) * channels..].chunks_exact(channels);
            for (value, pixel) in line[columns.clone()].iter_mut().zip(pixels) {
                *value = levels[usize::from(pixel[offset])];
            }
        }
    }
}

/// Two neighbours and their weights, which add up to `2 (size - 1)`; `None` outside the image.
type Tap = [Option<(usize, u32)>; 2];

/// Between which pixels place `place` of a published glimpse is, exactly: all places are multiples of `1 / (2 (size - 1))`.
fn tap(middle: usize, place: usize, size: usize, length: usize) -> Tap {
    // `middle - 1/2 - size/2 + place size / (size - 1)`, in those units, and moved by `size + 1` pixels to stay above 0.
    let unit = 2 * (size - 1);
    let position = 2 * middle * (size - 1) + (size + 1) * (size - 1) + 2 * size * place;
    let (pixel, part) = (position / unit, position % unit);
    [(pixel, unit - part), (pixel + 1, part)].map(|(pixel, weight)| {
        let pixel = pixel.checked_sub(size + 1).filter(|pixel| *pixel < length)?;
        Some((pixel, u32::try_from(weight).unwrap_or(0)))
    })
}

fn published<P: Copy>(image: ImageView<'_>, point: Point, size: usize, levels: &Levels<P>, out: &mut [P]) {
    let (channels, width) = (image.format().channels(), image.width());
    let unit = u32::try_from(2 * (size - 1)).unwrap_or(u32::MAX);
    let (whole, offsets) = (unit * unit, offsets(image));
    for row in 0..size {
        // The published exchange: the point's column is where rows are taken from.
        let vertical = tap(point.column, row, size, image.height());
        for column in 0..size {
            let horizontal = tap(point.row, column, size, width);
            let mut sums = [0; 3];
            for (y, down) in vertical.into_iter().flatten() {
                for (x, across) in horizontal.into_iter().flatten() {
                    let pixel = &image.pixels()[(y * width + x) * channels..][..channels];
                    for (sum, offset) in sums.iter_mut().zip(offsets) {
                        *sum += down * across * u32::from(pixel[offset]);
                    }
                }
            }
            for (channel, (sum, levels)) in sums.into_iter().zip(levels).enumerate() {
                // The published code goes through bytes, which truncates.
                out[(channel * size + row) * size + column] = levels[(sum / whole).min(255) as usize];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that tell the byte.
    fn plain() -> Levels<f32> {
        [0, 1, 2].map(|_| std::array::from_fn(|byte| byte as f32))
    }

    fn render(geometry: GlimpseGeometry, point: [usize; 2], size: usize, image: ImageView<'_>) -> Vec<f32> {
        let mut out = vec![-1.0; 3 * size * size];
        geometry.render(image, Point { row: point[0], column: point[1] }, size, &plain(), &mut out);
        out
    }

    /// A byte for each row and column that tells both, another for each channel.
    fn pixels(side: usize) -> Vec<u8> {
        (0..side * side).flat_map(|place| [0, 80, 160].map(|first| (first + place) as u8)).collect()
    }

    #[test]
    fn a_centered_glimpse_is_a_crop_and_black_beyond_the_border() {
        let bytes = pixels(7);
        let image = ImageView::new(&bytes, 7, 7).unwrap();
        for size in 1..=7 {
            for row in 0..7 {
                for column in 0..7 {
                    let glimpse = render(GlimpseGeometry::Centered, [row, column], size, image);
                    for (place, value) in glimpse.into_iter().enumerate() {
                        let (channel, y, x) = (place / size / size, place / size % size, place % size);
                        let [y, x] = [row + y, column + x].map(|place| place.checked_sub(size / 2));
                        let expected = match (y, x) {
                            (Some(y), Some(x)) if y < 7 && x < 7 => bytes[(y * 7 + x) * 3 + channel],
                            _ => 0,
                        };
                        assert_eq!(value, f32::from(expected), "size {size} at {row}, {column}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_published_glimpse_is_resampled_at_the_transposed_point() {
        let bytes = pixels(9);
        let image = ImageView::new(&bytes, 9, 9).unwrap();
        for size in 2..=9 {
            for (row, column) in [(0, 0), (0, 8), (4, 4), (3, 6), (8, 1)] {
                let glimpse = render(GlimpseGeometry::Published, [row, column], size, image);
                for (place, value) in glimpse.into_iter().enumerate() {
                    let (channel, i, j) = (place / size / size, place / size % size, place % size);
                    let at = |middle: usize, place: usize| {
                        let size = size as f64;
                        middle as f64 - 0.5 - 0.5 * size + place as f64 * size / (size - 1.0)
                    };
                    let (y, x) = (at(column, i), at(row, j));
                    let mut expected = 0.0;
                    for (pixel, bytes) in bytes.chunks_exact(3).enumerate() {
                        let near = |at: f64, place: usize| (1.0 - (at - place as f64).abs()).max(0.0);
                        expected += near(y, pixel / 9) * near(x, pixel % 9) * f64::from(bytes[channel]);
                    }
                    // Exact fractions end on whole numbers where sums of rounded ones end just below.
                    assert_eq!(f64::from(value), (expected + 1e-9).floor(), "size {size} at {row}, {column}");
                }
            }
        }
    }

    #[test]
    fn grey_images_have_three_equal_channels() {
        let bytes: Vec<u8> = (0..25).collect();
        let image = ImageView::gray(&bytes, 5, 5).unwrap();
        for geometry in [GlimpseGeometry::Centered, GlimpseGeometry::Published] {
            let glimpse = render(geometry, [2, 3], 3, image);
            assert_eq!((&glimpse[..9], &glimpse[9..18]), (&glimpse[9..18], &glimpse[18..]));
        }
        assert_eq!(render(GlimpseGeometry::Centered, [2, 3], 3, image)[..3], [7.0, 8.0, 9.0]);
    }
}
