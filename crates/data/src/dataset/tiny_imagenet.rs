//! Tiny ImageNet (Stanford CS231n, 2015) in the layout of its archive.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::dataset::file::{lines, read_text};
use crate::dataset::listing::{Walk, label_of, sub_folders};
use crate::dataset::{ImageFiles, ImageSet, TruncatedImages};
use crate::error::DataError;
use crate::rng::Split;

/// The archive's own folder.
const FOLDER: &str = "tiny-imagenet-200";

/// Classes of the official set.
const OFFICIAL_CLASSES: usize = 200;

/// Tiny ImageNet: 200 classes, 100 000 training and 10 000 validation images of 64x64 pixels.
///
/// The validation images, whose labels are public, are the test split. Below the root, or a folder `tiny-imagenet-200` in it, lie
/// - `wnids.txt`: the WordNet identifiers of the classes, one a line; the line's place is the label;
/// - `words.txt`, if it is there: identifier, tab and names, of which the first becomes the class name. A class that it does not
///   name, or whose name another one has, is called by its identifier;
/// - `train/WNID/images/*.JPEG`;
/// - `val/images/*.JPEG`, and `val/val_annotations.txt`: file name, tab, identifier, and a box that is not read.
///
/// A picture of another size becomes 64x64 pixels as those of an [`ImageFolder`](super::ImageFolder) do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TinyImageNet {
    /// The folder with `wnids.txt`, or the one that holds `tiny-imagenet-200`.
    pub root: PathBuf,
    /// What becomes of pictures that are cut short or corrupt.
    pub truncated_images: TruncatedImages,
}

impl TinyImageNet {
    /// Side of the images in pixels.
    pub const SIDE: usize = 64;

    /// The data set in a folder; damaged pictures are errors.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), truncated_images: TruncatedImages::Error }
    }

    /// Decodes all images of a split, on all cores, into memory: 1.2 GB of the training images.
    ///
    /// # Errors
    /// [`DataError::Missing`] for a file or folder that is not there, [`DataError::Malformed`] for an identifier that is none or
    /// named twice, a folder of training images or a validation image of a class that `wnids.txt` does not name; for a picture
    /// that cannot be read, those of [`ImageFile::read`](super::ImageFile::read).
    pub fn load(&self, split: Split) -> Result<ImageSet, DataError> {
        self.files(split)?.load()
    }

    /// The same images as [`load`](Self::load), in the same order, decoded when they are asked for; at most `cache_bytes` of
    /// decoded pixels are kept.
    ///
    /// # Errors
    /// As [`load`](Self::load); with [`TruncatedImages::Error`], a broken image is found when it is asked for.
    pub fn stream(&self, split: Split, cache_bytes: u64) -> Result<ImageFiles, DataError> {
        self.files(split)?.stream(cache_bytes)
    }

    /// The files of a split, before any is decoded: the training images by class and name, the validation images as
    /// `val_annotations.txt` lists them.
    ///
    /// # Errors
    /// As [`load`](Self::load), but for those of single pictures.
    pub fn files(&self, split: Split) -> Result<ImageFiles, DataError> {
        let root = self.folder();
        let wnids = read_wnids(&root.join("wnids.txt"))?;
        let labels: HashMap<&str, u32> = wnids
            .iter()
            .enumerate()
            .map(|(class, wnid)| Ok((wnid.as_str(), label_of(class)?)))
            .collect::<Result<_, DataError>>()?;
        let files = match split {
            Split::Train => training_files(&root.join("train"), &wnids, &labels)?,
            Split::Test => validation_files(&root.join("val"), &labels)?,
        };
        if split == Split::Train && wnids.len() != OFFICIAL_CLASSES {
            tracing::warn!(root = %root.display(), classes = wnids.len(), official = OFFICIAL_CLASSES, "not the official number of classes");
        }
        let names = class_names(&root.join("words.txt"), &wnids)?;
        let (paths, labels) = files.into_iter().unzip();
        let files = ImageFiles::new(&root, paths, Some(labels), names, Self::SIDE, 0)?;
        Ok(files.on_damage(self.truncated_images))
    }

    /// Where `wnids.txt` is.
    fn folder(&self) -> PathBuf {
        let inner = self.root.join(FOLDER);
        if inner.is_dir() { inner } else { self.root.clone() }
    }
}

