//! The classes of two sets of labels.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};

use super::super::arguments::shown;

/// The labels of one set as its file has them.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels {
    pub(super) values: Vec<i64>,
    /// Names of the classes by value; empty where they have none.
    pub(super) names: Vec<String>,
}

/// What a class is known by in both sets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(i64),
    Name(String),
}

/// Both sets with their classes counted from 0, whatever their numbers were.
#[derive(Debug)]
pub(super) struct Classes {
    pub(super) count: usize,
    pub(super) train: Vec<u32>,
    pub(super) test: Vec<u32>,
    /// What a user must know of them.
    pub(super) problems: Vec<String>,
}

impl Classes {
    /// Brings two sets together: by name where both have different lists of names, since one number then means two things; else by
    /// number.
    pub(super) fn of(train: &Labels, test: &Labels) -> anyhow::Result<Self> {
        let by_name = !train.names.is_empty() && !test.names.is_empty() && train.names != test.names;
        for names in [&train.names, &test.names] {
            let distinct: BTreeSet<&String> = names.iter().collect();
            ensure!(
                distinct.len() == names.len(),
                "expected every class name once, found {} names of {} classes",
                distinct.len(),
                names.len()
            );
        }
        let keys = |labels: &Labels| -> anyhow::Result<Vec<Key>> {
            let key = |value: &i64| {
                if !by_name {
                    return Ok(Key::Number(*value));
                }
                let name = usize::try_from(*value).ok().and_then(|value| labels.names.get(value));
                let name = name.with_context(|| {
                    format!("expected labels below the {} class names, found {value}", labels.names.len())
                })?;
                Ok(Key::Name(name.clone()))
            };
            labels.values.iter().map(key).collect()
        };
        let lists = [&train.names, &test.names];
        let (train, test) = (keys(train)?, keys(test)?);
        let known: BTreeSet<&Key> = train.iter().collect();
        let asked: BTreeSet<&Key> = test.iter().collect();
        let mut problems = Vec::new();
        let strange = asked.difference(&known).count();
        ensure!(
            strange < asked.len() || asked.is_empty(),
            "expected the same classes in training and test, found none of the test's {strange} classes in training"
        );
        if by_name {
            problems.push(format!(
                "the two files list different classes, which are matched by name: {}",
                difference(lists[0], lists[1])
            ));
        } else if lists[0].is_empty() != lists[1].is_empty() {
            problems.push(
                "only one of the two files names its classes, which are matched by number: make sure that the numbers mean the same"
                    .to_owned(),
            );
        }
        if strange > 0 {
            problems.push(format!(
                "{strange} classes of the test samples are not in training: they cannot be found"
            ));
        }
        let all: Vec<&Key> = known.union(&asked).copied().collect();
        let number = |key: &Key| -> anyhow::Result<u32> {
            // Every key is among all of them.
            Ok(u32::try_from(all.binary_search(&key).unwrap_or_default())?)
        };
        Ok(Self {
            count: all.len(),
            train: train.iter().map(number).collect::<Result<_, _>>()?,
            test: test.iter().map(number).collect::<Result<_, _>>()?,
            problems,
        })
    }
}

/// What only one of two lists of names has.
fn difference(train: &[String], test: &[String]) -> String {
    let only = |of: &[String], other: &[String]| {
        let other: BTreeSet<&String> = other.iter().collect();
        of.iter().filter(|name| !other.contains(name)).cloned().collect::<Vec<_>>()
    };
    let parts = [("training", only(train, test)), ("test", only(test, train))];
    let parts = parts.iter().filter(|(_, names)| !names.is_empty());
    let parts: Vec<_> = parts.map(|(split, names)| format!("only in {split}: {}", shown(names))).collect();
    if parts.is_empty() { "another order".to_owned() } else { parts.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[i64], names: &[&str]) -> Labels {
        Labels { values: values.to_vec(), names: names.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[test]
    fn labels_of_any_size_are_counted_from_0() {
        let classes = Classes::of(&labels(&[4_000_000_000, -1, 7], &[]), &labels(&[7, -1], &[])).unwrap();
        assert_eq!((classes.count, classes.train, classes.test), (3, vec![2, 0, 1], vec![1, 0]));
        assert!(classes.problems.is_empty());
    }

    #[test]
    fn different_lists_of_names_are_matched_by_name() {
        let train = labels(&[0, 1, 2], &["a", "b", "c"]);
        let test = labels(&[0, 1], &["b", "c"]);
        let classes = Classes::of(&train, &test).unwrap();
        assert_eq!((classes.train, classes.test), (vec![0, 1, 2], vec![1, 2]));
        assert_eq!(classes.problems.len(), 1);
        assert!(classes.problems[0].ends_with("only in training: a"), "{:?}", classes.problems);
        assert!(Classes::of(&train, &labels(&[0], &["b", "b"])).is_err());
        let one_sided = Classes::of(&train, &labels(&[0, 1], &[])).unwrap();
        assert!(one_sided.problems[0].contains("by number"), "{:?}", one_sided.problems);
        // One that training does not have is told, and no common one is refused.
        let classes = Classes::of(&train, &labels(&[0, 1], &["b", "z"])).unwrap();
        assert_eq!(classes.count, 4);
        assert!(classes.problems[1].starts_with("1 classes"), "{:?}", classes.problems);
        assert!(Classes::of(&train, &labels(&[0, 1], &["y", "z"])).is_err());
        assert!(Classes::of(&train, &labels(&[0, 5], &["b", "z"])).is_err());
    }
}
