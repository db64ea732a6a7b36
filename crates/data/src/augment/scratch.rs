use super::Instructions;
use super::blur;
use super::normalize::Quotients;
use super::resize::table::TableCache;

/// Working memory of [`AugmentParams::apply`](super::AugmentParams::apply), one per thread.
///
/// It grows to the largest view seen and keeps the resize tables of the crop sizes seen, so that a warm
/// scratch applies views without allocating.
#[derive(Debug)]
pub struct Scratch {
    pub(super) instructions: Instructions,
    /// The crop, then the view, as three planes.
    pub(super) source: Vec<u8>,
    /// The crop resized along its rows.
    pub(super) resized: Vec<u8>,
    /// The view.
    pub(super) planes: Vec<u8>,
    pub(super) blur: blur::Buffers,
    pub(super) tables: TableCache,
    pub(super) quotients: Quotients,
}

impl Scratch {
    /// An empty scratch; it allocates at its first use. Views use the fastest instructions of this processor.
    #[must_use]
    pub fn new() -> Self {
        Self::with_instructions(Instructions::best())
    }

    /// As [`Scratch::new`], but views use the given instructions. The bytes are the same; it exists so that this can be
    /// tested and timed. Without VBMI, views of AVX-512 are made with AVX2.
    #[must_use]
    pub fn with_instructions(instructions: Instructions) -> Self {
        Self {
            instructions,
            source: Vec::new(),
            resized: Vec::new(),
            planes: Vec::new(),
            blur: blur::Buffers::default(),
            tables: TableCache::default(),
            quotients: Quotients::default(),
        }
    }

    /// The instructions that views use.
    #[must_use]
    pub fn instructions(&self) -> Instructions {
        self.instructions
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}
