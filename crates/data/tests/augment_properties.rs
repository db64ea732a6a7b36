//! Properties of the augmentation engine over random images and parameters.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]

use proptest::prelude::*;
use seqjepa_data::augment::{ColorJitter, Crop, GaussianBlur, Instructions, Interpolation, JitterStep};
use seqjepa_data::{
    AugmentError, AugmentParams, AugmentPolicy, ImageView, KeyedRng, Normalization, PixelFormat, Scratch,
    ShuffleKey, Split,
};

/// A source image: its size, format and bytes.
#[derive(Debug, Clone)]
struct Source {
    height: usize,
    width: usize,
    format: PixelFormat,
    pixels: Vec<u8>,
}

impl Source {
    fn view(&self) -> ImageView<'_> {
        let make = match self.format {
            PixelFormat::Rgb => ImageView::new,
            PixelFormat::Gray => ImageView::gray,
        };
        make(&self.pixels, self.height, self.width).expect("the strategy makes whole images")
    }
}

/// Sides around the tuned case and far from it, and sides that no vector length divides.
fn side() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(32_usize), 6 => 1..70_usize, 1 => 200..513_usize]
}

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![3 => source_of(PixelFormat::Rgb), 1 => source_of(PixelFormat::Gray)]
}

fn source_of(format: PixelFormat) -> impl Strategy<Value = Source> {
    (side(), side(), any::<u64>()).prop_map(move |(height, width, seed)| {
        let mut pixels: Vec<u8> = (0..height * width * format.channels()).map(|i| i as u8).collect();
        ShuffleKey { seed, split: Split::Test, epoch: 0 }.shuffle(&mut pixels);
        Source { height, width, format, pixels }
    })
}

fn crop(height: usize, width: usize) -> impl Strategy<Value = Crop> {
    (1..=height, 1..=width).prop_flat_map(move |(h, w)| {
        (0..=height - h, 0..=width - w).prop_map(move |(top, left)| Crop { top, left, height: h, width: w })
    })
}

fn jitter() -> impl Strategy<Value = ColorJitter> {
    let factor = || prop::option::of(0.0..3.0_f32);
    let order = Just(JitterStep::ALL).prop_shuffle();
    (order, factor(), factor(), factor(), prop::option::of(-0.5..=0.5_f32)).prop_map(
        |(order, brightness, contrast, saturation, hue)| ColorJitter {
            order,
            brightness,
            contrast,
            saturation,
            hue,
        },
    )
}

fn blur(height: usize, width: usize) -> impl Strategy<Value = GaussianBlur> {
    (0.1..3.0_f32, 0..height.min(width).min(16))
        .prop_map(|(sigma, radius)| GaussianBlur { sigma, kernel_size: 2 * radius + 1 })
}

fn params(source: &Source) -> impl Strategy<Value = AugmentParams> + use<> {
    let interpolation = prop_oneof![Just(Interpolation::Bilinear), Just(Interpolation::Bicubic)];
    let crop = crop(source.height, source.width);
    (crop, side(), side(), interpolation, any::<bool>()).prop_flat_map(
        |(crop, output_height, output_width, interpolation, flip)| {
            let rest = (
                prop::option::of(jitter()),
                any::<bool>(),
                prop::option::of(blur(output_height, output_width)),
                prop::option::of(any::<u8>()),
            );
            rest.prop_map(move |(jitter, grayscale, blur, solarize)| AugmentParams {
                crop,
                output_height,
                output_width,
                interpolation,
                flip,
                jitter,
                grayscale,
                blur,
                solarize,
            })
        },
    )
}

fn case() -> impl Strategy<Value = (Source, AugmentParams)> {
    with_params(source())
}

fn with_params(source: impl Strategy<Value = Source>) -> impl Strategy<Value = (Source, AugmentParams)> {
    source.prop_flat_map(|source| {
        let params = params(&source);
        (Just(source), params)
    })
}

fn apply(source: &Source, params: &AugmentParams, scratch: &mut Scratch) -> Vec<u8> {
    let mut view = vec![0; params.output_len()];
    params.apply(source.view(), scratch, &mut view).expect("the strategy makes valid parameters");
    view
}

