//! Images with zeros around them.

use crate::Instructions;
use crate::simd::{Kernel, Vector, run};

/// Layout of an image's channels with a border of zeros, `[channels, rows, row]`.
///
/// Within a row, columns are sorted by their remainder modulo `step`: what a convolution of that stride reads for
/// neighbouring output pixels is then contiguous. Rows and columns of a remainder of `kept` or more, which no kernel of
/// that size reads, are left out.
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
    /// Remainders modulo `step` that are there.
    pub kept: usize,
}

impl Padded {
    /// Columns of one remainder.
    fn columns(&self) -> usize {
        self.size[1].div_ceil(self.step)
    }

    fn rows(&self) -> usize {
        self.size[0] / self.step * self.kept + (self.size[0] % self.step).min(self.kept)
    }

    pub(crate) fn row_len(&self) -> usize {
        self.columns() * self.kept
    }

    pub(crate) fn plane_len(&self) -> usize {
        self.rows() * self.row_len()
    }

    /// Where channel `channel`, row `y`, column `x` (border included) lies.
    pub(crate) fn index(&self, channel: usize, y: usize, x: usize) -> usize {
        let row = y / self.step * self.kept + y % self.step;
        channel * self.plane_len() + row * self.row_len() + (x % self.step) * self.columns() + x / self.step
    }

    /// Copies the planes of an image, `[channels, height, width]`, and writes the border.
    pub(crate) fn fill(&self, instructions: Instructions, image: &[f32], out: &mut [f32]) {
        run(instructions, Fill { padded: self, image, out });
    }
}

struct Fill<'a> {
    padded: &'a Padded,
    image: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Fill<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { padded, image, out } = self;
        let Padded { image: [height, width], before: [above, left], step, kept, .. } = *padded;
        let (row_len, columns) = (padded.row_len(), padded.columns());
        for (plane, out) in image.chunks_exact(height * width).zip(out.chunks_exact_mut(padded.plane_len())) {
            for remainder in 0..kept {
                let span = Span::new(width, step, remainder, left, columns);
                // The row's remainder, and the row of the image below the border.
                let (mut row_remainder, mut y) = (0, 0_usize.wrapping_sub(above));
                for out in out.chunks_exact_mut(row_len) {
                    let out = &mut out[remainder * columns..][..columns];
                    if y < height {
                        // SAFETY: the caller vouches for the instructions.
                        unsafe { span.copy::<V>(&plane[y * width..][..width], step, out) };
                    } else {
                        out.fill(0.0);
                    }
                    row_remainder += 1;
                    y = y.wrapping_add(1);
                    if row_remainder == kept {
                        row_remainder = 0;
                        y = y.wrapping_add(step - kept);
                    }
                }
            }
        }
    }
}

/// The columns of one remainder that are the image's own.
#[derive(Clone, Copy)]
struct Span {
    /// Zeros before them.
    zeros: usize,
    /// Number of them.
    count: usize,
    /// The image's column that the first of them is.
    first: usize,
}

impl Span {
    #[inline(always)]
    fn new(width: usize, step: usize, remainder: usize, left: usize, columns: usize) -> Self {
        let zeros = left.saturating_sub(remainder).div_ceil(step).min(columns);
        let first = (zeros * step + remainder).saturating_sub(left).min(width);
        Self { zeros, count: (width - first).div_ceil(step).min(columns - zeros), first }
    }

    /// Writes the row's columns and zeros around them.
    ///
    /// # Safety
    ///
    /// As [`Vector`].
    #[inline(always)]
    unsafe fn copy<V: Vector>(self, row: &[f32], step: usize, out: &mut [f32]) {
        let Self { zeros, count, first } = self;
        out[..zeros].fill(0.0);
        out[zeros + count..].fill(0.0);
        let out = &mut out[zeros..][..count];
        if step == 1 {
            out.copy_from_slice(&row[first..][..count]);
            return;
        }
        let mut done = 0;
        if step == 2 {
            // SAFETY: as the caller vouches.
            unsafe {
                done = copy_pairs::<V>(row, first, done, out);
                done = copy_pairs::<V::Half>(row, first, done, out);
            }
        }
        for index in done..count {
            out[index] = row[first + index * step];
        }
    }
}

/// Writes whole vectors of `row[first + 2 * index]` from `done` on; returns where it stopped.
///
/// # Safety
///
/// As [`Vector`].
#[inline(always)]
unsafe fn copy_pairs<V: Vector>(row: &[f32], first: usize, mut done: usize, out: &mut [f32]) -> usize {
    // Pairs start at even columns, so that those of the last odd column end with the row.
    let (start, odd) = (first / 2 * 2, first % 2);
    while done + V::LANES <= out.len() && start + 2 * (done + V::LANES) <= row.len() {
        // SAFETY: two vectors of the row, one of the output, checked above.
        unsafe {
            let from = row.as_ptr().add(start + 2 * done);
            V::load(from).unzip(V::load(from.add(V::LANES)))[odd].store(out.as_mut_ptr().add(done));
        }
        done += V::LANES;
    }
    done
}
