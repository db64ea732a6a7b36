//! Affine views against torchvision's `affine` on padded 8-bit PIL images.
//!
//! Tolerance: none. Every byte of every view is compared. `scripts/goldens/affine.py` writes the fixture.

use std::fs::File;
use std::path::Path;

use flate2::read::GzDecoder;
use seqjepa_data::{AffineParams, ImageView};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    side: usize,
    colour: bool,
    image: String,
    params: AffineParams,
    view: String,
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    (0..hexadecimal.len())
        .step_by(2)
        .map(|place| u8::from_str_radix(&hexadecimal[place..place + 2], 16).unwrap())
        .collect()
}

#[test]
fn views_are_those_of_torchvision() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/affine.json.gz");
    let cases: Vec<Case> = serde_json::from_reader(GzDecoder::new(File::open(path).unwrap())).unwrap();
    assert_eq!(cases.len(), 120);
    for (number, Case { side, colour, image, params, view }) in cases.into_iter().enumerate() {
        let (image, view) = (bytes(&image), bytes(&view));
        let source = match colour {
            true => ImageView::new(&image, side, side),
            false => ImageView::gray(&image, side, side),
        };
        let found = params.apply(source.unwrap()).unwrap();
        let expected = match colour {
            true => view,
            false => view.into_iter().flat_map(|grey| [grey; 3]).collect(),
        };
        let differing = found.iter().zip(&expected).filter(|(found, expected)| found != expected).count();
        assert_eq!((differing, found.len()), (0, expected.len()), "case {number}: {params:?}");
    }
}
