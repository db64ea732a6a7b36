//! Image data sets, each an [`ImageSource`]: decoded into memory ([`ImageSet`]), or read when an image is asked for
//! ([`ImageFiles`], [`Stl10Images`]); and the saliency maps of their images ([`Saliency`]).
//!
//! [`DatasetSource`] is the entry point to all of them; each also has a function or type of its own. Files are not
//! trusted: sizes that they declare are checked before memory is asked for, and every error names the file, the
//! offset, what was expected and what was found.

mod cifar;
pub(crate) mod decoder;
pub(crate) mod file;
mod folder;
mod held_out;
mod idx;
pub(crate) mod image_files;
mod image_set;
mod image_source;
mod layout;
mod listing;
mod mnist;
pub(crate) mod picture_file;
pub(crate) mod pixel_cache;
pub(crate) mod positioned;
pub(crate) mod saliency;
mod source;
mod stl10;
pub(crate) mod subset;
mod synthetic;
mod tiny_imagenet;
mod truncated;

pub use cifar::{load_cifar10, load_cifar100};
pub use folder::ImageFolder;
pub use held_out::HeldOut;
pub use image_files::ImageFiles;
pub use image_set::ImageSet;
pub use image_source::{ImageSource, PixelBuffer};
pub use mnist::{MnistFormat, load_fashion_mnist};
pub use picture_file::ImageFile;
pub use saliency::{ContrastSaliency, Saliency, SaliencyMaps, contrast_map};
pub use source::DatasetSource;
pub use stl10::{Stl10Images, Stl10Part, Stl10StandIn};
pub use subset::subset_indices;
pub use synthetic::Synthetic;
pub use tiny_imagenet::TinyImageNet;
pub use truncated::TruncatedImages;
