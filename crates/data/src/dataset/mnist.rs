//! MNIST and Fashion-MNIST from their four IDX files.

use std::path::{Path, PathBuf};

use crate::augment::Normalization;
use crate::dataset::ImageSet;
use crate::dataset::file::try_reserve;
use crate::dataset::idx::{IdxArray, read_idx};
use crate::error::DataError;
use crate::rng::Split;

const SOURCE_SIDE: usize = 28;

/// The data sets of 28x28 grey images in MNIST's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MnistFormat {
    /// Handwritten digits (LeCun et al., 1998).
    Mnist,
    /// Articles of clothing (Xiao et al., 2017, arXiv 1708.07747).
    FashionMnist,
}

impl MnistFormat {
    /// The images at their own size, 28x28, as RGB: the one channel three times.
    ///
    /// `root` holds `{train,t10k}-images-idx3-ubyte` and `{train,t10k}-labels-idx1-ubyte`, each plain or with `.gz`
    /// (Debian's package `dataset-fashion-mnist` puts those of Fashion-MNIST in `/usr/share/datasets/fashion-mnist`), or
    /// torchvision's `MNIST/raw` or `FashionMNIST/raw` with them inside.
    ///
    /// # Errors
    /// Names the file and offset: missing, truncated, not IDX, images that are not 28x28, a number of labels that is not
    /// the number of images, or a label above 9.
    pub fn load(self, root: &Path, split: Split) -> Result<ImageSet, DataError> {
        self.load_padded(root, split, 0)
    }

    /// Pixel mean and standard deviation of the training images at 28x28 pixels.
    #[must_use]
    pub const fn normalization(self) -> Normalization {
        match self {
            Self::Mnist => Normalization::MNIST,
            Self::FashionMnist => Normalization::FASHION_MNIST,
        }
    }

    /// The same with black pixels around.
    fn load_padded(self, root: &Path, split: Split, padding: usize) -> Result<ImageSet, DataError> {
        let prefix = match split {
            Split::Train => "train",
            Split::Test => "t10k",
        };
        let names = self.class_names();
        let image_path = self.find(root, &format!("{prefix}-images-idx3-ubyte"))?;
        let label_path = self.find(root, &format!("{prefix}-labels-idx1-ubyte"))?;
        let images = read_idx(&image_path, 3)?;
        let labels = read_idx(&label_path, 1)?;

        let count = images.dimensions[0];
        for (axis, field) in [(1, "image height"), (2, "image width")] {
            let side = images.dimensions[axis];
            if side as usize != SOURCE_SIDE {
                let offset = 4 + 4 * axis as u64;
                return Err(DataError::malformed(&image_path, offset, field, SOURCE_SIDE.to_string(), side));
            }
        }
        if count == 0 {
            return Err(DataError::malformed(&image_path, 4, "number of images", "1 or more", 0));
        }
        if labels.dimensions[0] != count {
            let expected = format!("{count}, the number of images");
            let found = labels.dimensions[0];
            return Err(DataError::malformed(&label_path, 4, "number of labels", expected, found));
        }
        if let Some(index) = labels.data.iter().position(|&label| usize::from(label) >= names.len()) {
            let (offset, expected) = (8 + index as u64, format!("0 to {}", names.len() - 1));
            return Err(DataError::malformed(&label_path, offset, "label", expected, labels.data[index]));
        }

        let pixels = pad_and_replicate(&image_path, &images, padding)?;
        let labels = labels.data.into_iter().map(u32::from).collect();
        let side = SOURCE_SIDE + 2 * padding;
        ImageSet::new(pixels, side, side, labels, names.map(String::from).to_vec())
    }

    const fn class_names(self) -> [&'static str; 10] {
        match self {
            Self::Mnist => ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
            Self::FashionMnist => [
                "t-shirt/top",
                "trouser",
                "pullover",
                "dress",
                "coat",
                "sandal",
                "shirt",
                "sneaker",
                "bag",
                "ankle boot",
            ],
        }
    }

    /// The file `name` or `name.gz` in the root or in torchvision's folder there.
    fn find(self, root: &Path, name: &str) -> Result<PathBuf, DataError> {
        let (inner, title) = match self {
            Self::Mnist => ("MNIST/raw", "an MNIST file"),
            Self::FashionMnist => ("FashionMNIST/raw", "a Fashion-MNIST file"),
        };
        for folder in [root.to_owned(), root.join(inner)] {
            for candidate in [folder.join(name), folder.join(format!("{name}.gz"))] {
                if candidate.is_file() {
                    return Ok(candidate);
                }
            }
        }
        Err(DataError::missing(&root.join(name), format!("{title} in IDX format, plain or with .gz")))
    }
}

/// Fashion-MNIST as 32x32 RGB: the 28x28 grey image, two black pixels of padding on each side, the one channel three
/// times.
///
/// `root` is as [`MnistFormat::load`] says.
///
/// # Errors
/// As [`MnistFormat::load`].
pub fn load_fashion_mnist(root: &Path, split: Split) -> Result<ImageSet, DataError> {
    MnistFormat::FashionMnist.load_padded(root, split, 2)
}

fn pad_and_replicate(path: &Path, images: &IdxArray, padding: usize) -> Result<Vec<u8>, DataError> {
    const SOURCE: usize = SOURCE_SIDE * SOURCE_SIDE;
    let side = SOURCE_SIDE + 2 * padding;
    let padded_size = side * side * 3;
    let count = images.data.len() / SOURCE;
    let size = count as u64 * padded_size as u64;
    let mut pixels = try_reserve(path, size)?;
    pixels.resize(count * padded_size, 0);
    for (padded, image) in pixels.chunks_exact_mut(padded_size).zip(images.data.chunks_exact(SOURCE)) {
        for (row, source) in image.chunks_exact(SOURCE_SIDE).enumerate() {
            let start = ((row + padding) * side + padding) * 3;
            for (pixel, &grey) in padded[start..].chunks_exact_mut(3).zip(source) {
                pixel.fill(grey);
            }
        }
    }
    Ok(pixels)
}
