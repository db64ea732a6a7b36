//! Saliency maps that were made before, as NumPy files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::dataset::file::sorted_entries;
use crate::dataset::stl10::{Stl10Part, spread};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::npy::{NpyArray, NpyRows, read_numbers};

/// Longest side of a map.
const MAX_SIDE: usize = 1024;

/// Maps that the fingerprint of a packed file covers, at most: 38 MB of those of 96x96.
const FINGERPRINTED: u64 = 1024;

/// What a file should hold, in words.
const PACKED: &str =
    "maps of one square size, [images, side, side] or [images, 1, side, side], sides of 1 to 1024";
const SINGLE: &str = "a square map, [side, side] or [1, side, side], sides of 1 to 1024";

/// Saliency maps of all images in NumPy files (`.npy`), read from the open file when they are asked for.
///
/// Either one array of all, `[images, side, side]` or `[images, 1, side, side]`, or a folder with one file an image,
/// `[side, side]` or `[1, side, side]`, in the byte order of the files' names. Numbers of any type are read; the first
/// dimension must be the slowest, as NumPy writes it unless told otherwise.
///
/// A map is divided by its sum. A value that is below 0, infinite or not a number is an error that names the file and its
/// byte offset, when the map is asked for. A map of zeros says nothing, and stands for one where all pixels are alike.
#[derive(Debug)]
pub struct SaliencyMaps {
    source: Source,
    count: usize,
    side: usize,
    fingerprint: Fingerprint,
}

#[derive(Debug)]
enum Source {
    /// Arrays, one after the other.
    Packed(Vec<NpyRows>),
    /// A file an image.
    Files(Vec<PathBuf>),
}

impl SaliencyMaps {
    /// The maps in a file, or in the files of a folder.
    ///
    /// The fingerprint of an array covers its shape, its type and 1024 maps spread evenly; that of a folder the names and
    /// lengths of its files.
    ///
    /// # Errors
    /// [`DataError::Missing`] for a path that is not there or a folder without `.npy` files; [`DataError::Malformed`],
    /// [`DataError::FileSize`] for a file that is no array of maps; [`DataError::Io`] for what cannot be read.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        if path.is_dir() { Self::folder(path) } else { Self::packed(&[path.to_owned()]) }
    }

    /// The published maps of a part of STL-10, made by DeepGaze IIE: the files `unlabeled/saliency_unlabeled.npy`,
    /// `train/saliency_train.npy`, `test/saliency_test.npy` below `root`, or those names in `root` itself; float32,
    /// `[images, 1, 96, 96]`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn stl10(root: &Path, part: Stl10Part) -> Result<Self, DataError> {
        let path = |name: &str| {
            let file = format!("saliency_{name}.npy");
            let below = root.join(name).join(&file);
            if !below.is_file() && root.join(&file).is_file() { root.join(file) } else { below }
        };
        Self::packed(&part.names().map(path).collect::<Vec<_>>())
    }

    /// Number of maps, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "maps are never none: the constructors refuse it")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Side of every map in pixels.
    #[must_use]
    pub fn side(&self) -> usize {
        self.side
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint.clone()
    }

    fn packed(paths: &[PathBuf]) -> Result<Self, DataError> {
        let files = paths.iter().map(|path| NpyRows::open(path)).collect::<Result<Vec<_>, DataError>>()?;
        let (mut count, mut side) = (0, None);
        for (path, file) in paths.iter().zip(&files) {
            let found = file.shape();
            let shape = match *found {
                [images, height, width] | [images, 1, height, width] if images > 0 => [images, height, width],
                _ => return Err(wrong_shape(path, PACKED, found)),
            };
            let [images, height, width] = shape;
            if height != width || !(1..=MAX_SIDE).contains(&height) || side.is_some_and(|side| side != height)
            {
                return Err(wrong_shape(path, PACKED, found));
            }
            count += images;
            side = Some(height);
        }
        let fingerprint = packed_fingerprint(&files)?;
        Ok(Self { source: Source::Packed(files), count, side: side.unwrap_or_default(), fingerprint })
    }

    fn folder(path: &Path) -> Result<Self, DataError> {
        let npy = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "npy");
        let entries = sorted_entries(path)?;
        let files: Vec<PathBuf> =
            entries.into_iter().filter(|entry| entry.file).map(|entry| entry.path).filter(npy).collect();
        let Some(first) = files.first() else {
            return Err(DataError::missing(&path.join("*.npy"), "a saliency map for each image"));
        };
        let side = single(first, None)?.0;
        let mut lines = vec![format!("saliency maps {side}\0")];
        for file in &files {
            let metadata =
                fs::metadata(file).map_err(|error| DataError::io(file, "read the length of", error))?;
            let name = file.file_name().unwrap_or_default().as_encoded_bytes();
            lines.push(format!("{}\0{}\0", Fingerprint::of([name]), metadata.len()));
        }
        let count = files.len();
        Ok(Self { source: Source::Files(files), count, side, fingerprint: Fingerprint::of(lines) })
    }

    /// Writes map `index` to `[side, side]`, of sum 1 but for rounding.
    pub(super) fn weights(
        &self,
        index: usize,
        bytes: &mut Vec<u8>,
        out: &mut [f32],
    ) -> Result<(), DataError> {
        match &self.source {
            Source::Packed(files) => {
                let mut row = index;
                for file in files {
                    if row < file.shape()[0] {
                        let values = file.read(row, bytes)?;
                        return normalize(|place| file.offset(row, place), file.path(), values, out);
                    }
                    row -= file.shape()[0];
                }
                panic!("map {index} of {}", self.count)
            }
            Source::Files(files) => {
                let (_, map) = single(&files[index], Some(self.side))?;
                // Where a value is in the file is known to the reader alone; its place in the map is told.
                normalize(|place| place as u64, &files[index], map.values.iter().copied(), out)
            }
        }
    }
}

