//! Image files that are decoded when they are asked for.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::augment::{ImageView, Scratch};
use crate::dataset::ImageSet;
use crate::dataset::decoder;
use crate::dataset::file::try_reserve;
use crate::dataset::image_source::{ImageSource, PixelBuffer};
use crate::dataset::layout::warn_of_splits;
use crate::dataset::listing::{NO_IMAGES, Walk, class_names, label_of};
use crate::dataset::picture_file::{MAX_SIDE, decode_file, decode_square};
use crate::dataset::pixel_cache::PixelCache;
use crate::dataset::truncated::TruncatedImages;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;

/// Picture files that become squares of one side, decoded each time they are asked for: as many as a disk holds.
///
/// Memory holds the paths, and decoded pixels up to a number of bytes that is given: the first images that are asked for
/// stay until that is full. What is given out is the same whatever the cache holds.
///
/// As an [`ImageSource`], its fingerprint is of what stands for the images, as reading all of them would take too long: the
/// side of the squares, the version of the decoder, and for each file its path below the root, its length in bytes and its label. An image that is
/// changed in place to another of the same length goes unnoticed.
#[derive(Debug)]
pub struct ImageFiles {
    root: PathBuf,
    paths: Vec<PathBuf>,
    labels: Option<Vec<u32>>,
    class_names: Vec<String>,
    side: usize,
    truncated: TruncatedImages,
    cache: PixelCache,
    fingerprint: Fingerprint,
    left_out: Vec<PathBuf>,
    damaged: usize,
}

/// Names of files that a warning shows.
const SHOWN: usize = 5;

impl ImageFiles {
    /// Lists the picture files below a folder, in the byte order of their paths; nothing is decoded yet.
    ///
    /// Where every image lies in a sub-folder, the sub-folders of the root are classes; in a name that is not UTF-8, other bytes
    /// are written as `\xE9`. Hidden entries are left out, and each file is taken once, whatever links lead to it. `side` is
    /// that of the squares in pixels, 1 to 1024; `cache_bytes` the most bytes of decoded pixels that are kept.
    ///
    /// # Errors
    /// [`DataError::Missing`] for a folder that is not there or holds no image, [`DataError::NotFolder`] for a file, [`DataError::Io`] if it cannot be
    /// listed, [`DataError::InvalidArgument`] for a side out of range.
    pub fn list(root: &Path, side: usize, cache_bytes: u64) -> Result<Self, DataError> {
        if !root.is_dir() {
            return Err(DataError::no_folder(root, "a folder of image files"));
        }
        let mut walk = Walk::default();
        let mut paths = walk.collect(root)?;
        walk.tell(root);
        paths.sort_unstable();
        let class = |path: &PathBuf| {
            let mut parts = path.strip_prefix(root).ok()?.components();
            let class = parts.next()?;
            parts.next().map(|_| root.join(class))
        };
        let folders: Option<Vec<PathBuf>> = paths.iter().map(class).collect();
        let mut classes = folders.clone().unwrap_or_default();
        // The paths are sorted, so that equal folders lie together.
        classes.dedup();
        classes.sort_unstable();
        warn_of_splits(root, &classes);
        let class_names = class_names(&classes)?;
        let label = |folder: &PathBuf| label_of(classes.binary_search(folder).unwrap_or(0));
        let labels =
            folders.map(|folders| folders.iter().map(label).collect::<Result<_, _>>()).transpose()?;
        Self::new(root, paths, labels, class_names, side, cache_bytes)
    }

    /// Files that are known already; each label has a name.
    pub(super) fn new(
        root: &Path,
        paths: Vec<PathBuf>,
        labels: Option<Vec<u32>>,
        class_names: Vec<String>,
        side: usize,
        cache_bytes: u64,
    ) -> Result<Self, DataError> {
        check_side(side)?;
        if paths.is_empty() {
            return Err(DataError::missing(&root.join("*.png"), NO_IMAGES));
        }
        if u32::try_from(paths.len()).is_err() {
            return Err(DataError::invalid("number of images", "1 to 4294967295", paths.len()));
        }
        let fingerprint = fingerprint(root, &paths, labels.as_deref(), side, decoder::VERSION)?;
        let cache = PixelCache::new(paths.len(), 3 * side * side, cache_bytes);
        let (root, truncated) = (root.to_owned(), TruncatedImages::Error);
        let (left_out, damaged) = (Vec::new(), 0);
        Ok(Self { root, paths, labels, class_names, side, truncated, cache, fingerprint, left_out, damaged })
    }