/// The identifiers, in the order of their labels.
fn read_wnids(path: &Path) -> Result<Vec<String>, DataError> {
    const FIELD: &str = "class identifier";
    let text = read_text(path, 1 << 20, "Tiny ImageNet's list of class identifiers", FIELD)?;
    let mut wnids: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for (offset, line) in lines(&text) {
        // It becomes the name of a folder, and so nothing but an identifier may pass.
        let digits = line.strip_prefix('n').filter(|digits| digits.len() == 8);
        if !digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(DataError::malformed(path, offset, FIELD, "n and eight digits", quoted(line)));
        }
        if !seen.insert(line) {
            return Err(DataError::malformed(path, offset, FIELD, "each one once", format!("{line} again")));
        }
        wnids.push(line.to_owned());
    }
    if wnids.is_empty() {
        return Err(DataError::malformed(path, 0, "number of classes", "1 or more", 0));
    }
    Ok(wnids)
}

/// The first name of each class, different for all.
fn class_names(path: &Path, wnids: &[String]) -> Result<Vec<String>, DataError> {
    let mut names = wnids.to_vec();
    if path.exists() {
        let text =
            read_text(path, 64 << 20, "Tiny ImageNet's names of identifiers", "names of an identifier")?;
        let classes: HashMap<&str, usize> = wnids.iter().map(String::as_str).zip(0..).collect();
        for (offset, line) in lines(&text) {
            let Some((wnid, all)) = line.split_once('\t') else {
                let expected = "an identifier, a tab and names";
                return Err(DataError::malformed(path, offset, "line", expected, quoted(line)));
            };
            if let Some(class) = classes.get(wnid.trim()) {
                let first = all.split(',').next().unwrap_or_default().trim();
                if !first.is_empty() {
                    first.clone_into(&mut names[*class]);
                }
            }
        }
    }
    let mut counts: HashMap<String, usize> = HashMap::new();
    names.iter().for_each(|name| *counts.entry(name.clone()).or_default() += 1);
    for (name, wnid) in names.iter_mut().zip(wnids) {
        if counts[name] > 1 {
            name.clone_from(wnid);
        }
    }
    Ok(names)
}

fn training_files(
    train: &Path,
    wnids: &[String],
    labels: &HashMap<&str, u32>,
) -> Result<Vec<(PathBuf, u32)>, DataError> {
    if !train.is_dir() {
        return Err(DataError::no_folder(train, "a folder of training images for each class of wnids.txt"));
    }
    for folder in sub_folders(train)? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if !labels.contains_key(&*name) {
            let expected = "a class of wnids.txt";
            return Err(DataError::malformed(&folder, 0, "class folder", expected, quoted(&name)));
        }
    }
    let mut walk = Walk::default();
    let mut files = Vec::new();
    for wnid in wnids {
        let folder = train.join(wnid).join("images");
        if !folder.is_dir() {
            return Err(DataError::no_folder(&folder, &format!("the training images of class {wnid}")));
        }
        let label = labels[wnid.as_str()];
        files.extend(walk.images(&folder)?.into_iter().map(|path| (path, label)));
    }
    walk.tell(train);
    Ok(files)
}

fn validation_files(val: &Path, labels: &HashMap<&str, u32>) -> Result<Vec<(PathBuf, u32)>, DataError> {
    let (list, folder) = (val.join("val_annotations.txt"), val.join("images"));
    if !folder.is_dir() {
        let expected =
            "the validation images; those in a folder for each class can be read as `image_folder`";
        return Err(DataError::no_folder(&folder, expected));
    }
    let text = read_text(&list, 16 << 20, "the labels of the validation images", "annotation")?;
    let malformed = |offset, field, expected: &str, found: &str| {
        DataError::malformed(&list, offset, field, expected, found)
    };
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    for (offset, line) in lines(&text) {
        let mut fields = line.split('\t').map(str::trim);
        let (Some(name), Some(wnid)) = (fields.next(), fields.next()) else {
            let expected = "a file name, a tab and a class identifier";
            return Err(malformed(offset, "annotation", expected, &quoted(line)));
        };
        // A name and no path, which could lead anywhere.
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
            return Err(malformed(offset, "file name", "the name of a file in val/images", &quoted(name)));
        }
        if !seen.insert(name) {
            return Err(malformed(offset, "file name", "each file once", &format!("{} again", quoted(name))));
        }
        let Some(label) = labels.get(wnid) else {
            return Err(malformed(offset, "class identifier", "one of wnids.txt", &quoted(wnid)));
        };
        let path = folder.join(name);
        if !path.is_file() {
            return Err(DataError::missing(&path, format!("a validation image of class {wnid}")));
        }
        files.push((path, *label));
    }
    if files.is_empty() {
        return Err(malformed(0, "number of annotations", "1 or more", "0"));
    }
    let there = Walk::default().collect(&folder)?.len();
    if there > files.len() {
        let count = there - files.len();
        tracing::warn!(
            "{}: images that val_annotations.txt does not list, left out: {count}",
            folder.display()
        );
    }
    Ok(files)
}

/// A text of a file for a message.
fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(60).collect();
    format!("`{}`", shown.escape_debug())
}
