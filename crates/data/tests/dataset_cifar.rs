//! CIFAR's binary files, written by the tests themselves.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]

use std::fs;
use std::path::Path;

use seqjepa_data::dataset::{DatasetSource, load_cifar10, load_cifar100};
use seqjepa_data::{DataError, Split};
use tempfile::TempDir;

const PLANE: usize = 32 * 32;

/// One record: its labels, then planes in which pixel `i` is `(i + shift, 2i, 255 - i)` modulo 256.
fn record(labels: &[u8], shift: usize) -> Vec<u8> {
    let mut record = labels.to_vec();
    record.extend((0..PLANE).map(|pixel| (pixel + shift) as u8));
    record.extend((0..PLANE).map(|pixel| (2 * pixel) as u8));
    record.extend((0..PLANE).map(|pixel| 255 - pixel as u8));
    record
}

fn cifar100(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let names: String = (0..100).map(|class| format!("class_{class}\n")).collect();
    fs::write(folder.join("fine_label_names.txt"), names).unwrap();
    fs::write(folder.join("train.bin"), [record(&[19, 99], 0), record(&[0, 7], 3)].concat()).unwrap();
    fs::write(folder.join("test.bin"), record(&[5, 42], 1)).unwrap();
}

#[test]
fn cifar100_is_read_from_the_archive_folder_or_its_parent() {
    let root = TempDir::new().unwrap();
    let folder = root.path().join("cifar-100-binary");
    cifar100(&folder);
    for root in [root.path(), &folder] {
        let train = load_cifar100(root, Split::Train).unwrap();
        assert_eq!((train.len(), train.height(), train.width(), train.class_count()), (2, 32, 32, 100));
        assert_eq!(train.labels(), Some(&[99, 7][..]));
        assert_eq!(train.class_names()[42], "class_42");
        for (pixel, rgb) in train.image(1).pixels().chunks(3).enumerate() {
            assert_eq!(rgb, [(pixel + 3) as u8, (2 * pixel) as u8, 255 - pixel as u8], "pixel {pixel}");
        }
        assert_eq!(load_cifar100(root, Split::Test).unwrap().labels(), Some(&[42][..]));
    }
}

#[test]
fn cifar10_joins_its_five_training_files_in_order() {
    let root = TempDir::new().unwrap();
    let folder = root.path().join("cifar-10-batches-bin");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("batches.meta.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n").unwrap();
    for batch in 1..=5_u8 {
        fs::write(folder.join(format!("data_batch_{batch}.bin")), record(&[batch], 0)).unwrap();
    }
    let source = DatasetSource::Cifar10 { root: root.path().into() };
    let train = source.load(Split::Train).unwrap();
    assert_eq!(train.labels(), Some(&[1, 2, 3, 4, 5][..]));
    assert_eq!(train.class_names()[9], "j");

    let error = source.load(Split::Test).unwrap_err();
    assert!(matches!(&error, DataError::Missing { path, .. } if path.ends_with("test_batch.bin")), "{error}");
    fs::remove_file(folder.join("data_batch_4.bin")).unwrap();
    let error = load_cifar10(&folder, Split::Train).unwrap_err();
    assert!(
        matches!(&error, DataError::Missing { path, .. } if path.ends_with("data_batch_4.bin")),
        "{error}"
    );
}

#[test]
fn a_missing_folder_or_names_file_is_named() {
    let root = TempDir::new().unwrap();
    let error = load_cifar100(root.path(), Split::Train).unwrap_err().to_string();
    assert!(error.contains("cifar-100-binary") && error.contains("train.bin"), "{error}");

    cifar100(root.path());
    fs::remove_file(root.path().join("fine_label_names.txt")).unwrap();
    let error = load_cifar100(root.path(), Split::Train).unwrap_err();
    assert!(
        matches!(&error, DataError::Missing { path, .. } if path.ends_with("fine_label_names.txt")),
        "{error}"
    );
}

#[test]
fn sizes_that_are_no_multiple_of_the_record_are_refused() {
    let root = TempDir::new().unwrap();
    cifar100(root.path());
    let path = root.path().join("train.bin");
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 3073, 3075, 2 * 3074 - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = load_cifar100(root.path(), Split::Train).unwrap_err();
        assert!(
            matches!(&error, DataError::FileSize { path, expected, found }
                if path.ends_with("train.bin") && expected.contains("3074") && *found == length as u64),
            "{error}"
        );
    }
}

#[test]
fn labels_out_of_range_are_found_at_their_offset() {
    let root = TempDir::new().unwrap();
    cifar100(root.path());
    for (labels, wrong_offset) in [([20, 0], 3074), ([0, 100], 3075), ([0, 255], 3075)] {
        let content = [record(&[0, 0], 0), record(&labels, 0)].concat();
        fs::write(root.path().join("train.bin"), content).unwrap();
        let error = load_cifar100(root.path(), Split::Train).unwrap_err();
        assert!(
            matches!(&error, DataError::Malformed { offset, field: "label", .. } if *offset == wrong_offset),
            "{error}"
        );
    }
}

#[test]
fn a_wrong_number_of_names_is_refused() {
    let root = TempDir::new().unwrap();
    cifar100(root.path());
    let path = root.path().join("fine_label_names.txt");
    for names in ["one\ntwo\n".to_owned(), "x\n".repeat(101)] {
        fs::write(&path, names).unwrap();
        let error = load_cifar100(root.path(), Split::Train).unwrap_err();
        assert!(matches!(&error, DataError::Malformed { expected, .. } if expected == "100"), "{error}");
    }
    fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
    assert!(matches!(load_cifar100(root.path(), Split::Train), Err(DataError::FileSize { .. })));
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(matches!(load_cifar100(root.path(), Split::Train), Err(DataError::Malformed { .. })));
}
