//! What an implementation of objects with views must offer.

use std::fmt::Debug;

use super::ViewLatents;
use crate::dataset::PixelBuffer;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;

/// Most views of an object.
pub(crate) const MAX_VIEWS: usize = 1024;

/// Objects, each with a class and with the same number of views, which are square images with latents.
///
/// The same object and view give the same pixels and latents every time, from any thread.
pub(crate) trait ObjectViews: Send + Sync + Debug {
    /// Number of objects, at least 1 and at most 4 294 967 295.
    fn objects(&self) -> usize;

    /// Number of views of every object, 2 to [`MAX_VIEWS`].
    fn views(&self) -> usize;

    /// Side of every image in pixels.
    fn side(&self) -> usize;

    fn label(&self, object: usize) -> u32;

    fn class_names(&self) -> &[String];

    fn fingerprint(&self) -> Fingerprint;

    /// What the objects are, for people.
    fn description(&self) -> String;

    fn latents(&self, object: usize, view: usize) -> Result<ViewLatents, DataError>;

    /// RGB, `[side, side, 3]`, borrowed or made in `buffer`.
    fn pixels<'a>(
        &'a self,
        object: usize,
        view: usize,
        buffer: &'a mut PixelBuffer,
    ) -> Result<&'a [u8], DataError>;
}