    /// Says what becomes of pictures that are cut short or corrupt; [`load`](Self::load) and [`stream`](Self::stream) do so.
    #[must_use]
    pub fn on_damage(mut self, truncated: TruncatedImages) -> Self {
        self.truncated = truncated;
        self
    }

    /// Decodes all files, on all cores, into memory.
    ///
    /// # Errors
    /// [`DataError`] of the first file that cannot be read and is not left out, or if memory does not suffice.
    pub fn load(mut self) -> Result<ImageSet, DataError> {
        let side = self.side;
        let each = 3 * side * side;
        let bytes = (self.len() as u64).saturating_mul(each as u64);
        let mut pixels = try_reserve(&self.root, bytes)?;
        pixels.resize(self.len() * each, 0);
        let truncated = self.truncated;
        let states = pixels
            .par_chunks_exact_mut(each)
            .zip(&self.paths)
            .map_init(Scratch::new, |scratch, (out, path)| {
                State::of(decode_square(path, side, truncated.tolerance(), scratch, out), truncated)
            })
            .collect::<Result<Vec<_>, DataError>>()?;
        let mut kept = 0;
        for (index, state) in states.iter().enumerate() {
            if *state != State::Unreadable {
                pixels.copy_within(index * each..(index + 1) * each, kept * each);
                kept += 1;
            }
        }
        pixels.truncate(kept * each);
        self.keep(&states)?;
        let first = pixels.get(..each).unwrap_or_default();
        if kept > 1 && pixels.chunks_exact(each).all(|image| image == first) {
            tracing::warn!(
                "{}: all {kept} images have the same pixels, by which no model can tell them apart",
                self.root.display()
            );
        }
        match self.labels {
            Some(labels) => ImageSet::new(pixels, side, side, labels, self.class_names),
            None => ImageSet::unlabelled(pixels, side, side),
        }
    }

    /// Makes ready to decode files when they are asked for, with at most `cache_bytes` of decoded pixels kept. Unless damaged
    /// pictures are errors, reads all files once, to know which they are.
    ///
    /// # Errors
    /// As [`load`](Self::load); with [`TruncatedImages::Error`], a broken image is found when it is asked for.
    pub fn stream(mut self, cache_bytes: u64) -> Result<Self, DataError> {
        if self.truncated != TruncatedImages::Error {
            let truncated = self.truncated;
            let states = self
                .paths
                .par_iter()
                .map(|path| {
                    let decoded = decode_file(path, truncated.tolerance());
                    State::of(decoded.map(|file| file.damage.is_some()), truncated)
                })
                .collect::<Result<Vec<_>, DataError>>()?;
            self.keep(&states)?;
        }
        self.cache = PixelCache::new(self.paths.len(), 3 * self.side * self.side, cache_bytes);
        Ok(self)
    }

    /// Leaves out what cannot be read, and says what was found.
    fn keep(&mut self, states: &[State]) -> Result<(), DataError> {
        let of = |state| states.iter().zip(&self.paths).filter(move |(found, _)| **found == state);
        let damaged: Vec<_> = of(State::Damaged).map(|(_, path)| path.clone()).collect();
        self.left_out = of(State::Unreadable).map(|(_, path)| path.clone()).collect();
        self.damaged = damaged.len();
        let root = self.root.display();
        for (files, fate) in [
            (&self.left_out, "cannot be read and are left out"),
            (&damaged, "are damaged and used as they are"),
        ] {
            if !files.is_empty() {
                let shown: Vec<_> = files.iter().take(SHOWN).map(|path| path.display().to_string()).collect();
                let more = if files.len() > SHOWN { ", ..." } else { "" };
                tracing::warn!(
                    "{root}: {} of {} images {fate}: {}{more}",
                    files.len(),
                    states.len(),
                    shown.join(", ")
                );
            }
        }
        if self.left_out.is_empty() {
            return Ok(());
        }
        let kept = |index: &usize| states[*index] != State::Unreadable;
        if let Some(labels) = &mut self.labels {
            *labels = (0..labels.len()).filter(kept).map(|index| labels[index]).collect();
        }
        self.paths = (0..states.len()).filter(kept).map(|index| self.paths[index].clone()).collect();
        if self.paths.is_empty() {
            return Err(DataError::missing(&self.root.join("*.png"), "at least one image that can be read"));
        }
        self.fingerprint =
            fingerprint(&self.root, &self.paths, self.labels.as_deref(), self.side, decoder::VERSION)?;
        Ok(())
    }

