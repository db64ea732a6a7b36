//! A file of images.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use super::SIDE;
use crate::dataset::file::open;
use crate::dataset::positioned::read_exact_at;
use crate::error::DataError;

/// Bytes of an image.
pub(super) const RECORD: usize = 3 * PLANE;

const PLANE: usize = SIDE * SIDE;

/// An open file of records.
#[derive(Debug)]
pub(super) struct Records {
    path: PathBuf,
    file: File,
    count: u64,
}

impl Records {
    /// Opens a file; `official` is the number of images that the official one has.
    pub(super) fn open(path: PathBuf, official: u64) -> Result<Self, DataError> {
        let (file, length) = open(&path, &format!("STL-10 images, records of {RECORD} bytes"))?;
        let record = RECORD as u64;
        if length == 0 || !length.is_multiple_of(record) {
            let expected = format!("a positive multiple of the {record}-byte record");
            return Err(DataError::FileSize { path, expected, found: length });
        }
        let count = length / record;
        if count != official {
            tracing::warn!(file = %path.display(), count, official, "not the official number of images");
        }
        Ok(Self { path, file, count })
    }

    /// Number of images, at least 1.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Reads one record, of a number below the count, as it is in the file.
    pub(super) fn read(&self, record: u64, planes: &mut [u8]) -> Result<(), DataError> {
        let offset = record * RECORD as u64;
        read_exact_at(&self.file, planes, offset).map_err(|error| match error.kind() {
            // It has been shortened since it was opened.
            io::ErrorKind::UnexpectedEof => DataError::Truncated {
                path: self.path.clone(),
                offset,
                expected: RECORD as u64,
                found: self.file.metadata().map_or(0, |metadata| metadata.len().saturating_sub(offset)),
            },
            _ => DataError::io(&self.path, "read", error),
        })
    }
}

/// Three planes, each column by column, to interleaved pixels, row by row.
pub(super) fn interleave(planes: &[u8], pixels: &mut [u8]) {
    let (red, rest) = planes.split_at(PLANE);
    let (green, blue) = rest.split_at(PLANE);
    for (row, pixels) in pixels.chunks_exact_mut(3 * SIDE).enumerate() {
        for (column, pixel) in pixels.chunks_exact_mut(3).enumerate() {
            let place = column * SIDE + row;
            pixel.copy_from_slice(&[red[place], green[place], blue[place]]);
        }
    }
}

/// The inverse of [`interleave`].
pub(super) fn deinterleave(pixels: &[u8], planes: &mut [u8]) {
    for (channel, plane) in planes.chunks_exact_mut(PLANE).enumerate() {
        for (place, byte) in plane.iter_mut().enumerate() {
            let (column, row) = (place / SIDE, place % SIDE);
            *byte = pixels[(row * SIDE + column) * 3 + channel];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_become_pixels_and_back() {
        let planes: Vec<u8> = (0..RECORD).map(|place| (place * 7 % 251) as u8).collect();
        let (mut pixels, mut again) = (vec![0; RECORD], vec![0; RECORD]);
        interleave(&planes, &mut pixels);
        // Row 2, column 5, green.
        assert_eq!(pixels[(2 * SIDE + 5) * 3 + 1], planes[PLANE + 5 * SIDE + 2]);
        deinterleave(&pixels, &mut again);
        assert_eq!(again, planes);
    }
}
