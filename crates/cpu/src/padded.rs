//! Images with zeros around them.

/// Layout of an image's channels with a border of zeros, `[channels, rows, row]`.
///
/// Within a row, columns are sorted by their remainder modulo `step`: what a convolution of that stride reads for
/// neighbouring output pixels is then contiguous.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Padded {
    /// Height and width of the image itself.
    pub image: [usize; 2],
    /// Zeros above and to the left.
    pub before: [usize; 2],
    /// Height and width with the border; the image is cut off beyond.
    pub size: [usize; 2],
    /// Distance of the columns that are neighbours here.
    pub step: usize,
}

impl Padded {
    /// Columns of one remainder.
    fn columns(&self) -> usize {
        self.size[1].div_ceil(self.step)
    }

    pub(crate) fn row_len(&self) -> usize {
        self.columns() * self.step
    }

    pub(crate) fn plane_len(&self) -> usize {
        self.size[0] * self.row_len()
    }

    /// Where channel `channel`, row `y`, column `x` (border included) lies.
    pub(crate) fn index(&self, channel: usize, y: usize, x: usize) -> usize {
        channel * self.plane_len() + y * self.row_len() + (x % self.step) * self.columns() + x / self.step
    }

    /// Copies the planes of an image, `[channels, height, width]`, and writes the border.
    pub(crate) fn fill(&self, image: &[f32], out: &mut [f32]) {
        let [height, width] = self.image;
        let (row_len, columns) = (self.row_len(), self.columns());
        for (plane, out) in image.chunks_exact(height * width).zip(out.chunks_exact_mut(self.plane_len())) {
            for (y, out) in out.chunks_exact_mut(row_len).enumerate() {
                let Some(y) = y.checked_sub(self.before[0]).filter(|y| *y < height) else {
                    out.fill(0.0);
                    continue;
                };
                let row = &plane[y * width..(y + 1) * width];
                let left = self.before[1];
                if self.step == 1 {
                    let kept = width.min(self.size[1] - left);
                    out[..left].fill(0.0);
                    out[left..left + kept].copy_from_slice(&row[..kept]);
                    out[left + kept..].fill(0.0);
                } else {
                    for (remainder, out) in out.chunks_exact_mut(columns).enumerate() {
                        for (column, value) in out.iter_mut().enumerate() {
                            let x = (column * self.step + remainder).checked_sub(left);
                            *value = x.and_then(|x| row.get(x)).copied().unwrap_or(0.0);
                        }
                    }
                }
            }
        }
    }
}
