//! The IDX files of Fashion-MNIST, plain and gzip.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use seqjepa_data::Split;
use seqjepa_data::dataset::load_fashion_mnist;

use crate::{Mode, scratch};

/// Images, and labels, in the file that is not under test.
const COUNT: usize = 2;

/// The IDX file of an array.
pub(crate) fn file(dimensions: &[u32], elements: usize) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    bytes.extend(dimensions.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend((0..elements).map(|i| (i % 10) as u8));
    bytes
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("memory takes all bytes");
    encoder.finish().expect("memory takes all bytes")
}

/// Switches: 0 the bytes are the labels, in place of the images; 1 they are packed by gzip here, so that what is inside
/// is fuzzed too; 2 the test split.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = Mode::split(data) else { return };
    let fuzzed = if mode.has(1) { gzip(rest) } else { rest.to_vec() };
    let (images, labels) = if mode.has(0) {
        (file(&[COUNT as u32, 28, 28], COUNT * 28 * 28), fuzzed)
    } else {
        (fuzzed, file(&[COUNT as u32], COUNT))
    };
    let (split, prefix) = if mode.has(2) { (Split::Test, "t10k") } else { (Split::Train, "train") };
    let path = scratch::write(&format!("idx/{prefix}-images-idx3-ubyte"), &images);
    scratch::write(&format!("idx/{prefix}-labels-idx1-ubyte"), &labels);
    match load_fashion_mnist(path.parent().expect("a file in a folder"), split) {
        Ok(set) => {
            assert_eq!((set.len(), set.height(), set.width()), (COUNT, 32, 32));
            assert!(set.labels().expect("labelled").iter().all(|&label| label < 10));
        }
        Err(error) => assert!(error.to_string().contains(prefix), "{error} names no file"),
    }
}
