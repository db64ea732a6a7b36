//! Pictures of images with captions: what a person looks at to check views and their actions (feature `picture`).

use font8x8::{BASIC_FONTS, UnicodeFonts};
use image::{Rgb, RgbImage};

use crate::augment::{AugmentError, AugmentParams, Scratch};
use crate::dataset::ImageSet;
use crate::augment::{ImageView, PixelFormat};
use crate::rng::Split;
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
                let line: String = line.chars().take((widest / GLYPH) as usize).collect();
                draw_text(&mut sheet, baseline, &line, 1, INK);
            }
        }
    }
    sheet
}

/// A source image and the parameters of its views: one row of a [`view_sheet`].
#[derive(Debug)]
pub struct ViewRow<'a> {
    /// The source image.
    pub image: ImageView<'a>,
    /// What to write below it.
    pub caption: Vec<String>,
    /// Parameters of the views, the target's last.
    pub views: Vec<AugmentParams>,
}

/// Draws the rows of sequences: the source image, its observed views, its target view, each with its parameters.
///
/// # Errors
///
/// As [`AugmentParams::apply`].
pub fn view_sheet(rows: &[ViewRow<'_>]) -> Result<RgbImage, AugmentError> {
    let mut scratch = Scratch::new();
    let (mut sources, mut drawn) = (Vec::new(), Vec::new());
    for row in rows {
        let fitted = fit(row.image);
        let mut pixels = vec![0; fitted.output_len()];
        fitted.apply(row.image, &mut scratch, &mut pixels)?;
        sources.push((fitted, pixels));
        let mut views = Vec::new();
        for params in &row.views {
            let mut pixels = vec![0; params.output_len()];
            params.apply(row.image, &mut scratch, &mut pixels)?;
            views.push(pixels);
        }
        drawn.push(views);
    }
    let mut sheet = Vec::new();
    for ((row, (fitted, pixels)), views) in rows.iter().zip(&sources).zip(&drawn) {
        let image = ImageView::new(pixels, fitted.output_height, fitted.output_width)?;
        let mut tiles = vec![Tile { image, caption: row.caption.clone() }];
        for (number, (params, pixels)) in row.views.iter().zip(views).enumerate() {
            let last = number + 1 == row.views.len();
            let title = if last { "target".to_owned() } else { format!("view {}", number + 1) };
            let image = ImageView::new(pixels, params.output_height, params.output_width)?;
            tiles.push(Tile { image, caption: caption(title, params) });
        }
        sheet.push(tiles);
    }
    Ok(contact_sheet(&sheet, TILE))
}

/// Side of a tile of [`view_sheet`], in pixels.
const TILE: u32 = 160;

/// The whole image, reduced to a tile if it is larger.
fn fit(image: ImageView<'_>) -> AugmentParams {
    let (height, width) = (image.height(), image.width());
    let longest = height.max(width).max(TILE as usize);
    let side = |side: usize| (side * TILE as usize / longest).max(1);
    let whole = AugmentParams::identity(height, width);
    if longest == TILE as usize {
        return whole;
    }
    AugmentParams { output_height: side(height), output_width: side(width), ..whole }
}

/// Draws sequences of a data set, one a row, as [`view_sheet`] does.
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
    let row = |&sample: &usize| {
        let image = images.image(sample);
        let class = images.class_names().get(images.label(sample) as usize).map_or("", String::as_str);
        // `ImageSet` holds no more images than a `u32` can index.
        let views = sequences.sample(split, epoch, sample as u32, image.height(), image.width());
        ViewRow { image, caption: vec![format!("image {sample}"), class.into()], views }
    };
    view_sheet(&samples.iter().map(row).collect::<Vec<_>>())
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

/// Draws a line of text, printable ASCII, its upper left corner at `corner`: a glyph has 8 x 8 pixels times `scale`. What
/// lies outside the sheet is cut.
pub fn draw_text(sheet: &mut RgbImage, corner: [u32; 2], text: &str, scale: u32, ink: Rgb<u8>) {
    for (place, character) in text.chars().enumerate() {
        let Some(glyph) = BASIC_FONTS.get(character) else {
            continue;
        };
        let left = corner[0] + place as u32 * GLYPH * scale;
        for (y, row) in (0..GLYPH * scale).map(|y| (y, glyph[(y / scale) as usize])) {
            for x in (0..GLYPH * scale).filter(|x| row >> (x / scale) & 1 == 1) {
                if let Some(pixel) = sheet.get_pixel_mut_checked(left + x, corner[1] + y) {
                    *pixel = ink;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::{AugmentPolicy, Normalization};
    use crate::dataset::Synthetic;

    #[test]
    fn sheets_show_any_image_at_a_readable_size() {
        let policy = AugmentPolicy::observed(32);
        let mut rng = crate::rng::ShuffleKey { seed: 0, split: Split::Test, epoch: 0 }.rng();
        for (height, width) in [(1, 1), (20, 700), (700, 20), (160, 160)] {
            let pixels = vec![90; height * width];
            let image = ImageView::gray(&pixels, height, width).unwrap();
            let views = vec![policy.sample(&mut rng, height, width); 3];
            let sheet = view_sheet(&[ViewRow { image, caption: vec!["a line".into()], views }]).unwrap();
            // Four tiles beside each other, each with at most five lines of text.
            assert_eq!(sheet.width(), 4 * (TILE + MARGIN) + MARGIN);
            assert!(sheet.height() <= TILE + 5 * LINE + 3 * MARGIN, "{height} x {width}: {}", sheet.height());
            // The source's pixels and some ink are there.
            for color in [Rgb([90; 3]), INK] {
                assert!(sheet.pixels().any(|pixel| *pixel == color), "{height} x {width}: {color:?}");
            }
        }
    }

    #[test]
    fn a_sheet_of_a_data_set_replays_from_its_parameters() {
        let images = Synthetic { train_images: 10, ..Synthetic::default() }.load(Split::Train).unwrap();
        let sequences = SequenceConfig::new(32, 2, Normalization::CIFAR10, 7).unwrap();
        let sheet = sequence_sheet(&images, &sequences, Split::Train, 3, &[4]).unwrap();
        let text = serde_json::to_string(&sequences.sample(Split::Train, 3, 4, 32, 32)).unwrap();
        let class = images.class_names()[images.label(4) as usize].clone();
        let row = ViewRow {
            image: images.image(4),
            caption: vec!["image 4".into(), class],
            views: serde_json::from_str(&text).unwrap(),
        };
        assert!(view_sheet(&[row]).unwrap() == sheet);
    }
}