/// Reads a file of one map, and its side.
fn single(path: &Path, side: Option<usize>) -> Result<(usize, NpyArray<f64>), DataError> {
    let map = read_numbers(path, MAX_SIDE * MAX_SIDE)?;
    match *map.shape {
        [height, width] | [1, height, width]
            if height == width
                && (1..=MAX_SIDE).contains(&height)
                && side.is_none_or(|side| side == height) =>
        {
            Ok((height, map))
        }
        _ => Err(wrong_shape(path, SINGLE, &map.shape)),
    }
}

fn wrong_shape(path: &Path, expected: &str, found: &[usize]) -> DataError {
    DataError::malformed(path, 8, "shape", expected, format!("{found:?}"))
}

fn packed_fingerprint(files: &[NpyRows]) -> Result<Fingerprint, DataError> {
    let mut parts = Vec::new();
    let mut bytes = Vec::new();
    for file in files {
        parts.push(format!("saliency maps {:?} {}\0", file.shape(), file.element()));
        for row in spread(file.shape()[0] as u64, FINGERPRINTED) {
            #[expect(clippy::cast_possible_truncation, reason = "below the number of rows, a usize")]
            drop(file.read(row as usize, &mut bytes)?);
            parts.push(Fingerprint::of([&bytes]).as_str().to_owned());
        }
    }
    Ok(Fingerprint::of(parts))
}

/// Values over their sum; all alike for a sum of 0.
fn normalize(
    offset: impl Fn(usize) -> u64,
    path: &Path,
    values: impl Iterator<Item = f64> + Clone,
    out: &mut [f32],
) -> Result<(), DataError> {
    let mut sum = 0.0;
    for (place, value) in values.clone().enumerate() {
        if !(value >= 0.0 && value.is_finite()) {
            let expected = "a finite number of at least 0";
            return Err(DataError::malformed(path, offset(place), "saliency", expected, value));
        }
        sum += value;
    }
    if sum == 0.0 {
        super::uniform(out);
        return Ok(());
    }
    if !sum.is_finite() {
        return Err(DataError::malformed(path, offset(0), "saliency", "a map with a finite sum", sum));
    }
    for (out, value) in out.iter_mut().zip(values) {
        #[expect(clippy::cast_possible_truncation, reason = "rounded to the precision of weights")]
        let weight = (value / sum) as f32;
        *out = weight;
    }
    Ok(())
}
