//! An image seen through an affine map: the bytes of Pillow's `Image.transform(AFFINE)` with its bilinear filter.

use super::params::PADDING;
use crate::augment::ImageView;

/// A square image with a black border of one pixel: with all that lies outside black too, no tap needs a bound of its own.
pub(super) struct Source<'a> {
    /// One plane if the image is grey, else three, each `[side + 2, side + 2]`.
    planes: &'a [u8],
    side: usize,
}

impl<'a> Source<'a> {
    /// Copies an image into `buffer`.
    pub(super) fn new(image: ImageView<'_>, buffer: &'a mut Vec<u8>) -> Self {
        let (side, channels) = (image.width(), image.format().channels());
        let grey =
            image.pixels().chunks_exact(channels).all(|pixel| pixel.iter().all(|byte| *byte == pixel[0]));
        let (row, planes) = (side + 2, if grey { 1 } else { channels });
        buffer.clear();
        buffer.resize(planes * row * row, 0);
        for (channel, plane) in buffer.chunks_exact_mut(row * row).enumerate() {
            let rows = plane.chunks_exact_mut(row).skip(1).zip(image.pixels().chunks_exact(side * channels));
            for (out, pixels) in rows {
                for (out, pixel) in out[1..].iter_mut().zip(pixels.chunks_exact(channels)) {
                    *out = pixel[channel];
                }
            }
        }
        Self { planes: buffer, side }
    }

    /// The view, `[3, side, side]`, every byte as its level. What lies outside the image is black.
    pub(super) fn render<P: Copy>(&self, matrix: &[f64; 6], levels: &[[P; 256]; 3], out: &mut [P]) {
        let area = self.side * self.side;
        let [red, green, blue] = levels;
        let (first, rest) = out.split_at_mut(area);
        let (second, third) = rest.split_at_mut(area);
        self.view(matrix, |place, rgb| {
            let [r, g, b] = rgb.map(usize::from);
            (first[place], second[place], third[place]) = (red[r], green[g], blue[b]);
        });
    }

    /// The view as bytes, `[side, side, 3]`.
    pub(super) fn bytes(&self, matrix: &[f64; 6]) -> Vec<u8> {
        let mut out = vec![0; 3 * self.side * self.side];
        self.view(matrix, |place, rgb| out[3 * place..][..3].copy_from_slice(&rgb));
        out
    }

    /// Gives the pixels of the view one by one, with their index.
    #[inline(always)]
    fn view(&self, &[a, b, c, d, e, f]: &[f64; 6], mut put: impl FnMut(usize, [u8; 3])) {
        let (side, row) = (self.side, self.side + 2);
        let grey = self.planes.len() == row * row;
        let place = |index: usize| (index + usize::from(PADDING)) as f64 + 0.5;
        for y in 0..side {
            let y_in = place(y);
            let (by, ey) = (b * y_in, e * y_in);
            for x in 0..side {
                let x_in = place(x);
                let rgb = match self.taps(a * x_in + by + c, d * x_in + ey + f) {
                    None => [0; 3],
                    Some(taps) if grey => [taps.read(self.planes, row); 3],
                    Some(taps) => {
                        let plane = |channel| &self.planes[channel * row * row..][..row * row];
                        [0, 1, 2].map(|channel| taps.read(plane(channel), row))
                    }
                };
                put(y * side + x, rgb);
            }
        }
    }

    /// The four pixels around a place in the padded image; `None` where all of them are black ground.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole numbers between 0 and the side"
    )]
    fn taps(&self, x: f64, y: f64) -> Option<Taps> {
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        // In the bordered image.
        let shift = f64::from(PADDING) - 1.0;
        let (column, line) = (left - shift, top - shift);
        let inside = 0.0..=self.side as f64;
        (inside.contains(&column) && inside.contains(&line)).then(|| Taps {
            start: line as usize * (self.side + 2) + column as usize,
            right: x - left,
            down: y - top,
        })
    }
}

/// Where a value is read, and how far it is from the first of its four pixels.
#[derive(Clone, Copy)]
struct Taps {
    start: usize,
    right: f64,
    down: f64,
}

