//! Sequences of a source.

use image::RgbImage;

use super::text::ADVANCE;
use super::tiles::{TILE, Tile, contact_sheet};
use super::views::{ViewRow, view_sheet};
use crate::action::{ActionGroup, ActionSpace};
use crate::augment::{ImageView, Normalization};
use crate::dataset::PixelBuffer;
use crate::error::DataError;
use crate::rng::Split;
use crate::source::{AugmentedImages, SequenceKey, SequenceScratch, SequenceSlot, SequenceSource};

/// The sequences to draw: those that a loader with this seed makes of the samples in that split and epoch.
#[derive(Clone, Copy, Debug)]
pub struct SheetRows<'a> {
    /// The run's seed.
    pub seed: u64,
    /// Training or held-out samples.
    pub split: Split,
    /// Epoch, from 0.
    pub epoch: u64,
    /// Indices of the samples in their source, one per row.
    pub samples: &'a [u32],
}

impl SheetRows<'_> {
    fn keys(&self) -> impl Iterator<Item = SequenceKey> {
        let Self { seed, split, epoch, samples } = *self;
        samples.iter().map(move |&sample| SequenceKey { seed, split, epoch, sample })
    }
}

/// Draws sequences of augmented images, one per row, as [`view_sheet`] does: with the source image, and with the steps that
/// are not part of an action.
///
/// # Errors
///
/// [`DataError::InvalidArgument`] for a sample that the source does not have, and as [`AugmentedImages`] makes its views.
pub fn augmented_sheet(source: &AugmentedImages, rows: SheetRows<'_>) -> Result<RgbImage, DataError> {
    check_samples(source, rows)?;
    let mut buffers = Vec::new();
    buffers.resize_with(rows.samples.len(), PixelBuffer::default);
    let mut drawn = Vec::new();
    for (key, buffer) in rows.keys().zip(&mut buffers) {
        let image = source.images().image(key.sample as usize, buffer)?;
        let caption = vec![format!("image {}", key.sample), class(source, key.sample)];
        let views = source.config().sample(key, image.height(), image.width());
        drawn.push(ViewRow { image, caption, views });
    }
    Ok(view_sheet(&drawn)?)
}

/// Draws sequences of any source, one per row: the observed views, then the target view, each with its raw parameters, a line
/// or more for each group of the action space.
///
/// The normalisation of the pixels is undone where the source tells it; otherwise each sequence is drawn from its smallest
/// value in black to its largest in white. Of views without three channels, the first is drawn in grey.
///
/// # Errors
///
/// [`DataError::InvalidArgument`] for a sample that the source does not have, and as [`SequenceSource::fill`].
pub fn sequence_sheet(source: &dyn SequenceSource, rows: SheetRows<'_>) -> Result<RgbImage, DataError> {
    check_samples(source, rows)?;
    let layout = source.layout();
    layout.validate()?;
    let (views, width) = (layout.observed_views, layout.actions.width());
    let mut drawn = Vec::new();
    for key in rows.keys() {
        let DrawnSequence { views: images, parameters, .. } = sequence_views(source, key, views, true)?;
        let captions: Vec<Vec<String>> = parameters
            .chunks_exact(width)
            .enumerate()
            .map(|(view, row)| {
                let mut lines =
                    vec![if view == views { "target".into() } else { format!("view {}", view + 1) }];
                lines.extend(action_lines(&layout.actions, row));
                if view == 0 {
                    lines.push(format!("sample {}", key.sample));
                    lines.push(class(source, key.sample));
                }
                lines
            })
            .collect();
        drawn.push((images, captions));
    }
    let mut tiles = Vec::new();
    for (images, captions) in &drawn {
        let mut row = Vec::new();
        for (pixels, caption) in images.iter().zip(captions) {
            let image = ImageView::new(pixels, layout.height, layout.width)?;
            row.push(Tile { image, caption: caption.clone() });
        }
        tiles.push(row);
    }
    Ok(contact_sheet(&tiles, TILE))
}

/// The views of a sequence as a person sees them, with their raw action parameters.
#[derive(Clone, Debug)]
pub struct DrawnSequence {
    /// Height and width of a view.
    pub size: [usize; 2],
    /// The views, `[height, width, 3]` each, from the first observed one; the target last, where it is wanted.
    pub views: Vec<Vec<u8>>,
    /// `[observed_views + 1, parameters]`, raw, the target's last: of all views, drawn or not.
    pub parameters: Vec<f32>,
}

/// The first `observed` views of the sequence of `key`, and the target view if it is wanted.
///
/// The pixels are those of [`sequence_sheet`].
///
/// # Errors
///
/// [`DataError::InvalidArgument`] for more views than the source makes, and as [`SequenceSource::fill`].
///
/// # Panics
///
/// If the sample is not below [`len`](SequenceSource::len).
pub fn sequence_views(
    source: &dyn SequenceSource,
    key: SequenceKey,
    observed: usize,
    target: bool,
) -> Result<DrawnSequence, DataError> {
    let layout = source.layout();
    let view_len = layout.view_len();
    if observed > layout.observed_views {
        return Err(DataError::invalid("views", format!("at most {}", layout.observed_views), observed));
    }
    let mut pixels = vec![0.0; (observed + usize::from(target)) * view_len];
    let mut parameters = vec![0.0; (layout.observed_views + 1) * layout.actions.width()];
    let (seen, last) = pixels.split_at_mut(observed * view_len);
    let slot = SequenceSlot { observed: seen, target: target.then_some(last), parameters: &mut parameters };
    source.fill(key, &mut SequenceScratch::default(), slot)?;
    let tones = Tones::of(source, &pixels);
    let views = pixels.chunks_exact(view_len).map(|view| tones.rgb(view, layout.channels)).collect();
    Ok(DrawnSequence { size: [layout.height, layout.width], views, parameters })
}

