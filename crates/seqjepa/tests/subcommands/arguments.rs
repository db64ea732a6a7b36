//! The command itself: its arguments, its version, and what it says of the machine.

use std::ffi::OsStr;
use std::path::Path;

use crate::common::{seqjepa, stderr};
use crate::support::{fails, succeeds};

#[test]
fn the_version_names_the_commit() {
    let version = succeeds(Path::new("."), ["--version"]);
    assert!(version.starts_with(concat!("seqjepa ", env!("CARGO_PKG_VERSION"), " (")), "{version}");
    assert!(version.contains("commit ") || version.contains("built outside git"), "{version}");
}

#[test]
fn wrong_arguments_end_with_2_and_a_word_on_what_is_meant() {
    for arguments in [vec!["trane"], vec!["train"], vec!["train", "--confg", "x"], vec![]] {
        let output = seqjepa(Path::new("."), &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    let error = stderr(&seqjepa(Path::new("."), ["trane"]));
    assert!(error.contains("train"), "{error}");
}

#[cfg(unix)]
#[test]
fn arguments_that_are_no_utf_8_are_paths_like_any_other() {
    use std::os::unix::ffi::OsStrExt;
    let name = OsStr::from_bytes(b"na\xffme.yaml");
    let error = fails(Path::new("."), [OsStr::new("train"), OsStr::new("--config"), name]);
    assert!(error.contains("could not read"), "{error}");
}

#[test]
fn devices_name_every_backend() {
    let text = succeeds(Path::new("."), ["devices"]);
    for backend in ["cuda", "rocm", "metal", "vulkan", "wgpu", "flex", "ndarray", "remote"] {
        assert!(text.lines().any(|line| line.starts_with(backend)), "{backend}: {text}");
    }
}

#[test]
fn a_device_that_is_required_has_to_be_there() {
    assert!(succeeds(Path::new("."), ["devices", "--require", "flex"]).contains("flex"));
    let error = fails(Path::new("."), ["devices", "--require", "remote:127.0.0.1:1"]);
    assert!(error.contains("`remote:127.0.0.1:1`"), "{error}");
    let error = fails(Path::new("."), ["devices", "--require", "card"]);
    assert!(error.contains("card"), "{error}");
}

#[test]
fn completions_are_there_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let text = succeeds(Path::new("."), ["completions", shell]);
        assert!(text.contains("seqjepa") && text.contains("quickstart"), "{shell}: {text}");
    }
}
