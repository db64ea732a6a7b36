//! Which files of a folder are images, and which of its folders are classes.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::dataset::file::{Entry, sorted_entries};
use crate::error::DataError;

/// Extensions that count as images, in lower case: torchvision's, and GIF. What a file is, its content says.
const EXTENSIONS: [&str; 10] = ["bmp", "gif", "jpeg", "jpg", "pgm", "png", "ppm", "tif", "tiff", "webp"];

/// How deep images may lie below their class folder (Tiny ImageNet: `train/CLASS/images/x.JPEG`, 1).
const MAX_DEPTH: usize = 4;

/// What is said where a folder has no images.
pub(super) const NO_IMAGES: &str =
    "at least one image file (.jpg, .jpeg, .png, .webp, .gif, .tif, .tiff, .bmp, .ppm, .pgm)";

/// The sub-folders of `root`, sorted, each with a place of its own.
pub(super) fn class_folders(root: &Path) -> Result<Vec<PathBuf>, DataError> {
    let expected = "a folder with one sub-folder of images for each class";
    if !root.is_dir() {
        return Err(DataError::no_folder(root, expected));
    }
    let folders = sub_folders(root)?;
    if folders.is_empty() {
        return Err(DataError::missing(&root.join("CLASS"), expected));
    }
    let mut places: BTreeMap<PathBuf, &PathBuf> = BTreeMap::new();
    for folder in &folders {
        if let Some(other) = places.insert(canonical(folder)?, folder) {
            let found = format!("the same folder as {}, by a link", other.display());
            return Err(DataError::malformed(folder, 0, "class folder", "images of its own", found));
        }
    }
    Ok(folders)
}

/// The sub-folders of a folder, sorted, without hidden ones and without links that lead back to it or above it.
pub(super) fn sub_folders(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let place = canonical(folder)?;
    let mut folders = Vec::new();
    for entry in sorted_entries(folder)?.into_iter().filter(|entry| entry.folder) {
        if !(entry.link && place.starts_with(canonical(&entry.path)?)) {
            folders.push(entry.path);
        }
    }
    Ok(folders)
}

/// The names of class folders, all different. One that is not UTF-8 has its other bytes written as `\xE9`.
pub(super) fn class_names(folders: &[PathBuf]) -> Result<Vec<String>, DataError> {
    let names: Vec<_> = folders.iter().map(|folder| class_name(folder)).collect();
    let mut seen = HashSet::new();
    for (folder, name) in folders.iter().zip(&names) {
        if !seen.insert(name) {
            let expected = "a name that differs from those of the other classes";
            return Err(DataError::malformed(folder, 0, "class folder", expected, name));
        }
    }
    Ok(names)
}

fn class_name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default();
    name.as_encoded_bytes()
        .utf8_chunks()
        .flat_map(|chunk| {
            let escaped = chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}"));
            std::iter::once(chunk.valid().to_owned()).chain(escaped)
        })
        .collect()
}

/// The label of the class with this index.
pub(super) fn label_of(class: usize) -> Result<u32, DataError> {
    u32::try_from(class).map_err(|_| DataError::invalid("number of classes", "at most 4294967296", class))
}

/// The image files of a folder and of those inside it, sorted; at least one.
pub(super) fn images_below(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut walk = Walk::default();
    let images = walk.images(folder)?;
    walk.tell(folder);
    Ok(images)
}

/// One way through some folders, on which every file is met once, whatever links lead to it.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Folders and files that were met, by where they really are.
    met: HashSet<PathBuf>,
    /// Links back to a folder that the way leads through.
    loops: usize,
    /// Files and folders that were met before under another name.
    repeated: usize,
    /// Files that do not count as images, by their ending.
    others: BTreeMap<String, usize>,
}

impl Walk {
    /// The image files in a folder and below it, sorted; at least one.
    pub(super) fn images(&mut self, folder: &Path) -> Result<Vec<PathBuf>, DataError> {
        let repeated = self.repeated;
        let images = self.collect(folder)?;
        if images.is_empty() {
            let again = self.repeated - repeated;
            let expected = if again > 0 {
                format!("{NO_IMAGES} of its own: what is there was met before, by other names")
            } else {
                NO_IMAGES.to_owned()
            };
            return Err(DataError::missing(&folder.join("*.png"), expected));
        }
        Ok(images)
    }

    /// The same, perhaps none.
    pub(super) fn collect(&mut self, folder: &Path) -> Result<Vec<PathBuf>, DataError> {
        let mut images = Vec::new();
        self.enter(folder, MAX_DEPTH, &mut Vec::new(), &mut images)?;
        Ok(images)
    }

    fn enter(
        &mut self,
        folder: &Path,
        depth: usize,
        above: &mut Vec<PathBuf>,
        images: &mut Vec<PathBuf>,
    ) -> Result<(), DataError> {
        let place = canonical(folder)?;
        // The root itself, or one above it, is a loop too.
        if above.iter().any(|outer| outer.starts_with(&place)) {
            self.loops += 1;
            return Ok(());
        }
        if !self.met.insert(place.clone()) {
            self.repeated += 1;
            return Ok(());
        }
        above.push(place);
        for entry in sorted_entries(folder)? {
            if entry.folder {
                if depth > 0 {
                    self.enter(&entry.path, depth - 1, above, images)?;
                }
            } else if !entry.file || !has_image_extension(&entry.path) {
                *self.others.entry(ending(&entry)).or_default() += 1;
            } else if self.is_new(&entry, &above[above.len() - 1])? {
                images.push(entry.path);
            }
        }
        above.pop();
        Ok(())
    }

    /// Whether a file was not met before; `folder` is where it really lies.
    fn is_new(&mut self, entry: &Entry, folder: &Path) -> Result<bool, DataError> {
        let place = if entry.link {
            canonical(&entry.path)?
        } else {
            folder.join(entry.path.file_name().unwrap_or_default())
        };
        let new = self.met.insert(place);
        self.repeated += usize::from(!new);
        Ok(new)
    }

    /// Says in the log what was left out.
    pub(super) fn tell(&self, root: &Path) {
        let root = root.display();
        if self.loops > 0 {
            tracing::warn!(
                "{root}: links that lead back to a folder above them and are not followed: {}",
                self.loops
            );
        }
        if self.repeated > 0 {
            tracing::warn!("{root}: links to what is there already, left out: {}", self.repeated);
        }
        if !self.others.is_empty() {
            let count: usize = self.others.values().sum();
            let kinds: Vec<_> =
                self.others.iter().take(8).map(|(ending, count)| format!("{count} {ending}")).collect();
            let more = if self.others.len() > 8 { ", ..." } else { "" };
            tracing::warn!("{root}: other files than images, left out: {count} ({}{more})", kinds.join(", "));
        }
    }
}

/// What a file that is left out is called in the log.
fn ending(entry: &Entry) -> String {
    if !entry.file {
        return "not regular files".into();
    }
    let extension = entry.path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.map_or("without an ending".into(), |extension| format!(".{extension}"))
}

fn canonical(path: &Path) -> Result<PathBuf, DataError> {
    fs::canonicalize(path).map_err(|error| DataError::io(path, "find", error))
}

fn has_image_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}
