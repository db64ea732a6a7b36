use seqjepa_data::ActionSpace;

use crate::names::Invariant;

/// Some test sequences of an evaluation with the trained model's representations, and the class that the exact linear probe
/// predicts of every test image: what maps, confusion matrices and neighbours are made of, without the model or the data.
///
/// The sequences are at most 1024, evenly spaced over the test split, and fewer where their features would take more than 16 MiB.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationSample {
    /// SHA-256 over the model's tensors, as on the card of the same evaluation.
    pub model_sha256: String,
    /// Name of the data set.
    pub data: String,
    /// The invariant representation.
    pub invariant: Invariant,
    /// Observed views that it was made of, M_val or 1.
    pub observed_views: usize,
    /// Seed of the views.
    pub seed: u64,
    /// Names of the classes, by label; empty where the images have none.
    pub class_names: Vec<String>,
    /// Names and units of the actions.
    pub actions: ActionSpace,
    /// The class of every test image, below the number of names; empty where they have none.
    pub labels: Vec<u32>,
    /// The class that the exact probe on the invariant representation predicts of every test image; empty where it was not fitted.
    pub predicted: Vec<u32>,
    /// Which test images the sample is of: rows of `labels`, ascending.
    pub rows: Vec<u32>,
    /// z_1, the encoder's representation of view 1, a row for each sequence.
    pub first: SampleTable,
    /// The invariant representation; the same as `first` where it is that.
    pub aggregate: SampleTable,
    /// The relative action from view 1 to view 2, normalised, a row for each sequence and a column for each parameter.
    pub relative: SampleTable,
    /// View 1 of each sequence, at most 32 pixels high and wide.
    pub thumbnails: Pictures,
    /// Views of a sequence in `sequences`, the target included.
    pub sequence_views: usize,
    /// All views of the first few sequences, the target's last, at most 64 pixels high and wide: sequence by sequence.
    pub sequences: Pictures,
    /// The raw action parameters of these views, a row for each view.
    pub sequence_actions: SampleTable,
}

/// Rows of numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SampleTable {
    /// Numbers of a row, at least 1.
    pub width: usize,
    /// `[rows, width]`
    pub values: Vec<f32>,
}

impl SampleTable {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    /// One row.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }
}

/// Pictures of one size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pictures {
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// `[pictures, height, width, 3]`, red, green and blue.
    pub pixels: Vec<u8>,
}

impl Pictures {
    /// Bytes of one.
    pub(super) fn bytes(&self) -> usize {
        self.size[0] * self.size[1] * 3
    }

    /// Number of pictures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pixels.len() / self.bytes().max(1)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// The bytes of one picture, `[height, width, 3]`.
    ///
    /// # Panics
    ///
    /// If there is no such picture.
    #[must_use]
    pub fn picture(&self, index: usize) -> &[u8] {
        &self.pixels[index * self.bytes()..(index + 1) * self.bytes()]
    }
}

impl EvaluationSample {
    /// The usual name of its file, beside the card's.
    pub const FILE_NAME: &str = "sample.safetensors";

    /// Number of sequences.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The class of each sequence; nothing where they have none.
    #[must_use]
    pub fn sample_labels(&self) -> Option<Vec<u32>> {
        let label = |row: &u32| self.labels.get(*row as usize).copied();
        if self.labels.is_empty() { None } else { self.rows.iter().map(label).collect() }
    }
}
