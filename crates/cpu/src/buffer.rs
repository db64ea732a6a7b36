//! Working memory that threads keep from call to call.

use std::cell::Cell;
use std::thread::LocalKey;

/// A cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Memory that starts at a cache line, so that no vector lies across two.
#[derive(Default)]
pub(crate) struct Buffer(Vec<Line>);

impl Buffer {
    /// The first `len` values, whatever they were last used for.
    pub(crate) fn values(&mut self, len: usize) -> &mut [f32] {
        if self.0.len() * 16 < len {
            // Dropped first: nothing of it needs to be copied.
            self.0 = Vec::new();
            self.0.resize(len.div_ceil(16), Line([0.0; 16]));
        }
        // SAFETY: as many lines of 16 values each, without padding, are initialised and borrowed as the buffer is.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), len) }
    }
}

/// Calls `work` with this thread's value, which is taken out meanwhile: a task that the thread steals while it waits gets a fresh one.
pub(crate) fn lend<T: Default>(key: &'static LocalKey<Cell<T>>, work: impl FnOnce(&mut T)) {
    let mut value = key.take();
    work(&mut value);
    key.set(value);
}
