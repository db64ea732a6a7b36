//! The IDX files of MNIST and Fashion-MNIST, written by the tests themselves.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use seqjepa_data::dataset::{MnistFormat, load_fashion_mnist};
use seqjepa_data::{DataError, ImageSet, Split};
use tempfile::TempDir;

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

fn idx(dimensions: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    dimensions.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
    bytes.extend(data);
    bytes
}

fn image_bytes(count: usize) -> Vec<u8> {
    (0..count * 28 * 28).map(|pixel| (pixel * 7 + 1) as u8).collect()
}

fn gzip(path: &Path, bytes: &[u8]) {
    let mut encoder = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap();
}

/// A folder with two images, labels 9 and 0.
fn folder() -> TempDir {
    let root = TempDir::new().unwrap();
    fs::write(root.path().join(IMAGES), idx(&[2, 28, 28], &image_bytes(2))).unwrap();
    fs::write(root.path().join(LABELS), idx(&[2], &[9, 0])).unwrap();
    root
}

fn load(root: &TempDir) -> Result<ImageSet, DataError> {
    load_fashion_mnist(root.path(), Split::Train)
}

#[test]
fn images_are_padded_and_replicated() {
    let set = load(&folder()).unwrap();
    assert_eq!((set.len(), set.height(), set.width(), set.class_count()), (2, 32, 32, 10));
    assert_eq!(set.labels(), Some(&[9, 0][..]));
    assert_eq!(set.class_names()[9], "ankle boot");
    let source = image_bytes(2);
    for (place, rgb) in set.image(1).pixels().chunks(3).enumerate() {
        let (row, column) = (place / 32, place % 32);
        let inside = (2..30).contains(&row) && (2..30).contains(&column);
        let grey = if inside { source[28 * 28 + (row - 2) * 28 + column - 2] } else { 0 };
        assert_eq!(rgb, [grey; 3], "row {row}, column {column}");
    }
}

#[test]
fn gzip_and_torchvision_folders_give_the_same_images() {
    let plain = folder();
    let expected = load(&plain).unwrap();
    let packed = TempDir::new().unwrap();
    let raw = packed.path().join("FashionMNIST/raw");
    fs::create_dir_all(&raw).unwrap();
    gzip(&raw.join(format!("{IMAGES}.gz")), &fs::read(plain.path().join(IMAGES)).unwrap());
    gzip(&raw.join(format!("{LABELS}.gz")), &fs::read(plain.path().join(LABELS)).unwrap());
    assert_eq!(load(&packed).unwrap(), expected);

    // Recognised by content: compressed under the plain name.
    gzip(&plain.path().join(IMAGES), &idx(&[2, 28, 28], &image_bytes(2)));
    assert_eq!(load(&plain).unwrap(), expected);
}

#[test]
fn images_at_their_own_size_are_only_replicated() {
    let root = folder();
    for format in [MnistFormat::Mnist, MnistFormat::FashionMnist] {
        let set = format.load(root.path(), Split::Train).unwrap();
        assert_eq!((set.len(), set.height(), set.width(), set.class_count()), (2, 28, 28, 10));
        assert!(set.pixels().chunks(3).zip(image_bytes(2)).all(|(rgb, grey)| *rgb == [grey; 3]));
    }
    assert_eq!(MnistFormat::Mnist.load(root.path(), Split::Train).unwrap().class_names()[9], "9");

    // Each in torchvision's folder of its own.
    let both = TempDir::new().unwrap();
    for (folder, labels) in [("MNIST/raw", [1, 2]), ("FashionMNIST/raw", [3, 4])] {
        let raw = both.path().join(folder);
        fs::create_dir_all(&raw).unwrap();
        fs::write(raw.join(IMAGES), idx(&[2, 28, 28], &image_bytes(2))).unwrap();
        gzip(&raw.join(format!("{LABELS}.gz")), &idx(&[2], &labels));
    }
    let labels =
        |format: MnistFormat| format.load(both.path(), Split::Train).unwrap().labels().map(<[u32]>::to_vec);
    assert_eq!(labels(MnistFormat::Mnist), Some(vec![1, 2]));
    assert_eq!(labels(MnistFormat::FashionMnist), Some(vec![3, 4]));
}

#[test]
fn missing_files_are_named() {
    let root = folder();
    let error = load_fashion_mnist(root.path(), Split::Test).unwrap_err();
    assert!(
        matches!(&error, DataError::Missing { path, .. } if path.ends_with("t10k-images-idx3-ubyte")),
        "{error}"
    );
    fs::remove_file(root.path().join(LABELS)).unwrap();
    let error = load(&root).unwrap_err();
    assert!(matches!(&error, DataError::Missing { path, .. } if path.ends_with(LABELS)), "{error}");
}

