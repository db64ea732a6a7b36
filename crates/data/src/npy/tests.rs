use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A file with this header and these bytes of elements, as NumPy pads it.
fn npy(header: &str, elements: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    bytes.extend_from_slice(&u16::try_from(padded).unwrap().to_le_bytes());
    bytes.extend_from_slice(format!("{header:<width$}\n", width = padded - 1).as_bytes());
    bytes.extend_from_slice(elements);
    bytes
}

fn file(bytes: &[u8]) -> (TempDir, std::path::PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("array.npy");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn header(kind: &str, shape: &str) -> String {
    format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}")
}

fn numbers(kind: &str, elements: &[u8]) -> Vec<f64> {
    let (_folder, path) = file(&npy(&header(kind, "(2,)"), elements));
    let array = read_numbers(&path, 2).unwrap();
    assert_eq!(array.shape, [2]);
    array.values
}

#[test]
fn numbers_of_every_width_sign_and_byte_order_are_read() {
    assert_eq!(numbers("|b1", &[0, 1]), [0.0, 1.0]);
    assert_eq!(numbers("|i1", &[0xff, 1]), [-1.0, 1.0]);
    assert_eq!(numbers("|u1", &[0xff, 1]), [255.0, 1.0]);
    assert_eq!(numbers("<i2", &[0xfe, 0xff, 0, 1]), [-2.0, 256.0]);
    assert_eq!(numbers(">i2", &[0xff, 0xfe, 0, 1]), [-2.0, 1.0]);
    assert_eq!(numbers(">u4", &[0, 0, 1, 0, 255, 255, 255, 255]), [256.0, 4_294_967_295.0]);
    let bytes = [3_i64.to_le_bytes(), (-4_i64).to_le_bytes()].concat();
    assert_eq!(numbers("<i8", &bytes), [3.0, -4.0]);
    let bytes = [0.25_f32.to_be_bytes(), (-1.5_f32).to_be_bytes()].concat();
    assert_eq!(numbers(">f4", &bytes), [0.25, -1.5]);
    let bytes = [0.1_f64.to_le_bytes(), (-1e300_f64).to_le_bytes()].concat();
    assert_eq!(numbers("<f8", &bytes), [0.1, -1e300]);
    // 1.5 and the smallest subnormal number of half precision.
    assert_eq!(numbers("<f2", &[0x00, 0x3e, 0x01, 0x00]), [1.5, 2.0_f64.powi(-24)]);
    assert!(numbers("<f2", &[0x01, 0x7c, 0x00, 0xfc])[0].is_nan());
    assert_eq!(numbers("<f2", &[0x01, 0x7c, 0x00, 0xfc])[1], f64::NEG_INFINITY);
}

#[test]
fn the_order_of_a_file_changes_nothing() {
    // [[0, 1, 2], [3, 4, 5]] by columns.
    let columns = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }";
    let (_folder, path) = file(&npy(columns, &[0, 3, 1, 4, 2, 5]));
    let array = read_numbers(&path, 6).unwrap();
    assert_eq!(array, NpyArray { shape: vec![2, 3], values: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0] });
    let (_folder, path) = file(&npy(&header("|u1", "()"), &[7]));
    assert_eq!(read_numbers(&path, 1).unwrap(), NpyArray { shape: vec![], values: vec![7.0] });
    let (_folder, path) = file(&npy(&header("|u1", "(0, 4)"), &[]));
    assert_eq!(read_numbers(&path, 1).unwrap(), NpyArray { shape: vec![0, 4], values: vec![] });
}

#[test]
fn lists_of_labels_and_text_are_read() {
    let bytes = [3_i64, -1, 54].map(i64::to_le_bytes).concat();
    let (_folder, path) = file(&npy(&header("<i8", "(3,)"), &bytes));
    assert_eq!(read_integers(&path, 3).unwrap(), [3, -1, 54]);
    let text = |text: &str, order: fn(u32) -> [u8; 4]| -> Vec<u8> {
        let mut bytes: Vec<u8> = text.chars().flat_map(|character| order(character.into())).collect();
        bytes.resize(16, 0);
        bytes
    };
    for (kind, order) in [("<U4", u32::to_le_bytes as fn(u32) -> [u8; 4]), (">U4", u32::to_be_bytes)] {
        let bytes = [text("/aé", order), text("", order), text("abcd", order)].concat();
        let (_folder, path) = file(&npy(&header(kind, "(3,)"), &bytes));
        assert_eq!(read_strings(&path, 3).unwrap(), ["/aé", "", "abcd"]);
    }
}

