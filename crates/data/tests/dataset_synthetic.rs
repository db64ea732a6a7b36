//! The procedural data set: repeatable, and not solved by colour.

use std::path::Path;

use seqjepa_data::dataset::{ImageSet, Synthetic};
use seqjepa_data::{DataError, Split};

fn load(split: Split) -> ImageSet {
    Synthetic { train_images: 2000, test_images: 1000, ..Synthetic::default() }.load(split).unwrap()
}

/// 64-bit FNV-1a.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn a_contact_sheet_can_be_written() {
    let set = load(Split::Train);
    let columns = 20;
    let mut sheet = image::RgbImage::new(columns * 34 + 2, 10 * 34 + 2);
    for index in 0..set.len().min(10 * columns as usize) {
        let (left, top) = (2 + (index as u32 / 10) * 34, 2 + set.label(index) * 34);
        let picture = image::RgbImage::from_raw(32, 32, set.image(index).pixels().to_vec()).unwrap();
        image::imageops::replace(&mut sheet, &picture, i64::from(left), i64::from(top));
    }
    if let Some(path) = std::env::var_os("SEQJEPA_CONTACT_SHEET") {
        sheet.save(Path::new(&path)).unwrap();
    }
}