impl Taps {
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between two bytes; Pillow truncates"
    )]
    fn read(self, plane: &[u8], row: usize) -> u8 {
        let along = |pair: &[u8]| {
            let [first, second] = [pair[0], pair[1]].map(f64::from);
            first + (second - first) * self.right
        };
        let (upper, lower) = (along(&plane[self.start..][..2]), along(&plane[self.start + row..][..2]));
        (upper + (lower - upper) * self.down) as u8
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::augment::{Normalization, PixelTable};
    use crate::source::affine::AffineParams;

    /// Pillow's own way, on the padded image: places outside are black, taps beyond an edge take the pixel there.
    fn reference(image: &[u8], channels: usize, side: usize, m: &[f64; 6]) -> Vec<u8> {
        let padding = usize::from(PADDING);
        let padded_side = side + 2 * padding;
        let mut view = vec![0; side * side * channels];
        for y in 0..side {
            for x in 0..side {
                let (x_in, y_in) = ((x + padding) as f64 + 0.5, (y + padding) as f64 + 0.5);
                let from_x = m[0] * x_in + m[1] * y_in + m[2];
                let from_y = m[3] * x_in + m[4] * y_in + m[5];
                let inside = 0.0..padded_side as f64;
                if !inside.contains(&from_x) || !inside.contains(&from_y) {
                    continue;
                }
                let (left, top) = ((from_x - 0.5).floor(), (from_y - 0.5).floor());
                for channel in 0..channels {
                    let pixel = |dx: f64, dy: f64| {
                        let clip = |place: f64| place.clamp(0.0, padded_side as f64 - 1.0) as usize;
                        let (x, y) = (clip(left + dx), clip(top + dy));
                        let inner = padding..padding + side;
                        match inner.contains(&x) && inner.contains(&y) {
                            true => {
                                f64::from(image[((y - padding) * side + x - padding) * channels + channel])
                            }
                            false => 0.0,
                        }
                    };
                    let (dx, dy) = (from_x - 0.5 - left, from_y - 0.5 - top);
                    let upper = pixel(0.0, 0.0) + (pixel(1.0, 0.0) - pixel(0.0, 0.0)) * dx;
                    let lower = if top + 1.0 >= 0.0 && top + 1.0 < padded_side as f64 {
                        pixel(0.0, 1.0) + (pixel(1.0, 1.0) - pixel(0.0, 1.0)) * dx
                    } else {
                        upper
                    };
                    view[(y * side + x) * channels + channel] = (upper + (lower - upper) * dy) as u8;
                }
            }
        }
        view
    }

    proptest! {
        #[test]
        fn the_fast_way_gives_the_bytes_of_the_plain_one(
            side in 1_usize..33, channels in prop::sample::select(vec![1_usize, 3]), seed in any::<u32>(), flat: bool,
            rotation in -180.0_f32..180.0, right in -40_i16..40, down in -40_i16..40, log_scale in -2.0_f32..2.0,
        ) {
            let byte = |index: usize| (index as u32).wrapping_mul(2_654_435_761).wrapping_add(seed).to_be_bytes()[0];
            // `flat`: a grey image in three channels.
            let image: Vec<u8> =
                (0..side * side * channels).map(|index| byte(if flat { index / channels } else { index })).collect();
            let view = match channels {
                1 => ImageView::gray(&image, side, side),
                _ => ImageView::new(&image, side, side),
            }.unwrap();
            let matrix = AffineParams { rotation, right, down, log_scale }.matrix(side);
            let expected = reference(&image, channels, side, &matrix);
            let table = PixelTable::new(&Normalization { mean: [0.0; 3], std: [1.0 / 255.0; 3] });
            let mut out = vec![0.0; 3 * side * side];
            let mut buffer = vec![9; 7];
            let source = Source::new(view, &mut buffer);
            source.render(&matrix, table.channels(), &mut out);
            let bytes = source.bytes(&matrix);
            for (channel, plane) in out.chunks_exact(side * side).enumerate() {
                for (place, value) in plane.iter().enumerate() {
                    let byte = expected[place * channels + channel % channels];
                    prop_assert_eq!(bytes[3 * place + channel], byte);
                    prop_assert_eq!(*value, table.channels()[channel][usize::from(byte)], "{} {}", channel, place);
                }
            }
        }
    }
}
