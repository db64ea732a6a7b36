//! Files that ask for more memory than they are worth: what decoding takes is bounded by the file, not by what it declares.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::{ImageFormat, RgbImage};
use seqjepa_data::DataError;
use seqjepa_data::dataset::ImageFile;
use tempfile::TempDir;

/// Counts the bytes that are held, and the most that ever were.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that reading a file held at a time, and what came of it.
fn reading(path: &Path) -> (usize, Result<ImageFile, DataError>) {
    let before = HELD.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let read = ImageFile::read(path);
    (MOST.load(Ordering::Relaxed) - before, read)
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(name);
    crc.update(data);
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length[..], name, data, &crc.sum().to_be_bytes()].concat()
}

fn zlib(length: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; length]).unwrap();
    encoder.finish().unwrap()
}

/// A PNG file of black pixels, `side` long, with another chunk before the picture.
fn png(side: u32, color: u8, raw: usize, extra: &[u8]) -> Vec<u8> {
    let header = [&side.to_be_bytes()[..], &side.to_be_bytes(), &[8, color, 0, 0, 0]].concat();
    let parts = [
        &b"\x89PNG\r\n\x1a\n"[..],
        &chunk(b"IHDR", &header),
        extra,
        &chunk(b"IDAT", &zlib(raw)),
        &chunk(b"IEND", &[]),
    ];
    parts.concat()
}

/// One test, as the counter is the process's.
#[test]
fn memory_is_bounded_whatever_a_file_declares() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("picture");
    let check = |what: &str, bytes: &[u8], limit: usize, readable: bool| {
        fs::write(&path, bytes).unwrap();
        let (most, read) = reading(&path);
        assert!(most <= limit + bytes.len(), "{what}: {most} bytes were held");
        assert_eq!(read.is_ok(), readable, "{what}: {:?}", read.err());
        if let Err(error) = read {
            assert!(error.to_string().contains("picture"), "{what}: {error}");
        }
    };
    let mega = 1 << 20;
    // 64 MiB in a profile and in a text, which nobody asks for.
    let profile = [b"name\0\0", &zlib(64 * mega)[..]].concat();
    check("profile", &png(8, 2, 8 * 25, &chunk(b"iCCP", &profile)), mega, true);
    check("text", &png(8, 2, 8 * 25, &chunk(b"zTXt", &profile)), mega, true);
    check("declared RGBA", &png(16_384, 6, 1000, &[]), mega, false);
    check("declared, within the limit", &png(4_000, 6, 1000, &[]), 64 * mega, false);

    let image = RgbImage::new(16, 16);
    for format in [ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Png] {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        let mut bytes = bytes.into_inner();
        check(&format!("whole {format:?}"), &bytes, mega, true);
        match format {
            ImageFormat::Jpeg => {
                let frame = bytes.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
                bytes[frame + 5..frame + 9].copy_from_slice(&[0xfd, 0xe8, 0xfd, 0xe8]);
            }
            ImageFormat::Bmp => bytes[18..26].copy_from_slice(&[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0]),
            _ => continue,
        }
        check(&format!("huge {format:?}"), &bytes, mega, false);
    }
    check("huge PPM", b"P6 65535 65535 255\n0", mega, false);
    let screen =
        b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;";
    check("huge GIF", screen, mega, false);
    let lossless = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xff\xff\xff\x0f\0\0\0\0\0\0\0\0\0";
    check("huge WebP", lossless, mega, false);
}
