//! Views against torchvision's functional operators on 8-bit PIL images.
//!
//! Tolerance: none. Every byte of every view is compared, and the normalised f32 view by the md5 of its bytes.
//! `scripts/goldens/augmentation.py` writes the fixtures, and longer sets of cases: name their folder in
//! `SEQJEPA_AUGMENT_CASES` to check them too. There one byte in a million may differ by 1, in blurred views only:
//! torch takes the exponential of the kernel from a closed library that misrounds the last bit of one value in
//! a hundred (`docs/augmentation.md`).

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use md5::{Digest, Md5};
use seqjepa_data::augment::Instructions;
use seqjepa_data::{AugmentParams, ImageView, Normalization, Scratch};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    image: Place,
    params: AugmentParams,
    normalized_md5: String,
}

#[derive(Deserialize)]
struct Place {
    offset: usize,
    height: usize,
    width: usize,
    channels: usize,
}

#[derive(Debug, Default)]
struct Comparison {
    cases: usize,
    bytes: usize,
    differing: usize,
    largest: u8,
    /// Views whose normalised values differ.
    normalized: usize,
    /// Parameters of the views with differing bytes.
    views: Vec<AugmentParams>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/augment")
}

fn read(path: PathBuf) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path)?).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replays every case of a folder.
fn compare(folder: &Path, instructions: Instructions) -> Result<Comparison, Box<dyn Error>> {
    let cases = read(folder.join("cases.jsonl.gz"))?;
    let images = read(folder.join("images.bin.gz"))?;
    let expected = read(folder.join("expected.bin.gz"))?;
    let mut expected = expected.as_slice();
    let (mut comparison, mut scratch) = (Comparison::default(), Scratch::with_instructions(instructions));
    for line in cases.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let Case { image: Place { offset, height, width, channels }, params, normalized_md5 } =
            serde_json::from_slice(line)?;
        let pixels = &images[offset..offset + height * width * channels];
        let image = match channels {
            1 => ImageView::gray(pixels, height, width)?,
            _ => ImageView::new(pixels, height, width)?,
        };
        let mut view = vec![0; params.output_len()];
        params.apply(image, &mut scratch, &mut view)?;
        let (wanted, rest) = expected.split_at(view.len());
        expected = rest;
        let gaps = view.iter().zip(wanted).map(|(a, b)| a.abs_diff(*b)).filter(|&gap| gap > 0);
        let differing = gaps.clone().count();
        comparison.differing += differing;
        comparison.largest = comparison.largest.max(gaps.max().unwrap_or(0));
        comparison.bytes += view.len();
        comparison.cases += 1;

        let mut normalized = vec![0.0; params.output_len()];
        params.apply_normalized(image, &Normalization::CIFAR100, &mut scratch, &mut normalized)?;
        let bytes: Vec<u8> = normalized.iter().flat_map(|x| x.to_le_bytes()).collect();
        let digest: String = Md5::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        comparison.normalized += usize::from(digest != normalized_md5);
        if differing > 0 {
            comparison.views.push(params);
        }
    }
    assert!(expected.is_empty(), "the folder holds more views than cases");
    Ok(comparison)
}

#[test]
#[expect(clippy::print_stdout, reason = "says which instructions this processor has")]
fn every_view_has_the_bytes_of_torchvision() -> Result<(), Box<dyn Error>> {
    for instructions in Instructions::available() {
        let comparison = compare(&fixtures(), instructions)?;
        assert!(comparison.cases >= 360, "only {} cases", comparison.cases);
        assert_eq!((comparison.differing, comparison.normalized), (0, 0), "{instructions}: {comparison:?}");
        println!("{instructions}: {} cases, 0 differing bytes", comparison.cases);
        if let Some(folder) = std::env::var_os("SEQJEPA_AUGMENT_CASES") {
            let comparison = compare(Path::new(&folder), instructions)?;
            let Comparison { cases, bytes, differing, largest, normalized, ref views } = comparison;
            println!(
                "{instructions}: {cases} cases, {differing} of {bytes} bytes differ, by {largest} at most"
            );
            assert!(differing * 1_000_000 <= bytes && largest <= 1, "{comparison:?}");
            assert!(views.iter().all(|params| params.blur.is_some()), "{comparison:?}");
            assert_eq!(normalized, views.len(), "{comparison:?}");
        }
    }
    Ok(())
}
