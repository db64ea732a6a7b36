//! Inference: images to the representations of a trained method.

mod embedder;
mod error;
mod files;
mod output;
mod record;
mod views;

pub use embedder::{Embedder, Embeddings};
pub use error::EmbedError;
pub use files::{embed_files, embed_folder, list_images};
pub use output::{EmbeddedArray, FeatureFormat};
pub use record::EmbeddedFiles;
pub use views::EmbeddedViews;
