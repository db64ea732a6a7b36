//! The image files of a folder, read one by one.

use std::path::{Path, PathBuf};

use crate::augment::Scratch;
use crate::dataset::folder::{MAX_DEPTH, collect_images};
use crate::dataset::picture_file::decode_square;
use crate::error::DataError;

/// PNG and JPEG files below a folder, in the byte order of their paths; nothing is decoded yet.
///
/// Where every image lies in a sub-folder, the sub-folders of the root are classes. Hidden entries are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFiles {
    root: PathBuf,
    paths: Vec<PathBuf>,
    labels: Option<Vec<u32>>,
    class_names: Vec<String>,
}

impl ImageFiles {
    /// Lists the files.
    ///
    /// # Errors
    /// [`DataError::Missing`] for a folder that is not there or holds no image, [`DataError::Io`] if it cannot be
    /// listed.
    pub fn list(root: &Path) -> Result<Self, DataError> {
        if !root.is_dir() {
            return Err(DataError::missing(root, "a folder of PNG or JPEG files"));
        }
        let mut paths = Vec::new();
        collect_images(root, MAX_DEPTH, &mut paths)?;
        if paths.is_empty() {
            return Err(DataError::missing(&root.join("*.png"), "at least one PNG or JPEG file"));
        }
        paths.sort_unstable();
        let class = |path: &PathBuf| {
            let mut parts = path.strip_prefix(root).ok()?.components();
            let class = parts.next()?.as_os_str().to_string_lossy().into_owned();
            parts.next().map(|_| class)
        };
        let classes: Option<Vec<String>> = paths.iter().map(class).collect();
        let mut class_names = classes.clone().unwrap_or_default();
        class_names.sort_unstable();
        class_names.dedup();
        let label = |class: &String| class_names.binary_search(class).unwrap_or_default() as u32;
        let labels = classes.map(|classes| classes.iter().map(label).collect());
        Ok(Self { root: root.to_owned(), paths, labels, class_names })
    }

    /// Number of files, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a list is never empty: the constructor refuses it")]
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// The files, under the root as it was given.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The files' paths relative to the root, with `/` between components.
    pub fn names(&self) -> Vec<String> {
        let relative = |path: &PathBuf| {
            let parts = path.strip_prefix(&self.root).unwrap_or(path).components();
            parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
        };
        self.paths.iter().map(relative).collect()
    }

    /// The class of each file, an index into [`class_names`](Self::class_names); `None` if some file lies in the root
    /// itself.
    pub fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }

    /// Names of the classes in byte order; empty without labels.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Decodes file `index` to a square, `[side, side, 3]`, by
    /// [`AugmentParams::centre_square`](crate::AugmentParams::centre_square).
    ///
    /// Grey images are replicated, 16-bit samples reduced to 8, transparency dropped without blending, orientation tags
    /// ignored.
    ///
    /// # Errors
    /// [`DataError::Decode`], [`DataError::Io`] or [`DataError::Malformed`] with the file's path;
    /// [`DataError::Augment`] if `out` is not `3 * side * side` bytes.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len), as a slice does.
    pub fn read_square(
        &self,
        index: usize,
        side: usize,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<(), DataError> {
        decode_square(&self.paths[index], side, scratch, out)
    }
}
