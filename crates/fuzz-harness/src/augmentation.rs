//! The parameters of views: from JSON, and of any values; every instruction set against the portable one.

use arbitrary::{Arbitrary, Result, Unstructured};
use seqjepa_data::augment::{ColorJitter, Crop, GaussianBlur, Instructions, Interpolation, JitterStep};
use seqjepa_data::{AugmentParams, AugmentPolicy, ImageView, Normalization, Scratch, Split, ViewKey};

use crate::Mode;

/// Views with more elements are only checked, not made.
const MAX_ELEMENTS: usize = 3 * 128 * 128;

/// Choices: 0 the bytes are an image and parameters; 1 an image and a policy that draws them; 2 they are parameters in
/// JSON; 3 a policy in JSON.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = Mode::split(data) else { return };
    let mut source = Unstructured::new(rest);
    // An input that ends too early is filled up with zeros by `arbitrary`, or refused.
    let _ = match mode.choice() {
        0 => from_parameters(&mut source),
        1 => from_policy(&mut source),
        2 => {
            if let Ok(params) = serde_json::from_slice::<AugmentParams>(rest) {
                let json = serde_json::to_string(&params).expect("plain data");
                drop(serde_json::from_str::<AugmentParams>(&json));
                make(&params, &[7; 24 * 20 * 3], 24, 20, true);
            }
            Ok(())
        }
        _ => {
            if let Ok(policy) = serde_json::from_slice::<AugmentPolicy>(rest) {
                draw(&policy, &[7; 24 * 20 * 3], 24, 20);
            }
            Ok(())
        }
    };
}

fn from_parameters(source: &mut Unstructured<'_>) -> Result<()> {
    let (rgb, [height, width]) = (bool::arbitrary(source)?, sides(source)?);
    let params = parameters(source, height, width)?;
    let pixels = pixels(source, height * width * if rgb { 3 } else { 1 });
    make(&params, &pixels, height, width, rgb);
    Ok(())
}

fn from_policy(source: &mut Unstructured<'_>) -> Result<()> {
    let [height, width] = sides(source)?;
    let policy = policy(source)?;
    let pixels = pixels(source, height * width * 3);
    draw(&policy, &pixels, height, width);
    Ok(())
}

/// Draws parameters of a policy that is valid: they must be valid too.
fn draw(policy: &AugmentPolicy, pixels: &[u8], height: usize, width: usize) {
    if policy.validate().is_err() {
        return;
    }
    for sample in 0..4 {
        let key = ViewKey { seed: 42, split: Split::Train, epoch: 0, sample, view: 0 };
        let params = policy.sample(&mut key.rng(), height, width);
        params.validate(height, width).expect("a valid policy draws valid parameters");
        make(&params, pixels, height, width, true);
    }
}

fn make(params: &AugmentParams, pixels: &[u8], height: usize, width: usize, rgb: bool) {
    let image =
        if rgb { ImageView::new(pixels, height, width) } else { ImageView::gray(pixels, height, width) };
    let image = image.expect("as many bytes as the image has");
    if params.validate(height, width).is_err() {
        let mut untouched = [9; 12];
        params.apply(image, &mut Scratch::new(), &mut untouched).expect_err("invalid parameters");
        assert_eq!(untouched, [9; 12]);
        return;
    }
    if params.output_len() > MAX_ELEMENTS {
        return;
    }
    let view = |instructions| {
        let mut scratch = Scratch::with_instructions(instructions);
        let mut bytes = vec![0; params.output_len()];
        params.apply(image, &mut scratch, &mut bytes).expect("valid parameters");
        let mut values = vec![0.0; params.output_len()];
        let normalization = Normalization::CIFAR100;
        params.apply_normalized(image, &normalization, &mut scratch, &mut values).expect("valid parameters");
        assert!(values.iter().all(|value| value.is_finite()));
        (bytes, values.into_iter().map(f32::to_bits).collect::<Vec<_>>())
    };
    let reference = view(Instructions::PORTABLE);
    for instructions in Instructions::available() {
        assert!(view(instructions) == reference, "{instructions} differs from the portable path: {params:?}");
    }
}

fn sides(source: &mut Unstructured<'_>) -> Result<[usize; 2]> {
    Ok([source.int_in_range(1..=48)?, source.int_in_range(1..=48)?])
}

