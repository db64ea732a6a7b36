//! NumPy's files of arrays, and saliency maps in them.

use std::fmt::Debug;

use seqjepa_data::DataError;
use seqjepa_data::dataset::SaliencyMaps;
use seqjepa_data::npy::{read_integers, read_numbers, read_strings};

use crate::{Mode, scratch};

/// More elements than an input that declares its own has.
const LIMIT: usize = 1 << 16;

/// A file of version 1.0 as NumPy writes it, but for what the arguments say.
pub(crate) fn file(descr: &str, fortran: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.bytes());
    bytes.extend(elements);
    bytes
}

/// The two lowest bits choose the reader: of numbers, integers, text or saliency maps.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = Mode::split(data) else { return };
    let path = scratch::write("npy/array.npy", rest);
    match mode.choice() {
        0 => named(read_numbers(&path, LIMIT), |array| {
            assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
            assert!(array.values.len() <= LIMIT.min(rest.len()));
        }),
        1 => named(read_integers(&path, LIMIT), |values| assert!(values.len() <= rest.len())),
        2 => named(read_strings(&path, LIMIT), |values| {
            assert!(values.len() <= LIMIT && values.iter().all(|text| !text.ends_with('\0')));
        }),
        _ => named(SaliencyMaps::open(&path), |maps| {
            assert!(maps.len() * maps.side() * maps.side() <= rest.len());
        }),
    }
}

/// Looks at what was read; an error names the file.
fn named<T: Debug>(read: Result<T, DataError>, look: impl Fn(T)) {
    match read {
        Ok(value) => look(value),
        Err(error) => assert!(error.to_string().contains("array.npy"), "{error} names no file"),
    }
}
