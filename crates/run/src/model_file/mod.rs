//! A trained method from a file, of this project or of PyTorch.

mod error;
mod loaded;
mod pretrained;
mod probes;

pub use error::ModelFileError;
pub use loaded::LoadedModel;
pub use pretrained::{MayLack, Pretrained, PretrainedSource};
pub use probes::published_probes;
