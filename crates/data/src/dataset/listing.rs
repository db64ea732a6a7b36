//! Which files of a folder are images, and which of its folders are classes.

use std::path::{Path, PathBuf};

use crate::dataset::file::sorted_entries;
use crate::error::DataError;

/// Extensions that count as images, in lower case; other files are left out.
const EXTENSIONS: [&str; 3] = ["jpeg", "jpg", "png"];

/// How deep images may lie below their class folder (Tiny ImageNet: `train/CLASS/images/x.JPEG`, 1).
pub(super) const MAX_DEPTH: usize = 4;

/// The sub-folders of `root`, sorted.
pub(super) fn class_folders(root: &Path) -> Result<Vec<PathBuf>, DataError> {
    let expected = "a folder with one sub-folder of images for each class";
    if !root.is_dir() {
        return Err(DataError::missing(root, expected));
    }
    let folders = sorted_entries(root, |metadata| metadata.is_dir())?;
    if folders.is_empty() {
        return Err(DataError::missing(&root.join("CLASS"), expected));
    }
    Ok(folders)
}

/// The name of a class folder.
pub(super) fn utf8_name(folder: &Path) -> Result<String, DataError> {
    let name = folder.file_name().unwrap_or_default();
    let text = name.to_str().map(String::from);
    text.ok_or_else(|| DataError::malformed(folder, 0, "class folder", "a UTF-8 name", name.display()))
}

/// The label of the class with this index.
pub(super) fn label_of(class: usize) -> Result<u32, DataError> {
    u32::try_from(class).map_err(|_| DataError::invalid("number of classes", "at most 4294967296", class))
}

/// The image files of a class, sorted; at least one.
pub(super) fn images_below(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut images = Vec::new();
    collect_images(folder, MAX_DEPTH, &mut images)?;
    if images.is_empty() {
        return Err(DataError::missing(&folder.join("*.png"), "at least one PNG or JPEG file"));
    }
    Ok(images)
}

/// The image files in a folder and in those inside it, `depth` levels down.
pub(super) fn collect_images(
    folder: &Path,
    depth: usize,
    images: &mut Vec<PathBuf>,
) -> Result<(), DataError> {
    for path in sorted_entries(folder, |metadata| metadata.is_dir() || metadata.is_file())? {
        if path.is_dir() {
            if depth > 0 {
                collect_images(&path, depth - 1, images)?;
            }
        } else if has_image_extension(&path) {
            images.push(path);
        }
    }
    Ok(())
}

fn has_image_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}
