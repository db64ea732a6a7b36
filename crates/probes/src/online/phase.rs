//! The two parts of an epoch.

/// Which part of an epoch a batch belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The probes take a step; figures are those of the predictions before it.
    Train,
    /// The probes only predict.
    Test,
}

impl Phase {
    /// Both phases.
    pub const ALL: [Self; 2] = [Self::Train, Self::Test];

    /// The suffix of metric names: `train` or `test`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}
