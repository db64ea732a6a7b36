//! Images in folders, one sub-folder for each class.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::augment::Scratch;
use crate::dataset::ImageSet;
use crate::dataset::file::{sorted_entries, try_reserve};
use crate::dataset::picture_file::{MAX_SIDE, decode_square};
use crate::dataset::subset::{shuffle_prefix, stream};
use crate::error::DataError;
use crate::rng::Split;

/// Extensions that count as images, in lower case; other files are left out.
const EXTENSIONS: [&str; 3] = ["jpeg", "jpg", "png"];

/// How deep images may lie below their class folder (Tiny ImageNet: `train/CLASS/images/x.JPEG`, 1).
pub(super) const MAX_DEPTH: usize = 4;

/// Paths of images, each with its label.
type LabelledFiles = Vec<(PathBuf, u32)>;

/// Where an image folder is and how its images become one size.
///
/// Two layouts are understood:
/// - `root/train/CLASS/*.png` with `root/test/CLASS/*.png` or `root/val/CLASS/*.png`;
/// - `root/CLASS/*.png`: of each class, `test_fraction` of the images are drawn for the test split by `seed`.
///
/// Classes are the sub-folders' names in byte order. Files ending in `.png`, `.jpg` or `.jpeg` (any case) are read,
/// also from folders inside a class folder; hidden entries are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageFolder {
    /// The folder with the classes, or with `train` and `test`.
    pub root: PathBuf,
    /// Side of the square images of the set in pixels, 1 to 1024: the centre square of each file, resized by
    /// [`AugmentParams::centre_square`](crate::AugmentParams::centre_square).
    pub image_size: usize,
    /// Share of each class that the test split gets when the root has no `train` folder, above 0 and below 1.
    pub test_fraction: f64,
    /// Seed of that draw.
    pub seed: u64,
}

impl ImageFolder {
    /// An image folder with a fifth of each class for the test split where the root is not divided already, seed 0.
    pub fn new(root: impl Into<PathBuf>, image_size: usize) -> Self {
        Self { root: root.into(), image_size, test_fraction: 0.2, seed: 0 }
    }

    /// Decodes all images of a split, on all cores.
    ///
    /// Grey images are replicated, 16-bit samples reduced to 8, transparency dropped without blending (as PIL's
    /// `convert("RGB")` does), and orientation tags ignored (as torchvision does).
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] for a size or fraction out of range; [`DataError::Missing`] for a folder that
    /// is not there or holds no image; [`DataError::Malformed`] for a test class that is no training class;
    /// [`DataError::Decode`] for a broken image, with its path.
    pub fn load(&self, split: Split) -> Result<ImageSet, DataError> {
        if !(1..=MAX_SIDE).contains(&self.image_size) {
            return Err(DataError::invalid("image_size", format!("1 to {MAX_SIDE} pixels"), self.image_size));
        }
        if !(self.test_fraction > 0.0 && self.test_fraction < 1.0) {
            return Err(DataError::invalid("test_fraction", "above 0 and below 1", self.test_fraction));
        }
        let (names, files) = self.list(split)?;
        let bytes_each = self.image_size * self.image_size * 3;
        let mut pixels = try_reserve(&self.root, (files.len() as u64).saturating_mul(bytes_each as u64))?;
        pixels.resize(files.len() * bytes_each, 0);
        pixels
            .par_chunks_exact_mut(bytes_each)
            .zip(&files)
            .try_for_each_init(Scratch::new, |scratch, (out, (path, _))| {
                decode_square(path, self.image_size, scratch, out)
            })?;
        let labels = files.into_iter().map(|(_, label)| label).collect();
        ImageSet::new(pixels, self.image_size, self.image_size, labels, names)
    }

    /// Class names, and each image file of the split with its label.
    fn list(&self, split: Split) -> Result<(Vec<String>, LabelledFiles), DataError> {
        let train = self.root.join("train");
        if !train.is_dir() {
            let classes = class_folders(&self.root)?;
            return Ok((class_names(&classes)?, self.divide(&classes, split)?));
        }
        let classes = class_folders(&train)?;
        let names = class_names(&classes)?;
        let folders = match split {
            Split::Train => classes,
            Split::Test => class_folders(&self.test_folder()?)?,
        };
        let mut files = Vec::new();
        for (folder, name) in folders.iter().zip(class_names(&folders)?) {
            let label = names.binary_search(&name).map_err(|_| {
                DataError::malformed(folder, 0, "class folder", "the name of a folder in train", name)
            })?;
            files.extend(images_below(folder)?.into_iter().map(|path| (path, label as u32)));
        }
        Ok((names, files))
    }

    fn test_folder(&self) -> Result<PathBuf, DataError> {
        ["test", "val"].iter().map(|name| self.root.join(name)).find(|folder| folder.is_dir()).ok_or_else(
            || {
                DataError::missing(
                    &self.root.join("test"),
                    "a folder test or val beside train, one sub-folder a class",
                )
            },
        )
    }

    /// One split of an undivided root: stratified, each class by its own draw.
    fn divide(&self, classes: &[PathBuf], split: Split) -> Result<LabelledFiles, DataError> {
        let mut files = Vec::new();
        for (label, folder) in classes.iter().enumerate() {
            let mut images = images_below(folder)?;
            if images.len() < 2 {
                return Err(DataError::missing(folder, "at least two images, one for each split"));
            }
            let wanted = (images.len() as f64 * self.test_fraction).round() as usize;
            let test_count = wanted.clamp(1, images.len() - 1);
            shuffle_prefix(&mut images, test_count, &mut stream(self.seed.wrapping_add(label as u64)));
            let mut part = match split {
                Split::Train => images.split_off(test_count),
                Split::Test => {
                    images.truncate(test_count);
                    images
                }
            };
            part.sort_unstable();
            files.extend(part.into_iter().map(|path| (path, label as u32)));
        }
        Ok(files)
    }
}

/// The sub-folders of `root`, sorted.
fn class_folders(root: &Path) -> Result<Vec<PathBuf>, DataError> {
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

fn class_names(folders: &[PathBuf]) -> Result<Vec<String>, DataError> {
    let name = |folder: &PathBuf| {
        let name = folder.file_name().unwrap_or_default();
        let text = name.to_str().map(String::from);
        text.ok_or_else(|| DataError::malformed(folder, 0, "class folder", "a UTF-8 name", name.display()))
    };
    folders.iter().map(name).collect()
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
