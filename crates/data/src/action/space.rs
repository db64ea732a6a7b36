//! The layout of an action vector, and what is done with its numbers.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{ActionError, ActionGroup, ActionNormalization, ActionParameter, GroupKind, rotation};

/// The layout of an action vector, and how actions of this layout are normalised and compared.
///
/// A value in hand is valid, also one that was read from a file: names are unique, groups lie inside the vector, rotations
/// have the components that they need, and the normalisation fits. Components in no group are plain numbers.
///
/// ```
/// use seqjepa_data::{ActionGroup, ActionNormalization, ActionParameter, ActionSpace, GroupKind};
///
/// // A camera that turns and zooms: a unit quaternion (x, y, z, w) and one number.
/// let parameter = |name: &str, identity| ActionParameter {
///     name: name.into(),
///     unit: "factor".into(),
///     low: -1.0,
///     high: 1.0,
///     identity,
/// };
/// let parameters = vec![
///     parameter("x", 0.0),
///     parameter("y", 0.0),
///     parameter("z", 0.0),
///     parameter("w", 1.0),
///     parameter("zoom", 0.0),
/// ];
/// let rotation = ActionGroup { name: "rotation".into(), range: 0..4, kind: GroupKind::Quaternion };
/// let space = ActionSpace::new(parameters, vec![rotation, ActionGroup::vector("zoom", 4..5)])?;
///
/// // Two views of one scene: [views, width].
/// let raw = [0.0, 0.0, 0.0, 1.0, 0.25, 0.0, 0.0, 0.6, 0.8, 0.75];
/// let (mut actions, mut relative) = ([0.0; 10], [0.0; 5]);
/// space.sequence(&raw, &mut actions, &mut relative)?;
/// assert_eq!(actions, raw); // nothing is normalised unless the space says so
/// assert_eq!(relative, [0.0, 0.0, 0.6, 0.8, 0.5]);
/// # Ok::<(), seqjepa_data::ActionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct ActionSpace {
    parameters: Vec<ActionParameter>,
    groups: Vec<ActionGroup>,
    normalization: ActionNormalization,
}

/// An action space as a file describes it, not yet checked.
#[derive(Deserialize)]
struct Unchecked {
    parameters: Vec<ActionParameter>,
    groups: Vec<ActionGroup>,
    #[serde(default = "raw")]
    normalization: ActionNormalization,
}

/// The normalisation of older files, which do not name one: spaces did not own it then.
fn raw() -> ActionNormalization {
    ActionNormalization::None
}

impl TryFrom<Unchecked> for ActionSpace {
    type Error = ActionError;

    fn try_from(unchecked: Unchecked) -> Result<Self, ActionError> {
        Self::new(unchecked.parameters, unchecked.groups)?.with_normalization(unchecked.normalization)
    }
}

impl ActionSpace {
    /// A space of the given components and groups, its actions not normalised.
    ///
    /// # Errors
    /// [`ActionError::Empty`] without components; [`ActionError::Name`] if two components or two groups have one name;
    /// [`ActionError::Group`] if a group is empty or reaches beyond the components; [`ActionError::GroupWidth`] and
    /// [`ActionError::Overlap`] for a rotation of another number of components, or that shares one with another group.
    pub fn new(parameters: Vec<ActionParameter>, groups: Vec<ActionGroup>) -> Result<Self, ActionError> {
        let width = parameters.len();
        if width == 0 {
            return Err(ActionError::Empty);
        }
        unique(parameters.iter().map(|parameter| parameter.name.as_str()))?;
        unique(groups.iter().map(|group| group.name.as_str()))?;
        for (number, group) in groups.iter().enumerate() {
            let ActionGroup { name, range, kind } = group;
            if range.is_empty() || range.end > width {
                return Err(ActionError::Group { name: name.clone(), range: range.clone(), width });
            }
            if let Some(expected) = kind.width().filter(|&expected| expected != range.len()) {
                let found = range.len();
                return Err(ActionError::GroupWidth { name: name.clone(), kind: *kind, expected, found });
            }
            let shares = |other: &&ActionGroup| {
                let plain = [*kind, other.kind].iter().all(|kind| *kind == GroupKind::Vector);
                !plain && other.range.start < range.end && range.start < other.range.end
            };
            if let Some(other) = groups[..number].iter().find(shares) {
                return Err(ActionError::Overlap { first: other.name.clone(), second: name.clone() });
            }
        }
        Ok(Self { parameters, groups, normalization: ActionNormalization::None })
    }

    /// The same space with its actions normalised.
    ///
    /// # Errors
    /// [`ActionError::Constants`] for a wrong number of constants, [`ActionError::Constant`] for a mean that is not finite
    /// or a standard deviation that is not above zero.
    pub fn with_normalization(self, normalization: ActionNormalization) -> Result<Self, ActionError> {
        normalization.validate(self.width())?;
        Ok(Self { normalization, ..self })
    }

    /// How [`sequence`](Self::sequence) scales plain numbers.
    #[must_use]
    pub fn normalization(&self) -> &ActionNormalization {
        &self.normalization
    }

    /// Number of components.
    #[must_use]
    pub fn width(&self) -> usize {
        self.parameters.len()
    }

