//! Images in folders, one sub-folder for each class.

use std::path::PathBuf;

use crate::dataset::ImageSet;
use crate::dataset::image_files::{ImageFiles, check_side};
use crate::dataset::layout::{Layout, layout, warn_of_splits};
use crate::dataset::listing::{Walk, class_folders, class_names, label_of};
use crate::dataset::subset::{shuffle_prefix, stream};
use crate::dataset::truncated::TruncatedImages;
use crate::error::DataError;
use crate::rng::Split;

/// Paths of images, each with its label.
type LabelledFiles = Vec<(PathBuf, u32)>;

/// Where an image folder is and how its images become one size.
///
/// Two layouts are understood:
/// - a folder of each split, with one folder of each class: `root/train/CLASS/*.png` and `root/test/CLASS/*.png` or
///   `root/val/CLASS/*.png`. Upper and lower case are the same, `training`, `testing`, `valid`, `validation`, `seg_train` and
///   the like count too, also within one another (`seg_train/seg_train`) and in a folder of their own;
/// - `root/CLASS/*.png`: of each class, `test_fraction` of the images are drawn for the test split by `seed`.
///
/// Classes are the sub-folders' names in byte order; training and test images are matched by the names. Files with the endings of
/// [`ImageFile`](super::ImageFile)'s formats are read, also from folders inside a class folder; hidden entries are left out. Links
/// are followed, each file is taken once, and links that lead back to a folder above are not followed. What is left out is
/// counted in a warning.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageFolder {
    /// The folder with the classes, or with those of the splits.
    pub root: PathBuf,
    /// Side of the square source images in pixels, 1 to 1024: the centre square of each file, resized by
    /// [`AugmentParams::centre_square`](crate::AugmentParams::centre_square). Views have the size that their
    /// [`AugmentPolicy`](crate::AugmentPolicy) says; a larger source leaves more to crop from.
    pub image_size: usize,
    /// Share of each class that the test split gets when the root is not divided already, above 0 and below 1.
    pub test_fraction: f64,
    /// Seed of that draw.
    pub seed: u64,
    /// What becomes of pictures that are cut short or corrupt.
    pub truncated_images: TruncatedImages,
}

impl ImageFolder {
    /// An image folder with a fifth of each class for the test split where the root is not divided already, seed 0; damaged
    /// pictures are errors.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, image_size: usize) -> Self {
        let truncated_images = TruncatedImages::Error;
        Self { root: root.into(), image_size, test_fraction: 0.2, seed: 0, truncated_images }
    }

    /// Decodes all images of a split, on all cores, into memory.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] for a size or fraction out of range; [`DataError::Missing`] for a folder that
    /// is not there or holds no image; [`DataError::Malformed`] for a test class that is not among the training classes, or a
    /// layout that can be read in two ways; for a picture that cannot be read, those of
    /// [`ImageFile::read`](super::ImageFile::read).
    pub fn load(&self, split: Split) -> Result<ImageSet, DataError> {
        self.files(split)?.load()
    }

    /// The same images as [`load`](Self::load), in the same order, decoded when they are asked for: for folders larger than
    /// memory. At most `cache_bytes` of decoded pixels are kept.
    ///
    /// # Errors
    /// As [`load`](Self::load); with [`TruncatedImages::Error`], a broken image is found when it is asked for.
    pub fn stream(&self, split: Split, cache_bytes: u64) -> Result<ImageFiles, DataError> {
        self.files(split)?.stream(cache_bytes)
    }

    /// The files of a split, before any is decoded: to be [loaded](ImageFiles::load) or [streamed](ImageFiles::stream).
    ///
    /// # Errors
    /// As [`load`](Self::load), but for those of single pictures.
    pub fn files(&self, split: Split) -> Result<ImageFiles, DataError> {
        let (names, files) = self.list(split)?;
        let (paths, labels) = files.into_iter().unzip();
        let files = ImageFiles::new(&self.root, paths, Some(labels), names, self.image_size, 0)?;
        Ok(files.on_damage(self.truncated_images))
    }

    /// Class names, and each image file of the split with its label.
    fn list(&self, split: Split) -> Result<(Vec<String>, LabelledFiles), DataError> {
        check_side(self.image_size)?;
        if !(self.test_fraction > 0.0 && self.test_fraction < 1.0) {
            return Err(DataError::invalid("test_fraction", "above 0 and below 1", self.test_fraction));
        }
        if !self.root.is_dir() {
            return Err(DataError::no_folder(
                &self.root,
                "a folder with one sub-folder of images for each class",
            ));
        }
        let (train, test) = match layout(&self.root)? {
            Layout::Whole(root) => {
                let classes = class_folders(&root)?;
                if split == Split::Train {
                    warn_of_splits(&root, &classes);
                }
                return Ok((class_names(&classes)?, self.divide(&classes, split)?));
            }
            Layout::Divided { train, test, unused } => {
                if split == Split::Train && !unused.is_empty() {
                    tracing::warn!(
                        "{}: training images are in {}, test images in {}; not used: {}",
                        self.root.display(),
                        train.display(),
                        test.as_deref().unwrap_or(&train).display(),
                        shortened(&unused)
                    );
                }
                (train, test)
            }
        };
        let names = class_names(&class_folders(&train)?)?;
        let root = match split {
            Split::Train => train,
            Split::Test => test.ok_or_else(|| {
                let expected =
                    "a folder test or val beside that of the training images, one sub-folder per class";
                DataError::missing(&self.root.join("test"), expected)
            })?,
        };
        let folders = class_folders(&root)?;
        let mut files = Vec::new();
        let mut walk = Walk::default();
        for (folder, name) in folders.iter().zip(class_names(&folders)?) {
            let label = names.iter().position(|known| *known == name).ok_or_else(|| {
                let expected = format!("a class of the training images ({})", shortened(&names));
                DataError::malformed(folder, 0, "class folder", expected, name)
            })?;
            let label = label_of(label)?;
            files.extend(walk.images(folder)?.into_iter().map(|path| (path, label)));
        }
        walk.tell(&root);
        if folders.len() < names.len() {
            let test = class_names(&folders)?;
            let absent: Vec<_> = names.iter().filter(|name| !test.contains(name)).cloned().collect();
            tracing::warn!(
                "{}: no test images of {} classes: {}",
                root.display(),
                absent.len(),
                shortened(&absent)
            );
        }
        Ok((names, files))
    }

    /// One split of an undivided root: stratified, each class by its own draw.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a number of images, rounded"
    )]
    fn divide(&self, classes: &[PathBuf], split: Split) -> Result<LabelledFiles, DataError> {
        let mut files = Vec::new();
        let mut walk = Walk::default();
        for (class, folder) in classes.iter().enumerate() {
            let mut images = walk.images(folder)?;
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
        // Said once, not for both splits.
        if split == Split::Train {
            walk.tell(&self.root);
        }
        Ok(files)
    }
}

/// Names of classes for a message.
fn shortened(names: &[String]) -> String {
    let shown = names[..names.len().min(10)].join(", ");
    if names.len() > 10 { format!("{shown}, ...") } else { shown }
}
