//! The names of figures.

use serde::{Deserialize, Serialize};

/// The first view's representation, as tables name it.
pub(crate) const FIRST: &str = "z_1";
/// Its part of a figure's name.
pub(crate) const FIRST_SUFFIX: &str = "z1";
/// The representation of the clean image, as tables name it.
pub(crate) const CLEAN: &str = "z of the clean image";
/// Its part of a figure's name.
pub(crate) const CLEAN_SUFFIX: &str = "clean";

/// A method's invariant representation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invariant {
    /// Its name in the literature, as `z_AGG`.
    pub name: String,
    /// Whether it is made of a whole sequence, and so measured by the number of observed views; else it is of one view.
    pub of_sequence: bool,
}

impl Invariant {
    /// Its part of a figure's name: `z_agg` for `z_AGG`.
    #[must_use]
    pub fn suffix(&self) -> String {
        if self.is_first() {
            return FIRST_SUFFIX.into();
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        self.name.chars().map(plain).collect()
    }

    /// The same with the number of observed views behind it, where it depends on that: `z_agg_m5`.
    #[must_use]
    pub fn suffix_of(&self, observed_views: usize) -> String {
        let suffix = self.suffix();
        if self.of_sequence { format!("{suffix}_m{observed_views}") } else { suffix }
    }

    /// Whether it is the encoder's own representation of the first view, whose figures are there in any case.
    #[must_use]
    pub fn is_first(&self) -> bool {
        !self.of_sequence && self.name == FIRST
    }

    /// Views that it is made of: `observed_views` or 1.
    #[must_use]
    pub fn views(&self, observed_views: usize) -> usize {
        if self.of_sequence { observed_views } else { 1 }
    }
}

/// The figure of where `steps` steps have led from the first view, of one part of the action: `r2_path_crop_k3`.
pub(crate) fn path_figure(part: &str, steps: usize) -> String {
    format!("r2_path_{part}_k{steps}")
}

/// Digits after the point: percentages 2, others 3.
pub(crate) fn digits(figure: &str) -> usize {
    if ["top", "knn", "hit"].iter().any(|prefix| figure.starts_with(prefix)) { 2 } else { 3 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_named_after_its_representation() {
        let invariant = |name: &str, of_sequence| Invariant { name: name.into(), of_sequence };
        let aggregate = invariant("z_AGG", true);
        assert_eq!((aggregate.suffix(), aggregate.suffix_of(5)), ("z_agg".into(), "z_agg_m5".into()));
        assert_eq!((aggregate.views(5), aggregate.is_first()), (5, false));
        let first = invariant("z_1", false);
        assert_eq!((first.suffix_of(5), first.views(5), first.is_first()), ("z1".into(), 1, true));
        assert_eq!(invariant("h inv", false).suffix_of(5), "h_inv");
        assert_eq!((digits("top1_z1"), digits("r2_crop")), (2, 3));
    }
}