fn rng(seed: u64) -> KeyedRng {
    ShuffleKey { seed, split: Split::Train, epoch: 0 }.rng()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn all_instructions_give_the_bytes_of_the_portable_ones((source, params) in case()) {
        let mut expected = Vec::new();
        for instructions in Instructions::available() {
            let mut scratch = Scratch::with_instructions(instructions);
            let bytes = apply(&source, &params, &mut scratch);
            // The portable ones come first.
            if instructions == Instructions::PORTABLE {
                expected.clone_from(&bytes);
            }
            prop_assert!(bytes == expected, "{} differs", instructions);

            // The planes are the byte view, and the f32 view is it converted.
            let mut planes = vec![0; expected.len()];
            params.apply_planes(source.view(), &mut scratch, &mut planes).unwrap();
            let mut normalized = vec![0.0; expected.len()];
            let Normalization { mean, std } = Normalization::CIFAR100;
            params.apply_normalized(source.view(), &Normalization::CIFAR100, &mut scratch, &mut normalized).unwrap();
            let area = expected.len() / 3;
            for (i, x) in normalized.iter().enumerate() {
                let (channel, pixel) = (i / area, i % area);
                let byte = f32::from(expected[pixel * 3 + channel]);
                prop_assert_eq!(*x, (byte / 255.0 - mean[channel]) / std[channel], "{}", instructions);
                prop_assert_eq!(f32::from(planes[i]), byte, "{}", instructions);
            }
        }
    }

    #[test]
    fn a_used_scratch_changes_nothing((first, first_params) in case(), (source, params) in case()) {
        let mut used = Scratch::new();
        apply(&first, &first_params, &mut used);
        prop_assert_eq!(apply(&source, &params, &mut used), apply(&source, &params, &mut Scratch::new()));
    }

    #[test]
    fn gray_is_replicated_rgb((source, params) in with_params(source_of(PixelFormat::Gray))) {
        let pixels = source.pixels.iter().flat_map(|&x| [x; 3]).collect();
        let replicated = Source { format: PixelFormat::Rgb, pixels, ..source.clone() };
        let mut scratch = Scratch::new();
        prop_assert_eq!(apply(&source, &params, &mut scratch), apply(&replicated, &params, &mut scratch));
    }

    #[test]
    fn parameters_survive_serialisation((_source, params) in case()) {
        let text = serde_json::to_string(&params).unwrap();
        prop_assert_eq!(serde_json::from_str::<AugmentParams>(&text).unwrap(), params);
    }

    #[test]
    fn sampled_parameters_keep_their_ranges(
        seed: u64, height in 1..80_usize, width in 1..80_usize, target: bool,
    ) {
        let policy = if target { AugmentPolicy::target(32) } else { AugmentPolicy::observed(32) };
        let space = seqjepa_data::ActionSpace::augmentation(&policy, &policy, height, width);
        let mut rng = rng(seed);
        for _ in 0..20 {
            let params = policy.sample(&mut rng, height, width);
            prop_assert_eq!(params.validate(height, width), Ok(()));
            for (value, parameter) in params.action().iter().zip(space.parameters()) {
                prop_assert!((parameter.low..=parameter.high).contains(value), "{parameter:?}: {value}");
            }
            prop_assert_eq!(params.blur.is_some() || target, true);
        }
    }
}

#[test]
fn the_identity_gives_the_source_back() {
    for (height, width) in [(32, 32), (5, 9), (224, 100)] {
        let pixels: Vec<u8> = (0..height * width * 3).map(|i| (i * 31 % 251) as u8).collect();
        let image = ImageView::new(&pixels, height, width).unwrap();
        let mut view = vec![0; pixels.len()];
        AugmentParams::identity(height, width).apply(image, &mut Scratch::new(), &mut view).unwrap();
        assert!(view == pixels);
    }
}

#[test]
fn a_destination_of_the_wrong_length_is_an_error() {
    let image = ImageView::new(&[0; 12], 2, 2).unwrap();
    let params = AugmentParams::identity(2, 2);
    for length in [0, 11, 13] {
        let error = params.apply(image, &mut Scratch::new(), &mut vec![0; length]).unwrap_err();
        assert_eq!(error, AugmentError::OutputLength { expected: 12, found: length });
        let found = params.apply_planes(image, &mut Scratch::new(), &mut vec![0; length]).unwrap_err();
        assert_eq!(found, error);
        let mut out = vec![0.0; length];
        let normalization = Normalization::CIFAR100;
        let found =
            params.apply_normalized(image, &normalization, &mut Scratch::new(), &mut out).unwrap_err();
        assert_eq!(found, error);
    }
    let error = AugmentError::OutputLength { expected: 12, found: 11 };
    assert_eq!(error.to_string(), "the output has 11 elements; a view of this size needs 12");
}

#[test]
fn bad_parameters_are_refused_before_anything_is_written() {
    let image = ImageView::new(&[0; 12], 2, 2).unwrap();
    let mut view = [77; 12];
    let outside = AugmentParams {
        crop: Crop { top: 1, left: 0, height: 2, width: 2 },
        ..AugmentParams::identity(2, 2)
    };
    assert!(matches!(
        outside.apply(image, &mut Scratch::new(), &mut view),
        Err(AugmentError::CropOutside { top: 1, image_height: 2, .. })
    ));
    assert_eq!(view, [77; 12]);
    let mut out = [7.0; 12];
    for std in [0.0, -1.0, f32::NAN] {
        let bad = Normalization { mean: [0.5; 3], std: [1.0, std, 1.0] };
        let params = AugmentParams::identity(2, 2);
        let result = params.apply_normalized(image, &bad, &mut Scratch::new(), &mut out);
        assert!(matches!(result, Err(AugmentError::Factor { .. })), "{result:?}");
    }
    assert_eq!(out, [7.0; 12]);
}
