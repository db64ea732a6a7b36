//! The procedural data set: repeatable, and not solved by colour, brightness, the strength of edges or single pixels.
//!
//! `SEQJEPA_CONTACT_SHEET="$PWD/FILE.png" cargo test -p seqjepa-data --test dataset_synthetic` writes the picture of
//! `docs/data.md`; tests run in the crate's folder.

#![allow(clippy::print_stdout, reason = "the figures of docs/data.md, shown with --nocapture")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers of tests")]

use std::sync::OnceLock;

use seqjepa_data::dataset::{DatasetSource, ImageSet, Synthetic};
use seqjepa_data::{DataError, ImageView, Split};

/// As the quickstart draws them.
const SIDE: usize = 64;

fn load(split: Split) -> &'static ImageSet {
    static SPLITS: [OnceLock<ImageSet>; 2] = [const { OnceLock::new() }; 2];
    SPLITS[usize::from(split == Split::Test)].get_or_init(|| {
        Synthetic { image_size: SIDE, train_images: 2000, test_images: 1000, seed: 0 }.load(split).unwrap()
    })
}

/// 64-bit FNV-1a.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Share of test images that have the class whose mean training feature is nearest, each feature standardised.
fn nearest_mean_accuracy<const N: usize>(feature: impl Fn(ImageView<'_>) -> [f32; N]) -> f32 {
    let features =
        |set: &ImageSet| -> Vec<[f32; N]> { (0..set.len()).map(|index| feature(set.image(index))).collect() };
    let (train, test) = (load(Split::Train), load(Split::Test));
    let (known, asked) = (features(train), features(test));
    let count = known.len() as f32;
    let mean: [f32; N] = std::array::from_fn(|k| known.iter().map(|row| row[k]).sum::<f32>() / count);
    let deviation: [f32; N] = std::array::from_fn(|k| {
        (known.iter().map(|row| (row[k] - mean[k]).powi(2)).sum::<f32>() / count).sqrt().max(1e-6)
    });
    let mut centres = [[0.0; N]; 10];
    for (row, &label) in known.iter().zip(train.labels().unwrap()) {
        for (sum, value) in centres[label as usize].iter_mut().zip(row) {
            *sum += value / (count / 10.0);
        }
    }
    let distance = |row: &[f32; N], centre: &[f32; N]| -> f32 {
        (0..N).map(|k| ((row[k] - centre[k]) / deviation[k]).powi(2)).sum()
    };
    let right = asked.iter().zip(test.labels().unwrap()).filter(|&(row, &label)| {
        let nearest =
            (0..10).min_by(|&a, &b| distance(row, &centres[a]).total_cmp(&distance(row, &centres[b])));
        nearest == Some(label as usize)
    });
    right.count() as f32 / asked.len() as f32
}

fn grey(image: ImageView<'_>) -> Vec<f32> {
    image.pixels().chunks(3).map(|rgb| rgb.iter().map(|&value| f32::from(value)).sum::<f32>() / 3.0).collect()
}

#[test]
fn the_bytes_are_these_on_every_machine() {
    let set = Synthetic { train_images: 50, ..Synthetic::default() }.load(Split::Train).unwrap();
    assert_eq!(fingerprint(set.pixels()), 0xe173_1ca1_6f88_9a16);
}

#[test]
fn an_image_depends_on_seed_split_and_index_only() {
    let small = Synthetic { train_images: 20, test_images: 20, ..Synthetic::default() };
    let train = small.load(Split::Train).unwrap();
    let more = Synthetic { train_images: 33, ..small.clone() }.load(Split::Train).unwrap();
    assert_eq!(train.pixels(), &more.pixels()[..train.pixels().len()]);
    assert_eq!(train.labels().unwrap()[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    assert_ne!(train.pixels(), small.load(Split::Test).unwrap().pixels());
    assert_ne!(train.pixels(), Synthetic { seed: 1, ..small }.load(Split::Train).unwrap().pixels());
}

#[test]
fn images_are_not_repeated() {
    let mut seen = std::collections::HashSet::new();
    for split in [Split::Train, Split::Test] {
        let set = load(split);
        assert!((0..set.len()).all(|index| seen.insert(fingerprint(set.image(index).pixels()))));
    }
}

/// Standard deviation of the three channels.
fn deviations(image: ImageView<'_>) -> [f32; 3] {
    let count = (SIDE * SIDE) as f32;
    std::array::from_fn(|channel| {
        let values = || image.pixels().iter().skip(channel).step_by(3).map(|&value| f32::from(value));
        let mean = values().sum::<f32>() / count;
        (values().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt()
    })
}

/// Steps of the grey image to the right and down.
fn steps(image: ImageView<'_>) -> Vec<[f32; 2]> {
    let grey = grey(image);
    (0..SIDE - 1)
        .flat_map(|row| (0..SIDE - 1).map(move |column| row * SIDE + column))
        .map(|place| [grey[place + 1] - grey[place], grey[place + SIDE] - grey[place]])
        .collect()
}

// Chance is 0.1 with a standard deviation of 0.0095 over 1000 images.

#[test]
fn mean_colour_does_not_tell_the_class() {
    let accuracy = nearest_mean_accuracy(|image| {
        std::array::from_fn::<f32, 3, _>(|channel| {
            image.pixels().iter().skip(channel).step_by(3).map(|&value| f32::from(value)).sum()
        })
    });
    println!("nearest mean colour: {accuracy}");
    assert!(accuracy < 0.15, "{accuracy}");
}

#[test]
fn the_spread_of_the_channels_does_not_tell_the_class() {
    let accuracy = nearest_mean_accuracy(deviations);
    println!("nearest deviations of the channels: {accuracy}");
    assert!(accuracy < 0.15, "{accuracy}");
}

#[test]
fn a_histogram_of_brightness_hardly_tells_the_class() {
    let accuracy = nearest_mean_accuracy(|image| {
        let mut histogram = [0.0; 16];
        for value in grey(image) {
            histogram[(value / 16.0) as usize] += 1.0;
        }
        histogram
    });
    println!("nearest histogram: {accuracy}");
    assert!(accuracy < 0.2, "{accuracy}");
}

#[test]
fn the_strength_of_edges_hardly_tells_the_class() {
    let accuracy = nearest_mean_accuracy(|image| {
        let steps = steps(image);
        let sizes = steps.iter().map(|[across, down]| across.abs() + down.abs()).sum();
        let energy: f32 = steps.iter().map(|[across, down]| across * across + down * down).sum();
        [sizes, energy.sqrt()]
    });
    println!("nearest size and energy of grey steps: {accuracy}");
    assert!(accuracy < 0.2, "{accuracy}");
}

#[test]
fn the_direction_of_edges_tells_more_than_chance() {
    // It is all that upright and lying stripes differ by.
    let accuracy = nearest_mean_accuracy(|image| {
        let steps = steps(image);
        let [across, down] = [0, 1].map(|side| steps.iter().map(|step| step[side].abs()).sum::<f32>());
        [(across / down).ln()]
    });
    println!("nearest ratio of steps to the right and down: {accuracy}");
    assert!((0.16..0.5).contains(&accuracy), "{accuracy}");
}

#[test]
fn a_linear_classifier_of_pixels_learns_little() {
    const PENALTY: f64 = 1000.0;
    let features =
        |set: &ImageSet| -> Vec<Vec<f64>> { (0..set.len()).map(|i| small(set.image(i))).collect() };
    let (train, test) = (load(Split::Train), load(Split::Test));
    let (known, asked) = (features(train), features(test));
    let width = known[0].len();
    // Ridge regression to the ten indicators, without an intercept: features are centred, classes balanced.
    let mut gram = vec![0.0; width * width];
    let mut right = vec![[0.0; 10]; width];
    for (row, &label) in known.iter().zip(train.labels().unwrap()) {
        for (i, &value) in row.iter().enumerate() {
            right[i][label as usize] += value;
            for (sum, other) in gram[i * width..].iter_mut().zip(row) {
                *sum += value * other;
            }
        }
    }
    (0..width).for_each(|i| gram[i * width + i] += PENALTY);
    let weights = solve(gram, right);
    let hits = asked.iter().zip(test.labels().unwrap()).filter(|&(row, &label)| {
        let score = |class: usize| -> f64 { row.iter().zip(&weights).map(|(x, w)| x * w[class]).sum() };
        (0..10).max_by(|&a, &b| score(a).total_cmp(&score(b))) == Some(label as usize)
    });
    let accuracy = hits.count() as f64 / asked.len() as f64;
    println!("ridge regression of 16 x 16 grey pixels: {accuracy}");
    assert!(accuracy < 0.35, "{accuracy}");
}

/// The grey image as 16 x 16 means, centred and in units of about its deviation.
fn small(image: ImageView<'_>) -> Vec<f64> {
    const CELL: usize = SIDE / 16;
    let mut cells = vec![0.0; 256];
    for (place, value) in grey(image).into_iter().enumerate() {
        cells[place / SIDE / CELL * 16 + place % SIDE / CELL] += f64::from(value);
    }
    let mean = cells.iter().sum::<f64>() / 256.0;
    cells.iter().map(|cell| (cell - mean) / (CELL * CELL) as f64 / 60.0).collect()
}

/// Gauss's elimination for a positive definite matrix, row by row, and several right-hand sides.
fn solve<const N: usize>(mut matrix: Vec<f64>, mut right: Vec<[f64; N]>) -> Vec<[f64; N]> {
    let width = right.len();
    for pivot in 0..width {
        for row in pivot + 1..width {
            let factor = matrix[row * width + pivot] / matrix[pivot * width + pivot];
            for column in pivot..width {
                matrix[row * width + column] -= factor * matrix[pivot * width + column];
            }
            right[row] = std::array::from_fn(|k| right[row][k] - factor * right[pivot][k]);
        }
    }
    for row in (0..width).rev() {
        for later in row + 1..width {
            let factor = matrix[row * width + later];
            right[row] = std::array::from_fn(|k| right[row][k] - factor * right[later][k]);
        }
        right[row] = right[row].map(|value| value / matrix[row * width + row]);
    }
    right
}

#[test]
fn pixels_are_spread_as_the_normalisation_says() {
    let set = load(Split::Train);
    let values = || set.pixels().iter().map(|&value| f64::from(value) / 255.0);
    let mean = values().sum::<f64>() / set.pixels().len() as f64;
    let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / set.pixels().len() as f64;
    let published = DatasetSource::Synthetic(Synthetic::default()).normalization();
    assert!((mean - f64::from(published.mean[0])).abs() < 0.03, "{mean}");
    assert!((variance.sqrt() - f64::from(published.std[0])).abs() < 0.03, "{}", variance.sqrt());
}

#[test]
fn settings_out_of_range_are_refused() {
    let good = Synthetic::default();
    for (synthetic, field) in [
        (Synthetic { image_size: 7, ..good.clone() }, "image_size"),
        (Synthetic { image_size: 513, ..good.clone() }, "image_size"),
        (Synthetic { train_images: 0, ..good.clone() }, "train_images"),
        (Synthetic { train_images: usize::MAX, ..good }, "train_images"),
    ] {
        let error = synthetic.load(Split::Train).unwrap_err();
        assert!(matches!(error, DataError::InvalidArgument { name, .. } if name == field), "{error}");
    }
}

#[test]
fn data_sets_are_found_by_name() {
    for name in DatasetSource::NAMES {
        DatasetSource::from_name(name, "data", 32).unwrap();
    }
    let synthetic = DatasetSource::from_name("synthetic", "", 64).unwrap();
    assert_eq!(synthetic, DatasetSource::Synthetic(Synthetic { image_size: 64, ..Synthetic::default() }));
    let error = DatasetSource::from_name("cifar", "data", 32).unwrap_err().to_string();
    assert!(error.contains("cifar100_aug") && error.contains("found cifar"), "{error}");
}

#[test]
fn a_contact_sheet_shows_every_class() {
    const GAP: u32 = 4;
    const COLUMNS: u32 = 6;
    let set = load(Split::Train);
    let (cell, classes) = (SIDE as u32 + GAP, 10);
    let mut sheet =
        image::RgbImage::from_pixel(COLUMNS * cell + GAP, classes * cell + GAP, image::Rgb([255; 3]));
    for index in 0..(COLUMNS * classes) as usize {
        let pixels = set.image(index).pixels().to_vec();
        let tile = image::RgbImage::from_raw(SIDE as u32, SIDE as u32, pixels).unwrap();
        let (left, top) = (GAP + index as u32 / classes * cell, GAP + set.label(index).unwrap() * cell);
        image::imageops::replace(&mut sheet, &tile, i64::from(left), i64::from(top));
    }
    let last = set.image((COLUMNS * classes - 1) as usize);
    let corner = sheet.get_pixel(sheet.width() - GAP - 1, sheet.height() - GAP - 1).0;
    assert_eq!(corner, last.pixels()[last.pixels().len() - 3..]);
    if let Some(path) = std::env::var_os("SEQJEPA_CONTACT_SHEET") {
        sheet.save(path).unwrap();
    }
}
