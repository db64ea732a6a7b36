//! Where in a checkpoint the model's tensors are.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// Dictionaries and modules under which training scripts put a model's state; of two that fit as well, the earlier counts.
const NESTS: [&str; 14] = [
    "model",
    "state_dict",
    "model_state_dict",
    "model_state",
    "net",
    "network",
    "weights",
    "params",
    "ema_model",
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "ema",
    "averaged_model",
];

/// What wrappers put before every name, or within them where they wrap a part: data-parallel, averaging and compiling ones, FSDP,
/// activation checkpoints, Lightning Fabric.
const WRAPPERS: [&str; 6] = [
    "module",
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
    "_forward_module",
    "_original_module",
];

/// The part of a checkpoint that fits a model best, as a path of nests: empty, `model.`, `state_dict.model.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Nest(String);

impl Nest {
    /// The nest under which most of the names are known; of equally good ones the shortest, then the earlier in the list of nests.
    pub(super) fn find<'a>(names: impl Iterator<Item = &'a str>, known: &HashSet<&str>) -> Self {
        let mut hits: HashMap<String, usize> = HashMap::new();
        for name in names {
            let fitting = splits(name).into_iter().filter(|(_, rest)| known.contains(&**rest));
            // A wrapper may be taken off in two ways, which are one.
            for nest in fitting.map(|(nest, _)| nest).collect::<HashSet<_>>() {
                *hits.entry(nest).or_default() += 1;
            }
        }
        let best = hits.into_iter().max_by(|(left, left_hits), (right, right_hits)| {
            let depth = |nest: &str| nest.matches('.').count();
            let places = |nest: &str| -> Vec<_> {
                nest.split('.').map(|part| NESTS.iter().position(|known| *known == part)).collect()
            };
            // The better is the greater: with fewer nests, and those of an earlier place.
            left_hits
                .cmp(right_hits)
                .then_with(|| depth(right).cmp(&depth(left)))
                .then_with(|| places(right).cmp(&places(left)))
        });
        Self(best.map(|(nest, _)| nest).unwrap_or_default())
    }

    /// The name without nest and wrappers; nothing if the name lies outside the nest.
    pub(super) fn strip<'a>(&self, name: &'a str, known: &HashSet<&str>) -> Option<Cow<'a, str>> {
        let mut inside: Vec<_> = splits(name).into_iter().filter(|(nest, _)| *nest == self.0).collect();
        let fitting = inside.iter().position(|(_, rest)| known.contains(&**rest));
        match fitting {
            Some(place) => Some(inside.swap_remove(place).1),
            None => inside.pop().map(|(_, rest)| rest),
        }
    }
}

/// All ways to divide a name into a nest and the rest; wrappers may stand anywhere and count for neither.
fn splits(name: &str) -> Vec<(String, Cow<'_, str>)> {
    let mut nest = String::new();
    let mut rest = name;
    let mut ways = Vec::new();
    loop {
        ways.push((nest.clone(), Cow::Borrowed(rest)));
        if let Some(bare) = without_wrappers(rest) {
            ways.push((nest.clone(), Cow::Owned(bare)));
        }
        let Some((component, tail)) = rest.split_once('.') else { return ways };
        if NESTS.contains(&component) {
            nest.push_str(component);
            nest.push('.');
        } else if !WRAPPERS.contains(&component) {
            return ways;
        }
        rest = tail;
    }
}

/// The name without the wrappers in it, if there are any.
fn without_wrappers(name: &str) -> Option<String> {
    let parts: Vec<_> = name.split('.').filter(|part| !WRAPPERS.contains(part)).collect();
    let bare = parts.join(".");
    (bare.len() < name.len()).then_some(bare)
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
    fn averages_and_the_wrappers_of_trainers() {
        let find = |names: &[&str]| Nest::find(names.iter().copied(), &known()).0;
        for nest in ["ema_model.", "state_dict_ema.", "model.ema.", "state_dict.model."] {
            for wrapper in [
                "",
                "module.",
                "_orig_mod.",
                "_forward_module.",
                "module._orig_mod.",
                "_fsdp_wrapped_module.",
            ] {
                let names = ["a.weight", "a.bias", "b"].map(|name| format!("{nest}{wrapper}{name}"));
                let found = Nest::find(names.iter().map(String::as_str), &known());
                assert_eq!(found.0, nest, "{wrapper}");
                assert_eq!(found.strip(&names[0], &known()).as_deref(), Some("a.weight"), "{nest}{wrapper}");
            }
        }
        // The model itself before its average.
        assert_eq!(find(&["state_dict_ema.b", "state_dict.b", "ema_model.module.b"]), "state_dict.");
        assert_eq!(find(&["ema.b", "model.b"]), "model.");
        // Wrappers of parts.
        let nest = Nest(String::new());
        for name in [
            "_fsdp_wrapped_module.a._fsdp_wrapped_module.weight",
            "a._orig_mod.weight",
            "module.a.module.weight",
        ] {
            assert_eq!(nest.strip(name, &known()).as_deref(), Some("a.weight"), "{name}");
        }
    }

    #[test]
    fn nest_and_wrappers_are_stripped() {
        let nest = Nest("model.".to_owned());
        let strip = |name: &'static str| nest.strip(name, &known()).map(Cow::into_owned);
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(strip("model.module.a.weight"), some("a.weight"));
        assert_eq!(strip("module.model.a.weight"), some("a.weight"));
        assert_eq!(strip("model.a.weight"), some("a.weight"));
        assert_eq!(strip("model.module.probe"), some("probe"));
        assert_eq!(strip("epoch"), None);
        // A module may have a part that is called like a nest.
        let known = HashSet::from(["model.weight", "head"]);
        let nest = Nest::find(["model.weight", "head"].into_iter(), &known);
        assert_eq!(nest, Nest(String::new()));
        assert_eq!(nest.strip("model.weight", &known).as_deref(), Some("model.weight"));
    }
}