    /// The components, in order.
    #[must_use]
    pub fn parameters(&self) -> &[ActionParameter] {
        &self.parameters
    }

    /// The groups, in order.
    #[must_use]
    pub fn groups(&self) -> &[ActionGroup] {
        &self.groups
    }

    /// Index and description of the component with this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<(usize, &ActionParameter)> {
        self.parameters.iter().enumerate().find(|(_, parameter)| parameter.name == name)
    }

    /// The components of the group with this name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<Range<usize>> {
        self.groups.iter().find(|group| group.name == name).map(|group| group.range.clone())
    }

    /// The group that component `index` belongs to.
    #[must_use]
    pub fn group_of(&self, index: usize) -> Option<&ActionGroup> {
        self.groups.iter().find(|group| group.range.contains(&index))
    }

    /// The action that does nothing.
    #[must_use]
    pub fn identity(&self) -> Vec<f32> {
        self.parameters.iter().map(|parameter| parameter.identity).collect()
    }

    /// The actions of one sequence: `raw`, `[views, width]`, normalised into `actions`, `[views, width]`, and from each view
    /// to the next into `relative`, `[views - 1, width]`.
    ///
    /// Row `t` of `relative` leads from view `t` to view `t + 1`: the difference of the *normalised* numbers, for rotations
    /// what [`GroupKind`] says. Rotations are copied to `actions` as they are.
    ///
    /// # Errors
    /// [`ActionError::Length`] if the lengths are not those, [`ActionError::NotFinite`] for a raw value that is infinite or
    /// NaN, [`ActionError::NotUnit`] for a rotation whose norm is more than 0.001 from 1.
    pub fn sequence(
        &self,
        raw: &[f32],
        actions: &mut [f32],
        relative: &mut [f32],
    ) -> Result<(), ActionError> {
        let width = self.width();
        self.check_lengths(raw.len(), actions.len(), relative.len())?;
        self.check_values(raw)?;
        actions.copy_from_slice(raw);
        for parameter in (0..width).filter(|&parameter| self.is_plain(parameter)) {
            self.normalization.scale(actions, width, parameter);
        }
        let rows = actions.chunks_exact(width).zip(actions[width..].chunks_exact(width));
        for (out, (before, after)) in relative.chunks_exact_mut(width).zip(rows) {
            self.between(before, after, out);
        }
        Ok(())
    }

    /// The relative action from one view to any other of its sequence, `[width]`: `before` and `after` are rows of the actions that
    /// [`sequence`](Self::sequence) normalised. Along a path it is the sum of the relative actions, of rotations their product.
    ///
    /// # Panics
    /// If a slice does not have [`width`](Self::width) values.
    pub fn between(&self, before: &[f32], after: &[f32], out: &mut [f32]) {
        let width = self.width();
        assert!([before.len(), after.len(), out.len()] == [width; 3], "a row has {width} values");
        for ((out, before), after) in out.iter_mut().zip(before).zip(after) {
            *out = after - before;
        }
        for ActionGroup { range, kind, .. } in &self.groups {
            let between = match kind {
                GroupKind::Vector => continue,
                GroupKind::Quaternion => rotation::relative_quaternion,
                GroupKind::Angle => rotation::relative_angle,
            };
            between(&before[range.clone()], &after[range.clone()], &mut out[range.clone()]);
        }
    }

    fn check_lengths(&self, raw: usize, actions: usize, relative: usize) -> Result<(), ActionError> {
        let width = self.width();
        let wrong = |what, expected, found| Err(ActionError::Length { what, expected, found });
        if raw == 0 || !raw.is_multiple_of(width) {
            return wrong("raw actions", format!("one row of {width} per view"), raw);
        }
        if actions != raw {
            return wrong("actions", format!("{raw}, as the raw ones"), actions);
        }
        if relative != raw - width {
            return wrong("relative actions", format!("{}, one row less", raw - width), relative);
        }
        Ok(())
    }

    fn check_values(&self, raw: &[f32]) -> Result<(), ActionError> {
        for (view, row) in raw.chunks_exact(self.width()).enumerate() {
            if let Some((&found, parameter)) = row.iter().zip(&self.parameters).find(|(x, _)| !x.is_finite())
            {
                return Err(ActionError::NotFinite { name: parameter.name.clone(), view, found });
            }
            for ActionGroup { name, range, kind } in &self.groups {
                if *kind != GroupKind::Vector
                    && let Some(found) = rotation::wrong_norm(&row[range.clone()])
                {
                    return Err(ActionError::NotUnit { name: name.clone(), kind: *kind, view, found });
                }
            }
        }
        Ok(())
    }

    /// Whether a component is a plain number, not part of a rotation.
    fn is_plain(&self, parameter: usize) -> bool {
        let mut rotations = self.groups.iter().filter(|group| group.kind != GroupKind::Vector);
        rotations.all(|group| !group.range.contains(&parameter))
    }
}

fn unique<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Result<(), ActionError> {
    let repeated =
        names.clone().enumerate().find(|&(i, name)| names.clone().take(i).any(|other| other == name));
    repeated.map_or(Ok(()), |(_, name)| Err(ActionError::Name { name: name.into() }))
}

#[cfg(test)]
mod tests;
