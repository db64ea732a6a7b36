//! seq-JEPA's exchange with PyTorch.

use std::path::Path;

use seqjepa_nn::{StateDict, state_dict};

use super::model::SeqJepaWith;
use crate::encoder::{Encoder, EncoderBlueprint};
use crate::interop::{ExchangeError, Import, export_tensors, import_tensors, read_tensors};

impl<E: Encoder, C: EncoderBlueprint<Encoder = E>> SeqJepaWith<E, C> {
    /// Loads a checkpoint of PyTorch or of [`export`](Self::export) into this model: SafeTensors, `.pt` or
    /// `.pth`. See [`import_tensors`] for the names that are understood.
    ///
    /// # Errors
    /// As [`read_tensors`] and [`import_tensors`]. Tensors that the file lacks are no error: look at
    /// [`Import::missing`].
    pub fn import(self, path: &Path) -> Result<Import<Self>, ExchangeError> {
        import_tensors(self, read_tensors(path)?).map_err(|error| error.in_file(path))
    }

    /// Writes all parameters and running statistics to a SafeTensors file with PyTorch's names and layouts,
    /// for `load_state_dict(strict=True)` of the published implementation.
    ///
    /// # Errors
    /// [`ExchangeError::Io`] if the file cannot be written; nothing half-written stays behind.
    pub fn export(&self, path: &Path) -> Result<(), ExchangeError> {
        self.export_with(&Vec::new(), path)
    }

    /// As [`export`](Self::export), with further tensors beside the model's: online probes under
    /// `online_linprobe.0.weight` and so on, as the published implementation keeps them, or what an import left over.
    ///
    /// # Errors
    /// As [`export`](Self::export), and [`ExchangeError::Nn`] if a name is one of the model's or occurs twice.
    pub fn export_with(&self, further: &StateDict, path: &Path) -> Result<(), ExchangeError> {
        let mut tensors = state_dict(self);
        tensors.extend(further.iter().cloned());
        export_tensors(&tensors, path)
    }
}
