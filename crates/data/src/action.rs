//! Action parameters as data: their names, units, ranges, groups and normalisation.
//!
//! Models and probes read the width and the groups of an action from an [`ActionSpace`], never from constants.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::augment::{AugmentError, AugmentPolicy};

/// One component of an action vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionParameter {
    /// Short name, unique in its space.
    pub name: String,
    /// Unit of the raw value, for people; `"factor"` for a plain multiplier.
    pub unit: String,
    /// Smallest raw value that can be recorded.
    pub low: f32,
    /// Largest raw value that can be recorded.
    pub high: f32,
    /// The raw value at which the operator does nothing.
    pub identity: f32,
}

/// Consecutive components that are judged together, for instance by one probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionGroup {
    /// Short name, unique in its space.
    pub name: String,
    /// The components, as a half-open range of indices.
    pub range: Range<usize>,
}

/// The layout of an action vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionSpace {
    parameters: Vec<ActionParameter>,
    groups: Vec<ActionGroup>,
}

impl ActionSpace {
    /// A space of the given components and groups.
    ///
    /// # Errors
    /// [`AugmentError::ActionGroup`] if a group is empty or reaches beyond the components;
    /// [`AugmentError::ActionName`] if two components or two groups have one name.
    pub fn new(parameters: Vec<ActionParameter>, groups: Vec<ActionGroup>) -> Result<Self, AugmentError> {
        let width = parameters.len();
        let names = |names: Vec<&str>| {
            let repeated = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name));
            repeated.map_or(Ok(()), |(_, &name)| Err(AugmentError::ActionName { name: name.into() }))
        };
        names(parameters.iter().map(|parameter| parameter.name.as_str()).collect())?;
        names(groups.iter().map(|group| group.name.as_str()).collect())?;
        match groups.iter().find(|group| group.range.is_empty() || group.range.end > width) {
            Some(group) => {
                Err(AugmentError::ActionGroup { name: group.name.clone(), range: group.range.clone(), width })
            }
            None => Ok(Self { parameters, groups }),
        }
    }

    /// The nine parameters of an augmented view (arXiv 2505.03176, section 4), in the order of
    /// [`AugmentParams::action`](crate::AugmentParams::action): crop (0..4), jitter (4..8), blur (8..9).
    ///
    /// The ranges cover both policies, with the identity recorded for a step that was not applied. A policy
    /// without blur keeps its ninth parameter, always 0.
    pub fn augmentation(
        observed: &AugmentPolicy,
        target: &AugmentPolicy,
        source_height: usize,
        source_width: usize,
    ) -> Self {
        let (height, width) = (source_height as f32, source_width as f32);
        let jitter = |get: fn(&AugmentPolicy) -> [f32; 2], identity: f32| {
            spanning([observed, target].map(|policy| (get(policy), policy.jitter_probability)), identity)
        };
        let blur = spanning([observed, target].map(|p| (p.blur_sigma, p.blur_probability)), 0.0);
        let rows: [(&str, &str, [f32; 2], f32); 9] = [
            ("top", "pixels", [0.0, (height - 1.0).max(0.0)], 0.0),
            ("left", "pixels", [0.0, (width - 1.0).max(0.0)], 0.0),
            ("height", "pixels", [1.0, height], height),
            ("width", "pixels", [1.0, width], width),
            ("brightness", "factor", jitter(|p| p.brightness, 1.0), 1.0),
            ("contrast", "factor", jitter(|p| p.contrast, 1.0), 1.0),
            ("saturation", "factor", jitter(|p| p.saturation, 1.0), 1.0),
            ("hue", "turns", jitter(|p| p.hue, 0.0), 0.0),
            ("sigma", "pixels", blur, 0.0),
        ];
        let parameters = rows.map(|(name, unit, [low, high], identity)| ActionParameter {
            name: name.into(),
            unit: unit.into(),
            low,
            high,
            identity,
        });
        let groups = [("crop", 0..4), ("jitter", 4..8), ("blur", 8..9)]
            .map(|(name, range)| ActionGroup { name: name.into(), range });
        Self { parameters: parameters.into(), groups: groups.into() }
    }

    /// Number of components.
    pub fn width(&self) -> usize {
        self.parameters.len()
    }

    /// The components, in order.
    pub fn parameters(&self) -> &[ActionParameter] {
        &self.parameters
    }

    /// The groups, in order.
    pub fn groups(&self) -> &[ActionGroup] {
        &self.groups
    }

    /// Index and description of the component with this name.
    pub fn parameter(&self, name: &str) -> Option<(usize, &ActionParameter)> {
        self.parameters.iter().enumerate().find(|(_, parameter)| parameter.name == name)
    }

    /// The components of the group with this name.
    pub fn group(&self, name: &str) -> Option<Range<usize>> {
        self.groups.iter().find(|group| group.name == name).map(|group| group.range.clone())
    }

    /// The group that component `index` belongs to.
    pub fn group_of(&self, index: usize) -> Option<&ActionGroup> {
        self.groups.iter().find(|group| group.range.contains(&index))
    }

    /// The action that does nothing.
    pub fn identity(&self) -> Vec<f32> {
        self.parameters.iter().map(|parameter| parameter.identity).collect()
    }
}

