//! STL-10 from its official binary files (Coates, Lee and Ng, "An Analysis of Single-Layer Networks in Unsupervised Feature
//! Learning", AISTATS 2011).
//!
//! `X` files are runs of 27 648-byte records without a header: three 96x96 planes, red, green, blue, each column by column.
//! `y` files hold one byte an image, the class from 1 to 10.

mod records;
mod stand_in;

pub use stand_in::Stl10StandIn;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::augment::ImageView;
use crate::dataset::file::{open, read_class_names};
use crate::dataset::image_source::{ImageSource, PixelBuffer};
use crate::dataset::pixel_cache::PixelCache;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::regular::read_at_most;
use records::{RECORD, Records, interleave};

/// Side of every image in pixels.
const SIDE: usize = 96;

/// Number of classes.
const CLASSES: usize = 10;

/// The folder of the official archive.
const FOLDER: &str = "stl10_binary";

/// Records that the fingerprint covers, at most: 28 MB.
const FINGERPRINTED: u64 = 1024;

/// A part of STL-10.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stl10Part {
    /// The images without labels, 100 000 in the official set: what the published runs train on.
    #[default]
    #[serde(alias = "unlabeled")]
    Unlabelled,
    /// The labelled training images, officially 5000: what the published probes are fitted on.
    Train,
    /// The labelled test images, officially 8000.
    Test,
    /// The labelled training images, then those without labels; without labels as a whole.
    #[serde(alias = "train_and_unlabeled")]
    TrainAndUnlabelled,
}

impl Stl10Part {
    /// The names of its files' stems, in order, with the official number of images.
    const fn stems(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::Unlabelled => &[("unlabeled", 100_000)],
            Self::Train => &[("train", 5_000)],
            Self::Test => &[("test", 8_000)],
            Self::TrainAndUnlabelled => &[("train", 5_000), ("unlabeled", 100_000)],
        }
    }

    /// As the published files spell them: `unlabeled`, `train`, `test`; two for
    /// [`TrainAndUnlabelled`](Self::TrainAndUnlabelled).
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        self.stems().iter().map(|&(stem, _)| stem)
    }

    /// Whether its images have labels.
    #[must_use]
    pub const fn labelled(self) -> bool {
        matches!(self, Self::Train | Self::Test)
    }
}

/// The images of a part of STL-10, 96x96 pixels, read from the open files when they are asked for.
///
/// The unlabelled part takes 2.76 GB as pixels. Memory holds those images that are asked for first, up to a number of bytes
/// that is given; what is given out is the same whatever is held.
///
/// As an [`ImageSource`], its fingerprint covers the lengths of the files, all labels, and 1024 images spread evenly over each
/// file, which are all of a smaller one. A change of the others in place goes unnoticed.
#[derive(Debug)]
pub struct Stl10Images {
    part: Stl10Part,
    files: Vec<Records>,
    count: usize,
    labels: Option<Vec<u32>>,
    class_names: Vec<String>,
    cache: PixelCache,
    fingerprint: Fingerprint,
}

impl Stl10Images {
    /// Opens a part.
    ///
    /// `root` is the folder `stl10_binary` of the official archive, or the folder that holds it. It must contain
    /// `unlabeled_X.bin`, or `train_X.bin`, `train_y.bin` and `class_names.txt`, or those of `test`. `cache_bytes` is the most
    /// bytes of pixels that are kept in memory. Any whole number of images is accepted, with a warning through `tracing`
    /// where it is not the official one.
    ///
    /// # Errors
    /// [`DataError::Missing`] for a file that is not there, [`DataError::FileSize`] for one that is not a whole number of
    /// 27 648-byte records or has another number of labels than of images, [`DataError::Malformed`] for a label that is
    /// not 1 to 10 or another number of class names than ten, [`DataError::Io`] for what cannot be read.
    pub fn open(root: &Path, part: Stl10Part, cache_bytes: u64) -> Result<Self, DataError> {
        let stems = part.stems();
        let folder = data_folder(root, &images_file(stems[0].0))?;
        let files = stems
            .iter()
            .map(|&(stem, official)| Records::open(folder.join(images_file(stem)), official))
            .collect::<Result<Vec<_>, DataError>>()?;
        let count: u64 = files.iter().map(Records::count).sum();
        let Ok(images) = u32::try_from(count) else {
            return Err(DataError::invalid("number of images", "1 to 4294967295", count));
        };
        let (labels, class_names) = if part.labelled() {
            let labels = read_labels(folder.join(format!("{}_y.bin", stems[0].0)), u64::from(images))?;
            (Some(labels), read_class_names(&folder.join("class_names.txt"), CLASSES)?)
        } else {
            (None, Vec::new())
        };
        let fingerprint = fingerprint(&files, labels.as_deref())?;
        let count = images as usize;
        let cache = PixelCache::new(count, RECORD, cache_bytes);
        Ok(Self { part, files, count, labels, class_names, cache, fingerprint })
    }

