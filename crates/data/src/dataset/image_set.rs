//! One type for every image data set in memory.

use std::sync::Arc;

use crate::augment::ImageView;
use crate::dataset::image_source::{ImageSource, PixelBuffer};
use crate::dataset::subset::subset_indices;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;

/// 8-bit RGB images of one size, all in memory, with or without labels.
///
/// Pixels are one buffer of shape `[images, height, width, 3]`, interleaved R, G, B, 0 to 255: 150 MB for the
/// 50 000 images of CIFAR. Labels index [`class_names`](Self::class_names). The constructors check all of it, so
/// that an `ImageSet` in hand is never empty, never ragged and never holds a label without a name.
///
/// As an [`ImageSource`], its fingerprint covers number and size of the images, pixels and labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSet {
    pixels: Vec<u8>,
    height: usize,
    width: usize,
    count: usize,
    labels: Option<Vec<u32>>,
    class_names: Arc<[String]>,
}

impl ImageSet {
    /// Takes ownership of decoded images.
    ///
    /// `pixels` has shape `[labels.len(), height, width, 3]`; `labels[i]` is below `class_names.len()`.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] when there is no image, a side is zero, the buffer's length is not the one the
    /// shape asks for, a label has no name, or there are more images than a `u32` can index.
    pub fn new(
        pixels: Vec<u8>,
        height: usize,
        width: usize,
        labels: Vec<u32>,
        class_names: Vec<String>,
    ) -> Result<Self, DataError> {
        let count = labels.len();
        Self::checked(pixels, height, width, count, Some(labels), class_names.into())
    }

    /// Takes ownership of decoded images that belong to no class; `pixels` has shape `[images, height, width, 3]`.
    ///
    /// # Errors
    /// As [`new`](Self::new); also for a buffer that is not a whole number of images.
    pub fn unlabelled(pixels: Vec<u8>, height: usize, width: usize) -> Result<Self, DataError> {
        let each = height.saturating_mul(width).saturating_mul(3);
        let count = pixels.len() / each.max(1);
        Self::checked(pixels, height, width, count, None, Arc::default())
    }

    fn checked(
        pixels: Vec<u8>,
        height: usize,
        width: usize,
        count: usize,
        labels: Option<Vec<u32>>,
        class_names: Arc<[String]>,
    ) -> Result<Self, DataError> {
        if height == 0 || width == 0 {
            return Err(DataError::invalid(
                "image size",
                "sides of 1 pixel or more",
                format!("{height}x{width}"),
            ));
        }
        let expected = [height, width, 3].iter().try_fold(count, |product, &side| product.checked_mul(side));
        if expected != Some(pixels.len()) {
            return Err(DataError::invalid(
                "pixels",
                format!("{count} x {height} x {width} x 3 bytes"),
                pixels.len(),
            ));
        }
        if count == 0 || u32::try_from(count).is_err() {
            return Err(DataError::invalid("number of images", "1 to 4294967295", count));
        }
        let mut numbered = labels.iter().flatten().enumerate();
        if let Some((index, label)) = numbered.find(|&(_, &label)| label as usize >= class_names.len()) {
            return Err(DataError::invalid(
                "labels",
                format!("values below the number of classes, {}", class_names.len()),
                format!("{label} for image {index}"),
            ));
        }
        Ok(Self { pixels, height, width, count, labels, class_names })
    }

    /// Number of images, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty: the constructor refuses it")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Height of every image in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width of every image in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The image at `index`, borrowed.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len), as a slice does.
    #[must_use]
    pub fn image(&self, index: usize) -> ImageView<'_> {
        let size = self.height * self.width * 3;
        let pixels = &self.pixels[index * size..][..size];
        ImageView::new(pixels, self.height, self.width).expect("the constructor checked the shape")
    }

    /// The label of image `index`; `None` where the set has no labels.
    ///
    /// # Panics
    /// If the set has labels and `index` is not below [`len`](Self::len), as a slice does.
    #[must_use]
    pub fn label(&self, index: usize) -> Option<u32> {
        self.labels.as_ref().map(|labels| labels[index])
    }

    /// All labels, one for each image, each below [`class_count`](Self::class_count); `None` for a set without labels.
    #[must_use]
    pub fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }

    /// All pixels, shape `[images, height, width, 3]`.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Number of classes that the labels index; 0 without labels.
    #[must_use]
    pub fn class_count(&self) -> usize {
        self.class_names.len()
    }

    /// The name of each class, in label order; empty without labels.
    #[must_use]
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// A copy of the images at `indices`, in that order, with all class names kept.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] when `indices` is empty or one of them is not below [`len`](Self::len).
    pub fn subset(&self, indices: &[u32]) -> Result<Self, DataError> {
        if let Some(&index) = indices.iter().find(|&&index| index as usize >= self.len()) {
            return Err(DataError::invalid("subset index", format!("below {}", self.len()), index));
        }
        let size = self.height * self.width * 3;
        let mut pixels = Vec::with_capacity(indices.len() * size);
        for &index in indices {
            pixels.extend_from_slice(&self.pixels[index as usize * size..][..size]);
        }
        let labels =
            self.labels.as_ref().map(|labels| indices.iter().map(|&index| labels[index as usize]).collect());
        let names = Arc::clone(&self.class_names);
        Self::checked(pixels, self.height, self.width, indices.len(), labels, names)
    }

    /// A copy of `count` images drawn without replacement, the same for the same `seed`: see [`subset_indices`].
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] when `count` is zero or more than [`len`](Self::len).
    pub fn random_subset(&self, count: usize, seed: u64) -> Result<Self, DataError> {
        self.subset(&subset_indices(self.len(), count, seed)?)
    }
}