/// The range that the given (range, probability) pairs can record, the identity included where a step may be
/// skipped.
fn spanning(steps: [([f32; 2], f64); 2], identity: f32) -> [f32; 2] {
    let mut span = [f32::INFINITY, f32::NEG_INFINITY];
    for ([low, high], probability) in steps {
        if probability > 0.0 {
            span = [span[0].min(low), span[1].max(high)];
        }
        if probability < 1.0 {
            span = [span[0].min(identity), span[1].max(identity)];
        }
    }
    span
}

/// How the raw actions of one sequence are scaled before the model sees them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionNormalization {
    /// Raw values.
    None,
    /// Each parameter is divided by its L2 norm over the views of the sequence, as
    /// `torch.nn.functional.normalize(actions, dim=0)` does, with epsilon 1e-12. The published pipeline.
    #[default]
    SequenceL2,
    /// `(x - mean) / std` with one fixed mean and standard deviation a parameter.
    Standardize {
        /// Means, one a parameter.
        mean: Vec<f32>,
        /// Standard deviations, one a parameter, above zero.
        std: Vec<f32>,
    },
}

/// The floor under a norm in [`ActionNormalization::SequenceL2`].
const EPSILON: f32 = 1e-12;

impl ActionNormalization {
    /// Checks the constants against the width of the actions.
    ///
    /// # Errors
    /// [`AugmentError::ActionWidth`] for a wrong number of constants, [`AugmentError::Factor`] for a mean that
    /// is not finite or a standard deviation that is not above zero.
    pub fn validate(&self, width: usize) -> Result<(), AugmentError> {
        let Self::Standardize { mean, std } = self else { return Ok(()) };
        for found in [mean.len(), std.len()] {
            if found != width {
                return Err(AugmentError::ActionWidth { expected: width, found });
            }
        }
        let factor = |name, value, expected| Err(AugmentError::Factor { name, value, expected });
        if let Some(&value) = mean.iter().find(|x| !x.is_finite()) {
            return factor("action mean", value, "a finite number");
        }
        match std.iter().find(|&&x| !(x.is_finite() && x > 0.0)) {
            Some(&value) => factor("action standard deviation", value, "a finite number above 0"),
            None => Ok(()),
        }
    }

