//! Image data sets: decoders that end in one type, [`ImageSet`].

mod cifar;
mod fashion_mnist;
mod file;
mod folder;
mod idx;
mod image_set;
mod picture_file;
mod source;
mod subset;
mod synthetic;

pub use cifar::{load_cifar10, load_cifar100};
pub use fashion_mnist::load_fashion_mnist;
pub use folder::ImageFolder;
pub use image_set::ImageSet;
pub use source::DatasetSource;
pub use subset::subset_indices;
pub use synthetic::Synthetic;
