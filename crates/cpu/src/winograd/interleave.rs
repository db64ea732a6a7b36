//! Between planes, one after another, and rows of pixels with channels as lanes.

use std::marker::PhantomData;

use crate::simd::Vector;

/// The most values of a square of lanes.
const SQUARE: usize = 256;

/// Planes of which some values are read or written.
#[derive(Clone, Copy)]
pub(super) struct Planes {
    /// Number of planes, at most the lanes of a vector.
    pub(super) count: usize,
    /// Distance between planes.
    pub(super) stride: usize,
    /// Values of each plane.
    pub(super) len: usize,
}

impl Planes {
    /// Values from the first plane's first on.
    fn reach(&self) -> usize {
        (self.count - 1) * self.stride + self.len
    }
}

/// Writes the planes' values to `to`, `[len, lanes]`, the lanes filled up with zeros. `to` has room for a whole square from
/// every vector on; what lies beyond the last is arbitrary.
///
/// # Safety
///
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn interleave<V: Vector>(planes: Planes, from: &[f32], to: &mut [f32]) {
    let Planes { count, stride, len } = planes;
    assert!(count > 0 && count <= V::LANES && planes.reach() <= from.len());
    assert!(to.len() >= len.next_multiple_of(V::LANES) * V::LANES);
    let (from_len, from, to) = (from.len(), from.as_ptr(), to.as_mut_ptr());
    // Whether squares can be read beyond the ends of planes shorter than their rows.
    let short = (V::LANES - 1) * stride + V::LANES <= from_len;
    // SAFETY: reads are of the first `len` values of `count` planes, or of a square within `from`; writes go to the
    // vectors that `to` has room for.
    unsafe {
        if count == V::LANES && (len >= V::LANES || short) {
            let mut first = 0;
            while first < len {
                // The last square may overlap the one before.
                first = first.min(len.saturating_sub(V::LANES));
                V::transpose(from.add(first), stride, to.add(first * V::LANES), V::LANES);
                first += V::LANES;
            }
        } else {
            for index in 0..len {
                for lane in 0..V::LANES {
                    let value = if lane < count { *from.add(lane * stride + index) } else { 0.0 };
                    *to.add(index * V::LANES + lane) = value;
                }
            }
        }
    }
}

/// Images that several tasks write, each of them other pixels.
#[derive(Clone, Copy)]
pub(super) struct Pixels<'a> {
    values: *mut f32,
    len: usize,
    borrowed: PhantomData<&'a mut [f32]>,
}

// SAFETY: values are only written, by `separate`, whose callers vouch that no other task writes the same.
unsafe impl Send for Pixels<'_> {}
// SAFETY: as above.
unsafe impl Sync for Pixels<'_> {}

impl<'a> Pixels<'a> {
    pub(super) fn new(values: &'a mut [f32]) -> Self {
        Self { values: values.as_mut_ptr(), len: values.len(), borrowed: PhantomData }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The values from `start` on.
    pub(super) fn from(self, start: usize) -> Self {
        assert!(start <= self.len);
        // SAFETY: within the values or at their end.
        Self { values: unsafe { self.values.add(start) }, len: self.len - start, ..self }
    }
}

/// Writes `from`, `[len, lanes]`, to the planes; lanes without a plane are dropped.
///
/// # Safety
///
/// As [`Vector`]; nothing else reads or writes these values of the planes meanwhile.
#[inline(always)]
pub(super) unsafe fn separate<V: Vector>(planes: Planes, from: &[f32], to: Pixels<'_>) {
    let Planes { count, stride, len } = planes;
    assert!(count > 0 && count <= V::LANES && planes.reach() <= to.len() && from.len() >= len * V::LANES);
    let (from, to) = (from.as_ptr(), to.values);
    // SAFETY: every read is of the first `len` vectors, every write to the first `len` values of `count` planes.
    unsafe {
        if len < V::LANES {
            for lane in 0..count {
                for index in 0..len {
                    *to.add(lane * stride + index) = *from.add(index * V::LANES + lane);
                }
            }
            return;
        }
        let mut first = 0;
        while first < len {
            // The last square may overlap the one before.
            first = first.min(len - V::LANES);
            let square = from.add(first * V::LANES);
            if count == V::LANES {
                V::transpose(square, V::LANES, to.add(first), stride);
            } else {
                let mut columns = [0.0; SQUARE];
                V::transpose(square, V::LANES, columns.as_mut_ptr(), V::LANES);
                for lane in 0..count {
                    let column = columns.as_ptr().add(lane * V::LANES);
                    to.add(lane * stride + first).copy_from_nonoverlapping(column, V::LANES);
                }
            }
            first += V::LANES;
        }
    }
}
