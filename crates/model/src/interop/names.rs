//! Where in a checkpoint the model's tensors are.

use std::collections::HashSet;

/// Dictionaries under which training scripts put a model's state.
const NESTS: [&str; 5] = ["", "model.", "model_state.", "model_state_dict.", "state_dict."];

/// What data-parallel wrappers put before every name.
const WRAPPER: &str = "module.";

/// The part of a checkpoint that fits a model best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nest(&'static str);

impl Nest {
    /// The nest under which most of the names are known.
    pub(super) fn find<'a>(names: impl Iterator<Item = &'a str> + Clone, known: &HashSet<&str>) -> Self {
        let hits = |nest: Self| {
            let found = names.clone().filter_map(|name| nest.strip(name));
            found.filter(|name| known.contains(name)).count()
        };
        // The first of equally good nests, which `max_by_key` would not give.
        NESTS.map(Self).into_iter().rev().max_by_key(|nest| hits(*nest)).unwrap_or(Self(""))
    }

    /// The name without nest and wrapper; nothing if the name lies outside the nest.
    pub(super) fn strip(self, name: &str) -> Option<&str> {
        let name = name.strip_prefix(self.0)?;
        Some(name.strip_prefix(WRAPPER).unwrap_or(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nest_with_most_known_names_wins() {
        let known = HashSet::from(["a.weight", "a.bias", "b"]);
        let find = |names: &[&str]| Nest::find(names.iter().copied(), &known);
        assert_eq!(find(&["a.weight", "b"]), Nest(""));
        assert_eq!(find(&["model.module.a.weight", "model.b", "b"]), Nest("model."));
        assert_eq!(find(&["model_state.a.bias", "optimizer.state.0"]), Nest("model_state."));
        assert_eq!(find(&["something"]), Nest(""));
    }

    #[test]
    fn nest_and_wrapper_are_stripped() {
        let nest = Nest("model.");
        assert_eq!(nest.strip("model.module.a.weight"), Some("a.weight"));
        assert_eq!(nest.strip("model.a.weight"), Some("a.weight"));
        assert_eq!(nest.strip("epoch"), None);
    }
}
