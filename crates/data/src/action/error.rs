//! What can be wrong with an action space or with actions.

use std::ops::Range;

use super::GroupKind;

/// What can be wrong with an [`ActionSpace`](super::ActionSpace) or with the actions that it is given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ActionError {
    /// A space without components.
    #[error("the action space is empty; it must have at least one parameter")]
    Empty,
    /// Two components or two groups share a name.
    #[error("the action space names `{name}` twice; every parameter and every group needs a name of its own")]
    Name {
        /// The name.
        name: String,
    },
    /// A group is empty or reaches beyond the vector.
    #[error("the action group `{name}` is {range:?}; it must be a non-empty part of 0..{width}")]
    Group {
        /// The group's name.
        name: String,
        /// The range of its components.
        range: Range<usize>,
        /// Number of components of the vector.
        width: usize,
    },
    /// A group has another number of components than its kind.
    #[error("the action group `{name}` has {found} components; as a {kind} it must have {expected}")]
    GroupWidth {
        /// The group's name.
        name: String,
        /// Its kind.
        kind: GroupKind,
        /// Number of components that this kind needs.
        expected: usize,
        /// Number of components that the group has.
        found: usize,
    },
    /// A rotation shares components with another group.
    #[error(
        "the action group `{first}` shares components with `{second}`; only groups of plain numbers may overlap"
    )]
    Overlap {
        /// One group.
        first: String,
        /// The other group.
        second: String,
    },
    /// A normalisation has another number of constants than the space has components.
    #[error(
        "the action normalization has {found} values for the {what}; the space has {expected} parameters"
    )]
    Constants {
        /// Which constants.
        what: &'static str,
        /// Number of components of the space.
        expected: usize,
        /// Number of constants given.
        found: usize,
    },
    /// A constant of a normalisation is out of range.
    #[error("the {what} of action parameter {parameter} is {found}; it must be {expected}")]
    Constant {
        /// Which constant.
        what: &'static str,
        /// The component's index.
        parameter: usize,
        /// What is accepted.
        expected: &'static str,
        /// The value given.
        found: f32,
    },
    /// A buffer does not have the length of a whole number of rows, or not that of its neighbour.
    #[error("the {what} have {found} values; expected {expected}")]
    Length {
        /// Which buffer.
        what: &'static str,
        /// What is accepted.
        expected: String,
        /// Number of values given.
        found: usize,
    },
    /// A raw value is not a number.
    #[error("the action parameter `{name}` of view {view} is {found}; it must be finite")]
    NotFinite {
        /// The component's name.
        name: String,
        /// The view's place in its sequence, from 0.
        view: usize,
        /// The value.
        found: f32,
    },
    /// The numbers of a rotation do not have norm 1.
    #[error("the action group `{name}` of view {view} has norm {found}; as a {kind} it must have norm 1")]
    NotUnit {
        /// The group's name.
        name: String,
        /// Its kind.
        kind: GroupKind,
        /// The view's place in its sequence, from 0.
        view: usize,
        /// The norm.
        found: f64,
    },
}