    /// The part that this is.
    #[must_use]
    pub fn part(&self) -> Stl10Part {
        self.part
    }

    /// Bytes of pixels that are kept at the moment.
    #[must_use]
    pub fn cached_bytes(&self) -> u64 {
        self.cache.used()
    }

    /// Reads the planes of image `index`.
    fn read(&self, index: usize, planes: &mut [u8]) -> Result<(), DataError> {
        let mut record = index as u64;
        for file in &self.files {
            if record < file.count() {
                return file.read(record, planes);
            }
            record -= file.count();
        }
        panic!("image {index} of {}", self.count)
    }
}

impl ImageSource for Stl10Images {
    fn len(&self) -> usize {
        self.count
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.labels.as_ref().map(|labels| labels[index])
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint.clone()
    }

    fn max_size(&self) -> [usize; 2] {
        [SIDE; 2]
    }

    fn image<'a>(&'a self, index: usize, buffer: &'a mut PixelBuffer) -> Result<ImageView<'a>, DataError> {
        let pixels = match self.cache.get(index) {
            Some(pixels) => pixels,
            None => {
                buffer.pixels.resize(2 * RECORD, 0);
                let (pixels, planes) = buffer.pixels.split_at_mut(RECORD);
                self.read(index, planes)?;
                match self.cache.room() {
                    Some(room) => {
                        let mut kept = vec![0; RECORD].into_boxed_slice();
                        interleave(planes, &mut kept);
                        room.keep(index, kept)
                    }
                    None => {
                        interleave(planes, pixels);
                        pixels
                    }
                }
            }
        };
        Ok(ImageView::new(pixels, SIDE, SIDE)?)
    }
}

fn images_file(stem: &str) -> String {
    format!("{stem}_X.bin")
}

/// The folder with the binary files: `root` itself or the official folder inside it.
fn data_folder(root: &Path, first_file: &str) -> Result<PathBuf, DataError> {
    let inner = root.join(FOLDER);
    if inner.is_dir() {
        return Ok(inner);
    }
    if root.join(first_file).is_file() || root.join("class_names.txt").is_file() {
        return Ok(root.to_owned());
    }
    Err(DataError::missing(&inner, format!("the extracted official archive, with {first_file} inside")))
}

/// Labels from 0, of a file that holds them from 1.
fn read_labels(path: PathBuf, images: u64) -> Result<Vec<u32>, DataError> {
    let (file, length) = open(&path, "STL-10 labels, one byte an image")?;
    if length != images {
        let expected = format!("one byte for each of the {images} images beside it");
        return Err(DataError::FileSize { path, expected, found: length });
    }
    let bytes = read_at_most(file, length, images).map_err(|error| DataError::io(&path, "read", error))?;
    if bytes.len() as u64 != images {
        let found = bytes.len() as u64;
        return Err(DataError::Truncated { path, offset: 0, expected: images, found });
    }
    let label = |(offset, &byte): (usize, &u8)| match u32::from(byte).checked_sub(1) {
        Some(label) if usize::from(byte) <= CLASSES => Ok(label),
        _ => Err(DataError::malformed(&path, offset as u64, "label", format!("1 to {CLASSES}"), byte)),
    };
    bytes.iter().enumerate().map(label).collect()
}

fn fingerprint(files: &[Records], labels: Option<&[u32]>) -> Result<Fingerprint, DataError> {
    let mut digests = vec![format!("stl10 {:?}\0", files.iter().map(Records::count).collect::<Vec<_>>())];
    let mut planes = vec![0; RECORD];
    for file in files {
        for record in spread(file.count(), FINGERPRINTED) {
            file.read(record, &mut planes)?;
            digests.push(Fingerprint::of([&planes]).as_str().to_owned());
        }
    }
    digests.extend(labels.into_iter().flatten().map(|label| format!("{label}\0")));
    Ok(Fingerprint::of(digests))
}

/// At most `most` of `count` indices, spread evenly.
pub(super) fn spread(count: u64, most: u64) -> impl Iterator<Item = u64> {
    let taken = count.min(most);
    (0..taken).map(move |number| number * count / taken)
}
