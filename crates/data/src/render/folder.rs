//! A folder of rendered objects in the layout of 3DIEBench.

use std::fs;
use std::path::{Path, PathBuf};

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use rayon::prelude::*;

use super::RenderedObjects;
use super::objects::RenderedSplit;
use crate::dataset::PixelBuffer;
use crate::error::DataError;
use crate::npy;
use crate::rng::Split;
use crate::three_d::{Lists, ObjectViews};

/// Quality of the images, OpenCV's own, with which the published ones were written.
const QUALITY: u8 = 95;

/// Renders both splits into a folder that is not there yet.
pub(super) fn write(settings: &RenderedObjects, folder: &Path) -> Result<(), DataError> {
    let splits =
        [Split::Train, Split::Test].map(|split| settings.objects(split).map(|objects| (split, objects)));
    if fs::symlink_metadata(folder).is_ok() {
        return Err(DataError::invalid("folder", "a path where nothing is yet", folder.display()));
    }
    let part = Part::new(folder)?;
    for split in splits {
        let (split, objects) = split?;
        write_split(&part.0, split, &objects)?;
    }
    fs::rename(&part.0, folder).map_err(|error| DataError::io(folder, "rename a folder to", error))
}

/// A folder beside another, which is removed unless it was renamed.
struct Part(PathBuf);

impl Part {
    fn new(folder: &Path) -> Result<Self, DataError> {
        let name = folder
            .file_name()
            .ok_or_else(|| DataError::invalid("folder", "a path that ends in a name", folder.display()))?;
        let path = folder.with_file_name(format!(".{}.part-{}", name.to_string_lossy(), std::process::id()));
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))
            .and_then(|()| fs::create_dir(&path))
            .map_err(|error| DataError::io(&path, "create folder", error))?;
        Ok(Self(path))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After the rename it is not there; if it cannot be removed, nothing better can be done.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write_split(root: &Path, split: Split, objects: &RenderedSplit) -> Result<(), DataError> {
    let name = match split {
        Split::Train => "train",
        Split::Test => "test",
    };
    let path = |object: usize| {
        let class = &objects.class_names()[objects.label(object) as usize];
        format!("/{class}/{name}_{object:06}/")
    };
    (0..objects.objects()).into_par_iter().try_for_each_init(PixelBuffer::default, |buffer, object| {
        let folder = root.join(path(object).trim_matches('/'));
        fs::create_dir_all(&folder).map_err(|error| DataError::io(&folder, "create folder", error))?;
        for view in 0..objects.views() {
            let latents = npy::number_file(&objects.latents(object, view)?.columns());
            write_file(&folder.join(format!("latent_{view}.npy")), &latents)?;
            let image = jpeg(objects.pixels(object, view, buffer)?, objects.side());
            let file = folder.join(format!("image_{view}.jpg"));
            let image =
                image.map_err(|error| DataError::io(&file, "encode", std::io::Error::other(error)))?;
            write_file(&file, &image)?;
        }
        Ok::<(), DataError>(())
    })?;
    let [images, labels] = Lists::files(split).map(|name| root.join(name));
    let paths: Vec<String> = (0..objects.objects()).map(path).collect();
    write_file(&images, &npy::string_file(&paths))?;
    let numbers: Vec<i64> = (0..objects.objects()).map(|object| i64::from(objects.label(object))).collect();
    write_file(&labels, &npy::integer_file(&numbers))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    fs::write(path, bytes).map_err(|error| DataError::io(path, "write", error))
}

fn jpeg(pixels: &[u8], side: usize) -> Result<Vec<u8>, image::ImageError> {
    let mut file = Vec::new();
    let side = u32::try_from(side).expect("a side of at most 512 pixels");
    JpegEncoder::new_with_quality(&mut file, QUALITY).encode(pixels, side, side, ExtendedColorType::Rgb8)?;
    Ok(file)
}
