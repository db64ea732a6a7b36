//! Embeds the images of a folder into files.

use std::path::Path;
use std::sync::mpsc::sync_channel;

use rayon::prelude::*;
use seqjepa_data::dataset::ImageFiles;
use seqjepa_data::{DataError, ImageView, Scratch};
use serde::Serialize;

use super::output::{FeatureFiles, FeatureFormat};
use super::{EmbeddedViews, Embedder};
use crate::TrainError;
use crate::config::invalid;
use crate::observer::{Event, Observer};

/// Batches that may wait, decoded, for the model.
const WAITING: usize = 1;

/// What was embedded and where it is: the content of the JSON file beside the features.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbeddedFiles {
    /// The arrays: name, file and shape of each.
    pub arrays: Vec<EmbeddedArray>,
    /// The images' paths relative to their folder, in the order of the arrays' first axis.
    pub files: Vec<String>,
    /// The class of each image where the folder has sub-folders.
    pub labels: Option<Vec<u32>>,
    /// Names of the classes; empty without labels.
    pub class_names: Vec<String>,
    /// The views that were embedded.
    pub views: EmbeddedViews,
    /// Side of the views in pixels, to which the centre square of each image was resized by PIL's bicubic filter.
    pub image_size: usize,
    /// Pixels were divided by 255, this mean subtracted, the result divided by `std`.
    pub mean: [f32; 3],
    /// See `mean`.
    pub std: [f32; 3],
    /// The encoder of the codes: always the online one, in evaluation mode.
    pub encoder: &'static str,
    /// Version of this project.
    pub version: &'static str,
}

/// One array of features.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbeddedArray {
    /// `z_t`, `z_agg`, or `actions`.
    pub name: &'static str,
    /// The file that holds it, without folder; in SafeTensors under its name.
    pub file: String,
    /// Its extents; the elements are f32.
    pub shape: Vec<usize>,
}

/// Embeds every PNG and JPEG file below `folder` and writes the features beside one another:
///
/// - `output` ending in `.safetensors`: one file with `z_t`, `[images, views, code_width]`, `z_agg`,
///   `[images, token_width]`, and for augmented views `actions`, `[images, views, 9]`, the parameters as drawn.
/// - `output` ending in `.npy`, which holds one array a file: `NAME.z_t.npy`, `NAME.z_agg.npy`, `NAME.actions.npy`.
/// - beside either, `NAME.json`: file names, labels, normalisation, shapes.
///
/// Memory holds the pixels and features of three batches at most, whatever the number of images. The files appear under
/// their names together, when all is done; on an error there are none, and older ones of these names are as they were.
///
/// # Errors
///
/// [`TrainError::Data`] for an empty folder or an image that does not decode, [`TrainError::InvalidValue`] for another
/// ending or a batch of 0, [`TrainError::Io`] if the output cannot be written, and as [`Embedder::embed`].
pub fn embed_folder(
    embedder: &Embedder,
    folder: &Path,
    batch_size: usize,
    output: &Path,
    observer: &mut dyn Observer,
) -> Result<EmbeddedFiles, TrainError> {
    if batch_size == 0 {
        return Err(invalid("batch-size", "at least 1", batch_size));
    }
    let format = FeatureFormat::of(output)?;
    let images = ImageFiles::list(folder)?;
    let [code_width, token_width] = embedder.widths();
    let (count, views) = (images.len(), embedder.maker.count());
    let mut arrays = vec![("z_t", vec![count, views, code_width]), ("z_agg", vec![count, token_width])];
    if embedder.views() != EmbeddedViews::Identity {
        arrays.push(("actions", vec![count, views, super::PARAMETERS]));
    }
    let mut files = FeatureFiles::create(output, format, arrays)?;

    let side = embedder.image_size();
    std::thread::scope(|scope| {
        let (sender, batches) = sync_channel(WAITING);
        let images = &images;
        // Ends when the receiver is gone, that is on the first error.
        scope.spawn(move || {
            for start in (0..count).step_by(batch_size) {
                let squares = read_squares(images, start..count.min(start + batch_size), side);
                let failed = squares.is_err();
                if sender.send((start, squares)).is_err() || failed {
                    return;
                }
            }
        });
        for (start, squares) in batches {
            let squares = squares?;
            let squares =
                squares.chunks_exact(3 * side * side).map(|pixels| ImageView::new(pixels, side, side));
            let squares = squares.collect::<Result<Vec<_>, _>>()?;
            let embedded = embedder.embed(&squares, start)?;
            files.push("z_t", &embedded.codes)?;
            files.push("z_agg", &embedded.aggregate)?;
            files.push("actions", &embedded.actions)?;
            observer.observe(&Event::ImagesEmbedded { done: start + squares.len(), total: count })?;
        }
        Ok::<_, TrainError>(())
    })?;

    let normalization = embedder.normalization();
    let description = EmbeddedFiles {
        arrays: files.arrays(),
        files: images.names(),
        labels: images.labels().map(<[u32]>::to_vec),
        class_names: images.class_names().to_vec(),
        views: embedder.views(),
        image_size: side,
        mean: normalization.mean,
        std: normalization.std,
        encoder: "online",
        version: env!("CARGO_PKG_VERSION"),
    };
    files.finish(&description)?;
    Ok(description)
}

/// Decodes some files to squares, `[images, side, side, 3]`, on all cores; of several errors, the first file's.
fn read_squares(
    images: &ImageFiles,
    range: std::ops::Range<usize>,
    side: usize,
) -> Result<Vec<u8>, DataError> {
    let mut pixels = vec![0; range.len() * 3 * side * side];
    let results: Vec<_> = pixels
        .par_chunks_exact_mut(3 * side * side)
        .zip(range)
        .map_init(Scratch::new, |scratch, (out, index)| images.read_square(index, side, scratch, out))
        .collect();
    results.into_iter().collect::<Result<(), _>>()?;
    Ok(pixels)
}
