//! Where the pixels of a group of images lie.

/// Positions of pixels in a buffer, in vectors of `lanes`. Beyond the last pixel, its position repeats.
#[derive(Debug)]
pub(crate) struct Positions {
    lanes: usize,
    pixels: usize,
    lane_positions: Vec<usize>,
    /// The position of the first lane of each vector.
    pub vectors: Vec<usize>,
    /// The most neighbouring pixels, a power of two up to `lanes`, that lie side by side in every aligned run.
    run: usize,
}

impl Positions {
    pub(crate) fn new(pixels: impl ExactSizeIterator<Item = usize>, lanes: usize) -> Self {
        let count = pixels.len();
        let mut lane_positions: Vec<usize> = pixels.collect();
        let last = lane_positions.last().copied().unwrap_or(0);
        lane_positions.resize(count.next_multiple_of(lanes), last);
        let side_by_side = |run: usize| {
            lane_positions
                .chunks(run)
                .all(|run| run.iter().enumerate().all(|(lane, at)| *at == run[0] + lane))
        };
        let mut run = lanes;
        while run > 1 && !side_by_side(run) {
            run /= 2;
        }
        let vectors = lane_positions.iter().step_by(lanes).copied().collect();
        Self { lanes, pixels: count, lane_positions, vectors, run }
    }

    /// Whether each vector is contiguous, so that it can be loaded as it lies.
    pub(crate) fn contiguous(&self) -> bool {
        self.run == self.lanes && self.pixels == self.lane_positions.len()
    }

    pub(crate) fn vector_count(&self) -> usize {
        self.vectors.len()
    }

    /// Values of a dense copy of one row.
    pub(crate) fn padded_len(&self) -> usize {
        self.lane_positions.len()
    }

    /// Copies, for every vector and every offset, the values at the lanes' positions plus the offset:
    /// `out` is `[vectors, offsets, lanes]`.
    pub(crate) fn pack(&self, source: &[f32], offsets: &[usize], out: &mut [f32]) {
        match self.run {
            1 => self.pack_runs::<1>(source, offsets, out),
            2 => self.pack_runs::<2>(source, offsets, out),
            4 => self.pack_runs::<4>(source, offsets, out),
            _ => self.pack_runs::<8>(source, offsets, out),
        }
    }

    fn pack_runs<const RUN: usize>(&self, source: &[f32], offsets: &[usize], out: &mut [f32]) {
        let vectors = self.lane_positions.chunks_exact(self.lanes);
        for (lanes, out) in vectors.zip(out.chunks_exact_mut(self.lanes * offsets.len())) {
            for (offset, out) in offsets.iter().zip(out.chunks_exact_mut(self.lanes)) {
                let source = &source[*offset..];
                for (at, out) in lanes.iter().step_by(RUN).zip(out.chunks_exact_mut(RUN)) {
                    out.copy_from_slice(&source[*at..at + RUN]);
                }
            }
        }
    }
}
