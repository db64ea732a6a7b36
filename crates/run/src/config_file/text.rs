//! The text of a config: a small regular file of Unicode text, whatever editor made it.

use std::io;
use std::path::Path;

use seqjepa_data::regular::read_regular;

/// The largest config that is read, in bytes.
pub(crate) const LIMIT: u64 = 1 << 20;

/// Reads a config.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    decode(read_regular(path, LIMIT)?).map_err(io::Error::other)
}

/// UTF-8, or UTF-16 with a byte order mark, as some editors and shells write it.
fn decode(bytes: Vec<u8>) -> Result<String, String> {
    let wide = |read: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.map_err(|_| "expected UTF-16 text after its byte order mark, found other bytes".to_owned())
    };
    match bytes.get(..2) {
        Some([0xff, 0xfe]) => return wide(u16::from_le_bytes),
        Some([0xfe, 0xff]) => return wide(u16::from_be_bytes),
        _ => {}
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let found = error.as_bytes()[before.len()];
        format!("expected UTF-8 text, found the byte 0x{found:02x} in line {line}")
    })
}

/// The text without a byte order mark, which is no part of it.
pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_editor_is_read() {
        let text = "run: {name: x}\r\n";
        let wide = |order: fn(u16) -> [u8; 2]| {
            "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(order).collect::<Vec<u8>>()
        };
        assert_eq!(decode(text.into()).unwrap(), text);
        assert_eq!(decode(wide(u16::to_le_bytes)).unwrap(), text);
        assert_eq!(decode(wide(u16::to_be_bytes)).unwrap(), text);
        assert_eq!(without_mark("\u{feff}run:"), "run:");
        let error = decode(b"run:\n  name: \xe4\n".to_vec()).unwrap_err();
        assert_eq!(error, "expected UTF-8 text, found the byte 0xe4 in line 2");
        assert!(decode(vec![0xff, 0xfe, 0x00, 0xd8]).unwrap_err().contains("UTF-16"));
    }

    #[test]
    fn only_small_regular_files_are_read() {
        let scratch = tempfile::tempdir().unwrap();
        let large = scratch.path().join("large.yaml");
        std::fs::write(&large, vec![b' '; 1 + (1 << 20)]).unwrap();
        assert!(read(&large).unwrap_err().to_string().contains("at most 1048576 bytes"));
        assert!(read(scratch.path()).unwrap_err().to_string().contains("found a folder"));
        #[cfg(unix)]
        assert!(read(Path::new("/dev/zero")).unwrap_err().to_string().contains("regular file"));
    }
}
