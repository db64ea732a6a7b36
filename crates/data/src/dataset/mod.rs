//! Image data sets, each an [`ImageSource`]: decoded into memory ([`ImageSet`]), or file by file when an image is asked for
//! ([`ImageFiles`]).
//!
//! [`DatasetSource`] is the entry point to all of them; each also has a function or type of its own. Files are not
//! trusted: sizes that they declare are checked before memory is asked for, and every error names the file, the
//! offset, what was expected and what was found.

mod cifar;
mod decoder;
mod fashion_mnist;
mod file;
mod folder;
mod held_out;
mod idx;
mod image_files;
mod image_set;
mod image_source;
mod layout;
mod listing;
mod picture_file;
mod pixel_cache;
mod source;
mod subset;
mod synthetic;
mod truncated;

pub use cifar::{load_cifar10, load_cifar100};
pub use fashion_mnist::load_fashion_mnist;
pub use folder::ImageFolder;
pub use held_out::HeldOut;
pub use image_files::ImageFiles;
pub use image_set::ImageSet;
pub use image_source::{ImageSource, PixelBuffer};
pub use picture_file::ImageFile;
pub use source::DatasetSource;
pub use subset::subset_indices;
pub use synthetic::Synthetic;
pub use truncated::TruncatedImages;
