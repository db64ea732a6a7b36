//! Sources of square images of one side.

use crate::augment::ImageView;
use crate::dataset::ImageSource;
use crate::error::DataError;

/// The side of the images, in pixels.
pub(super) fn side(images: &dyn ImageSource) -> Result<usize, DataError> {
    let [height, width] = images.max_size();
    if height == width {
        return Ok(height);
    }
    Err(DataError::invalid("image size", "squares of one side", format!("{height}x{width}")))
}

/// Refuses an image of another size.
pub(super) fn check(image: ImageView<'_>, side: usize, sample: u32) -> Result<(), DataError> {
    if image.height() == side && image.width() == side {
        return Ok(());
    }
    let found = format!("{}x{} of image {sample}", image.height(), image.width());
    Err(DataError::invalid("image size", format!("{side}x{side}, as of the others"), found))
}
