//! STL-10's binary files: what is refused and how, and the stand-in in their layout.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers of tests")]

use std::fs;
use std::path::{Path, PathBuf};

use seqjepa_data::dataset::{Saliency, Stl10Images, Stl10Part, Stl10StandIn, contrast_map};
use seqjepa_data::{DataError, ImageSource, PixelBuffer};

const RECORD: usize = 3 * 96 * 96;

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

/// A set of three images without labels, two to train on and one to test on.
fn set(root: &Path) -> PathBuf {
    let folder = root.join("stl10_binary");
    for (stem, count) in [("unlabeled", 3), ("train", 2), ("test", 1)] {
        let bytes: Vec<u8> = (0..count * RECORD).map(|place| (place % 253) as u8).collect();
        write(&folder, &format!("{stem}_X.bin"), bytes);
    }
    write(&folder, "train_y.bin", [10, 1]);
    write(&folder, "test_y.bin", [4]);
    write(&folder, "class_names.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
    folder
}

fn open(root: &Path, part: Stl10Part) -> Result<Stl10Images, DataError> {
    Stl10Images::open(root, part, 0)
}

fn refused(root: &Path, part: Stl10Part, expected: &str) {
    let error = open(root, part).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn any_whole_number_of_images_is_read_from_the_folder_or_the_one_above() {
    let root = tempfile::tempdir().unwrap();
    let folder = set(root.path());
    for root in [root.path(), &folder] {
        let train = open(root, Stl10Part::Train).unwrap();
        assert_eq!((train.len(), train.label(0), train.label(1)), (2, Some(9), Some(0)));
        assert_eq!((train.class_names().len(), train.max_size()), (10, [96, 96]));
        let unlabelled = open(root, Stl10Part::Unlabelled).unwrap();
        assert_eq!((unlabelled.len(), unlabelled.label(2), unlabelled.class_names().len()), (3, None, 0));
        let all = open(root, Stl10Part::TrainAndUnlabelled).unwrap();
        assert_eq!((all.len(), all.label(0), all.part()), (5, None, Stl10Part::TrainAndUnlabelled));
        let fingerprints = [train, unlabelled, all].map(|images| images.fingerprint());
        assert!(fingerprints[0] != fingerprints[1] && fingerprints[1] != fingerprints[2]);
    }
}

#[test]
fn the_fingerprint_is_of_pixels_and_labels() {
    let root = tempfile::tempdir().unwrap();
    let folder = set(root.path());
    let before = open(root.path(), Stl10Part::Train).unwrap().fingerprint();
    assert_eq!(before, open(root.path(), Stl10Part::Train).unwrap().fingerprint());
    write(&folder, "train_y.bin", [10, 2]);
    let labels = open(root.path(), Stl10Part::Train).unwrap().fingerprint();
    let mut bytes = fs::read(folder.join("train_X.bin")).unwrap();
    bytes[RECORD + 5] ^= 1;
    write(&folder, "train_X.bin", bytes);
    let pixels = open(root.path(), Stl10Part::Train).unwrap().fingerprint();
    assert!(before != labels && labels != pixels);
}

#[test]
fn what_is_not_there_is_named() {
    let root = tempfile::tempdir().unwrap();
    refused(
        root.path(),
        Stl10Part::Unlabelled,
        "stl10_binary: not found; expected the extracted official archive",
    );
    refused(root.path(), Stl10Part::Unlabelled, "unlabeled_X.bin");
    let folder = set(root.path());
    fs::remove_file(folder.join("train_y.bin")).unwrap();
    refused(root.path(), Stl10Part::Train, "train_y.bin: not found; expected STL-10 labels");
    // Training alone needs neither labels nor names.
    fs::remove_file(folder.join("class_names.txt")).unwrap();
    assert!(open(root.path(), Stl10Part::TrainAndUnlabelled).is_ok());
    refused(
        root.path(),
        Stl10Part::Test,
        "class_names.txt: not found; expected a text file with 10 class names",
    );
    fs::remove_file(folder.join("test_X.bin")).unwrap();
    refused(
        root.path(),
        Stl10Part::Test,
        "test_X.bin: not found; expected STL-10 images, records of 27648 bytes",
    );
}

#[test]
fn damaged_files_are_refused_with_what_was_expected() {
    let root = tempfile::tempdir().unwrap();
    let folder = set(root.path());
    for (length, part) in [(0, Stl10Part::Unlabelled), (RECORD + 1, Stl10Part::TrainAndUnlabelled)] {
        write(&folder, "unlabeled_X.bin", vec![0; length]);
        let expected = format!("expected a positive multiple of the 27648-byte record, found {length} bytes");
        refused(root.path(), part, &expected);
    }
    write(&folder, "train_y.bin", [1, 2, 3]);
    refused(
        root.path(),
        Stl10Part::Train,
        "expected one byte for each of the 2 images beside it, found 3 bytes",
    );
    for label in [0, 11, 255] {
        write(&folder, "train_y.bin", [1, label]);
        let expected = format!("bad label at byte offset 1: expected 1 to 10, found {label}");
        refused(root.path(), Stl10Part::Train, &expected);
    }
    write(&folder, "class_names.txt", "a\nb\n");
    refused(root.path(), Stl10Part::Test, "bad number of class names at byte offset 0: expected 10, found 2");
}

#[test]
fn a_file_that_is_shortened_while_it_is_open_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let folder = set(root.path());
    let images = open(root.path(), Stl10Part::Unlabelled).unwrap();
    let file = fs::OpenOptions::new().write(true).open(folder.join("unlabeled_X.bin")).unwrap();
    file.set_len(RECORD as u64 + 100).unwrap();
    let mut buffer = PixelBuffer::default();
    assert!(images.image(0, &mut buffer).is_ok());
    let error = images.image(1, &mut buffer).unwrap_err().to_string();
    let expected = "truncated: expected 27648 bytes from byte offset 27648, found 100";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn the_stand_in_is_complete_or_absent() {
    let root = tempfile::tempdir().unwrap();
    let stand_in = Stl10StandIn { unlabelled: 300, train: 20, test: 10, seed: 5 };
    let folder = stand_in.write(root.path()).unwrap();
    let names: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names, [folder], "nothing else is left");
    let images = open(root.path(), Stl10Part::Unlabelled).unwrap();
    assert_eq!(images.len(), 300);
    // The same bytes on every platform.
    assert_eq!(images.fingerprint().as_str(), STAND_IN);
    let error = stand_in.write(root.path()).unwrap_err().to_string();
    assert!(error.contains("expected a folder without stl10_binary"), "{error}");
    for count in [0, 1_000_001] {
        let error =
            Stl10StandIn { test: count, ..stand_in.clone() }.write(root.path()).unwrap_err().to_string();
        assert!(error.contains("test images: expected 1 to 1000000"), "{error}");
    }
    // Parts share no image.
    let mut buffers = [PixelBuffer::default(), PixelBuffer::default(), PixelBuffer::default()];
    let parts = [Stl10Part::Unlabelled, Stl10Part::Train, Stl10Part::Test];
    let mut firsts = Vec::new();
    for (part, buffer) in parts.into_iter().zip(&mut buffers) {
        firsts.push(open(root.path(), part).unwrap().image(0, buffer).unwrap().pixels().to_vec());
    }
    assert!(firsts[0] != firsts[1] && firsts[1] != firsts[2] && firsts[0] != firsts[2]);
}

const STAND_IN: &str = "4a235ed7ea9fa2194e478f762e5bfe01de3c6e30b849264ec56f51077c44044a";

/// What the disc of a stand-in's image is: pixels far from grey.
fn disc(pixels: &[u8]) -> Vec<bool> {
    let spread = |pixel: &[u8]| pixel.iter().max().unwrap() - pixel.iter().min().unwrap();
    pixels.chunks_exact(3).map(|pixel| spread(pixel) > 60).collect()
}

#[test]
fn the_gaze_finds_the_object_of_the_stand_in() {
    let root = tempfile::tempdir().unwrap();
    Stl10StandIn { unlabelled: 60, train: 1, test: 1, seed: 1 }.write(root.path()).unwrap();
    let images = open(root.path(), Stl10Part::Unlabelled).unwrap();
    let saliency = Saliency::contrast(&images, 0);
    let (mut bytes, mut weights) = (Vec::new(), vec![0.0; 96 * 96]);
    let (mut covered, mut mass) = (0.0, 0.0);
    for index in 0..images.len() {
        let mut buffer = PixelBuffer::default();
        let image = images.image(index, &mut buffer).unwrap();
        saliency.weights(index, image, &mut bytes, &mut weights).unwrap();
        assert!((weights.iter().map(|weight| f64::from(*weight)).sum::<f64>() - 1.0).abs() < 1e-5);
        let disc = disc(image.pixels());
        covered += disc.iter().filter(|inside| **inside).count() as f32 / (96.0 * 96.0);
        mass +=
            weights.iter().zip(&disc).filter(|(_, inside)| **inside).map(|(weight, _)| weight).sum::<f32>();
        let map = contrast_map(image);
        let peak = (0..map.len()).max_by_key(|place| map[*place]).unwrap();
        // The peak may lie on the disc's rim, or between its figures.
        let [row, column] = [peak / 96, peak % 96];
        let near = (0..96 * 96)
            .any(|place| disc[place] && (place / 96).abs_diff(row) + (place % 96).abs_diff(column) < 6);
        assert!(near, "image {index}: peak at {row}, {column}");
    }
    let count = images.len() as f32;
    let (covered, mass) = (covered / count, mass / count);
    assert!(covered < 0.15 && mass > 0.5, "{covered} of the pixels, {mass} of the weight");
}
