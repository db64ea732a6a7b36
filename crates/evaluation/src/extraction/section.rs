//! Names of the sections of a features file.

/// The samples' classes, `[samples, 1]`, whole numbers; where all samples have one.
pub(crate) const LABELS: &str = "labels";
/// Representations of the views 1 and 2, `[samples, D]` each.
pub(crate) const FIRST: &str = "first";
pub(crate) const SECOND: &str = "second";
/// The relative action from view 1 to view 2, normalised over the sequence of M_val + 1 views, `[samples, A]`.
pub(crate) const RELATIVE: &str = "relative";
/// The action of view 1, `[samples, A]`: normalised where that depends on this view alone, else raw.
pub(crate) const ABSOLUTE: &str = "absolute";
/// The representation of the target view as predicted, and by the encoder that predictions are held against, `[samples, D]`
/// each.
pub(crate) const PREDICTION: &str = "prediction";
pub(crate) const TARGET: &str = "target";
/// Representations of further target views of some samples by that encoder, `[some, (K - 1) * D]`; in a file of their own.
pub(crate) const CANDIDATES: &str = "candidates";
/// Representations of all encoded views of a few samples, `[few, views * D]`.
pub(crate) const VIEWS: &str = "views";
/// The other encoder's representations of view 1 of the same few samples, `[few, D]`.
pub(crate) const OTHER_FIRST: &str = "other_first";

/// The relative action from view 1 to view `steps` + 1, normalised over the sequence of these views and the target, `[samples, A]`.
pub(crate) fn path(steps: usize) -> String {
    format!("path-{steps}")
}

/// The invariant representation of the first `views` views, `[samples, E]`.
pub(crate) fn aggregate(views: usize) -> String {
    format!("aggregate-{views}")
}
