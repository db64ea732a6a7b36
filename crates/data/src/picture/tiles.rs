//! Images with lines of text below them, in rows.

use image::{Rgb, RgbImage};

use super::text::{ADVANCE, LINE, draw_text};
use crate::augment::{ImageView, PixelFormat};

/// Side of a tile of the sheets of views, in pixels.
pub(super) const TILE: u32 = 160;
pub(super) const MARGIN: u32 = 8;
pub(super) const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
pub(super) const INK: Rgb<u8> = Rgb([20, 20, 20]);

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
    let scale = |tile: &Tile| (side / to_u32(tile.image.width().max(tile.image.height()))).max(1);
    let widest = tiles().map(|tile| to_u32(tile.image.width()) * scale(tile)).max().unwrap_or(0).max(side);
    let highest = tiles().map(|tile| to_u32(tile.image.height()) * scale(tile)).max().unwrap_or(0);
    let lines = tiles().map(|tile| to_u32(tile.caption.len())).max().unwrap_or(0);
    let columns = to_u32(rows.iter().map(Vec::len).max().unwrap_or(0));
    let pitch = [widest + MARGIN, highest + MARGIN + lines * LINE + MARGIN / 2];
    let mut sheet =
        RgbImage::from_pixel(columns * pitch[0] + MARGIN, to_u32(rows.len()) * pitch[1] + MARGIN, PAPER);
    for (row, tiles) in (0..).zip(rows) {
        for (column, tile) in (0..).zip(tiles) {
            let corner = [MARGIN + column * pitch[0], MARGIN + row * pitch[1]];
            draw_image(&mut sheet, corner, &tile.image, scale(tile));
            for (number, line) in (0..).zip(&tile.caption) {
                let top = [corner[0], corner[1] + highest + 2 + number * LINE];
                let line: String = line.chars().take((widest / ADVANCE) as usize).collect();
                draw_text(&mut sheet, top, &line, INK);
            }
        }
    }
    sheet
}

/// A number of pixels or characters of a sheet, which fits in memory.
fn to_u32(count: usize) -> u32 {
    u32::try_from(count).expect("fewer than 2^32 pixels a side")
}

fn draw_image(sheet: &mut RgbImage, corner: [u32; 2], image: &ImageView, scale: u32) {
    let (width, height) = (to_u32(image.width()), to_u32(image.height()));
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
