//! The shapes of a sequence.

use crate::action::ActionSpace;
use crate::error::DataError;

/// What the sequences of a source look like: `observed_views` (the paper's M) views, then one target view.
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceLayout {
    /// Number of observed views M, 1 to 256.
    pub observed_views: usize,
    /// Channels of every view; 3 for RGB.
    pub channels: usize,
    /// Rows of every view, in pixels.
    pub height: usize,
    /// Columns of every view, in pixels.
    pub width: usize,
    /// What the parameters of a view are, and how they are normalised.
    pub actions: ActionSpace,
}

impl SequenceLayout {
    /// Most observed views of a sequence.
    pub const MAX_VIEWS: usize = 256;

    /// Checks the number of views and their size.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] for fewer than 1 or more than 256 observed views, or a side or number of channels of 0.
    pub fn validate(&self) -> Result<(), DataError> {
        if !(1..=Self::MAX_VIEWS).contains(&self.observed_views) {
            return Err(DataError::invalid(
                "observed_views",
                format!("1 to {}", Self::MAX_VIEWS),
                self.observed_views,
            ));
        }
        let shape = [self.channels, self.height, self.width];
        let elements = shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side));
        if elements.is_none_or(|elements| elements == 0) {
            let found = shape.map(|side| side.to_string()).join("x");
            return Err(DataError::invalid("view size", "channels x height x width, each at least 1", found));
        }
        Ok(())
    }

    /// Elements of one view, `channels * height * width`.
    #[must_use]
    pub fn view_len(&self) -> usize {
        self.channels * self.height * self.width
    }
}
