//! Pictures as parts of a page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageFormat, RgbImage};
use seqjepa_evaluation::Pictures;

/// Quality of a sheet of small views: what the eye does not miss.
const QUALITY: u8 = 88;
/// Pictures in a row of a sheet.
const COLUMNS: usize = 32;

/// Many pictures of one size as one image in the page, of which [`show`](Self::show) shows one.
#[derive(Debug)]
pub(crate) struct Sheet {
    /// Unique in the page.
    id: String,
    /// Height and width of a picture.
    size: [usize; 2],
    count: usize,
}

impl Sheet {
    /// The sheet, and the hidden element that it shows pieces of; nothing without pictures. `lossless` is for few and larger ones.
    pub(crate) fn new(id: &str, pictures: &Pictures, lossless: bool) -> Option<(Self, String)> {
        let [height, width] = pictures.size;
        let count = pictures.len();
        if count == 0 {
            return None;
        }
        let columns = COLUMNS.min(count);
        let side = |length: usize| u32::try_from(length).ok().filter(|length| *length <= 1 << 16);
        let (sheet_width, sheet_height) = (side(columns * width)?, side(count.div_ceil(columns) * height)?);
        let mut pixels = vec![0; sheet_width as usize * sheet_height as usize * 3];
        let stride = sheet_width as usize * 3;
        for index in 0..count {
            let (left, top) = (index % columns * width, index / columns * height);
            for (line, row) in pictures.picture(index).chunks_exact(width * 3).enumerate() {
                let start = (top + line) * stride + left * 3;
                pixels[start..start + width * 3].copy_from_slice(row);
            }
        }
        let sheet = RgbImage::from_raw(sheet_width, sheet_height, pixels)?;
        let mut bytes = Vec::new();
        let kind = if lossless {
            let mut bytes = std::io::Cursor::new(&mut bytes);
            sheet.write_to(&mut bytes, ImageFormat::Png).ok()?;
            "png"
        } else {
            let mut encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
            encoder.encode(&sheet, sheet_width, sheet_height, ExtendedColorType::Rgb8).ok()?;
            "jpeg"
        };
        let element = format!(
            "<svg class=\"hidden\" aria-hidden=\"true\" width=\"0\" height=\"0\"><defs><image id=\"{id}\" width=\"{sheet_width}\" \
             height=\"{sheet_height}\" href=\"data:image/{kind};base64,{}\"/></defs></svg>\n",
            STANDARD.encode(bytes)
        );
        Some((Self { id: id.to_owned(), size: [height, width], count }, element))
    }

    /// One picture; `words`, HTML already, say what it is.
    pub(crate) fn show(&self, index: usize, words: &str) -> String {
        let [height, width] = self.size;
        let [left, top] = self.corner(index);
        format!(
            "<svg class=\"picture\" viewBox=\"{left} {top} {width} {height}\" role=\"img\" aria-label=\"{words}\"><use href=\"#{}\"/></svg>",
            self.id
        )
    }

    fn corner(&self, index: usize) -> [usize; 2] {
        let columns = COLUMNS.min(self.count);
        [index % columns * self.size[1], index / columns * self.size[0]]
    }

    /// What a script needs to show a piece: id, columns, width and height, as JSON.
    pub(crate) fn json(&self) -> String {
        format!("[\"{}\",{},{},{}]", self.id, COLUMNS.min(self.count), self.size[1], self.size[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_a_piece_of_the_sheet() {
        let pictures = Pictures {
            size: [2, 3],
            pixels: (0..40 * 18_u32).map(|byte| u8::try_from(byte % 251).unwrap()).collect(),
        };
        let (sheet, element) = Sheet::new("s0", &pictures, true).unwrap();
        assert!(sheet.show(33, "words").contains("viewBox=\"3 2 3 2\""));
        let text = element.split("base64,").nth(1).unwrap().split('"').next().unwrap();
        let image = image::load_from_memory(&STANDARD.decode(text).unwrap()).unwrap().to_rgb8();
        assert_eq!(image.dimensions(), (96, 4));
        let last = pictures.picture(33);
        assert_eq!(image.get_pixel(5, 3).0, last[15..18]);
        assert!(Sheet::new("s1", &Pictures::default(), false).is_none());
        assert!(Sheet::new("s1", &pictures, false).unwrap().1.contains("image/jpeg"));
    }
}
