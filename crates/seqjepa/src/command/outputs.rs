//! Writing results: nothing that was read is overwritten, and no file is left half-written.

use std::path::{Path, PathBuf};

use anyhow::bail;
use seqjepa_train::storage::folder_of;

/// Refuses an output that is one of the inputs, by whatever name.
pub(super) fn refuse_own_input<'a>(
    output: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> anyhow::Result<()> {
    let place = resolved(output);
    for input in inputs {
        if place == resolved(input) || are_one_file(output, input) {
            bail!(
                "output {}: expected another file than {}, which is read; nothing was written",
                output.display(),
                input.display()
            );
        }
    }
    Ok(())
}

/// The place that a path stands for, also of a file that is not there yet.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| match (folder_of(path).canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    })
}

/// Whether two paths are names of one file, as hard links are.
#[cfg(unix)]
fn are_one_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |path: &Path| std::fs::metadata(path).ok().map(|data| (data.dev(), data.ino()));
    identity(a).is_some_and(|a| Some(a) == identity(b))
}

#[cfg(not(unix))]
fn are_one_file(_: &Path, _: &Path) -> bool {
    false
}
