//! Rotations, resized pictures and files of arrays against SciPy, Pillow and NumPy: `scripts/goldens/three_d.py`.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers of tests")]

use std::fs;

use seqjepa_data::augment::{Crop, Interpolation};
use seqjepa_data::npy::{read_integers, read_numbers, read_strings};
use seqjepa_data::render::RenderedObjects;
use seqjepa_data::three_d::{ViewLatents, quaternion_from_euler};
use seqjepa_data::{AugmentParams, ImageView, Scratch, SequenceSource, Split};
use serde::Deserialize;
use tempfile::TempDir;

#[derive(Deserialize)]
struct Golden {
    rotations: Vec<Turn>,
    resized: Vec<Resized>,
    files: Files,
}

#[derive(Deserialize)]
struct Turn {
    angles: [f64; 3],
    quaternion: [f64; 4],
    relative: Option<[f64; 4]>,
}

#[derive(Deserialize)]
struct Resized {
    height: usize,
    width: usize,
    side: usize,
    bytes: String,
}

#[derive(Deserialize)]
struct Files {
    numbers: String,
    half: String,
    columns: String,
    labels: String,
    paths: String,
    objects: String,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("fixtures/three_d.json")).unwrap()
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.as_bytes().chunks_exact(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Sines of two libraries differ by the last bit of f64.
#[test]
fn quaternions_are_those_of_scipy_with_their_sign() {
    for Turn { angles, quaternion, .. } in golden().rotations {
        let rounded = angles.map(|angle| f64::from(angle as f32));
        for (found, expected) in quaternion_from_euler(rounded).into_iter().zip(quaternion) {
            assert!((found - expected).abs() < 1e-15, "{angles:?}: {found} {expected}");
        }
    }
}

/// Actions are f32, whose last bit is 6e-8; a product of two of them has the errors of both.
#[test]
fn relative_rotations_are_those_of_scipy() {
    let source = RenderedObjects::default().sequences(Split::Train, 1).unwrap();
    let space = &source.layout().actions;
    let action = |angles: [f64; 3]| {
        let [x, y, z] = angles;
        ViewLatents::from_columns([x, y, z, 0.25, 0.0, 0.0, 0.5]).action()
    };
    let rotations = golden().rotations;
    for pair in rotations.windows(2) {
        let raw = [action(pair[0].angles), action(pair[1].angles)].concat();
        let (mut actions, mut relative) = ([0.0; 12], [0.0; 6]);
        space.sequence(&raw, &mut actions, &mut relative).unwrap();
        assert_eq!(actions[..], raw[..], "nothing is normalised");
        let expected = pair[1].relative.unwrap();
        // SciPy's sign is not canonical; here w is not negative.
        let same: f64 = relative.iter().zip(expected).map(|(a, b)| f64::from(*a) * b).sum();
        let off = relative.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b * same.signum()).abs());
        assert!(off.fold(0.0, f64::max) < 4e-7, "{relative:?} {expected:?}");
        assert!(relative[3] >= 0.0);
        assert_eq!(relative[4..], [0.0; 2]);
    }
}

#[test]
fn resized_pictures_have_the_bytes_of_pillow() {
    for Resized { height, width, side, bytes: expected } in golden().resized {
        let pixels: Vec<u8> = (0..height * width * 3)
            .map(|index| ((index as u32).wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let params = AugmentParams {
            crop: Crop { top: 0, left: 0, height, width },
            interpolation: Interpolation::Bilinear,
            ..AugmentParams::identity(side, side)
        };
        let mut out = vec![0; side * side * 3];
        let image = ImageView::new(&pixels, height, width).unwrap();
        params.apply(image, &mut Scratch::new(), &mut out).unwrap();
        assert!(out == bytes(&expected), "{height} x {width} to {side}");
    }
}

#[test]
fn arrays_are_read_as_numpy_wrote_them() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("array.npy");
    let files = golden().files;
    let saved = |content: &str| {
        fs::write(&path, bytes(content)).unwrap();
        path.as_path()
    };
    assert_eq!(read_numbers(saved(&files.numbers), 3).unwrap().values, [0.1, -2.5, 3e300]);
    let half = read_numbers(saved(&files.half), 4).unwrap();
    assert_eq!(half.shape, [2, 2]);
    assert_eq!(half.values, [1.5, -0.25, 2.0_f64.powi(-24), 65504.0]);
    let columns = read_numbers(saved(&files.columns), 6).unwrap();
    assert_eq!((columns.shape, columns.values), (vec![2, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
    assert_eq!(read_integers(saved(&files.labels), 3).unwrap(), [3, 54, 0]);
    assert_eq!(read_strings(saved(&files.paths), 3).unwrap(), ["/02691156/dc8d/", "/04379243/2/", "/é/ü/"]);
    let error = read_numbers(saved(&files.objects), 3).unwrap_err();
    assert!(error.to_string().contains("pickle"), "{error}");
}