fn pixels(source: &mut Unstructured<'_>, length: usize) -> Vec<u8> {
    let given = source.bytes(source.len()).expect("as many bytes as there are");
    if given.is_empty() {
        return (0..length).map(|i| (i * 37 % 251) as u8).collect();
    }
    given.iter().copied().cycle().take(length).collect()
}

/// Mostly what lies within `0..=most`, now and then anything.
fn number(source: &mut Unstructured<'_>, most: usize) -> Result<usize> {
    if source.ratio(1, 64)? { source.arbitrary() } else { source.int_in_range(0..=most) }
}

/// Mostly what lies within the range, now and then any bits.
fn float(source: &mut Unstructured<'_>, low: f32, high: f32) -> Result<f32> {
    if source.ratio(1, 16)? {
        return Ok(f32::from_bits(source.arbitrary()?));
    }
    Ok(low + (high - low) * f32::from(source.arbitrary::<u16>()?) / f32::from(u16::MAX))
}

fn interpolation(source: &mut Unstructured<'_>) -> Result<Interpolation> {
    Ok(if source.arbitrary()? { Interpolation::Bicubic } else { Interpolation::Bilinear })
}

fn parameters(source: &mut Unstructured<'_>, height: usize, width: usize) -> Result<AugmentParams> {
    let crop_height = number(source, height)?;
    let crop_width = number(source, width)?;
    let crop = Crop {
        top: number(source, height.saturating_sub(crop_height))?,
        left: number(source, width.saturating_sub(crop_width))?,
        height: crop_height,
        width: crop_width,
    };
    let [output_height, output_width] = [number(source, 80)?, number(source, 80)?];
    let jitter = if source.arbitrary()? {
        let mut order = JitterStep::ALL;
        for place in 0..4 {
            order.swap(place, source.int_in_range(0..=3)?);
        }
        if source.ratio(1, 32)? {
            order[0] = order[1];
        }
        let mut factor = |low, high| -> Result<Option<f32>> {
            if source.arbitrary()? { Ok(Some(float(source, low, high)?)) } else { Ok(None) }
        };
        Some(ColorJitter {
            order,
            brightness: factor(0.0, 3.0)?,
            contrast: factor(0.0, 3.0)?,
            saturation: factor(0.0, 3.0)?,
            hue: factor(-0.5, 0.5)?,
        })
    } else {
        None
    };
    let blur = if source.arbitrary()? {
        let radius = number(source, (output_height.min(output_width) / 2).min(40))?;
        let kernel_size = radius.saturating_mul(2).saturating_add(usize::from(!source.ratio(1, 32)?));
        Some(GaussianBlur { sigma: float(source, 0.05, 5.0)?, kernel_size })
    } else {
        None
    };
    Ok(AugmentParams {
        crop,
        output_height,
        output_width,
        interpolation: interpolation(source)?,
        flip: source.arbitrary()?,
        jitter,
        grayscale: source.ratio(1, 4)?,
        blur,
        solarize: source.arbitrary()?,
    })
}

fn policy(source: &mut Unstructured<'_>) -> Result<AugmentPolicy> {
    fn range(source: &mut Unstructured<'_>, low: f32, high: f32) -> Result<[f32; 2]> {
        let mut ends = [float(source, low, high)?, float(source, low, high)?];
        if ends[0] > ends[1] && !source.ratio(1, 16)? {
            ends.swap(0, 1);
        }
        Ok(ends)
    }
    let probability = |source: &mut Unstructured<'_>| float(source, 0.0, 1.0).map(f64::from);
    Ok(AugmentPolicy {
        output_height: number(source, 64)?,
        output_width: number(source, 64)?,
        interpolation: interpolation(source)?,
        crop_scale: range(source, 0.01, 1.0)?,
        crop_ratio: range(source, 0.1, 10.0)?,
        flip_probability: probability(source)?,
        jitter_probability: probability(source)?,
        brightness: range(source, 0.0, 3.0)?,
        contrast: range(source, 0.0, 3.0)?,
        saturation: range(source, 0.0, 3.0)?,
        hue: range(source, -0.5, 0.5)?,
        grayscale_probability: probability(source)?,
        blur_probability: probability(source)?,
        blur_kernel_size: number(source, 40)?,
        blur_sigma: range(source, 0.05, 5.0)?,
        solarize_probability: probability(source)?,
        solarize_threshold: source.arbitrary()?,
    })
}
