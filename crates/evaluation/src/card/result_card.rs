use std::path::Path;

use seqjepa_data::regular::read_regular;
use seqjepa_model::EncoderChoice;
use seqjepa_train::CodeVersion;
use seqjepa_train::storage::{Folder, StorageError, json_value, read_json, write_atomically};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::device_check::DeviceCheck;
use super::diagnosed::Diagnosed;
use super::error::CardError;
use super::figure::Figure;
use super::older;
use super::origin::{DataRecord, ModelRecord};
use super::scope::{MethodRecord, Scope};
use crate::features::CacheUsage;
use crate::names::{CLEAN_SUFFIX, path_figure};
use crate::settings::ProtocolKind;

/// Version of the card's layout.
const FORMAT: u32 = 2;

/// Most bytes of a card: far more than its figures take.
const LONGEST: u64 = 64 << 20;

/// The frozen figures of a model beside those of the model as initialised, and the published ones.
///
/// Written as JSON. Cards of earlier layouts are read as well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultCard {
    /// Version of the card's layout.
    pub format: u32,
    /// The code that measured.
    pub code: CodeVersion,
    /// The method that was measured.
    pub method: MethodRecord,
    /// The model that was measured.
    pub model: ModelRecord,
    /// The images it was measured on.
    pub data: DataRecord,
    /// The encoder whose representations were probed.
    pub encoder: EncoderChoice,
    /// The device, by the name that `run.device` takes, as `flex` or `cuda:1`; those of a run on several, as `cuda:0, cuda:1`.
    pub device: String,
    /// What the check of the device found before the run was trained, or why there was none; nothing on the processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_check: Option<DeviceCheck>,
    /// What the card speaks of.
    pub scope: Scope,
    /// Every figure.
    pub figures: Vec<Figure>,
    /// The collapse diagnostics of the trained model and of the model as initialised.
    pub diagnostics: Diagnosed,
    /// Whatever else describes the run, as it was given.
    pub config: Value,
    /// How often features came from the cache. No part of the file.
    #[serde(skip)]
    pub cache: CacheUsage,
}

impl ResultCard {
    /// The layout's version, for a new card.
    pub const FORMAT: u32 = FORMAT;

    /// The usual name of its file.
    pub const FILE_NAME: &str = "evaluation.json";

    /// The figure of that name under the first of the protocols that has it.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    /// The figure of that name under one protocol.
    #[must_use]
    pub fn figure_by(&self, name: &str, protocol: ProtocolKind) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name && figure.protocol.name == protocol.name())
    }

    /// Name of the figure that says the most: top-1 from the invariant representation, at M_val where that matters; of transfer from the
    /// clean image.
    #[must_use]
    pub fn headline(&self) -> String {
        if self.data.trained_on.is_some() {
            return format!("top1_{CLEAN_SUFFIX}");
        }
        format!("top1_{}", self.method.invariant.suffix_of(self.scope.observed_views))
    }

    /// How well the invariant representation tells where the views have led: for each group of action parameters, and `mean` for all, R2 of
    /// the relative action from view 1 after 1, 2, ... steps. Empty where that is not measured.
    #[must_use]
    pub fn paths(&self) -> Vec<(&str, Vec<&Figure>)> {
        let parts = self.scope.groups.iter().map(String::as_str).chain(["mean"]);
        let of = |part| (1..=255).map_while(|steps| self.figure(&path_figure(part, steps))).collect();
        parts
            .map(|part| (part, of(part)))
            .filter(|(_, figures): &(_, Vec<&Figure>)| !figures.is_empty())
            .collect()
    }

    /// The card as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("a card is plain data");
        text.push(b'\n');
        text
    }

    /// Writes the card as JSON, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`StorageError`].
    pub fn save(&self, path: &Path) -> Result<(), StorageError> {
        write_atomically(path, &self.to_json())
    }

    /// Reads a card that [`save`](Self::save) wrote, of this layout or an earlier one.
    ///
    /// # Errors
    ///
    /// [`CardError`] if the file cannot be read, is no regular file of at most 64 MiB, is no card, or of a newer layout.
    pub fn load(path: &Path) -> Result<Self, CardError> {
        let bytes = read_regular(path, LONGEST).map_err(|source| StorageError::new("read", path, source))?;
        Self::from_bytes(&bytes, path)
    }

    /// The same from a folder that may be anybody's: a link in the place of the file is not followed.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_in(folder: &Folder, name: &str) -> Result<Self, CardError> {
        Self::from_bytes(&folder.read(name, LONGEST)?, &folder.path().join(name))
    }

    fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, CardError> {
        let refuse = |found: String| CardError::NoCard { path: path.to_owned(), found };
        let mut card: Value = read_json(bytes).map_err(refuse)?;
        let format = card.get("format").and_then(Value::as_u64);
        let Some(format) = format.and_then(|format| u32::try_from(format).ok()) else {
            return Err(refuse("JSON without a `format`".into()));
        };
        match (format, card.as_object_mut()) {
            (FORMAT, _) => {}
            (1, Some(card)) => older::upgrade(card, FORMAT),
            _ => return Err(CardError::Layout { path: path.to_owned(), newest: FORMAT, found: format }),
        }
        json_value(card).map_err(refuse)
    }
}
