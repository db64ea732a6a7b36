use super::resize::TableCache;

/// Working memory of [`AugmentParams::apply`](super::AugmentParams::apply), one per thread.
///
/// It grows to the largest view seen and keeps the resize tables of the crop sizes seen, so that a warm
/// scratch applies views without allocating.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The crop, then the view, as three planes.
    pub(super) source: Vec<u8>,
    /// The crop resized along its rows.
    pub(super) resized: Vec<u8>,
    /// The view.
    pub(super) planes: Vec<u8>,
    /// The view in f32 with a reflected border.
    pub(super) padded: Vec<f32>,
    /// Weights of the blur.
    pub(super) kernel: Vec<f32>,
    pub(super) tables: TableCache,
}

impl Scratch {
    /// An empty scratch; it allocates at its first use.
    pub fn new() -> Self {
        Self::default()
    }
}