impl ImageSource for ImageSet {
    fn len(&self) -> usize {
        self.count
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.label(index)
    }

    fn class_names(&self) -> &[String] {
        self.class_names()
    }

    fn fingerprint(&self) -> Fingerprint {
        let header = format!("{}x{}x{}", self.count, self.height, self.width);
        let labels: Vec<u8> = self.labels.iter().flatten().flat_map(|label| label.to_le_bytes()).collect();
        Fingerprint::of([header.as_bytes(), &self.pixels, &labels])
    }

    fn max_size(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    fn image<'a>(&'a self, index: usize, _: &'a mut PixelBuffer) -> Result<ImageView<'a>, DataError> {
        Ok(self.image(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|class| format!("class {class}")).collect()
    }

    fn set(count: usize) -> ImageSet {
        let pixels = (0..count * 2 * 3 * 3).map(|value| value as u8).collect();
        let labels = (0..count as u32).map(|index| index % 4).collect();
        ImageSet::new(pixels, 2, 3, labels, names(4)).unwrap()
    }

    #[test]
    fn an_image_is_its_own_slice_of_the_buffer() {
        let set = set(5);
        let image = set.image(2);
        assert_eq!((image.height(), image.width()), (2, 3));
        assert_eq!(image.pixels(), &(36..54).collect::<Vec<u8>>()[..]);
        assert_eq!(set.label(2), Some(2));
    }

    #[test]
    fn every_inconsistency_is_refused() {
        let refused = |pixels: usize, height, width, labels: Vec<u32>, classes, field: &str| {
            let error = ImageSet::new(vec![0; pixels], height, width, labels, names(classes)).unwrap_err();
            assert!(matches!(error, DataError::InvalidArgument { name, .. } if name == field), "{error}");
        };
        refused(0, 2, 2, vec![], 1, "number of images");
        refused(0, 0, 2, vec![0], 1, "image size");
        refused(11, 2, 2, vec![0], 1, "pixels");
        refused(24, 2, 2, vec![0, 2], 2, "labels");
        refused(12, usize::MAX, 2, vec![0], 1, "pixels");
    }

    #[test]
    fn a_subset_keeps_order_labels_and_names() {
        let set = set(6);
        let part = set.subset(&[5, 0]).unwrap();
        assert_eq!(part.labels(), Some(&[1, 0][..]));
        assert_eq!(part.image(0).pixels(), set.image(5).pixels());
        assert_eq!(part.class_names(), set.class_names());
        assert!(set.subset(&[6]).is_err());
        assert!(set.subset(&[]).is_err());
    }

    #[test]
    fn a_set_may_have_no_labels() {
        let set = ImageSet::unlabelled((0..36).collect(), 2, 3).unwrap();
        assert_eq!((set.len(), set.label(1), set.labels(), set.class_count()), (2, None, None, 0));
        assert_eq!(set.subset(&[1]).unwrap().image(0), set.image(1));
        assert_ne!(
            set.fingerprint(),
            ImageSet::new((0..36).collect(), 2, 3, vec![0, 0], names(1)).unwrap().fingerprint()
        );
        for (pixels, height) in [(0, 2), (35, 2), (36, 0), (5, 2)] {
            assert!(
                ImageSet::unlabelled(vec![0; pixels], height, 3).is_err(),
                "{pixels} bytes, {height} rows"
            );
        }
    }

    // printf '1x1x1\1\2\3\0\0\0\0' | sha256sum
    #[test]
    fn the_fingerprint_is_that_of_runs_so_far() {
        let set = ImageSet::new(vec![1, 2, 3], 1, 1, vec![0], names(1)).unwrap();
        assert_eq!(
            set.fingerprint().as_str(),
            "335b8234012df13b9c917070b7fef8d308f8d390cdb8bf7faee5223bbb93101a"
        );
    }
}
