//! Saliency as contrast between a place and what surrounds it.
//!
//! Only `+ - * /` of IEEE 754 are used, in a fixed order: the same bytes on every platform.

use crate::augment::ImageView;

/// Half-widths of the places that are compared with their surround, as shares of the image's shorter side: 1/32, 1/16, 1/8.
const SCALES: [usize; 3] = [32, 16, 8];

/// How many times as wide as a place its surround is.
const SURROUND: usize = 3;

/// The half-width over which contrast is smoothed, twice, as a share of the shorter side.
const SMOOTH: usize = 24;

/// Squared grey levels that count as no contrast: without any, maps are the centre bias alone.
const FLOOR: f32 = 4.0;

/// A saliency map by centre-surround contrast: one byte a pixel, `[height, width]`, 255 where the image is most salient.
///
/// This is not DeepGaze IIE, from whose maps the paper's gazes are drawn, but a formula after the models of Itti, Koch and
/// Niebur ("A Model of Saliency-Based Visual Attention for Rapid Scene Analysis", PAMI 1998) and, for the colours and the
/// summed differences, Frintrop, Werner and Martin Garcia ("Traditional Saliency Reloaded", CVPR 2015):
///
/// - three channels: intensity `(R + G + B) / 3` and the opponent colours `R - G` and `B - (R + G) / 2`;
/// - of each, at three scales, the difference of the means over two squares around a pixel, of half-width `c` and `3c`, where `c` is
///   1/32, 1/16 and 1/8 of the image's shorter side (3, 6 and 12 pixels of 96); at the border, what of them is inside;
/// - contrast = the sum of the squares of the nine differences, averaged twice over a square of half-width 1/24 of the
///   shorter side;
/// - the map = (contrast + 4) * bias, where bias = 1 / (1 + (d / h)²)² for a distance of `d` from the image's middle and half
///   the shorter side `h`: 1 in the middle, 1/4 at the edge, 1/9 in the corner, since pictures are taken of what is in the
///   middle, and DeepGaze IIE's maps have such a bias too;
/// - scaled to a largest value of 255 and rounded, at least 1.
///
/// An image of one colour has the bias alone. A map of 96x96 pixels takes about a millisecond.
#[must_use]
pub fn contrast_map(image: ImageView<'_>) -> Vec<u8> {
    let (height, width) = (image.height(), image.width());
    let shorter = height.min(width);
    let mut contrast = vec![0.0; height * width];
    let mut sums = Sums::new(height, width);
    for (channel, scale) in CHANNELS {
        sums.of(image, channel);
        for share in SCALES {
            sums.add_contrast((shorter / share).max(1), scale, &mut contrast);
        }
    }
    let mut smoothed = vec![0.0; height * width];
    let radius = (shorter / SMOOTH).max(1);
    for _ in 0..2 {
        smooth(&contrast, width, radius, &mut smoothed);
        smooth(&smoothed, height, radius, &mut contrast);
    }
    bias(&mut contrast, height, width);
    quantized(&contrast)
}

type Channel = fn([i32; 3]) -> i32;

/// Opponent channels as whole numbers, and what makes grey levels of them.
const CHANNELS: [(Channel, f32); 3] = [
    (|[red, green, blue]| red + green + blue, 1.0 / 3.0),
    (|[red, green, _]| red - green, 1.0),
    (|[red, green, blue]| 2 * blue - red - green, 0.5),
];

/// Sums of a channel over all rectangles that begin in the top left corner.
struct Sums {
    sums: Vec<i64>,
    /// Of a band of rows, the sums over all columns before each.
    columns: Vec<i64>,
    height: usize,
    width: usize,
}

impl Sums {
    fn new(height: usize, width: usize) -> Self {
        Self { sums: vec![0; (height + 1) * (width + 1)], columns: vec![0; width + 1], height, width }
    }

