//! 3DIEBench from its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::objects::{MAX_VIEWS, ObjectViews};
use super::{Lists, ObjectSequences, ViewLatents};
use crate::augment::{AugmentParams, ImageView, Normalization, Scratch};
use crate::augment::{Crop, Interpolation};
use crate::dataset::PixelBuffer;
use crate::dataset::decoder::{self, Tolerance};
use crate::dataset::image_files::check_side;
use crate::dataset::picture_file::decode_file;
use crate::dataset::pixel_cache::PixelCache;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::npy::read_numbers;
use crate::rng::Split;

/// The folder that the archive holds.
const FOLDER: &str = "3DIEBench";

/// Most columns of a file of latents, of which the first seven are used.
const MAX_COLUMNS: usize = 64;

/// Largest number of an object's first view.
const MAX_FIRST_VIEW: usize = 1_000_000;

/// 3DIEBench (Garrido et al., ICML 2023): renders of 52 472 objects of 55 classes in 50 views each, with their latents.
///
/// Below the root, `CLASS/OBJECT/image_K.jpg` and `latent_K.npy` with K from 0; which objects are for training and which for the
/// test say the published lists `train_images.npy`, `train_labels.npy`, `val_images.npy` and `val_labels.npy`. Images are read
/// when they are asked for; memory holds the paths of the objects and decoded images up to a number of bytes that is given.
///
/// The set of rotations out of distribution (3DIEBench-OOD), every angle within ±[π/2, π], is a folder of the same layout with the
/// test objects and other numbers of views: another `root`, `first_view` and `views_per_object`, the same lists.
#[derive(Clone, Debug, PartialEq)]
pub struct ThreeDieBench {
    /// The folder of the classes, or one that holds it as `3DIEBench`.
    pub root: PathBuf,
    /// The folder of the four lists; the root if `None`.
    pub lists: Option<PathBuf>,
    /// Side of the square views in pixels, 1 to 1024; 128 by default. The files' images, of 256 pixels as published, are resized by
    /// PIL's bilinear filter with antialiasing, whole, whatever their sides are to each other.
    pub image_size: usize,
    /// Number of views of every object, 2 to 1024, of which a sequence takes one more than it has observed views; 50 by default.
    pub views_per_object: usize,
    /// The number K of every object's first view, at most 1 000 000; 0 by default.
    pub first_view: usize,
    /// Bytes of decoded images that are kept, the first that are asked for, with 24 bytes for each image of the split; 0 by
    /// default. It changes no bit.
    pub cache_bytes: u64,
    /// Mean and standard deviation of the pixels; the published ones by default.
    pub normalization: Normalization,
}

impl ThreeDieBench {
    /// The published mean and standard deviation of the pixels.
    pub const NORMALIZATION: Normalization =
        Normalization { mean: [0.5016, 0.5037, 0.5060], std: [0.1030, 0.0999, 0.0969] };

    /// The data below `root`, as published.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            lists: None,
            image_size: 128,
            views_per_object: 50,
            first_view: 0,
            cache_bytes: 0,
            normalization: Self::NORMALIZATION,
        }
    }

    /// Sequences of `observed_views` views and a target of the objects of a split.
    ///
    /// Of every object the first and the last view are looked for, none is read. The fingerprint covers the objects and labels of the
    /// split, the names of the classes, the number of views, the lengths in bytes of those two images of each object, and the version of
    /// the decoder: an image that is changed in place to another of the same length, or one between those two, goes unnoticed.
    ///
    /// # Errors
    /// [`DataError::Missing`] or [`DataError::NotFolder`] for a root, list or view that is not there; [`DataError::Malformed`] for
    /// lists that contradict themselves or each other; [`DataError::InvalidArgument`] for a number out of range. Views that are damaged
    /// are found when they are asked for.
    pub fn sequences(&self, split: Split, observed_views: usize) -> Result<ObjectSequences, DataError> {
        ObjectSequences::new(Arc::new(self.objects(split)?), observed_views, self.normalization)
    }

    fn objects(&self, split: Split) -> Result<BenchObjects, DataError> {
        check_side(self.image_size)?;
        let (views, side) = (self.views_per_object, self.image_size);
        if !(2..=MAX_VIEWS).contains(&views) {
            return Err(DataError::invalid("views_per_object", format!("2 to {MAX_VIEWS}"), views));
        }
        if self.first_view > MAX_FIRST_VIEW {
            return Err(DataError::invalid(
                "first_view",
                format!("at most {MAX_FIRST_VIEW}"),
                self.first_view,
            ));
        }
        let below = self.root.join(FOLDER);
        let root = if below.is_dir() { below } else { self.root.clone() };
        if !root.is_dir() {
            return Err(DataError::no_folder(
                &root,
                "the folder of 3DIEBench, CLASS/OBJECT/image_0.jpg and so on",
            ));
        }
        let Lists { objects, labels, class_names } = Lists::read(&self.lists_folder(&root)?, split)?;
        if u32::try_from(objects.len()).is_err() {
            return Err(DataError::invalid("number of objects", "at most 4294967295", objects.len()));
        }
        let lengths = objects
            .par_iter()
            .map(|object| {
                let folder = root.join(&**object);
                let (first, last) = (self.first_view, self.first_view + views - 1);
                let lengths = [length(&image_path(&folder, first))?, length(&image_path(&folder, last))?];
                length(&latent_path(&folder, last))?;
                Ok(lengths)
            })
            .collect::<Result<Vec<[u64; 2]>, DataError>>()?;
        let first_view = self.first_view;
        let header = format!(
            "3DIEBench {} {first_view}+{views} decoder {}\0{}",
            objects.len(),
            decoder::VERSION,
            class_names.join("/")
        );
        let lines = objects.iter().zip(&labels).zip(&lengths).map(|((object, label), [first, last])| {
            // No name holds a byte of 0.
            format!("\0{object}\0{label}\0{first}\0{last}")
        });
        let fingerprint = Fingerprint::of(std::iter::once(header).chain(lines));
        let cache =
            PixelCache::within(objects.len().saturating_mul(views), 3 * side * side, self.cache_bytes);
        Ok(BenchObjects { root, objects, labels, class_names, side, first_view, views, cache, fingerprint })
    }

    /// Where the lists are.
    fn lists_folder(&self, root: &Path) -> Result<PathBuf, DataError> {
        let places = match &self.lists {
            Some(folder) => vec![folder.clone()],
            None => vec![root.to_owned(), self.root.clone()],
        };
        let [images, labels] = Lists::files(Split::Train);
        let [test_images, test_labels] = Lists::files(Split::Test);
        let there = |folder: &&PathBuf| folder.join(images).exists();
        places.iter().find(there).cloned().ok_or_else(|| {
            let expected = format!(
                "the lists of the objects, {images} and {test_images} with paths /CLASS/OBJECT/ and {labels} and {test_labels} with \
                 int64 classes, in the root or in a folder that is named; they are published in the folder `data` of SIE's repository \
                 and in `seq-jepa/data/3DIEBench` of seq-JEPA's"
            );
            DataError::missing(&places[0].join(images), expected)
        })
    }
}

