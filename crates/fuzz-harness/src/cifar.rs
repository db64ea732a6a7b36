//! The binary files of CIFAR-10 and CIFAR-100.

use seqjepa_data::Split;
use seqjepa_data::dataset::{load_cifar10, load_cifar100};

use crate::{Mode, scratch};

/// Pixel bytes of a record.
const PIXELS: usize = 3072;

/// Switches: 0 CIFAR-10 in place of CIFAR-100, 1 the test split, 2 records are filled up to their size, 3 the bytes are
/// the class names.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = Mode::split(data) else { return };
    let (labels, classes) = if mode.has(0) { (1, 10) } else { (2, 100) };
    let record = labels + PIXELS;
    let mut records = if mode.has(3) { vec![0; record] } else { rest.to_vec() };
    if mode.has(2) {
        records.resize(records.len().next_multiple_of(record), 0);
    }
    let names: Vec<u8> = if mode.has(3) {
        rest.to_vec()
    } else {
        (0..classes).flat_map(|i| format!("{i}\n").into_bytes()).collect()
    };

    let (folder, names_file) =
        if mode.has(0) { ("cifar10", "batches.meta.txt") } else { ("cifar100", "fine_label_names.txt") };
    let root = scratch::write(&format!("{folder}/{names_file}"), &names);
    let root = root.parent().expect("a file in a folder");
    let files = if mode.has(0) { 5 } else { 1 };
    if mode.has(0) {
        (1..=files).for_each(|n| drop(scratch::write(&format!("{folder}/data_batch_{n}.bin"), &records)));
        scratch::write(&format!("{folder}/test_batch.bin"), &records);
    } else {
        scratch::write(&format!("{folder}/train.bin"), &records);
        scratch::write(&format!("{folder}/test.bin"), &records);
    }
    let split = if mode.has(1) { Split::Test } else { Split::Train };
    let read = if mode.has(0) { load_cifar10(root, split) } else { load_cifar100(root, split) };
    let files = if mode.has(1) { 1 } else { files };
    match read {
        Ok(images) => {
            assert_eq!(images.len() * record, files * records.len());
            assert_eq!(images.pixels().len(), images.len() * PIXELS);
            assert!(images.labels().expect("labelled").iter().all(|&label| (label as usize) < classes));
            assert_eq!(images.class_count(), classes);
        }
        Err(error) => assert!(error.to_string().contains(folder), "{error} names no file"),
    }
}
