//! A procedural set in STL-10's layout.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::records::{RECORD, deinterleave};
use super::{FOLDER, SIDE, images_file};
use crate::dataset::synthetic::{class_names, render_object};
use crate::error::DataError;
use crate::rng::Split;

/// Images that are rendered at a time.
const CHUNK: usize = 256;

/// A small procedural set in the files of STL-10, to try out what is made for them.
///
/// An image shows a disc with one of ten patterns, those of [`Synthetic`](crate::dataset::Synthetic), in vivid colours at a
/// random place on a muted, mottled ground. The disc is what is salient, and nothing but its pattern tells the class. The
/// same seed gives the same bytes on every platform; image `i` of each part is of class `i % 10`.
///
/// ```
/// use seqjepa_data::dataset::{Stl10Images, Stl10Part, Stl10StandIn};
/// use seqjepa_data::ImageSource;
///
/// let folder = tempfile::tempdir()?;
/// Stl10StandIn { unlabelled: 30, train: 20, test: 10, seed: 0 }.write(folder.path())?;
/// let images = Stl10Images::open(folder.path(), Stl10Part::Train, 1 << 20)?;
/// assert_eq!((images.len(), images.label(13)), (20, Some(3)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stl10StandIn {
    /// Number of images without labels, 1 to 1 000 000; 2000 by default.
    pub unlabelled: usize,
    /// Number of labelled training images, 1 to 1 000 000; 500 by default.
    pub train: usize,
    /// Number of labelled test images, 1 to 1 000 000; 500 by default.
    pub test: usize,
    /// Seed of all images, 0 by default.
    pub seed: u64,
}

impl Default for Stl10StandIn {
    fn default() -> Self {
        Self { unlabelled: 2000, train: 500, test: 500, seed: 0 }
    }
}

impl Stl10StandIn {
    /// Writes the folder `stl10_binary` into `root`, and returns its path.
    ///
    /// It is complete or absent: it is written under another name and renamed at the end.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] for a number of images out of range or where the folder is there already,
    /// [`DataError::Io`] for what cannot be written.
    pub fn write(&self, root: &Path) -> Result<PathBuf, DataError> {
        const LIMIT: usize = 1_000_000;
        for (name, count) in
            [("unlabelled images", self.unlabelled), ("train images", self.train), ("test images", self.test)]
        {
            if !(1..=LIMIT).contains(&count) {
                return Err(DataError::invalid(name, format!("1 to {LIMIT}"), count));
            }
        }
        let folder = root.join(FOLDER);
        if folder.exists() {
            let expected = format!("a folder without {FOLDER}");
            return Err(DataError::invalid("folder of the stand-in", expected, folder.display()));
        }
        let partial = root.join(format!(".{FOLDER}.{}", std::process::id()));
        let written = self.write_into(&partial).and_then(|()| {
            fs::rename(&partial, &folder).map_err(|error| DataError::io(&folder, "rename to", error))
        });
        if written.is_err() {
            // What was wrong is told; that it cannot be cleared away too would say nothing more.
            let _ = fs::remove_dir_all(&partial);
        }
        written.map(|()| folder)
    }

    fn write_into(&self, folder: &Path) -> Result<(), DataError> {
        fs::create_dir_all(folder).map_err(|error| DataError::io(folder, "create folder", error))?;
        let parts = [
            ("unlabeled", self.unlabelled, Split::Train, 1),
            ("train", self.train, Split::Train, 0),
            ("test", self.test, Split::Test, 0),
        ];
        for (stem, count, split, set) in parts {
            let images = folder.join(images_file(stem));
            self.write_images(&images, count, split, set)
                .map_err(|error| DataError::io(&images, "write", error))?;
            if stem != "unlabeled" {
                let labels: Vec<u8> = (1..=10).cycle().take(count).collect();
                write_whole(&folder.join(format!("{stem}_y.bin")), &labels)?;
            }
        }
        let names: String = class_names().map(|name| format!("{name}\n")).collect();
        write_whole(&folder.join("class_names.txt"), names.as_bytes())
    }

    fn write_images(&self, path: &Path, count: usize, split: Split, set: u32) -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create_new(path)?);
        let mut records = vec![0; CHUNK * RECORD];
        for first in (0..count).step_by(CHUNK) {
            let records = &mut records[..CHUNK.min(count - first) * RECORD];
            records.par_chunks_exact_mut(RECORD).enumerate().for_each_init(
                || vec![0; RECORD],
                |pixels, (index, record)| {
                    render_object(self.seed, split, set, first + index, SIDE, pixels);
                    deinterleave(pixels, record);
                },
            );
            file.write_all(records)?;
        }
        file.into_inner()?.sync_all()
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    fs::write(path, bytes).map_err(|error| DataError::io(path, "write", error))
}
