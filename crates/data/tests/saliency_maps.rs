//! Saliency maps in NumPy files: which are read, and how others are refused.

use std::fs;
use std::path::{Path, PathBuf};

use seqjepa_data::dataset::{Saliency, SaliencyMaps, Stl10Part};
use seqjepa_data::{DataError, ImageView};

/// An array file.
fn write(path: &Path, element: &str, fortran: &str, shape: &str, bytes: &[u8]) {
    let mut header = format!("{{'descr': '{element}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(bytes);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, file).unwrap();
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Map `index`, for images of 3x3 pixels.
fn weights(maps: SaliencyMaps, index: usize) -> Result<Vec<f32>, DataError> {
    let mut out = vec![f32::NAN; 9];
    let image = ImageView::new(&[0; 27], 3, 3).unwrap();
    Saliency::Maps(maps).weights(index, image, &mut Vec::new(), &mut out)?;
    Ok(out)
}

/// Two maps: counts, and zeros but for one place.
const VALUES: [f32; 18] =
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0];

#[test]
fn arrays_and_folders_of_any_type_hold_the_same_maps() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    write(&path("flat.npy"), "<f4", "False", "(2, 3, 3)", &floats(&VALUES));
    write(&path("published.npy"), "<f4", "False", "(2, 1, 3, 3)", &floats(&VALUES));
    let doubles: Vec<u8> = VALUES.iter().flat_map(|value| f64::from(*value).to_be_bytes()).collect();
    write(&path("doubles.npy"), ">f8", "False", "(2, 3, 3)", &doubles);
    let integers = VALUES.iter().flat_map(|value| format!("{value}").parse::<u8>());
    write(&path("bytes.npy"), "|u1", "False", "(2, 3, 3)", &integers.collect::<Vec<_>>());
    write(&path("folder/a.npy"), "<f4", "False", "(3, 3)", &floats(&VALUES[..9]));
    write(&path("folder/b.npy"), "<f4", "False", "(1, 3, 3)", &floats(&VALUES[9..]));
    fs::write(path("folder/notes.txt"), "other files are passed over").unwrap();
    for name in ["flat.npy", "published.npy", "doubles.npy", "bytes.npy", "folder"] {
        let open = || SaliencyMaps::open(&path(name)).unwrap();
        assert_eq!((open().len(), open().side()), (2, 3));
        let counts: Vec<f32> = (0_u8..9).map(|value| f32::from(value) / 36.0).collect();
        assert_eq!(weights(open(), 0).unwrap(), counts, "{name}");
        let point: Vec<f32> = (0..9).map(|place| if place == 5 { 1.0 } else { 0.0 }).collect();
        assert_eq!(weights(open(), 1).unwrap(), point, "{name}");
    }
}

#[test]
fn the_published_files_are_found_below_the_root_or_in_it() {
    let root = tempfile::tempdir().unwrap();
    let map = |name: &str| -> PathBuf { root.path().join(name) };
    write(&map("train/saliency_train.npy"), "<f4", "False", "(2, 1, 3, 3)", &floats(&VALUES));
    write(&map("saliency_unlabeled.npy"), "<f4", "False", "(1, 1, 3, 3)", &floats(&[1.0; 9]));
    let open = |part| SaliencyMaps::stl10(root.path(), part);
    assert_eq!(open(Stl10Part::Train).unwrap().len(), 2);
    assert_eq!(open(Stl10Part::Unlabelled).unwrap().len(), 1);
    let all = || open(Stl10Part::TrainAndUnlabelled).unwrap();
    assert_eq!(all().len(), 3);
    assert_eq!(weights(all(), 1).unwrap()[5], 1.0);
    assert_eq!(weights(all(), 2).unwrap(), [1.0 / 9.0; 9]);
    let error = open(Stl10Part::Test).unwrap_err().to_string();
    assert!(error.contains("test/saliency_test.npy: not found"), "{error}");
}

