//! STL-10, saliency maps and glimpses against torchvision, the published steps and a plain version of the draws
//! (`scripts/goldens/glimpses.py`), and what holds for every gaze.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers of tests")]

mod common;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::fill;
use flate2::read::GzDecoder;
use proptest::prelude::*;
use seqjepa_data::dataset::{ImageSet, Saliency, SaliencyMaps, Stl10Images, Stl10Part};
use seqjepa_data::{
    Fingerprint, GlimpseConfig, GlimpseGeometry, Glimpses, ImageSource, LoaderConfig, Normalization,
    PixelBuffer, SequenceBatch, SequenceKey, SequenceLoader, SequenceSource, Split,
};
use serde::Deserialize;

const SIDE: usize = 96;
const SIZE: usize = 32;
const RADIUS: usize = 16;

#[derive(Deserialize)]
struct Expected {
    images: std::collections::BTreeMap<String, Vec<(String, i64)>>,
    published: Vec<PublishedGlimpse>,
    gazes: Vec<Gaze>,
}

#[derive(Deserialize)]
struct PublishedGlimpse {
    row: usize,
    column: usize,
    file: PathBuf,
}

#[derive(Deserialize)]
struct Gaze {
    seed: u64,
    split: Split,
    epoch: u64,
    sample: u32,
    points: Vec<[usize; 2]>,
}

struct Fixture {
    root: tempfile::TempDir,
    expected: Expected,
}

fn fixture() -> Fixture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/glimpses.tar.gz");
    let root = tempfile::tempdir().unwrap();
    tar::Archive::new(GzDecoder::new(File::open(path).unwrap())).unpack(root.path()).unwrap();
    let expected = std::fs::read(root.path().join("expected.json")).unwrap();
    Fixture { root, expected: serde_json::from_slice(&expected).unwrap() }
}

impl Fixture {
    fn images(&self, part: Stl10Part, cache: u64) -> Stl10Images {
        Stl10Images::open(self.root.path(), part, cache).unwrap()
    }

    fn maps(&self) -> SaliencyMaps {
        SaliencyMaps::stl10(&self.root.path().join("maps"), Stl10Part::Train).unwrap()
    }

    fn glimpses(&self, config: GlimpseConfig) -> Glimpses {
        let images = Arc::new(self.images(Stl10Part::Train, 0));
        Glimpses::new(images, Saliency::Maps(self.maps()), config).unwrap()
    }
}

/// The points that parameters tell.
fn points(parameters: &[f32]) -> Vec<[usize; 2]> {
    let place = |value: f32| {
        let place = (value * SIDE as f32).round();
        assert_eq!(value, place / SIDE as f32, "a whole number over 96, as torch divides it");
        place as usize
    };
    parameters.chunks_exact(2).map(|action| [place(action[0]), place(action[1])]).collect()
}

fn key(sample: u32) -> SequenceKey {
    SequenceKey { seed: 42, split: Split::Train, epoch: 3, sample }
}

/// An image of each file position, channel and index, in memory.
fn copies(image: &[u8], count: usize) -> ImageSet {
    ImageSet::unlabelled(image.repeat(count), SIDE, SIDE).unwrap()
}