/// The objects of a split on disk.
#[derive(Debug)]
struct BenchObjects {
    root: PathBuf,
    objects: Vec<Box<str>>,
    labels: Vec<u32>,
    class_names: Vec<String>,
    side: usize,
    first_view: usize,
    views: usize,
    cache: PixelCache,
    fingerprint: Fingerprint,
}

impl BenchObjects {
    fn folder(&self, object: usize) -> PathBuf {
        self.root.join(&*self.objects[object])
    }

    /// Reads an image into `out`, `[side, side, 3]`.
    fn read(
        &self,
        object: usize,
        view: usize,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<(), DataError> {
        let image =
            decode_file(&image_path(&self.folder(object), self.first_view + view), Tolerance::Strict)?;
        let (height, width) = (image.height, image.width);
        let params = AugmentParams {
            crop: Crop { top: 0, left: 0, height, width },
            interpolation: Interpolation::Bilinear,
            ..AugmentParams::identity(self.side, self.side)
        };
        Ok(params.apply(ImageView::new(&image.pixels, height, width)?, scratch, out)?)
    }
}

impl ObjectViews for BenchObjects {
    fn objects(&self) -> usize {
        self.objects.len()
    }

    fn views(&self) -> usize {
        self.views
    }

    fn side(&self) -> usize {
        self.side
    }

    fn label(&self, object: usize) -> u32 {
        self.labels[object]
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint.clone()
    }

    fn description(&self) -> String {
        format!("3DIEBench with {} views an object at {} pixels", self.views, self.side)
    }

    fn latents(&self, object: usize, view: usize) -> Result<ViewLatents, DataError> {
        let path = latent_path(&self.folder(object), self.first_view + view);
        let latents = read_numbers(&path, MAX_COLUMNS)?;
        let columns = match (&latents.shape[..], latents.values.first_chunk()) {
            ([_], Some(columns)) if columns.iter().all(|value| value.is_finite()) => columns,
            _ => {
                let expected = "one dimension of at least 7 finite numbers";
                let found = format!("{:?} of shape {:?}", latents.values, latents.shape);
                return Err(DataError::malformed(&path, 0, "latents", expected, found));
            }
        };
        let latents = ViewLatents::from_columns(*columns);
        let angles = latents.rotation.into_iter().chain([latents.light_theta, latents.light_phi]);
        // Those of degrees would make other rotations without a word.
        if let Some(angle) = angles.into_iter().find(|angle| angle.abs() > std::f64::consts::TAU) {
            return Err(DataError::malformed(&path, 0, "angle", "radians, at most a turn either way", angle));
        }
        Ok(latents)
    }

    fn pixels<'a>(
        &'a self,
        object: usize,
        view: usize,
        buffer: &'a mut PixelBuffer,
    ) -> Result<&'a [u8], DataError> {
        let PixelBuffer { pixels, scratch } = buffer;
        self.cache
            .get_or_make(object * self.views + view, pixels, |out| self.read(object, view, scratch, out))
    }
}

fn image_path(folder: &Path, view: usize) -> PathBuf {
    folder.join(format!("image_{view}.jpg"))
}

fn latent_path(folder: &Path, view: usize) -> PathBuf {
    folder.join(format!("latent_{view}.npy"))
}

/// The length of a file of a view, which must be there.
fn length(path: &Path) -> Result<u64, DataError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(DataError::missing(path, "a view of an object of the lists"))
        }
        Err(error) => Err(DataError::io(path, "read the length of", error)),
    }
}
