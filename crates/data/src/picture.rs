//! Pictures of images with captions: what a person looks at to check views and their actions (feature `picture`).

use font8x8::{BASIC_FONTS, UnicodeFonts};
use image::{Rgb, RgbImage};

use crate::augment::{AugmentError, AugmentParams, AugmentPolicy, Scratch};
use crate::dataset::ImageSet;
use crate::image::{ImageView, PixelFormat};
use crate::rng::{Split, ViewKey};
use crate::sequence::SequenceConfig;

const MARGIN: u32 = 8;
const LINE: u32 = 10;
const GLYPH: u32 = 8;
const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const INK: Rgb<u8> = Rgb([20, 20, 20]);

/// An image with lines of text below it.
#[derive(Debug)]
pub struct Tile<'a> {
    /// The image; it is enlarged by a whole factor, without interpolation.
    pub image: ImageView<'a>,
    /// The lines, printable ASCII; what does not fit the tile's width is cut.
    pub caption: Vec<String>,
}

/// Draws tiles in rows. Each tile is at least `side` pixels wide, so that a caption line holds `side / 8` characters.
#[must_use]
pub fn contact_sheet(rows: &[Vec<Tile>], side: u32) -> RgbImage {
    let tiles = || rows.iter().flatten();
    let scale = |tile: &Tile| (side / tile.image.width().max(tile.image.height()) as u32).max(1);
    let widest = tiles().map(|tile| tile.image.width() as u32 * scale(tile)).max().unwrap_or(0).max(side);
    let highest = tiles().map(|tile| tile.image.height() as u32 * scale(tile)).max().unwrap_or(0);
    let lines = tiles().map(|tile| tile.caption.len() as u32).max().unwrap_or(0);
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let pitch = [widest + MARGIN, highest + MARGIN + lines * LINE + MARGIN / 2];
    let mut sheet =
        RgbImage::from_pixel(columns * pitch[0] + MARGIN, rows.len() as u32 * pitch[1] + MARGIN, PAPER);
    for (row, tiles) in rows.iter().enumerate() {
        for (column, tile) in tiles.iter().enumerate() {
            let corner = [MARGIN + column as u32 * pitch[0], MARGIN + row as u32 * pitch[1]];
            draw_image(&mut sheet, corner, &tile.image, scale(tile));
            for (number, line) in tile.caption.iter().enumerate() {
                let baseline = [corner[0], corner[1] + highest + 4 + number as u32 * LINE];
                draw_text(&mut sheet, baseline, line, (widest / GLYPH) as usize);
            }
        }
    }
    sheet
}

/// Draws sequences, one a row: the source image, its observed views, its target view, each with its parameters.
///
/// `samples` are indices into `images`; the views are those that the loader makes of them in that split and epoch.
///
/// # Errors
///
/// As [`AugmentParams::apply`].
///
/// # Panics
///
/// If a sample is not in `images`.
pub fn sequence_sheet(
    images: &ImageSet,
    sequences: &SequenceConfig,
    split: Split,
    epoch: u64,
    samples: &[usize],
) -> Result<RgbImage, AugmentError> {
    let mut scratch = Scratch::new();
    let views = sequences.observed_views + 1;
    let mut drawn = Vec::new();
    for &sample in samples {
        let image = images.image(sample);
        for view in 0..views {
            let policy = if view + 1 == views { &sequences.target } else { &sequences.observed };
            let key =
                ViewKey { seed: sequences.seed, split, epoch, sample: sample as u64, view: view as u32 };
            let params = policy.sample(&mut key.rng(), image.height(), image.width());
            let mut pixels = vec![0; 3 * policy.output_height * policy.output_width];
            params.apply(image, &mut scratch, &mut pixels)?;
            drawn.push((params, pixels, policy));
        }
    }
    let mut rows = Vec::new();
    for (&sample, row) in samples.iter().zip(drawn.chunks(views)) {
        let class = images.class_names().get(images.label(sample) as usize).map_or("", String::as_str);
        let mut tiles = vec![Tile {
            image: images.image(sample),
            caption: vec![format!("image {sample}"), class.into()],
        }];
        for (number, (params, pixels, policy)) in row.iter().enumerate() {
            let title =
                if number + 1 == views { "target".to_owned() } else { format!("view {}", number + 1) };
            tiles.push(view_tile(title, params, pixels, policy)?);
        }
        rows.push(tiles);
    }
    Ok(contact_sheet(&rows, 160))
}

fn view_tile<'a>(
    title: String,
    params: &AugmentParams,
    pixels: &'a [u8],
    policy: &AugmentPolicy,
) -> Result<Tile<'a>, AugmentError> {
    let image = ImageView::new(pixels, policy.output_height, policy.output_width)?;
    Ok(Tile { image, caption: caption(title, params) })
}

/// The action's nine values with their names, and the steps that are not part of the action.
fn caption(title: String, params: &AugmentParams) -> Vec<String> {
    let [top, left, height, width, brightness, contrast, saturation, hue, sigma] = params.action();
    let mut flags = title;
    for (name, set) in
        [("flip", params.flip), ("grey", params.grayscale), ("solarize", params.solarize.is_some())]
    {
        if set {
            flags.push(' ');
            flags.push_str(name);
        }
    }
    vec![
        flags,
        format!("crop {top:.0},{left:.0} {height:.0}x{width:.0}"),
        format!("bri {brightness:.2} con {contrast:.2}"),
        format!("sat {saturation:.2} hue {hue:+.2}"),
        format!("blur sigma {sigma:.2}"),
    ]
}

fn draw_image(sheet: &mut RgbImage, corner: [u32; 2], image: &ImageView, scale: u32) {
    let (width, height) = (image.width() as u32, image.height() as u32);
    for y in 0..height * scale {
        for x in 0..width * scale {
            let at = (y / scale * width + x / scale) as usize;
            let pixel = match image.format() {
                PixelFormat::Rgb => [0, 1, 2].map(|channel| image.pixels()[at * 3 + channel]),
                PixelFormat::Gray => [image.pixels()[at]; 3],
            };
            sheet.put_pixel(corner[0] + x, corner[1] + y, Rgb(pixel));
        }
    }
}

fn draw_text(sheet: &mut RgbImage, corner: [u32; 2], text: &str, room: usize) {
    for (place, character) in text.chars().take(room).enumerate() {
        let Some(glyph) = BASIC_FONTS.get(character) else {
            continue;
        };
        for (y, row) in glyph.iter().enumerate() {
            for x in (0..GLYPH).filter(|x| row >> x & 1 == 1) {
                sheet.put_pixel(corner[0] + place as u32 * GLYPH + x, corner[1] + y as u32, INK);
            }
        }
    }
}
