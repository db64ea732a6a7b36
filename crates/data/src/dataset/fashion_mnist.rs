//! Fashion-MNIST (Xiao et al., 2017, arXiv 1708.07747) from its four IDX files.

use std::path::{Path, PathBuf};

use crate::dataset::ImageSet;
use crate::dataset::file::try_reserve;
use crate::dataset::idx::{IdxArray, read_idx};
use crate::error::DataError;
use crate::rng::Split;

const SOURCE_SIDE: usize = 28;
const PADDING: usize = 2;
const SIDE: usize = SOURCE_SIDE + 2 * PADDING;

const CLASS_NAMES: [&str; 10] = [
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
];

/// Where the files are looked for below the root: itself, or torchvision's layout.
const FOLDERS: [&str; 2] = ["", "FashionMNIST/raw"];

/// Fashion-MNIST as 32x32 RGB: the 28x28 grey image, two black pixels of padding on each side, the one channel three
/// times.
///
/// `root` holds `{train,t10k}-images-idx3-ubyte` and `{train,t10k}-labels-idx1-ubyte`, each plain or with `.gz`
/// (Debian's package `dataset-fashion-mnist` puts them in `/usr/share/datasets/fashion-mnist`), or torchvision's
/// `FashionMNIST/raw` with them inside.
///
/// # Errors
/// Names the file and offset: missing, truncated, not IDX, images that are not 28x28, a number of labels that is not
/// the number of images, or a label above 9.
pub fn load_fashion_mnist(root: &Path, split: Split) -> Result<ImageSet, DataError> {
    let prefix = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    let image_path = find(root, &format!("{prefix}-images-idx3-ubyte"))?;
    let label_path = find(root, &format!("{prefix}-labels-idx1-ubyte"))?;
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
        return Err(DataError::malformed(&label_path, 4, "number of labels", expected, labels.dimensions[0]));
    }
    if let Some(index) = labels.data.iter().position(|&label| usize::from(label) >= CLASS_NAMES.len()) {
        let expected = format!("0 to {}", CLASS_NAMES.len() - 1);
        return Err(DataError::malformed(
            &label_path,
            8 + index as u64,
            "label",
            expected,
            labels.data[index],
        ));
    }

    let pixels = pad_and_replicate(&image_path, &images)?;
    let labels = labels.data.into_iter().map(u32::from).collect();
    ImageSet::new(pixels, SIDE, SIDE, labels, CLASS_NAMES.map(String::from).to_vec())
}

/// The file `name` or `name.gz` in one of the known folders.
fn find(root: &Path, name: &str) -> Result<PathBuf, DataError> {
    let candidates = FOLDERS.iter().map(|folder| root.join(folder));
    for folder in candidates {
        for candidate in [folder.join(name), folder.join(format!("{name}.gz"))] {
            if candidate.is_file() {
                return Ok(candidate);
            }
        }
    }
    Err(DataError::missing(&root.join(name), "a Fashion-MNIST file in IDX format, plain or with .gz"))
}

fn pad_and_replicate(path: &Path, images: &IdxArray) -> Result<Vec<u8>, DataError> {
    const SOURCE: usize = SOURCE_SIDE * SOURCE_SIDE;
    const PADDED: usize = SIDE * SIDE * 3;
    let count = images.data.len() / SOURCE;
    let size = count as u64 * PADDED as u64;
    let mut pixels = try_reserve(path, size)?;
    pixels.resize(count * PADDED, 0);
    for (padded, image) in pixels.chunks_exact_mut(PADDED).zip(images.data.chunks_exact(SOURCE)) {
        for (row, source) in image.chunks_exact(SOURCE_SIDE).enumerate() {
            let start = ((row + PADDING) * SIDE + PADDING) * 3;
            for (pixel, &grey) in padded[start..].chunks_exact_mut(3).zip(source) {
                pixel.fill(grey);
            }
        }
    }
    Ok(pixels)
}