    /// Files that could not be read and were left out ([`TruncatedImages::Skip`]).
    #[must_use]
    pub fn left_out(&self) -> &[PathBuf] {
        &self.left_out
    }

    /// How many files are damaged and used as they are ([`TruncatedImages::Accept`]).
    #[must_use]
    pub fn damaged(&self) -> usize {
        self.damaged
    }

    /// Number of files, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a list is never empty: the constructor refuses it")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// The files, under the root as it was given.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The files' paths relative to the root, with `/` between components.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let relative = |path: &PathBuf| {
            let parts = components(&self.root, path).map(OsStr::to_string_lossy);
            parts.collect::<Vec<_>>().join("/")
        };
        self.paths.iter().map(relative).collect()
    }

    /// The class of each file, an index into [`class_names`](Self::class_names); `None` if some file lies in the root
    /// itself.
    #[must_use]
    pub fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }

    /// Names of the classes in byte order; empty without labels.
    #[must_use]
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Side of the squares in pixels.
    #[must_use]
    pub fn side(&self) -> usize {
        self.side
    }

    /// Bytes of decoded pixels that are kept at the moment.
    #[must_use]
    pub fn cached_bytes(&self) -> u64 {
        self.cache.used()
    }
}

impl ImageSource for ImageFiles {
    fn len(&self) -> usize {
        self.len()
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.labels.as_ref().map(|labels| labels[index])
    }

    fn class_names(&self) -> &[String] {
        self.class_names()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint.clone()
    }

    fn max_size(&self) -> [usize; 2] {
        [self.side; 2]
    }

    /// The centre square of file `index`, resized by
    /// [`AugmentParams::centre_square`](crate::AugmentParams::centre_square).
    ///
    /// Colours are as [`ImageFile`](super::ImageFile) says.
    fn image<'a>(&'a self, index: usize, buffer: &'a mut PixelBuffer) -> Result<ImageView<'a>, DataError> {
        let path = &self.paths[index];
        let (tolerance, PixelBuffer { pixels, scratch }) = (self.truncated.tolerance(), buffer);
        let pixels = self.cache.get_or_make(index, pixels, |out| {
            decode_square(path, self.side, tolerance, scratch, out).map(drop)
        })?;
        Ok(ImageView::new(pixels, self.side, self.side)?)
    }
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Whole,
    Damaged,
    Unreadable,
}

impl State {
    /// `decoded` says whether the file is damaged.
    fn of(decoded: Result<bool, DataError>, truncated: TruncatedImages) -> Result<Self, DataError> {
        match decoded {
            Ok(false) => Ok(Self::Whole),
            Ok(true) => Ok(Self::Damaged),
            Err(error) if truncated.skips(&error) => Ok(Self::Unreadable),
            Err(error) => Err(error),
        }
    }
}

/// Refuses squares of a side that is out of range.
pub(crate) fn check_side(side: usize) -> Result<(), DataError> {
    if (1..=MAX_SIDE).contains(&side) {
        return Ok(());
    }
    Err(DataError::invalid("image_size", format!("1 to {MAX_SIDE} pixels"), side))
}

fn components<'a>(root: &Path, path: &'a Path) -> impl Iterator<Item = &'a OsStr> {
    path.strip_prefix(root).unwrap_or(path).components().map(|part| part.as_os_str())
}

fn fingerprint(
    root: &Path,
    paths: &[PathBuf],
    labels: Option<&[u32]>,
    side: usize,
    decoder: u32,
) -> Result<Fingerprint, DataError> {
    let length = |path: &PathBuf| {
        let metadata =
            fs::metadata(path).map_err(|error| DataError::io(path, "read the length of", error))?;
        Ok(metadata.len())
    };
    let lengths = paths.par_iter().map(length).collect::<Result<Vec<u64>, DataError>>()?;
    let file = |(number, (path, length)): (usize, (&PathBuf, u64))| {
        let mut line: Vec<u8> = Vec::new();
        for component in components(root, path) {
            line.extend_from_slice(component.as_encoded_bytes());
            line.push(b'/');
        }
        let label = labels.map_or("-".to_owned(), |labels| labels[number].to_string());
        // No path holds a byte of 0.
        line.extend_from_slice(format!("\0{length}\0{label}\0").as_bytes());
        line
    };
    let header = format!("image files {side} {} decoder {decoder}\0", paths.len()).into_bytes();
    let files = paths.iter().zip(lengths).enumerate().map(file);
    Ok(Fingerprint::of(std::iter::once(header).chain(files)))
}
