//! Working memory that threads keep from call to call.

use std::cell::Cell;

use crate::buffer::{Buffer, lend};

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
