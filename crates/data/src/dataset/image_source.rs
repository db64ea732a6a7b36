//! Where source images come from.

use std::fmt::Debug;

use crate::augment::{ImageView, Scratch};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;

/// Memory to decode an image in, one per thread: it is reused from image to image.
#[derive(Debug, Default)]
pub struct PixelBuffer {
    /// The pixels, of whatever length the last image had.
    pub pixels: Vec<u8>,
    /// Working memory to resize with.
    pub scratch: Scratch,
}

/// Source images by index, from memory ([`ImageSet`](super::ImageSet)) or decoded when they are asked for
/// ([`ImageFiles`](super::ImageFiles)).
///
/// A source of one's own may hold anything: it must give the same image for an index every time, from any thread.
#[expect(clippy::len_without_is_empty, reason = "a source is never empty")]
pub trait ImageSource: Send + Sync + Debug {
    /// Number of images, at least 1 and at most 4 294 967 295.
    fn len(&self) -> usize;

    /// The class of image `index`, an index into [`class_names`](Self::class_names); `None` where it has none.
    fn label(&self, index: usize) -> Option<u32>;

    /// The name of each class, in label order; empty without labels.
    fn class_names(&self) -> &[String];

    /// The digest of the images and labels, or of what stands for them.
    fn fingerprint(&self) -> Fingerprint;

    /// Largest height and width of an image, in pixels.
    fn max_size(&self) -> [usize; 2];

    /// Image `index`, borrowed from the source or decoded into `buffer`.
    ///
    /// # Errors
    /// [`DataError`], with the file's path, for an image that cannot be read.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len), as a slice does.
    fn image<'a>(&'a self, index: usize, buffer: &'a mut PixelBuffer) -> Result<ImageView<'a>, DataError>;
}
