//! Working memory that threads keep from call to call.

use std::cell::Cell;
use std::thread::LocalKey;

/// A cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Memory that starts at a cache line, so that no vector lies across two.
#[derive(Default)]
pub(super) struct Buffer(Vec<Line>);

impl Buffer {
    /// The first `len` values, whatever they were last used for.
    pub(super) fn values(&mut self, len: usize) -> &mut [f32] {
        if self.0.len() * 16 < len {
            // Dropped first: nothing of it needs to be copied.
            self.0 = Vec::new();
            self.0.resize(len.div_ceil(16), Line([0.0; 16]));
        }
        // SAFETY: as many lines of 16 values each, without padding, are initialised and borrowed as the buffer is.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), len) }
    }
}

/// What one task needs.
#[derive(Default)]
pub(super) struct Workspace {
    /// Transformed tiles of the input.
    pub(super) tiles: Buffer,
    /// Transformed tiles of the output gradient.
    pub(super) gradients: Buffer,
    /// Transformed weights.
    pub(super) weights: Buffer,
    /// Products at the points.
    pub(super) products: Buffer,
    /// Values with channels as lanes.
    pub(super) interleaved: Buffer,
    /// A row of tiles, transformed along one axis.
    pub(super) strip: Buffer,
}

/// What the tasks of one call share.
#[derive(Default)]
pub(super) struct Shared {
    /// Transformed weights, or tiles of the input.
    pub(super) operand: Buffer,
    /// Products at the points.
    pub(super) products: Buffer,
    /// Parts of sums.
    pub(super) sums: Buffer,
}

thread_local! {
    static WORKSPACE: Cell<Workspace> = Cell::default();
    static SHARED: Cell<Shared> = Cell::default();
}

/// Calls `work` with this thread's workspace for tasks.
pub(super) fn with_workspace(work: impl FnOnce(&mut Workspace)) {
    lend(&WORKSPACE, work);
}

/// Calls `work` with this thread's memory for what tasks share.
pub(super) fn with_shared(work: impl FnOnce(&mut Shared)) {
    lend(&SHARED, work);
}

/// The value is taken out meanwhile: a task that the thread steals while it waits gets a fresh one.
fn lend<T: Default>(key: &'static LocalKey<Cell<T>>, work: impl FnOnce(&mut T)) {
    let mut value = key.take();
    work(&mut value);
    key.set(value);
}
