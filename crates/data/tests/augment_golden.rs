//! Views against torchvision's functional operators on 8-bit PIL images.
//!
//! Tolerance: none. Every byte of every view is compared, and the normalised f32 view by the md5 of its bytes.
//! `scripts/goldens/augmentation.py` writes the fixtures, and longer sets of cases: name their folder in
//! `SEQJEPA_AUGMENT_CASES` to check them too.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use md5::{Digest, Md5};
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

#[derive(Debug, Default, PartialEq)]
struct Difference {
    bytes: usize,
    views: usize,
    normalized: usize,
    largest: u8,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/augment")
}

fn read(path: PathBuf) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path)?).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replays every case of a folder; returns their number and how the views differ.
fn compare(folder: &Path) -> Result<(usize, Difference), Box<dyn Error>> {
    let cases = read(folder.join("cases.jsonl.gz"))?;
    let images = read(folder.join("images.bin.gz"))?;
    let expected = read(folder.join("expected.bin.gz"))?;
    let mut expected = expected.as_slice();
    let (mut count, mut difference, mut scratch) = (0, Difference::default(), Scratch::new());
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
        let gaps: Vec<u8> =
            view.iter().zip(wanted).map(|(a, b)| a.abs_diff(*b)).filter(|&gap| gap > 0).collect();
        if !gaps.is_empty() {
            println!("{} bytes differ: {params:?}", gaps.len());
            difference.bytes += gaps.len();
            difference.views += 1;
            difference.largest = difference.largest.max(*gaps.iter().max().unwrap_or(&0));
        }

        let mut normalized = vec![0.0; params.output_len()];
        params.apply_normalized(image, &Normalization::CIFAR100, &mut scratch, &mut normalized)?;
        let bytes: Vec<u8> = normalized.iter().flat_map(|x| x.to_le_bytes()).collect();
        let digest: String = Md5::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        difference.normalized += usize::from(digest != normalized_md5);
        count += 1;
    }
    assert!(expected.is_empty(), "the folder holds more views than cases");
    Ok((count, difference))
}

#[test]
fn every_view_has_the_bytes_of_torchvision() -> Result<(), Box<dyn Error>> {
    for folder in [Some(fixtures()), std::env::var_os("SEQJEPA_AUGMENT_CASES").map(PathBuf::from)] {
        let Some(folder) = folder else { continue };
        let (count, difference) = compare(&folder)?;
        println!("{count} cases in {}: {difference:?}", folder.display());
        assert!(count >= 360, "only {count} cases");
        assert_eq!(difference, Difference::default());
    }
    Ok(())
}