    fn of(&mut self, image: ImageView<'_>, channel: Channel) {
        let channels = image.format().channels();
        let (width, rows) = (self.width + 1, image.pixels().chunks_exact(self.width * channels));
        for (row, pixels) in rows.enumerate() {
            let (above, below) = self.sums[row * width..].split_at_mut(width);
            let mut sum = 0;
            let places = pixels.chunks_exact(channels).zip(&above[1..]).zip(&mut below[1..]);
            for ((pixel, above), below) in places {
                sum += i64::from(channel([0, 1, 2].map(|channel| i32::from(pixel[channel % channels]))));
                *below = above + sum;
            }
        }
    }

    /// Adds the squared difference of the means over squares of half-width `radius` and [`SURROUND`] times as much.
    fn add_contrast(&mut self, radius: usize, scale: f32, out: &mut [f32]) {
        let squares = [radius, SURROUND * radius].map(|radius| {
            let windows = (0..self.width).map(|column| window(column, radius, self.width));
            (
                radius,
                windows.map(|[left, right]| (left, right, 1.0 / (right - left) as f32)).collect::<Vec<_>>(),
            )
        });
        let mut means = [0; 2].map(|_| vec![0.0; self.width]);
        for (row, out) in out.chunks_exact_mut(self.width).enumerate() {
            for ((radius, windows), means) in squares.iter().zip(&mut means) {
                self.write_means(window(row, *radius, self.height), windows, means);
            }
            let [center, surround] = &means;
            for ((out, center), surround) in out.iter_mut().zip(center).zip(surround) {
                let difference = (center - surround) * scale;
                *out += difference * difference;
            }
        }
    }

    /// Means over these rows and the windows of columns, given with what divides by their length.
    fn write_means(&mut self, [top, bottom]: [usize; 2], windows: &[(usize, usize, f32)], means: &mut [f32]) {
        let width = self.width + 1;
        let [upper, lower] = [top, bottom].map(|row| &self.sums[row * width..][..width]);
        for ((column, lower), upper) in self.columns.iter_mut().zip(lower).zip(upper) {
            *column = lower - upper;
        }
        let by_rows = 1.0 / (bottom - top) as f32;
        for (mean, &(left, right, by_columns)) in means.iter_mut().zip(windows) {
            *mean = (self.columns[right] - self.columns[left]) as f32 * (by_rows * by_columns);
        }
    }
}

/// The part of `middle - radius` to `middle + radius` inside `0..length`, half-open.
fn window(middle: usize, radius: usize, length: usize) -> [usize; 2] {
    [middle.saturating_sub(radius), (middle + radius + 1).min(length)]
}

/// Means over `2 radius + 1` neighbours along lines of `length` values, written transposed: a line becomes a column.
fn smooth(values: &[f32], length: usize, radius: usize, out: &mut [f32]) {
    let lines = values.len() / length;
    for (number, line) in values.chunks_exact(length).enumerate() {
        for place in 0..length {
            let [first, end] = window(place, radius, length);
            let sum = line[first..end].iter().fold(0.0, |sum, value| sum + value);
            out[place * lines + number] = sum / (end - first) as f32;
        }
    }
}

