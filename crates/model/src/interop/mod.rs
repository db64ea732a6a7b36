//! Exchange of weights with PyTorch.
//!
//! Parameters have PyTorch's names and layouts already, so import and export only read and write files:
//! SafeTensors, and PyTorch's own `.pt` and `.pth`, whose pickled objects are read as data and never run.

mod error;
mod export;
mod import;
mod names;
mod pytorch;
mod read;

pub use error::ExchangeError;
pub use export::export_tensors;
pub use import::{Import, import_tensors};
pub use read::read_tensors;