    /// Normalises the actions of one sequence in place, `[views, width]`.
    ///
    /// # Errors
    /// As [`ActionNormalization::validate`]; [`AugmentError::ActionWidth`] also if `actions` is not a whole
    /// number of rows.
    pub fn apply(&self, actions: &mut [f32], width: usize) -> Result<(), AugmentError> {
        self.validate(width)?;
        if width == 0 || !actions.len().is_multiple_of(width) {
            return Err(AugmentError::ActionWidth { expected: width, found: actions.len() });
        }
        match self {
            Self::None => {}
            Self::SequenceL2 => {
                for parameter in 0..width {
                    let column = || actions.iter().skip(parameter).step_by(width);
                    let norm = column().fold(0.0_f32, |sum, x| sum + x * x).sqrt().max(EPSILON);
                    actions.iter_mut().skip(parameter).step_by(width).for_each(|x| *x /= norm);
                }
            }
            Self::Standardize { mean, std } => {
                for row in actions.chunks_exact_mut(width) {
                    for ((x, mean), std) in row.iter_mut().zip(mean).zip(std) {
                        *x = (*x - mean) / std;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Relative actions between consecutive views: row `t` of `relative`, `[views - 1, width]`, becomes row
/// `t + 1` minus row `t` of the (normalised) `actions`, `[views, width]`.
///
/// # Errors
/// [`AugmentError::ActionWidth`] if the lengths do not fit together.
pub fn relative_actions(actions: &[f32], width: usize, relative: &mut [f32]) -> Result<(), AugmentError> {
    if width == 0 || !actions.len().is_multiple_of(width) || relative.len() + width != actions.len() {
        return Err(AugmentError::ActionWidth {
            expected: actions.len().saturating_sub(width),
            found: relative.len(),
        });
    }
    for ((out, before), after) in relative.iter_mut().zip(actions).zip(&actions[width..]) {
        *out = after - before;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn augmentation_space_names_every_parameter() {
        let space =
            ActionSpace::augmentation(&AugmentPolicy::observed(32), &AugmentPolicy::target(32), 32, 32);
        assert_eq!(space.width(), 9);
        assert_eq!(space.group("jitter"), Some(4..8));
        assert_eq!(space.identity(), [0.0, 0.0, 32.0, 32.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
        let (index, sigma) = space.parameter("sigma").unwrap();
        assert_eq!((index, sigma.low, sigma.high), (8, 0.0, 2.0));
        assert_eq!(space.group_of(index).map(|group| group.name.as_str()), Some("blur"));
        assert_eq!(space.group_of(9), None);
        let text = serde_json::to_string(&space).unwrap();
        assert_eq!(serde_json::from_str::<ActionSpace>(&text).unwrap(), space);
        assert_eq!(space.parameter("gamma"), None);
    }

    #[test]
    fn groups_must_lie_inside_the_vector() {
        let group = ActionGroup { name: "crop".into(), range: 0..1 };
        assert_eq!(
            ActionSpace::new(vec![], vec![group]),
            Err(AugmentError::ActionGroup { name: "crop".into(), range: 0..1, width: 0 })
        );
        let parameter =
            ActionParameter { name: "x".into(), unit: "pixels".into(), low: 0.0, high: 1.0, identity: 0.0 };
        assert_eq!(
            ActionSpace::new(vec![parameter.clone(), parameter], vec![]),
            Err(AugmentError::ActionName { name: "x".into() })
        );
    }

    // torch.nn.functional.normalize(torch.tensor([[3., 0.], [4., 0.]]), dim=0)
    #[test]
    fn sequence_l2_divides_by_the_norm_over_views() {
        let mut actions = [3.0, 0.0, 4.0, 0.0];
        ActionNormalization::SequenceL2.apply(&mut actions, 2).unwrap();
        assert_eq!(actions, [0.6, 0.0, 0.8, 0.0]);
        let mut relative = [0.0; 2];
        relative_actions(&actions, 2, &mut relative).unwrap();
        assert_eq!(relative, [0.8_f32 - 0.6, 0.0]);
    }

    #[test]
    fn standardize_checks_its_constants() {
        let good = ActionNormalization::Standardize { mean: vec![1.0], std: vec![2.0] };
        let mut actions = [3.0, 5.0];
        good.apply(&mut actions, 1).unwrap();
        assert_eq!(actions, [1.0, 2.0]);
        assert_eq!(good.validate(2), Err(AugmentError::ActionWidth { expected: 2, found: 1 }));
        let bad = ActionNormalization::Standardize { mean: vec![1.0], std: vec![0.0] };
        assert!(matches!(bad.validate(1), Err(AugmentError::Factor { .. })));
        assert!(relative_actions(&[0.0; 4], 2, &mut [0.0; 4]).is_err());
    }
}