/// An array file of float32 maps.
fn write_maps(path: &Path, shape: &str, values: &[f32]) {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn images_are_those_that_torchvision_reads() {
    let fixture = fixture();
    for (name, part) in [
        ("train", Stl10Part::Train),
        ("unlabeled", Stl10Part::Unlabelled),
        ("train+unlabeled", Stl10Part::TrainAndUnlabelled),
    ] {
        let expected = &fixture.expected.images[name];
        // Nothing kept, some, all.
        for cache in [0, 30_000, 1 << 20] {
            let images = fixture.images(part, cache);
            assert_eq!(images.len(), expected.len());
            // The second time of what was kept.
            for _ in 0..2 {
                for (index, (digest, label)) in expected.iter().enumerate() {
                    let mut buffer = PixelBuffer::default();
                    let image = images.image(index, &mut buffer).unwrap();
                    assert_eq!(Fingerprint::of([image.pixels()]).as_str(), digest, "{name} {index}");
                    // torchvision says -1 for no label. A part with images of no class has no labels here.
                    let label = if part.labelled() { Some(u32::try_from(*label).unwrap()) } else { None };
                    assert_eq!(images.label(index), label);
                }
            }
            assert!(images.cached_bytes() <= cache);
        }
    }
}

/// The published code computes places and sums in f32 and truncates, so that a value that is whole, or nearly so, may end one below.
/// 0.02 grey levels are what its rounding of places, of 1e-5 pixels, can make at the steepest edge, and more.
#[test]
fn the_published_geometry_is_that_of_the_published_steps() {
    let fixture = fixture();
    let images = fixture.images(Stl10Part::Train, 0);
    let mut buffer = PixelBuffer::default();
    let pixels = images.image(0, &mut buffer).unwrap().pixels().to_vec();
    let cases = &fixture.expected.published;
    // A map for each case, all of whose weight is on the point.
    let mut maps = vec![0.0; cases.len() * SIDE * SIDE];
    for (case, map) in cases.iter().zip(maps.chunks_exact_mut(SIDE * SIDE)) {
        map[case.row * SIDE + case.column] = 0.5;
    }
    let path = fixture.root.path().join("points.npy");
    write_maps(&path, &format!("({}, 96, 96)", cases.len()), &maps);
    let config = GlimpseConfig {
        geometry: GlimpseGeometry::Published,
        normalization: Normalization { mean: [0.0; 3], std: [1.0; 3] },
        ..GlimpseConfig::new(1)
    };
    let saliency = Saliency::Maps(SaliencyMaps::open(&path).unwrap());
    let source = Glimpses::new(Arc::new(copies(&pixels, cases.len())), saliency, config).unwrap();
    let mut differing = 0;
    for (sample, case) in (0..).zip(cases) {
        let [observed, _, parameters] = fill(&source, key(sample), 1, false);
        assert_eq!(points(&parameters)[0], [case.row, case.column]);
        let expected = std::fs::read(fixture.root.path().join(&case.file)).unwrap();
        for (place, (value, published)) in observed.into_iter().zip(expected).enumerate() {
            let (channel, i, j) = (place / SIZE / SIZE, place / SIZE % SIZE, place % SIZE);
            let exact = bilinear(&pixels, at(case.column, i), at(case.row, j), channel);
            let value = (value * 255.0).round();
            assert_eq!(f64::from(value), (exact + 1e-9).floor(), "{},{} {place}", case.row, case.column);
            let (low, high) = ((exact - 0.02).floor(), (exact + 0.02).floor());
            assert!((low..=high).contains(&f64::from(published)), "{published} of {exact}");
            differing += usize::from(value != f32::from(published));
        }
    }
    let all = cases.len() * 3 * SIZE * SIZE;
    assert!(differing * 20 < all, "{differing} of {all} differ by rounding");
}

/// Where a row or column of a published glimpse is.
fn at(middle: usize, place: usize) -> f64 {
    middle as f64 - 16.5 + 32.0 * place as f64 / 31.0
}

/// Bilinear interpolation with zeros outside.
fn bilinear(pixels: &[u8], y: f64, x: f64, channel: usize) -> f64 {
    let mut sum = 0.0;
    for dy in 0..2 {
        for dx in 0..2 {
            let (yy, xx) = (y.floor() + f64::from(dy), x.floor() + f64::from(dx));
            if (0.0..96.0).contains(&yy) && (0.0..96.0).contains(&xx) {
                let byte = pixels[(yy as usize * SIDE + xx as usize) * 3 + channel];
                sum += (1.0 - (y - yy).abs()) * (1.0 - (x - xx).abs()) * f64::from(byte);
            }
        }
    }
    sum
}

#[test]
fn gazes_are_those_of_the_plain_steps() {
    let fixture = fixture();
    for gaze in &fixture.expected.gazes {
        let source = fixture.glimpses(GlimpseConfig::new(gaze.points.len() - 1));
        let Gaze { seed, split, epoch, sample, .. } = *gaze;
        let [.., parameters] = fill(&source, SequenceKey { seed, split, epoch, sample }, 0, false);
        assert_eq!(points(&parameters), gaze.points, "seed {seed}, sample {sample}");
    }
}

#[test]
fn what_is_not_wanted_changes_nothing_else() {
    let fixture = fixture();
    let source = fixture.glimpses(GlimpseConfig::new(4));
    let [observed, target, parameters] = fill(&source, key(1), 4, true);
    for rendered in 0..=4 {
        for wanted in [false, true] {
            let part = fill(&source, key(1), rendered, wanted);
            assert_eq!(part[0], observed[..part[0].len()]);
            assert_eq!(part[1], target[..part[1].len()]);
            assert_eq!(part[2], parameters);
        }
    }
}

#[test]
fn more_views_begin_with_the_same_ones() {
    let fixture = fixture();
    let source = fixture.glimpses(GlimpseConfig::new(2));
    let [observed, _, parameters] = fill(&source, key(3), 2, true);
    // 40 glimpses use up the image.
    let more = source.with_observed_views(40).unwrap();
    let [longer, target, all] = fill(&*more, key(3), 40, true);
    assert_eq!(longer[..observed.len()], observed);
    assert_eq!(all[..4], parameters[..4]);
    assert!(longer.iter().chain(&target).chain(&all).all(|value| value.is_finite()));
    assert_eq!(more.fingerprint(), source.fingerprint());
    assert_ne!(more.settings(), source.settings());
    for wrong in [0, 257] {
        assert!(source.with_observed_views(wrong).is_err());
    }
}

#[test]
fn threads_change_no_bit() {
    let fixture = fixture();
    // A cache of one map and one image: threads find different ones kept.
    let images = Arc::new(fixture.images(Stl10Part::TrainAndUnlabelled, 30_000));
    for contrast in [false, true] {
        let batches = |threads| -> Vec<SequenceBatch> {
            let saliency = if contrast { Saliency::contrast(&*images, 10_000) } else { Saliency::Uniform };
            let source = Glimpses::new(images.clone(), saliency, GlimpseConfig::new(4)).unwrap();
            let config = LoaderConfig { threads, drop_last: false, ..LoaderConfig::train(3, 42) };
            let loader = SequenceLoader::new(Arc::new(source), config).unwrap();
            loader.epoch(1, 0).map(|batch| batch.unwrap().into_inner()).collect()
        };
        let bits = |batches: Vec<SequenceBatch>| -> Vec<u32> {
            let values = batches.iter().flat_map(|batch| {
                [&batch.observed, &batch.target, &batch.parameters, &batch.actions, &batch.relative]
            });
            values.flatten().map(|value| value.to_bits()).collect()
        };
        assert_eq!(bits(batches(1)), bits(batches(4)));
    }
}

#[test]
fn bytes_are_what_is_normalised() {
    let fixture = fixture();
    for geometry in [GlimpseGeometry::Centered, GlimpseGeometry::Published] {
        let source: Arc<dyn SequenceSource> =
            Arc::new(fixture.glimpses(GlimpseConfig { geometry, ..GlimpseConfig::new(3) }));
        let batch = |bytes| {
            let config = LoaderConfig { bytes, threads: 0, ..LoaderConfig::train(4, 1) };
            let loader = SequenceLoader::new(Arc::clone(&source), config).unwrap();
            loader.epoch(0, 0).next().unwrap().unwrap().into_inner()
        };
        assert!(batch(true).bytes.is_some());
        assert_eq!(batch(true).normalized(), batch(false), "{geometry:?}");
    }
}

#[test]
fn relative_actions_are_displacements() {
    let fixture = fixture();
    let config = LoaderConfig { threads: 0, ..LoaderConfig::train(4, 1) };
    let loader = SequenceLoader::new(Arc::new(fixture.glimpses(GlimpseConfig::new(3))), config).unwrap();
    let batch = loader.epoch(0, 0).next().unwrap().unwrap();
    assert_eq!(batch.actions, batch.parameters, "positions are not normalised");
    for (sequence, relative) in batch.actions.chunks_exact(8).zip(batch.relative.chunks_exact(6)) {
        for (step, moved) in relative.iter().enumerate() {
            assert_eq!(*moved, sequence[step + 2] - sequence[step]);
        }
    }
    assert_eq!(batch.labels.as_ref().map(Vec::len), Some(4));
}

/// The glimpses that a published run would see, but for the geometry, are crops of the image.
#[test]
fn centered_glimpses_are_crops_with_black_borders() {
    let fixture = fixture();
    let source = fixture.glimpses(GlimpseConfig::new(4));
    let mut buffer = PixelBuffer::default();
    let pixels = source.images().image(1, &mut buffer).unwrap().pixels().to_vec();
    let [observed, _, parameters] = fill(&source, key(1), 4, false);
    let Normalization { mean, std } = Normalization::STL10;
    for (glimpse, [row, column]) in observed.chunks_exact(3 * SIZE * SIZE).zip(points(&parameters)) {
        for (place, value) in glimpse.iter().enumerate() {
            let (channel, y, x) = (place / SIZE / SIZE, place / SIZE % SIZE, place % SIZE);
            let place =
                |middle: usize, place: usize| (middle + place).checked_sub(16).filter(|at| *at < SIDE);
            let byte = match (place(row, y), place(column, x)) {
                (Some(y), Some(x)) => pixels[(y * SIDE + x) * 3 + channel],
                _ => 0,
            };
            assert_eq!(*value, (f32::from(byte) / 255.0 - mean[channel]) / std[channel]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_point_is_drawn_near_an_earlier_one_while_others_have_weight(
        seed: u64, epoch in 0_u64..1000, sample in 0_u32..5, contrast: bool,
    ) {
        // Built once for all cases: the fixture is a folder.
        static FIXTURE: std::sync::OnceLock<Fixture> = std::sync::OnceLock::new();
        let images = Arc::new(FIXTURE.get_or_init(fixture).images(Stl10Part::TrainAndUnlabelled, 1 << 20));
        let saliency = if contrast { Saliency::contrast(&*images, 1 << 20) } else { Saliency::Uniform };
        let source = Glimpses::new(images, saliency, GlimpseConfig::new(8)).unwrap();
        let key = SequenceKey { seed, split: Split::Train, epoch, sample };
        let points = points(&fill(&source, key, 0, false)[2]);
        prop_assert_eq!(points.len(), 9);
        for (number, [row, column]) in points.iter().copied().enumerate() {
            prop_assert!(row < SIDE && column < SIDE);
            // Eight squares of 33 x 33 do not cover an image of 96 x 96.
            for [other_row, other_column] in &points[..number] {
                prop_assert!(row.abs_diff(*other_row) > RADIUS || column.abs_diff(*other_column) > RADIUS);
            }
        }
    }
}

#[test]
fn without_inhibition_the_gaze_may_return() {
    let fixture = fixture();
    let mut map = vec![0.0; SIDE * SIDE];
    map[50 * SIDE + 20] = 1.0;
    let path = fixture.root.path().join("point.npy");
    write_maps(&path, "(1, 1, 96, 96)", &map);
    let config = GlimpseConfig { inhibition: None, ..GlimpseConfig::new(5) };
    let images = Arc::new(copies(&[7; 3 * SIDE * SIDE], 1));
    let saliency = Saliency::Maps(SaliencyMaps::open(&path).unwrap());
    let source = Glimpses::new(images, saliency, config).unwrap();
    assert_eq!(points(&fill(&source, key(0), 0, false)[2]), [[50, 20]; 6]);
}

#[test]
fn a_source_says_what_it_is() {
    let fixture = fixture();
    let source = fixture.glimpses(GlimpseConfig::new(4));
    assert_eq!((source.len(), source.label(2), source.class_names()[9].as_str()), (4, Some(9), "truck"));
    let layout = source.layout();
    assert_eq!((layout.height, layout.width, layout.channels), (SIZE, SIZE, 3));
    assert_eq!(layout.actions.group("position"), Some(0..2));
    assert_eq!(
        source.description(),
        "glimpses of 32x32 of 96x96 pixels, centred at the point, drawn from given saliency maps, return inhibited within 16 \
         pixels; actions are positions over 96"
    );
    assert_eq!(source.candidates(7).unwrap().unwrap().layout().observed_views, 7);
    // Maps are data, the kind of saliency is a setting.
    let images = Arc::new(fixture.images(Stl10Part::Train, 0));
    let contrast = Saliency::contrast(&*images, 0);
    let other = Glimpses::new(images.clone(), contrast, GlimpseConfig::new(4)).unwrap();
    assert_eq!(other.fingerprint(), images.fingerprint());
    assert_ne!(other.fingerprint(), source.fingerprint());
    assert_ne!(other.settings(), source.settings());
    assert!(other.description().contains("not the paper's"), "{}", other.description());
}

#[test]
fn what_does_not_fit_is_refused() {
    let fixture = fixture();
    let images: Arc<dyn ImageSource> = Arc::new(fixture.images(Stl10Part::Train, 0));
    let refused = |images: &Arc<dyn ImageSource>, saliency, config, expected: &str| {
        let error = Glimpses::new(images.clone(), saliency, config).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let config = GlimpseConfig::new(4);
    for glimpse_size in [0, 1, 97] {
        let config = GlimpseConfig { glimpse_size, ..config.clone() };
        refused(&images, Saliency::Uniform, config, "glimpse_size: expected 2 to 96");
    }
    let inhibition = GlimpseConfig { inhibition: Some(1025), ..config.clone() };
    refused(&images, Saliency::Uniform, inhibition, "inhibition: expected 0 to 1024");
    refused(&images, Saliency::Uniform, GlimpseConfig::new(0), "observed_views");
    let normalization = Normalization { mean: [0.0; 3], std: [0.0; 3] };
    refused(&images, Saliency::Uniform, GlimpseConfig { normalization, ..config.clone() }, "deviation");
    let oblong: Arc<dyn ImageSource> = Arc::new(ImageSet::unlabelled(vec![0; 36], 3, 4).unwrap());
    refused(&oblong, Saliency::Uniform, config.clone(), "squares of 1 to 1024 pixels, found 3x4");
    let one: Arc<dyn ImageSource> = Arc::new(fixture.images(Stl10Part::Unlabelled, 0));
    let expected = "expected maps of 1 images of 96x96 pixels, found maps of 4 images of 96x96 pixels";
    refused(&one, Saliency::Maps(fixture.maps()), config, expected);
}
