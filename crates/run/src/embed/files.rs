//! Embeds the images of a folder into files.

use std::path::Path;
use std::sync::mpsc::sync_channel;

use rayon::prelude::*;
use seqjepa_data::dataset::ImageFiles;
use seqjepa_data::{DataError, ImageSource, ImageView, PixelBuffer};
use seqjepa_train::observer::{Event, Observer, Stage};

use super::embedder::Embedder;
use super::error::EmbedError;
use super::output::{FeatureFiles, FeatureFormat};
use super::record::EmbeddedFiles;
use super::views::EmbeddedViews;

/// Batches that may wait, decoded, for the model.
const WAITING: usize = 1;

/// Embeds every picture file below `folder` and writes the features beside one another:
///
/// - `output` ending in `.safetensors`: one file with `z_t`, `[images, views, width]`, `z_agg`,
///   `[images, width]`, and for augmented views `actions`, `[images, views, parameters]`, as drawn.
/// - `output` ending in `.npy`, which holds one array a file: `NAME.z_t.npy`, `NAME.z_agg.npy`, `NAME.actions.npy`.
/// - beside either, `NAME.json`: file names, labels, normalisation, shapes.
///
/// Memory holds the pixels and features of three batches at most, whatever the number of images. The files appear under
/// their names together, when all is done; on an error there are none, and older ones of these names are as they were.
///
/// # Errors
///
/// [`EmbedError`] for an empty folder or an image that does not decode, for another ending or a batch of 0, if the output
/// cannot be written, and as [`Embedder::embed`].
pub fn embed_folder(
    embedder: &Embedder,
    folder: &Path,
    batch_size: usize,
    output: &Path,
    observer: &mut dyn Observer,
) -> Result<EmbeddedFiles, EmbedError> {
    embed_files(embedder, &list_images(embedder, folder)?, batch_size, output, observer)
}

/// The picture files below a folder, as `embedder` will see them; damaged ones are refused, left out or used as its config says
/// (`dataset.truncated_images`).
///
/// # Errors
///
/// [`EmbedError::Data`] for a folder without images.
pub fn list_images(embedder: &Embedder, folder: &Path) -> Result<ImageFiles, EmbedError> {
    let files = ImageFiles::list(folder, embedder.image_size(), 0)?;
    Ok(files.on_damage(embedder.truncated_images).stream(0)?)
}

/// [`embed_folder`] of files that are [listed](list_images) already.
///
/// # Errors
///
/// As [`embed_folder`].
pub fn embed_files(
    embedder: &Embedder,
    images: &ImageFiles,
    batch_size: usize,
    output: &Path,
    observer: &mut dyn Observer,
) -> Result<EmbeddedFiles, EmbedError> {
    if batch_size == 0 {
        return Err(EmbedError::BatchSize);
    }
    let format = FeatureFormat::of(output)?;
    let side = embedder.image_size();
    let layout = embedder.representations();
    let (count, views) = (images.len(), embedder.view_count());
    let mut arrays = vec![
        ("z_t", vec![count, views, layout.equivariant.width]),
        ("z_agg", vec![count, layout.invariant.width]),
    ];
    if embedder.views() != EmbeddedViews::Identity {
        arrays.push(("actions", vec![count, views, embedder.action_dim()]));
    }
    let mut files = FeatureFiles::create(output, format, arrays)?;

    std::thread::scope(|scope| {
        let (sender, batches) = sync_channel(WAITING);
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
            let squares = squares.collect::<Result<Vec<_>, _>>().map_err(DataError::from)?;
            let embedded = embedder
                .embed_named(&squares, start, |number| images.paths()[number].display().to_string())?;
            files.push("z_t", &embedded.representations)?;
            files.push("z_agg", &embedded.invariant)?;
            files.push("actions", &embedded.actions)?;
            observer.observe(&Event::Progress {
                stage: Stage::Embedding,
                what: None,
                done: (start + squares.len()) as u64,
                total: Some(count as u64),
            })?;
        }
        Ok::<_, EmbedError>(())
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
        encoder: "online".into(),
        version: env!("CARGO_PKG_VERSION").into(),
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
        .map_init(PixelBuffer::default, |buffer, (out, index)| {
            out.copy_from_slice(images.image(index, buffer)?.pixels());
            Ok::<_, DataError>(())
        })
        .collect();
    results.into_iter().collect::<Result<(), _>>()?;
    Ok(pixels)
}
