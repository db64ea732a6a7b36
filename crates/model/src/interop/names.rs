//! Where in a checkpoint the model's tensors are.

use std::collections::{HashMap, HashSet};

/// Dictionaries and modules under which training scripts put a model's state.
const NESTS: [&str; 5] = ["model", "model_state", "model_state_dict", "state_dict", "net"];

/// What data-parallel and compiling wrappers put before every name.
const WRAPPERS: [&str; 2] = ["module", "_orig_mod"];

/// The part of a checkpoint that fits a model best, as a path of nests: empty, `model.`, `state_dict.model.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Nest(String);

impl Nest {
    /// The nest under which most of the names are known; of equally good ones the shortest.
    pub(super) fn find<'a>(names: impl Iterator<Item = &'a str>, known: &HashSet<&str>) -> Self {
        let mut hits: HashMap<String, usize> = HashMap::new();
        for name in names {
            let fitting = splits(name).into_iter().filter(|(_, rest)| known.contains(rest));
            for (nest, _) in fitting {
                *hits.entry(nest).or_default() += 1;
            }
        }
        let best = hits.into_iter().max_by(|(left, left_hits), (right, right_hits)| {
            // Names decide last, so that the choice does not depend on the order of a map.
            let shortness = right.len().cmp(&left.len()).then_with(|| right.cmp(left));
            left_hits.cmp(right_hits).then(shortness)
        });
        Self(best.map(|(nest, _)| nest).unwrap_or_default())
    }

    /// The name without nest and wrappers; nothing if the name lies outside the nest.
    pub(super) fn strip<'a>(&self, name: &'a str, known: &HashSet<&str>) -> Option<&'a str> {
        let inside: Vec<_> = splits(name).into_iter().filter(|(nest, _)| *nest == self.0).collect();
        let fitting = inside.iter().find(|(_, rest)| known.contains(rest));
        fitting.or(inside.last()).map(|(_, rest)| *rest)
    }
}

/// All ways to divide a name into a nest and the rest; wrappers may stand anywhere in between and count for neither.
fn splits(name: &str) -> Vec<(String, &str)> {
    let mut nest = String::new();
    let mut rest = name;
    let mut ways = vec![(String::new(), name)];
    while let Some((component, tail)) = rest.split_once('.') {
        if NESTS.contains(&component) {
            nest.push_str(component);
            nest.push('.');
        } else if !WRAPPERS.contains(&component) {
            break;
        }
        rest = tail;
        ways.push((nest.clone(), rest));
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> HashSet<&'static str> {
        HashSet::from(["a.weight", "a.bias", "b"])
    }

    #[test]
    fn the_nest_with_most_known_names_wins() {
        let find = |names: &[&str]| Nest::find(names.iter().copied(), &known()).0;
        assert_eq!(find(&["a.weight", "b"]), "");
        assert_eq!(find(&["module.a.weight", "module.b"]), "");
        assert_eq!(find(&["model.module.a.weight", "model.b", "b"]), "model.");
        assert_eq!(find(&["module.model.a.weight", "module.model.b"]), "model.");
        assert_eq!(find(&["model_state.a.bias", "optimizer.state.0"]), "model_state.");
        assert_eq!(find(&["state_dict.model._orig_mod.a.bias", "epoch"]), "state_dict.model.");
        assert_eq!(find(&["model_state.b", "model.b"]), "model.");
        assert_eq!(find(&["something"]), "");
    }

    #[test]
    fn nest_and_wrappers_are_stripped() {
        let nest = Nest("model.".to_owned());
        let strip = |name: &'static str| nest.strip(name, &known());
        assert_eq!(strip("model.module.a.weight"), Some("a.weight"));
        assert_eq!(strip("module.model.a.weight"), Some("a.weight"));
        assert_eq!(strip("model.a.weight"), Some("a.weight"));
        assert_eq!(strip("model.module.probe"), Some("probe"));
        assert_eq!(strip("epoch"), None);
        // A module may have a part that is called like a nest.
        let known = HashSet::from(["model.weight", "head"]);
        let nest = Nest::find(["model.weight", "head"].into_iter(), &known);
        assert_eq!(nest, Nest(String::new()));
        assert_eq!(nest.strip("model.weight", &known), Some("model.weight"));
    }
}
