//! What the pixels of a view are written as.

use super::{SequenceKey, SequenceScratch, SequenceSlot, SequenceSource};
use crate::augment::{AugmentError, AugmentParams, ImageView, Normalization, PixelTable, Scratch};
use crate::error::DataError;

/// A pixel of one channel: a byte, or its normalised value.
pub(crate) trait Pixel: Copy + Send {
    /// What red, green and blue are written as, each by byte.
    fn levels(table: &PixelTable) -> &[[Self; 256]; 3];

    /// Makes a view, `[3, height, width]`.
    fn augment(
        params: &AugmentParams,
        image: ImageView<'_>,
        normalization: &Normalization,
        scratch: &mut Scratch,
        out: &mut [Self],
    ) -> Result<(), AugmentError>;

    /// Makes a sequence; in bytes of a source that has them.
    fn fill(
        source: &dyn SequenceSource,
        key: SequenceKey,
        scratch: &mut SequenceScratch,
        slot: SequenceSlot<'_, Self>,
    ) -> Result<(), DataError>;
}

impl Pixel for f32 {
    fn levels(table: &PixelTable) -> &[[Self; 256]; 3] {
        table.channels()
    }

    fn augment(
        params: &AugmentParams,
        image: ImageView<'_>,
        normalization: &Normalization,
        scratch: &mut Scratch,
        out: &mut [Self],
    ) -> Result<(), AugmentError> {
        params.apply_normalized(image, normalization, scratch, out)
    }

    fn fill(
        source: &dyn SequenceSource,
        key: SequenceKey,
        scratch: &mut SequenceScratch,
        slot: SequenceSlot<'_, Self>,
    ) -> Result<(), DataError> {
        source.fill(key, scratch, slot)
    }
}

/// Every byte as itself.
static BYTES: [[u8; 256]; 3] = [{
    let mut bytes = [0; 256];
    let mut byte = 1;
    while byte < 256 {
        bytes[byte] = bytes[byte - 1] + 1;
        byte += 1;
    }
    bytes
}; 3];

impl Pixel for u8 {
    fn levels(_: &PixelTable) -> &[[Self; 256]; 3] {
        &BYTES
    }

    fn augment(
        params: &AugmentParams,
        image: ImageView<'_>,
        _: &Normalization,
        scratch: &mut Scratch,
        out: &mut [Self],
    ) -> Result<(), AugmentError> {
        params.apply_planes(image, scratch, out)
    }

    fn fill(
        source: &dyn SequenceSource,
        key: SequenceKey,
        scratch: &mut SequenceScratch,
        slot: SequenceSlot<'_, Self>,
    ) -> Result<(), DataError> {
        let source = source.as_bytes().expect("buffers of bytes are for a source that has them");
        source.fill_bytes(key, scratch, slot)
    }
}