#[test]
fn wrong_headers_are_found_at_their_offset() {
    let root = folder();
    let malformed = |name: &str, bytes: Vec<u8>, at: u64, what: &str| {
        let good = fs::read(root.path().join(name)).unwrap();
        fs::write(root.path().join(name), bytes).unwrap();
        let error = load(&root).unwrap_err();
        let DataError::Malformed { offset, field, .. } = &error else { panic!("{error}") };
        assert_eq!((*offset, *field), (at, what), "{error}");
        fs::write(root.path().join(name), good).unwrap();
    };
    malformed(IMAGES, idx(&[2], &[0, 0]), 0, "magic number");
    malformed(LABELS, idx(&[2, 1, 1], &[0, 0]), 0, "magic number");
    malformed(LABELS, b"not an IDX file".to_vec(), 0, "magic number");
    malformed(IMAGES, idx(&[2, 27, 28], &[0; 2 * 27 * 28]), 8, "image height");
    malformed(IMAGES, idx(&[2, 28, 30], &[0; 2 * 28 * 30]), 12, "image width");
    malformed(IMAGES, idx(&[0, 28, 28], &[]), 4, "number of images");
    malformed(LABELS, idx(&[3], &[0, 1, 2]), 4, "number of labels");
    malformed(LABELS, idx(&[2], &[3, 10]), 9, "label");
}

#[test]
fn declared_sizes_are_not_believed() {
    let root = folder();
    let path = root.path().join(IMAGES);
    let data = image_bytes(2);
    let whole = idx(&[2, 28, 28], &data);

    // Shorter and longer than declared, plain and gzip.
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let error = load(&root).unwrap_err();
    assert!(matches!(error, DataError::Truncated { offset: 16, expected: 1568, found: 1567, .. }), "{error}");
    gzip(&path, &whole[..whole.len() - 1]);
    let error = load(&root).unwrap_err();
    assert!(matches!(error, DataError::Truncated { offset: 16, expected: 1568, found: 1567, .. }), "{error}");
    fs::write(&path, [&whole[..], &[0]].concat()).unwrap();
    assert!(matches!(load(&root), Err(DataError::FileSize { found: 1585, .. })));
    gzip(&path, &[&whole[..], &[0]].concat());
    assert!(matches!(load(&root), Err(DataError::Malformed { offset: 1584, field: "end of data", .. })));

    // Gigabytes promised by a few bytes: an error without asking for the memory.
    fs::write(&path, idx(&[1_000_000, 28, 28], &data)).unwrap();
    assert!(matches!(load(&root), Err(DataError::Truncated { found: 1568, .. })));
    gzip(&path, &idx(&[1_000_000, 28, 28], &data));
    assert!(matches!(load(&root), Err(DataError::Truncated { .. })));
    fs::write(&path, idx(&[u32::MAX, u32::MAX, u32::MAX], &data)).unwrap();
    assert!(matches!(load(&root), Err(DataError::TooLarge { .. })));
}

#[test]
fn a_gzip_bomb_is_stopped_at_the_declared_size() {
    let root = folder();
    let path = root.path().join(IMAGES);
    // 64 MiB of zeros behind a header that declares two images, 64 KiB on disk.
    let mut bytes = idx(&[2, 28, 28], &[]);
    bytes.resize(64 << 20, 0);
    gzip(&path, &bytes);
    assert!(matches!(load(&root), Err(DataError::Malformed { field: "end of data", .. })));
}

#[test]
fn broken_gzip_is_an_error() {
    let root = folder();
    let path = root.path().join(IMAGES);
    gzip(&path, &idx(&[2, 28, 28], &image_bytes(2)));
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(load(&root), Err(DataError::Truncated { .. })));
    let mut wrong_checksum = whole.clone();
    let place = whole.len() - 8;
    wrong_checksum[place] ^= 1;
    fs::write(&path, wrong_checksum).unwrap();
    assert!(matches!(load(&root), Err(DataError::Io { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the bytes: an image set or an error, never a panic or a large allocation.
    #[test]
    fn arbitrary_files_never_panic(
        mut images in prop::collection::vec(any::<u8>(), 0..200), labels in prop::collection::vec(any::<u8>(), 0..40),
        valid_magic: bool, gzip_magic: bool,
    ) {
        let root = TempDir::new().unwrap();
        let magic: &[u8] = if gzip_magic { &[0x1f, 0x8b, 8, 0] } else { &[0, 0, 8, 3] };
        if valid_magic && images.len() >= 4 {
            images[..4].copy_from_slice(magic);
        }
        fs::write(root.path().join(IMAGES), images).unwrap();
        fs::write(root.path().join(LABELS), labels).unwrap();
        prop_assert!(load(&root).is_err());
    }
}