fn bias(contrast: &mut [f32], height: usize, width: usize) {
    let [middle_row, middle_column] = [height, width].map(|length| 0.5 * (length as f32 - 1.0));
    let half = 0.5 * height.min(width) as f32;
    for (row, values) in contrast.chunks_exact_mut(width).enumerate() {
        let down = (row as f32 - middle_row) / half;
        for (column, value) in values.iter_mut().enumerate() {
            let across = (column as f32 - middle_column) / half;
            let fall = 1.0 + down * down + across * across;
            *value = (*value + FLOOR) / (fall * fall);
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 255.5")]
fn quantized(map: &[f32]) -> Vec<u8> {
    let largest = map.iter().fold(0.0_f32, |largest, value| largest.max(*value));
    map.iter().map(|value| (value / largest * 255.0 + 0.5).max(1.0) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{ShuffleKey, Split, uniform};

    /// A square of a colour on a ground of another, with noise of up to `noise` levels.
    fn square(at: [usize; 2], side: usize, color: [u8; 3], ground: [u8; 3], noise: f32) -> Vec<u8> {
        let mut rng = ShuffleKey { seed: 9, split: Split::Train, epoch: 0 }.rng();
        let mut pixels = Vec::new();
        for row in 0..96 {
            for column in 0..96 {
                let inside = (at[0]..at[0] + side).contains(&row) && (at[1]..at[1] + side).contains(&column);
                for value in if inside { color } else { ground } {
                    pixels.push((f32::from(value) + uniform(&mut rng, [-noise, noise])).clamp(0.0, 255.0) as u8);
                }
            }
        }
        pixels
    }

    fn map(pixels: &[u8]) -> Vec<u8> {
        contrast_map(ImageView::new(pixels, 96, 96).unwrap())
    }

    /// The share of a map's weight in a square that is larger by 6 pixels on each side, of which it is smoothed.
    fn share(map: &[u8], at: [usize; 2], side: usize) -> f64 {
        let near = |place: usize, from: usize| (from.saturating_sub(6)..from + side + 6).contains(&place);
        let weight = |(_, byte): (usize, &u8)| f64::from(*byte);
        let inside =
            map.iter().enumerate().filter(|(place, _)| near(place / 96, at[0]) && near(place % 96, at[1]));
        inside.map(weight).sum::<f64>() / map.iter().enumerate().map(weight).sum::<f64>()
    }

    #[test]
    fn what_differs_from_its_surround_is_salient() {
        let grey = [120; 3];
        for (color, ground, noise) in [
            ([190, 190, 190], grey, 0.0),
            ([50, 50, 50], grey, 15.0),
            // Of the same intensity: the colour alone differs.
            ([170, 70, 120], grey, 15.0),
            ([100, 100, 160], grey, 15.0),
        ] {
            for at in [[40, 40], [10, 70], [64, 12]] {
                for side in [10, 20] {
                    let map = map(&square(at, side, color, ground, noise));
                    let area = ((side + 12) as f64 / 96.0).powi(2);
                    let share = share(&map, at, side);
                    assert!(
                        share > 0.4 && share > 5.0 * area,
                        "{color:?} at {at:?}, {side}: {share} in {area}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_image_without_contrast_has_the_bias_alone() {
        for color in [[0; 3], [255; 3], [10, 200, 90]] {
            let map = map(&square([0, 0], 0, color, color, 0.0));
            for (place, byte) in map.into_iter().enumerate() {
                let distance = [place / 96, place % 96].map(|place| (place as f64 - 47.5) / 48.0);
                let bias = 1.0 / (1.0 + distance[0].powi(2) + distance[1].powi(2)).powi(2);
                assert!((f64::from(byte) - 255.0 * bias).abs() < 0.6, "{place}: {byte}, {bias}");
            }
        }
    }

    #[test]
    fn images_of_any_size_have_maps() {
        for (height, width) in [(1, 1), (1, 40), (7, 3), (200, 30)] {
            let pixels: Vec<u8> = (0..height * width).map(|place| (place * 31 % 256) as u8).collect();
            let grey = contrast_map(ImageView::gray(&pixels, height, width).unwrap());
            let colored: Vec<u8> = pixels.iter().flat_map(|byte| [*byte; 3]).collect();
            assert_eq!(grey, contrast_map(ImageView::new(&colored, height, width).unwrap()));
            assert_eq!((grey.len(), grey.iter().max()), (height * width, Some(&255)));
        }
    }

    /// The same bytes on every platform.
    #[test]
    fn a_map_is_pinned() {
        let map = map(&square([30, 50], 16, [200, 90, 60], [100, 120, 110], 40.0));
        assert_eq!(crate::Fingerprint::of([map]).as_str(), PINNED);
    }

    const PINNED: &str = "6c78642ad4b81c8760c4bbd007591dc0e247d9b4959742b37b46d8fedf9f1542";
}
