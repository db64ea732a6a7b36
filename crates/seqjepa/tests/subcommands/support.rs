//! What the tests of subcommands share.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::common::{scratch, seqjepa, stderr, stdout};

/// What the program printed, after it has succeeded.
#[track_caller]
pub(crate) fn succeeds<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> String {
    let output = seqjepa(folder, arguments);
    assert!(output.status.success(), "{output:?}: {}", stderr(&output));
    stdout(&output)
}

/// The error that the program printed, after it has failed with exit code 1.
#[track_caller]
pub(crate) fn fails<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> String {
    let output = seqjepa(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{}{}", stdout(&output), stderr(&output));
    assert!(stderr(&output).starts_with("error: "), "{}", stderr(&output));
    stderr(&output)
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The folder of a run that all tests read and none writes to.
pub(crate) fn trained() -> &'static Path {
    static RUN: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, run) = RUN.get_or_init(|| {
        let scratch = scratch();
        succeeds(scratch.path(), ["train", "--config", "tiny.yaml", "--skip-evaluation"]);
        let run = scratch.path().join("runs/tiny");
        (scratch, run)
    });
    run
}

/// A checkpoint of that run for one test alone.
pub(crate) fn checkpoint(folder: &Path) -> PathBuf {
    let copy = folder.join("model.safetensors");
    fs::copy(trained().join("checkpoints/last.safetensors"), &copy).unwrap();
    copy
}

/// A folder of PNG files, two classes of four.
pub(crate) fn images(folder: &Path) -> PathBuf {
    let root = folder.join("images");
    for class in ["a", "b"] {
        fs::create_dir_all(root.join(class)).unwrap();
        for number in 0..4_u8 {
            let shade = |x, y| image::Rgb([number * 60, (x * 9) as u8, (y * 9) as u8]);
            image::RgbImage::from_fn(20, 24, shade).save(root.join(format!("{class}/{number}.png"))).unwrap();
        }
    }
    root
}
