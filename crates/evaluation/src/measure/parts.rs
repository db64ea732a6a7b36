//! The parts of an action that figures speak of.

use std::ops::Range;

use seqjepa_data::ActionSpace;
use seqjepa_probes::OutputGroup;

/// Name of the mean over all parameters.
pub(super) const MEAN: &str = "mean";

/// A group of the action's parameters, or a single one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Its part of a figure's name; no two parts have one.
    pub(super) name: String,
    pub(super) range: Range<usize>,
}

/// The parts of an action space.
#[derive(Debug)]
pub(super) struct Parts {
    /// In the space's order.
    pub(super) groups: Vec<Part>,
    /// In the space's order, without those that are a group of their name.
    pub(super) singles: Vec<Part>,
    /// The parameters' names.
    pub(super) outputs: Vec<String>,
}

impl Parts {
    pub(super) fn of(space: &ActionSpace) -> Self {
        let mut taken = vec![MEAN.to_owned()];
        let mut part = |name: &str, range: Range<usize>| {
            let mut name = name.to_owned();
            while taken.contains(&name) {
                name.push('_');
            }
            taken.push(name.clone());
            Part { name, range }
        };
        let outputs: Vec<String> =
            space.parameters().iter().map(|parameter| parameter.name.clone()).collect();
        let groups: Vec<Part> =
            space.groups().iter().map(|group| part(&group.name, group.range.clone())).collect();
        let single = |(index, name): (usize, &String)| {
            let own =
                space.groups().iter().any(|group| group.name == *name && group.range == (index..index + 1));
            (!own).then(|| part(name, index..index + 1))
        };
        let singles = outputs.iter().enumerate().filter_map(single).collect();
        Self { groups, singles, outputs }
    }

    /// The groups as probes name them.
    pub(super) fn output_groups(&self) -> Vec<OutputGroup> {
        self.groups.iter().map(|group| OutputGroup::new(&group.name, group.range.clone())).collect()
    }

    /// The single part of this parameter, if it is no group.
    pub(super) fn single(&self, output: usize) -> Option<&Part> {
        self.singles.iter().find(|part| part.range.start == output)
    }

    /// All parameters.
    pub(super) fn all(&self) -> Part {
        Part { name: MEAN.into(), range: 0..self.outputs.len() }
    }
}

#[cfg(test)]
mod tests {
    use seqjepa_data::{ActionGroup, ActionParameter, AugmentPolicy};

    use super::*;

    fn names(parts: &[Part]) -> Vec<&str> {
        parts.iter().map(|part| part.name.as_str()).collect()
    }

    #[test]
    fn augmentations_have_groups_and_single_parameters() {
        let space =
            ActionSpace::augmentation(&AugmentPolicy::observed(32), &AugmentPolicy::target(32), 32, 32);
        let parts = Parts::of(&space);
        assert_eq!(names(&parts.groups), ["crop", "jitter", "blur"]);
        assert_eq!(names(&parts.singles), parts.outputs);
        assert_eq!((parts.outputs.len(), parts.all().range), (9, 0..9));
    }

    #[test]
    fn no_two_parts_have_one_name() {
        let parameter = |name: &str| ActionParameter {
            name: name.into(),
            unit: "factor".into(),
            low: 0.0,
            high: 1.0,
            identity: 0.0,
        };
        let parameters = ["zoom", "x", "mean"].map(parameter).into();
        let groups = vec![ActionGroup::vector("zoom", 0..1), ActionGroup::vector("x", 1..3)];
        let parts = Parts::of(&ActionSpace::new(parameters, groups).unwrap());
        assert_eq!(names(&parts.groups), ["zoom", "x"]);
        // zoom is a group of its own; the other x is none of it.
        assert_eq!(names(&parts.singles), ["x_", "mean_"]);
        assert_eq!((parts.single(0), parts.single(2).unwrap().range.clone()), (None, 2..3));
    }
}
