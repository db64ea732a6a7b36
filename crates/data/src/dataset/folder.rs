//! Images in folders, one sub-folder for each class.

use std::path::PathBuf;

use rayon::prelude::*;

use crate::augment::Scratch;
use crate::dataset::ImageSet;
use crate::dataset::decoder::Tolerance;
use crate::dataset::file::try_reserve;
use crate::dataset::image_files::{ImageFiles, check_side};
use crate::dataset::listing::{class_folders, images_below, label_of, utf8_name};
use crate::dataset::picture_file::decode_square;
use crate::dataset::subset::{shuffle_prefix, stream};
use crate::error::DataError;
use crate::rng::Split;

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
    /// Side of the square source images in pixels, 1 to 1024: the centre square of each file, resized by
    /// [`AugmentParams::centre_square`](crate::AugmentParams::centre_square). Views have the size that their
    /// [`AugmentPolicy`](crate::AugmentPolicy) says; a larger source leaves more to crop from.
    pub image_size: usize,
    /// Share of each class that the test split gets when the root has no `train` folder, above 0 and below 1.
    pub test_fraction: f64,
    /// Seed of that draw.
    pub seed: u64,
}

impl ImageFolder {
    /// An image folder with a fifth of each class for the test split where the root is not divided already, seed 0.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, image_size: usize) -> Self {
        Self { root: root.into(), image_size, test_fraction: 0.2, seed: 0 }
    }

    /// Decodes all images of a split, on all cores, into memory.
    ///
    /// Grey images are replicated, 16-bit samples reduced to 8, transparency dropped without blending (as PIL's
    /// `convert("RGB")` does), and orientation tags ignored (as torchvision does).
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] for a size or fraction out of range; [`DataError::Missing`] for a folder that
    /// is not there or holds no image; [`DataError::Malformed`] for a test class that is not among the training classes;
    /// [`DataError::Decode`] for a broken image, with its path.
    pub fn load(&self, split: Split) -> Result<ImageSet, DataError> {
        let (names, files) = self.list(split)?;
        let bytes_each = self.image_size * self.image_size * 3;
        let mut pixels = try_reserve(&self.root, (files.len() as u64).saturating_mul(bytes_each as u64))?;
        pixels.resize(files.len() * bytes_each, 0);
        pixels.par_chunks_exact_mut(bytes_each).zip(&files).try_for_each_init(
            Scratch::new,
            |scratch, (out, (path, _))| {
                decode_square(path, self.image_size, Tolerance::Strict, scratch, out).map(drop)
            },
        )?;
        let labels = files.into_iter().map(|(_, label)| label).collect();
        ImageSet::new(pixels, self.image_size, self.image_size, labels, names)
    }

    /// The same images as [`load`](Self::load), in the same order, decoded when they are asked for: for folders larger than
    /// memory. At most `cache_bytes` of decoded pixels are kept.
    ///
    /// # Errors
    /// As [`load`](Self::load); a broken image is found when it is asked for.
    pub fn stream(&self, split: Split, cache_bytes: u64) -> Result<ImageFiles, DataError> {
        let (names, files) = self.list(split)?;
        let (paths, labels) = files.into_iter().unzip();
        ImageFiles::new(&self.root, paths, Some(labels), names, self.image_size, cache_bytes)
    }

    /// Class names, and each image file of the split with its label.
    fn list(&self, split: Split) -> Result<(Vec<String>, LabelledFiles), DataError> {
        check_side(self.image_size)?;
        if !(self.test_fraction > 0.0 && self.test_fraction < 1.0) {
            return Err(DataError::invalid("test_fraction", "above 0 and below 1", self.test_fraction));
        }
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
            let label = label_of(label)?;
            files.extend(images_below(folder)?.into_iter().map(|path| (path, label)));
        }
        Ok((names, files))
    }

    fn test_folder(&self) -> Result<PathBuf, DataError> {
        ["test", "val"].iter().map(|name| self.root.join(name)).find(|folder| folder.is_dir()).ok_or_else(
            || {
                DataError::missing(
                    &self.root.join("test"),
                    "a folder test or val beside train, one sub-folder per class",
                )
            },
        )
    }

    /// One split of an undivided root: stratified, each class by its own draw.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a number of images, rounded"
    )]
    fn divide(&self, classes: &[PathBuf], split: Split) -> Result<LabelledFiles, DataError> {
        let mut files = Vec::new();
        for (class, folder) in classes.iter().enumerate() {
            let mut images = images_below(folder)?;
            if images.len() < 2 {
                return Err(DataError::missing(folder, "at least two images, one for each split"));
            }
            let wanted = (images.len() as f64 * self.test_fraction).round() as usize;
            let test_count = wanted.clamp(1, images.len() - 1);
            shuffle_prefix(&mut images, test_count, &mut stream(self.seed.wrapping_add(class as u64)));
            let mut part = match split {
                Split::Train => images.split_off(test_count),
                Split::Test => {
                    images.truncate(test_count);
                    images
                }
            };
            part.sort_unstable();
            let label = label_of(class)?;
            files.extend(part.into_iter().map(|path| (path, label)));
        }
        Ok(files)
    }
}

fn class_names(folders: &[PathBuf]) -> Result<Vec<String>, DataError> {
    folders.iter().map(|folder| utf8_name(folder)).collect()
}
