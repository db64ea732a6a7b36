//! Image data sets: decoders that end in one type, [`ImageSet`].

mod cifar;
mod fashion_mnist;
mod file;
mod idx;
mod image_set;
mod subset;

pub use cifar::{load_cifar10, load_cifar100};
pub use fashion_mnist::load_fashion_mnist;
pub use image_set::ImageSet;
pub use subset::subset_indices;
