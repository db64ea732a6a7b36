//! CIFAR-10 and CIFAR-100 from their official binary files (Krizhevsky, 2009).
//!
//! A file is a run of fixed-size records without a header. A CIFAR-10 record is one label byte and 3072 pixel bytes;
//! a CIFAR-100 record has a coarse and a fine label byte before the pixels. Pixels are three 32x32 planes: red,
//! green, blue.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crate::dataset::ImageSet;
use crate::dataset::file::{open, read_class_names, try_reserve};
use crate::error::DataError;
use crate::rng::Split;

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const PIXELS: usize = 3 * PLANE;

/// Longest file, in bytes: 1 GiB, six times CIFAR-100's training images.
const LIMIT: u64 = 1 << 30;

/// What tells one CIFAR from the other.
struct Format {
    folder: &'static str,
    train_files: &'static [&'static str],
    test_files: &'static [&'static str],
    names_file: &'static str,
    /// Number of values of each label byte, in file order; the last label is the class.
    label_counts: &'static [usize],
    /// Images in the official training and test files.
    official: (usize, usize),
}

const CIFAR100: Format = Format {
    folder: "cifar-100-binary",
    train_files: &["train.bin"],
    test_files: &["test.bin"],
    names_file: "fine_label_names.txt",
    label_counts: &[20, 100],
    official: (50_000, 10_000),
};

const CIFAR10: Format = Format {
    folder: "cifar-10-batches-bin",
    train_files: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test_files: &["test_batch.bin"],
    names_file: "batches.meta.txt",
    label_counts: &[10],
    official: (50_000, 10_000),
};

/// CIFAR-100 with its 100 fine labels.
///
/// `root` is the folder `cifar-100-binary` of the official archive, or the folder that holds it. It must contain
/// `train.bin` or `test.bin` and `fine_label_names.txt`.
///
/// # Errors
/// Names the file and offset: missing, of a size that is not a multiple of the 3074-byte record, or with a coarse
/// label above 19 or a fine label above 99.
pub fn load_cifar100(root: &Path, split: Split) -> Result<ImageSet, DataError> {
    load(root, split, &CIFAR100)
}

/// CIFAR-10.
///
/// `root` is the folder `cifar-10-batches-bin` of the official archive, or the folder that holds it. It must contain
/// all of `data_batch_1.bin` to `data_batch_5.bin`, or `test_batch.bin`, and `batches.meta.txt`.
///
/// # Errors
/// Names the file and offset: missing, of a size that is not a multiple of the 3073-byte record, or with a label
/// above 9.
pub fn load_cifar10(root: &Path, split: Split) -> Result<ImageSet, DataError> {
    load(root, split, &CIFAR10)
}

fn load(root: &Path, split: Split, format: &Format) -> Result<ImageSet, DataError> {
    let (files, official) = match split {
        Split::Train => (format.train_files, format.official.0),
        Split::Test => (format.test_files, format.official.1),
    };
    let folder = data_folder(root, files[0], format)?;
    let names = read_class_names(
        &folder.join(format.names_file),
        format.label_counts[format.label_counts.len() - 1],
    )?;
    let record = format.label_counts.len() + PIXELS;
    let opened = files
        .iter()
        .map(|file| open_records(folder.join(file), record))
        .collect::<Result<Vec<RecordFile>, DataError>>()?;

    let count: u64 = opened.iter().map(|file| file.records).sum();
    if count != official as u64 {
        tracing::warn!(folder = %folder.display(), count, official, "not the official number of images");
    }
    let mut pixels = try_reserve(&folder, count.saturating_mul(PIXELS as u64))?;
    let mut labels = Vec::with_capacity(pixels.capacity() / PIXELS);
    for file in opened {
        read_records(file, format, &mut pixels, &mut labels)?;
    }
    ImageSet::new(pixels, SIDE, SIDE, labels, names)
}

/// The folder with the binary files: `root` itself or the official folder inside it.
fn data_folder(root: &Path, first_file: &str, format: &Format) -> Result<PathBuf, DataError> {
    let inner = root.join(format.folder);
    if inner.is_dir() {
        return Ok(inner);
    }
    if root.join(first_file).is_file() || root.join(format.names_file).is_file() {
        return Ok(root.to_owned());
    }
    Err(DataError::missing(&inner, format!("the extracted official archive, with {first_file} inside")))
}

struct RecordFile {
    path: PathBuf,
    file: std::fs::File,
    records: u64,
}

fn open_records(path: PathBuf, record: usize) -> Result<RecordFile, DataError> {
    let (file, length) = open(&path, &format!("CIFAR records of {record} bytes"))?;
    let record = record as u64;
    if length == 0 || length % record != 0 {
        let expected = format!("a positive multiple of the {record}-byte record");
        return Err(DataError::FileSize { path, expected, found: length });
    }
    if length > LIMIT {
        return Err(DataError::TooLarge { origin: path, limit: LIMIT, found: length });
    }
    Ok(RecordFile { path, file, records: length / record })
}

fn read_records(
    file: RecordFile,
    format: &Format,
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u32>,
) -> Result<(), DataError> {
    let label_bytes = format.label_counts.len();
    let mut record = vec![0; label_bytes + PIXELS];
    let size = record.len() as u64;
    let mut reader = BufReader::with_capacity(1 << 18, file.file);
    for index in 0..file.records {
        let offset = index * size;
        reader.read_exact(&mut record).map_err(|error| DataError::io(&file.path, "read", error))?;
        for (byte, (&label, &count)) in record.iter().zip(format.label_counts).enumerate() {
            if usize::from(label) >= count {
                let expected = format!("0 to {}", count - 1);
                return Err(DataError::malformed(&file.path, offset + byte as u64, "label", expected, label));
            }
        }
        labels.push(u32::from(record[label_bytes - 1]));
        append_interleaved(&record[label_bytes..], pixels);
    }
    Ok(())
}

/// Planar R, G, B to interleaved pixels.
fn append_interleaved(planes: &[u8], pixels: &mut Vec<u8>) {
    let (red, rest) = planes.split_at(PLANE);
    let (green, blue) = rest.split_at(PLANE);
    let start = pixels.len();
    pixels.resize(start + PIXELS, 0);
    for (((pixel, &red), &green), &blue) in pixels[start..].chunks_exact_mut(3).zip(red).zip(green).zip(blue)
    {
        pixel.copy_from_slice(&[red, green, blue]);
    }
}
