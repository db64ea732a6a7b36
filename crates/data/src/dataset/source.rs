//! One entry point to every data set: where it comes from, then `load`.

use std::path::PathBuf;
use std::sync::Arc;

use crate::augment::Normalization;
use crate::dataset::{
    ImageFiles, ImageFolder, ImageSet, ImageSource, Synthetic, TinyImageNet, load_cifar10, load_cifar100,
    load_fashion_mnist,
};
use crate::error::DataError;
use crate::rng::Split;

/// A data set and where it is.
///
/// ```
/// use seqjepa_data::{Split, dataset::{DatasetSource, Synthetic}};
///
/// # fn main() -> Result<(), seqjepa_data::DataError> {
/// let source = DatasetSource::Synthetic(Synthetic { train_images: 100, ..Synthetic::default() });
/// let images = source.load(Split::Train)?;
/// assert_eq!((images.len(), images.height(), images.class_count()), (100, 32, 10));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DatasetSource {
    /// CIFAR-100 from its binary files: see [`load_cifar100`].
    Cifar100 {
        /// `cifar-100-binary`, or the folder that holds it.
        root: PathBuf,
    },
    /// CIFAR-10 from its binary files: see [`load_cifar10`].
    Cifar10 {
        /// `cifar-10-batches-bin`, or the folder that holds it.
        root: PathBuf,
    },
    /// Fashion-MNIST from its IDX files: see [`load_fashion_mnist`].
    FashionMnist {
        /// The folder with the four files.
        root: PathBuf,
    },
    /// Tiny ImageNet in the layout of its archive.
    TinyImageNet(TinyImageNet),
    /// A folder of picture files.
    ImageFolder(ImageFolder),
    /// Procedural images; needs no files.
    Synthetic(Synthetic),
}

impl DatasetSource {
    /// The names that [`from_name`](Self::from_name) knows.
    pub const NAMES: [&str; 9] = [
        "cifar100",
        "cifar100_aug",
        "cifar10",
        "cifar10_aug",
        "fashion_mnist",
        "image_folder",
        "synthetic",
        "tiny_imagenet",
        "tiny_imagenet_aug",
    ];

    /// The data set called `name` in a configuration file, with its default settings.
    ///
    /// `root` is the data folder, unused by `synthetic`. `image_size`, in pixels, is the side of the source images of
    /// `image_folder` and `synthetic`; CIFAR and Fashion-MNIST are always 32x32, Tiny ImageNet 64x64. `_aug` marks, in published
    /// configurations, that actions are augmentations; both names give the same images.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] for an unknown name; the message lists the known ones.
    pub fn from_name(name: &str, root: impl Into<PathBuf>, image_size: usize) -> Result<Self, DataError> {
        let root = root.into();
        match name {
            "cifar100" | "cifar100_aug" => Ok(Self::Cifar100 { root }),
            "cifar10" | "cifar10_aug" => Ok(Self::Cifar10 { root }),
            "fashion_mnist" => Ok(Self::FashionMnist { root }),
            "tiny_imagenet" | "tiny_imagenet_aug" => Ok(Self::TinyImageNet(TinyImageNet::new(root))),
            "image_folder" => Ok(Self::ImageFolder(ImageFolder::new(root, image_size))),
            "synthetic" => Ok(Self::Synthetic(Synthetic { image_size, ..Synthetic::default() })),
            _ => Err(DataError::invalid("data set name", format!("one of {}", Self::NAMES.join(", ")), name)),
        }
    }

    /// Pixel mean and standard deviation that this data set is usually normalised with.
    ///
    /// CIFAR, Fashion-MNIST and Tiny ImageNet: of their own training images. Image folders: ImageNet's, as is the custom.
    /// `synthetic`: mean 0.47 and standard deviation 0.26, about those of its images.
    #[must_use]
    pub fn normalization(&self) -> Normalization {
        match self {
            Self::Cifar100 { .. } => Normalization::CIFAR100,
            Self::Cifar10 { .. } => Normalization::CIFAR10,
            Self::FashionMnist { .. } => Normalization::FASHION_MNIST,
            Self::TinyImageNet(_) => Normalization::TINY_IMAGENET,
            Self::ImageFolder(_) => Normalization::IMAGENET,
            Self::Synthetic(_) => Synthetic::NORMALIZATION,
        }
    }

    /// Downloads the data set if it is one of the two CIFARs and is not there yet; does nothing for the others.
    ///
    /// # Errors
    /// As [`Downloader::download`](crate::download::Downloader::download).
    #[cfg(feature = "download")]
    pub fn download(
        &self,
        downloader: &crate::download::Downloader,
        progress: &mut dyn FnMut(crate::download::Progress) -> std::ops::ControlFlow<()>,
    ) -> Result<(), DataError> {
        use crate::download::Archive;
        let (archive, root) = match self {
            Self::Cifar100 { root } => (Archive::cifar100(), root),
            Self::Cifar10 { root } => (Archive::cifar10(), root),
            _ => return Ok(()),
        };
        // The root may be the archive's folder itself.
        if root.ends_with(&archive.folder) && root.is_dir() {
            return Ok(());
        }
        downloader.download(&archive, root, progress).map(drop)
    }

    /// Decodes or renders all images of a split.
    ///
    /// # Errors
    /// Those of the data set's own function or type; every one names the file and what was expected there.
    pub fn load(&self, split: Split) -> Result<ImageSet, DataError> {
        let images = match self {
            Self::Cifar100 { root } => load_cifar100(root, split),
            Self::Cifar10 { root } => load_cifar10(root, split),
            Self::FashionMnist { root } => load_fashion_mnist(root, split),
            Self::TinyImageNet(set) => set.load(split),
            Self::ImageFolder(folder) => folder.load(split),
            Self::Synthetic(synthetic) => synthetic.load(split),
        }?;
        tracing::debug!(?split, images = images.len(), classes = images.class_count(), "loaded data set");
        Ok(images)
    }

    /// The files of a split, before any is decoded; `None` for a set that is not made of many small files.
    ///
    /// # Errors
    /// As [`load`](Self::load), but for those of single pictures.
    pub fn files(&self, split: Split) -> Result<Option<ImageFiles>, DataError> {
        match self {
            Self::ImageFolder(folder) => folder.files(split).map(Some),
            Self::TinyImageNet(set) => set.files(split).map(Some),
            _ => Ok(None),
        }
    }

    /// The images of a split as a source: those of an image folder and of Tiny ImageNet are decoded when they are asked for,
    /// with at most `cache_bytes` of decoded pixels kept ([`ImageFiles::stream`]); the others have few and large files and are
    /// [loaded](Self::load).
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn stream(&self, split: Split, cache_bytes: u64) -> Result<Arc<dyn ImageSource>, DataError> {
        match self.files(split)? {
            Some(files) => Ok(Arc::new(files.stream(cache_bytes)?)),
            None => Ok(Arc::new(self.load(split)?)),
        }
    }
}