#[test]
fn what_is_not_as_it_should_be_is_refused_by_name() {
    let refused = |bytes: &[u8], words: &str| {
        let (_folder, path) = file(bytes);
        for error in [
            read_numbers(&path, 4).unwrap_err(),
            read_integers(&path, 4).unwrap_err(),
            read_strings(&path, 4).unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(text.contains("array.npy") && text.contains(words), "{text}");
        }
    };
    refused(b"", "end of the file");
    refused(b"\x93NUMPY\x01", "end of the file");
    refused(b"PK\x03\x04 0123456789", "magic number");
    refused(b"\x93NUMPY\x04\x00\x10\x00", "version");
    refused(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "at most 10000");
    refused(b"\x93NUMPY\x01\x00\x10\x00{", "end of the file");
    refused(&npy(&header("|O", "(1,)"), b"cos\nsystem\n."), "Python objects");
    refused(&npy(&header("<c16", "(1,)"), &[0; 16]), "type of the elements");
    refused(&npy(&header("<f8", "(5,)"), &[0; 40]), "too large");
    refused(&npy(&header("<f8", "(99999999, 999999999)"), &[]), "too large");
    refused(&npy(&header("<f8", "(9999999999, 9999999999)"), &[]), "digits");
    refused(&npy(&header("<f8", "(0xffffffffffffffff, 0xffffffffffffffff)"), &[]), "digits");
    refused(&npy(&header("<f8", &"(".repeat(4000)), &[]), "brackets");
    refused(&npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", &[0; 8]), "records");
    refused(&npy("{'descr': '<f8', 'fortran_order': False}", &[0; 8]), "shape");
    refused(&npy("nothing", &[0; 8]), "header");
    refused(&npy("{'descr': '\\u0041', 'fortran_order': False, 'shape': (1,)}", &[0; 8]), "escapes");
    refused(&npy(&header("<f8", "(-1,)"), &[0; 8]), "negative");
    refused(&npy(&header("|V0", "(1,)"), &[]), "width");
    refused(&npy(&header("<f8", "(3,)"), &[0; 23]), "wrong file size");
    refused(&npy(&header("<f8", "(3,)"), &[0; 25]), "wrong file size");
    let (_folder, path) = file(&npy(&header("<i8", "(1, 1)"), &[0; 8]));
    assert!(read_integers(&path, 1).unwrap_err().to_string().contains("one dimension"));
    let (_folder, path) = file(&npy(&header("<u8", "(1,)"), &[255; 8]));
    assert!(read_integers(&path, 1).unwrap_err().to_string().contains("2^63"));
    let (_folder, path) = file(&npy(&header("<U1", "(1,)"), &0xd800_u32.to_le_bytes()));
    assert!(read_strings(&path, 1).unwrap_err().to_string().contains("0xd800"));
    let folder = TempDir::new().unwrap();
    assert!(matches!(read_numbers(&folder.path().join("a"), 1), Err(DataError::Missing { .. })));
    assert!(matches!(read_numbers(folder.path(), 1), Err(DataError::NotRegular { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever the bytes are: a value or an error.
    #[test]
    fn no_file_makes_it_panic(
        text in "(\\{'descr': ?'[<>|]?[a-zA-Z][0-9]{0,3}', ?)?[-(){}\\[\\]'a-z0-9,:<_. FT\n]{0,60}",
        elements in prop::collection::vec(any::<u8>(), 0..40),
        version in 0_u8..4,
    ) {
        let mut bytes = npy(&text, &elements);
        bytes[6] = version;
        let (_folder, path) = file(&bytes);
        let _ = read_numbers(&path, 8);
        let _ = read_integers(&path, 8);
        let _ = read_strings(&path, 8);
    }

    #[test]
    fn arrays_by_columns_are_turned(shape in prop::collection::vec(1_usize..5, 1..5)) {
        let count = shape.iter().product();
        let mut met = vec![false; count];
        for at in 0..count {
            // The coordinates, the last fastest; then the place, the first fastest.
            let (mut rest, mut coordinates) = (at, vec![0; shape.len()]);
            for (coordinate, extent) in coordinates.iter_mut().zip(&shape).rev() {
                *coordinate = rest % extent;
                rest /= extent;
            }
            let mut expected = 0;
            for (coordinate, extent) in coordinates.iter().zip(&shape).rev() {
                expected = expected * extent + coordinate;
            }
            let place = first_fastest(at, &shape);
            prop_assert_eq!(place, expected);
            prop_assert!(!std::mem::replace(&mut met[place], true));
        }
    }
}