#[test]
fn zeros_stand_for_all_pixels_alike() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("maps.npy");
    write(&path, "<f4", "False", "(1, 3, 3)", &floats(&[0.0; 9]));
    assert_eq!(weights(SaliencyMaps::open(&path).unwrap(), 0).unwrap(), [1.0 / 9.0; 9]);
}

#[test]
fn values_that_are_no_weight_are_refused_where_they_are() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("maps.npy");
    for (value, found) in [(-1.0, "-1"), (f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let mut values = VALUES;
        values[9 + 4] = value;
        write(&path, "<f4", "False", "(2, 3, 3)", &floats(&values));
        // The first map is good.
        assert!(weights(SaliencyMaps::open(&path).unwrap(), 0).is_ok());
        let error = weights(SaliencyMaps::open(&path).unwrap(), 1).unwrap_err().to_string();
        let expected =
            format!("bad saliency at byte offset {}: expected a finite number of at least 0", 128 + 13 * 4);
        assert!(error.contains(&expected) && error.ends_with(&format!("found {found}")), "{error}");
    }
    // Finite values whose sum is not.
    let huge: Vec<u8> = [f64::MAX; 9].iter().flat_map(|value| value.to_le_bytes()).collect();
    write(&path, "<f8", "False", "(1, 3, 3)", &huge);
    let error = weights(SaliencyMaps::open(&path).unwrap(), 0).unwrap_err().to_string();
    assert!(error.contains("a map with a finite sum"), "{error}");
}

#[test]
fn arrays_that_are_no_maps_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("maps.npy");
    let refused = |expected: &str| {
        let error = SaliencyMaps::open(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused("maps.npy: not found");
    for shape in
        ["()", "(9,)", "(3, 3)", "(2, 3, 4)", "(2, 2, 3, 3)", "(0, 3, 3)", "(1, 1, 1, 3, 3)", "(1, 0, 0)"]
    {
        let count: usize =
            shape.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<usize>().ok()).product();
        write(&path, "<f4", "False", shape, &vec![0; 4 * count]);
        refused("bad shape");
    }
    write(&path, "<f4", "True", "(2, 3, 3)", &floats(&VALUES));
    refused("the first dimension slowest");
    write(&path, "<f4", "False", "(3, 3, 3)", &floats(&VALUES));
    refused("wrong file size");
    write(&path, "<U1", "False", "(2, 3, 3)", &floats(&VALUES));
    refused("expected numbers");
    write(&path, "<f4", "False", "(1, 1025, 1025)", &vec![0; 4 * 1025 * 1025]);
    refused("sides of 1 to 1024");
    let folder = root.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let error = SaliencyMaps::open(&folder).unwrap_err().to_string();
    assert!(error.contains("expected a saliency map for each image"), "{error}");
    // A folder's later maps are seen when they are asked for.
    write(&folder.join("0.npy"), "<f4", "False", "(3, 3)", &floats(&VALUES[..9]));
    write(&folder.join("1.npy"), "<f4", "False", "(2, 2)", &floats(&VALUES[..4]));
    let error = weights(SaliencyMaps::open(&folder).unwrap(), 1).unwrap_err().to_string();
    assert!(error.contains("1.npy: bad shape") && error.contains("[2, 2]"), "{error}");
}

#[test]
fn the_fingerprint_is_of_the_maps() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("maps.npy");
    let mut fingerprints = Vec::new();
    for (element, values) in [("<f4", VALUES), ("<i4", VALUES), ("<f4", VALUES.map(|value| value + 1.0))] {
        write(&path, element, "False", "(2, 3, 3)", &floats(&values));
        fingerprints.push(Saliency::Maps(SaliencyMaps::open(&path).unwrap()).fingerprint().unwrap());
    }
    assert!(fingerprints[0] != fingerprints[1] && fingerprints[0] != fingerprints[2]);
    assert_eq!(Saliency::Uniform.fingerprint(), None);
}
