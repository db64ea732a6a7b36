//! Features of several views of each sample.

use crate::error::{InputError, check_size};
use crate::features::Features;

/// Features of the same number of views of each sample, and those that a target encoder gives for
/// them.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewFeatures<'a> {
    features: Features<'a>,
    views: usize,
    target: Option<Features<'a>>,
}

impl<'a> ViewFeatures<'a> {
    /// `features` is `[samples, views, width]`: the views of the first sample before those of the
    /// second.
    ///
    /// # Errors
    ///
    /// If `views` is 0 or the number of rows is not a multiple of it.
    pub fn new(features: Features<'a>, views: usize) -> Result<Self, InputError> {
        if views == 0 || !features.samples().is_multiple_of(views) {
            let found = format!("{views} for {} rows", features.samples());
            return Err(InputError::setting("views", "above 0 and a divisor of the rows", found));
        }
        Ok(Self { features, views, target: None })
    }

    /// Adds the target encoder's features of the same views, `[samples, views, width]`.
    ///
    /// # Errors
    ///
    /// If its rows or width differ.
    pub fn with_target(mut self, target: Features<'a>) -> Result<Self, InputError> {
        check_size("rows of the target encoder's features", self.features.samples(), target.samples())?;
        check_size("width of the target encoder's features", self.features.width(), target.width())?;
        self.target = Some(target);
        Ok(self)
    }

    /// Number of samples.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.features.samples() / self.views
    }

    /// Views of each sample.
    #[must_use]
    pub fn views(&self) -> usize {
        self.views
    }

    /// All rows.
    #[must_use]
    pub fn features(&self) -> &Features<'a> {
        &self.features
    }

    /// All rows of the target encoder.
    #[must_use]
    pub fn target(&self) -> Option<&Features<'a>> {
        self.target.as_ref()
    }
}
