//! The bytes of one picture file to RGB pixels, as Pillow's `Image.open(file).convert("RGB")` reads them.
//!
//! The format is told by the content, never by the name. No file is trusted: what decoding may take is bounded by
//! [`limits`], and every fault is a value, also where a library underneath panics.

mod bitmap;
mod gif;
mod jpeg;
mod limits;
mod modes;
mod png;
mod pnm;
mod quiet;
mod tiff;
mod webp;

pub(crate) use limits::MAX_FILE;

use limits::check_size;

/// Changes whenever some picture comes to other pixels than before, since data that are decoded as they are asked for are known by it
/// and by their files.
///
/// 2: JPEG as libjpeg-turbo decodes it, 16-bit grey as Pillow takes it; pictures that are cut short are refused. 1 was never written.
pub(crate) const VERSION: u32 = 2;

/// A picture in memory.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// RGB, `[height, width, 3]`.
    pub pixels: Vec<u8>,
    pub height: usize,
    pub width: usize,
    /// What is wrong with it, where a damaged picture was asked for.
    pub damage: Option<Damage>,
}

/// Picture data that are cut short or corrupt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Where it was noticed, in bytes from the start of the file.
    pub offset: u64,
    /// What is wrong.
    pub found: String,
}

/// Why a file gives no picture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Damaged(Damage),
    /// Not a picture, or one of a kind that is not read.
    Unsupported(String),
    /// Bytes that decoding would take, or that so short a file cannot stand for.
    TooLarge {
        limit: u64,
        found: u64,
    },
}

impl Fault {
    fn damaged(offset: u64, found: impl Into<String>) -> Self {
        Self::Damaged(Damage { offset, found: found.into() })
    }
}

/// What becomes of pictures that are cut short or corrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tolerance {
    /// They are a [`Fault::Damaged`].
    Strict,
    /// What can be decoded is given, the rest left at the value that the decoder gives it, as Pillow does with
    /// `LOAD_TRUNCATED_IMAGES`.
    Damaged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Jpeg,
    Png,
    WebP,
    Gif,
    Tiff,
    Bmp,
    Pnm,
}

impl Format {
    fn of(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            [0xff, 0xd8, 0xff, ..] => Self::Jpeg,
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Self::Png,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Self::WebP,
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Self::Gif,
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Self::Tiff,
            [b'B', b'M', ..] => Self::Bmp,
            [b'P', b'1'..=b'6', b' ' | b'\t' | b'\n' | b'\r' | b'#', ..] => Self::Pnm,
            _ => return None,
        })
    }
}

/// What the first bytes of a file that is not read look like.
fn other_kind(bytes: &[u8]) -> &'static str {
    match bytes {
        [] => "an empty file",
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f' | b's', ..] => "AVIF",
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', ..] => "HEIF",
        [0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => "JPEG 2000",
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] => "JPEG XL",
        [b'8', b'B', b'P', b'S', ..] => "a Photoshop document",
        [b'<', ..] => "text with markup, as a web page or SVG",
        _ => "other bytes",
    }
}

/// Decodes a file's bytes; the format is told by the first of them.
pub(crate) fn decode(bytes: &[u8], tolerance: Tolerance) -> Result<Decoded, Fault> {
    let format = Format::of(bytes).ok_or_else(|| Fault::Unsupported(other_kind(bytes).to_owned()))?;
    let decoded = match format {
        Format::Jpeg => jpeg::decode(bytes, tolerance),
        Format::Png => png::decode(bytes, tolerance),
        Format::WebP => quiet::guarded(|| webp::decode(bytes)),
        Format::Gif => quiet::guarded(|| gif::decode(bytes, tolerance)),
        Format::Tiff => quiet::guarded(|| tiff::decode(bytes)),
        Format::Bmp | Format::Pnm => quiet::guarded(|| bitmap::decode(bytes, format)),
    }?;
    debug_assert_eq!(decoded.pixels.len(), 3 * decoded.height * decoded.width, "{format:?}");
    Ok(decoded)
}
