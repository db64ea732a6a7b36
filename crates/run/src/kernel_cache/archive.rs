//! The file of a kernel cache: a line that says what follows it and with which digest, and that.

use sha2::{Digest, Sha256};

/// What the line begins with. Of another version nothing is read.
const FORMAT: &str = "seqjepa kernel cache 1 sha256 ";

/// The file's bytes.
pub(super) fn sealed(content: &[u8]) -> Vec<u8> {
    let mut bytes = line(content).into_bytes();
    bytes.extend_from_slice(content);
    bytes
}

/// What was sealed.
///
/// # Errors
///
/// What was expected of the file and what was found.
pub(super) fn opened(bytes: &[u8]) -> Result<&[u8], String> {
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
    let (found, content) = bytes.split_at(end);
    if !found.starts_with(FORMAT.as_bytes()) {
        return Err(format!("expected a file that begins with '{FORMAT}', found another"));
    }
    if found != line(content).as_bytes() {
        return Err("expected the digest that stands in it, found another: it was cut off or changed".into());
    }
    Ok(content)
}

/// The name of the file for kernels of `program`, by its digest, on these devices.
pub(super) fn name(program: &str, devices: &[String]) -> String {
    let digest = format!("{:x}", Sha256::digest(format!("{program}\n{}", devices.join("\n"))));
    format!("kernels-{}.cache", &digest[..16])
}

fn line(content: &[u8]) -> String {
    format!("{FORMAT}{:x}\n", Sha256::digest(content))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_cache_is_told_from_one_that_is_broken() {
        for other in [&b""[..], b"\n", b"SQLite format 3\0", &FORMAT.as_bytes()[..7]] {
            let problem = opened(other).unwrap_err();
            assert!(problem.starts_with("expected a file that begins"), "{problem}");
        }
        let problem = opened(FORMAT.as_bytes()).unwrap_err();
        assert!(problem.contains("cut off or changed"), "{problem}");
    }

    #[test]
    fn every_program_and_every_choice_of_devices_has_its_own_file() {
        let devices = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let names = [
            name("a", &devices(&["cuda:0 RTX 3060"])),
            name("b", &devices(&["cuda:0 RTX 3060"])),
            name("a", &devices(&["cuda:1 RTX 3060"])),
            name("a", &devices(&["cuda:0 RTX 3090"])),
            name("a", &devices(&["cuda:0 RTX 3060", "cuda:1 RTX 3060"])),
        ];
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{name}");
        }
        assert_eq!(name("a", &devices(&["cuda:0 RTX 3060"])), names[0]);
    }

    proptest! {
        #[test]
        fn what_was_sealed_is_opened_and_no_other(content: Vec<u8>, at: prop::sample::Index, change in 1_u8..) {
            let mut bytes = sealed(&content);
            prop_assert_eq!(opened(&bytes).unwrap(), &content);
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            prop_assert!(opened(&bytes).is_err());
            bytes[at] ^= change;
            bytes.truncate(at);
            prop_assert!(opened(&bytes).is_err());
        }
    }
}