fn check_samples(source: &dyn SequenceSource, rows: SheetRows<'_>) -> Result<(), DataError> {
    match rows.samples.iter().find(|&&sample| sample as usize >= source.len()) {
        Some(&sample) => Err(DataError::invalid("samples", format!("below {}", source.len()), sample)),
        None => Ok(()),
    }
}

/// The name of a sample's class; empty where it has none.
fn class(source: &dyn SequenceSource, sample: u32) -> String {
    let label = source.label(sample as usize);
    label.and_then(|label| source.class_names().get(label as usize)).cloned().unwrap_or_default()
}

/// How numbers become bytes.
enum Tones {
    /// By the inverse of the source's normalisation.
    Normalized(Normalization),
    /// From the smallest of a sequence to the largest.
    Stretched { low: f32, high: f32 },
}

impl Tones {
    fn of(source: &dyn SequenceSource, pixels: &[f32]) -> Self {
        match source.pixel_normalization() {
            Some(normalization) if source.layout().channels == 3 => Self::Normalized(normalization),
            _ => Self::Stretched {
                low: pixels.iter().copied().fold(f32::INFINITY, f32::min),
                high: pixels.iter().copied().fold(f32::NEG_INFINITY, f32::max),
            },
        }
    }

    /// A view, `[channels, height, width]`, as `[height, width, 3]`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "out of range and no number are cut"
    )]
    fn rgb(&self, view: &[f32], channels: usize) -> Vec<u8> {
        let area = view.len() / channels;
        let byte = |pixel: usize, color: usize| {
            let value = view[if channels == 3 { color * area } else { 0 } + pixel];
            let share = match self {
                Self::Normalized(by) => value * by.std[color] + by.mean[color],
                Self::Stretched { low, high } => (value - low) / (high - low).max(f32::MIN_POSITIVE),
            };
            // Out of range and no number are cut.
            (share * 255.0).round() as u8
        };
        (0..area).flat_map(|pixel| [0, 1, 2].map(|color| byte(pixel, color))).collect()
    }
}

/// The raw parameters of a view, group by group; without groups all of them together.
fn action_lines(space: &ActionSpace, row: &[f32]) -> Vec<String> {
    const CHARACTERS: usize = (TILE / ADVANCE) as usize;
    let mut lines = Vec::new();
    let mut group = |name: &str, values: &[f32]| {
        let mut line = name.to_owned();
        for value in values {
            let value = format!("{value:.2}");
            if line.len() + 1 + value.len() > CHARACTERS {
                lines.push(std::mem::take(&mut line));
            }
            line.push(' ');
            line.push_str(&value);
        }
        lines.push(line);
    };
    if space.groups().is_empty() {
        group("action", row);
    }
    for ActionGroup { name, range, .. } in space.groups() {
        group(name, &row[range.clone()]);
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dataset::Synthetic;
    use crate::picture::tiles::MARGIN;
    use crate::source::SequenceConfig;

    fn source() -> AugmentedImages {
        let images = Synthetic { train_images: 10, ..Synthetic::default() }.load(Split::Train).unwrap();
        let config = SequenceConfig::new(32, 2, Normalization::CIFAR10).unwrap();
        AugmentedImages::new(Arc::new(images), config).unwrap()
    }

    const ROWS: SheetRows<'_> = SheetRows { seed: 7, split: Split::Train, epoch: 3, samples: &[4] };

    #[test]
    fn a_sheet_of_a_data_set_replays_from_its_parameters() {
        let source = source();
        let sheet = augmented_sheet(&source, ROWS).unwrap();
        let key = ROWS.keys().next().unwrap();
        let text = serde_json::to_string(&source.config().sample(key, 32, 32)).unwrap();
        let mut buffer = PixelBuffer::default();
        let row = ViewRow {
            image: source.images().image(4, &mut buffer).unwrap(),
            caption: vec!["image 4".into(), source.class_names()[4].clone()],
            views: serde_json::from_str(&text).unwrap(),
        };
        assert!(view_sheet(&[row]).unwrap() == sheet);
    }

    #[test]
    fn any_source_is_drawn_with_the_bytes_of_its_views() {
        let source = source();
        let (any, known) = (sequence_sheet(&source, ROWS).unwrap(), augmented_sheet(&source, ROWS).unwrap());
        // The same views, without the column of the source image.
        let column = TILE + MARGIN;
        assert_eq!(any.width() + column, known.width());
        for x in 0..3 * column {
            for y in 0..MARGIN + TILE {
                assert_eq!(any.get_pixel(x, y), known.get_pixel(x + column, y), "{x}, {y}");
            }
        }
        let outside = SheetRows { samples: &[10], ..ROWS };
        assert!(matches!(sequence_sheet(&source, outside), Err(DataError::InvalidArgument { .. })));
        assert!(augmented_sheet(&source, outside).is_err());
    }

    #[test]
    fn captions_follow_the_action_space() {
        let source = source();
        let row: Vec<f32> = (0..9).map(|x| x as f32 * 1.5).collect();
        assert_eq!(
            action_lines(&source.layout().actions, &row),
            ["crop 0.00 1.50 3.00", " 4.50", "jitter 6.00 7.50", " 9.00 10.50", "blur 12.00"]
        );
    }
}
