//! Which objects belong to which split.

use std::collections::HashSet;
use std::path::Path;

use crate::error::DataError;
use crate::npy::{read_integers, read_strings};
use crate::rng::Split;

/// Most objects of a split.
const MAX_OBJECTS: usize = 10_000_000;

/// Most classes.
const MAX_CLASSES: usize = 100_000;

/// The objects of a split and the classes of both.
#[derive(Debug, PartialEq)]
pub(crate) struct Lists {
    /// Paths `CLASS/OBJECT` below the root.
    pub(crate) objects: Vec<Box<str>>,
    /// The class of each object.
    pub(crate) labels: Vec<u32>,
    /// The folders of the classes, by label.
    pub(crate) class_names: Vec<String>,
}

impl Lists {
    /// The paths and the labels of a split.
    pub(crate) const fn files(split: Split) -> [&'static str; 2] {
        match split {
            Split::Train => ["train_images.npy", "train_labels.npy"],
            Split::Test => ["val_images.npy", "val_labels.npy"],
        }
    }

    /// Reads the lists of both splits, as the classes are those of both.
    pub(crate) fn read(folder: &Path, split: Split) -> Result<Self, DataError> {
        let lists = [Split::Train, Split::Test].map(|split| (split, objects(folder, split)));
        let mut class_names: Vec<Option<String>> = Vec::new();
        let (mut met, mut classes, mut wanted) = (HashSet::new(), HashSet::new(), None);
        for (part, list) in lists {
            let (paths, labels) = list?;
            let [images, numbers] = Self::files(part).map(|name| folder.join(name));
            for (index, (object, &label)) in paths.iter().zip(&labels).enumerate() {
                if !met.insert(object.clone()) {
                    let expected = "every object once, in one of the two lists";
                    return Err(DataError::malformed(
                        &images,
                        0,
                        "object",
                        expected,
                        format!("{object} again, the entry {index}"),
                    ));
                }
                let class = object.split('/').next().unwrap_or_default();
                let place = label as usize;
                if class_names.len() <= place {
                    class_names.resize(place + 1, None);
                }
                match &class_names[place] {
                    Some(name) if name == class => {}
                    Some(name) => {
                        let expected = format!("one folder for each class, {name} for {label}");
                        return Err(DataError::malformed(
                            &numbers,
                            0,
                            "label",
                            expected,
                            format!("{label} for {class}, the entry {index}"),
                        ));
                    }
                    None if classes.insert(class.to_owned()) => class_names[place] = Some(class.to_owned()),
                    None => {
                        let expected = "one class for each folder";
                        let found = format!("{label} and another class for {class}, the entry {index}");
                        return Err(DataError::malformed(&numbers, 0, "label", expected, found));
                    }
                }
            }
            if part == split {
                wanted = Some((paths, labels));
            }
        }
        let count = class_names.len();
        let named: Vec<String> = class_names.into_iter().flatten().collect();
        if named.len() < count {
            let path = folder.join(Self::files(Split::Train)[1]);
            let expected = format!("objects of every class from 0 to {}", count - 1);
            return Err(DataError::malformed(
                &path,
                0,
                "labels",
                expected,
                format!("{} classes", named.len()),
            ));
        }
        let (objects, labels) = wanted.expect("the split is one of the two");
        Ok(Self { objects, labels, class_names: named })
    }
}

/// Paths and labels of a split, as many of one as of the other, at least one.
fn objects(folder: &Path, split: Split) -> Result<(Vec<Box<str>>, Vec<u32>), DataError> {
    let [images, numbers] = Lists::files(split).map(|name| folder.join(name));
    let paths = read_strings(&images, MAX_OBJECTS)?;
    let labels = read_integers(&numbers, MAX_OBJECTS)?;
    if paths.is_empty() || paths.len() != labels.len() {
        let expected = format!("one for each object of {}, at least one", images.display());
        let found = format!("{} labels of {} objects", labels.len(), paths.len());
        return Err(DataError::malformed(&numbers, 0, "number of labels", expected, found));
    }
    let path = |(index, path): (usize, &String)| {
        object_path(path).ok_or_else(|| {
            let expected = "a path /CLASS/OBJECT/ of two plain names";
            DataError::malformed(&images, 0, "object", expected, format!("{path:?}, the entry {index}"))
        })
    };
    let label = |(index, &label): (usize, &i64)| {
        let known = u32::try_from(label).ok().filter(|&label| (label as usize) < MAX_CLASSES);
        known.ok_or_else(|| {
            let expected = format!("0 to {}", MAX_CLASSES - 1);
            DataError::malformed(&numbers, 0, "label", expected, format!("{label}, the entry {index}"))
        })
    };
    Ok((
        paths.iter().enumerate().map(path).collect::<Result<_, _>>()?,
        labels.iter().enumerate().map(label).collect::<Result<_, _>>()?,
    ))
}

/// `CLASS/OBJECT` of a path in a list; `None` for one that could lead elsewhere.
fn object_path(path: &str) -> Option<Box<str>> {
    let inner = path.strip_prefix('/').unwrap_or(path);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let (class, object) = inner.split_once('/')?;
    let plain = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && !name.contains(['/', '\\', ':'])
            && !name.contains(char::is_control)
    };
    (plain(class) && plain(object)).then(|| inner.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_a_folder_of_two_plain_names() {
        for path in ["/02691156/dc8d/", "02691156/dc8d", "/02691156/dc8d"] {
            assert_eq!(object_path(path).as_deref(), Some("02691156/dc8d"));
        }
        for path in [
            "", "/", "//", "/a", "/a/", "/a/b/c/", "/../b/", "/a/../", "/a/./", "/a\\b/c", "/C:/a/",
            "/a/b\n/",
        ] {
            assert_eq!(object_path(path), None, "{path}");
        }
    }

    fn lists(train: &[(&str, i64)], test: &[(&str, i64)]) -> (tempfile::TempDir, Result<Lists, DataError>) {
        let folder = tempfile::tempdir().unwrap();
        for (split, list) in [(Split::Train, train), (Split::Test, test)] {
            let [images, labels] = Lists::files(split).map(|name| folder.path().join(name));
            let paths: Vec<String> = list.iter().map(|(path, _)| (*path).to_owned()).collect();
            let numbers: Vec<i64> = list.iter().map(|(_, label)| *label).collect();
            std::fs::write(images, crate::npy::string_file(&paths)).unwrap();
            std::fs::write(labels, crate::npy::integer_file(&numbers)).unwrap();
        }
        let lists = Lists::read(folder.path(), Split::Test);
        (folder, lists)
    }

    #[test]
    fn classes_are_those_of_both_lists() {
        let (_folder, lists) =
            lists(&[("/b/1/", 1), ("/a/1/", 0), ("/b/2/", 1)], &[("/c/1/", 2), ("/a/2/", 0)]);
        let expected = Lists {
            objects: vec!["c/1".into(), "a/2".into()],
            labels: vec![2, 0],
            class_names: vec!["a".into(), "b".into(), "c".into()],
        };
        assert_eq!(lists.unwrap(), expected);
    }

    #[test]
    fn lists_that_contradict_themselves_are_refused() {
        for (train, test, file, words) in [
            (
                &[("/a/1/", 0), ("/b/1/", 0)][..],
                &[("/a/2/", 0)][..],
                "train_labels.npy",
                "a for 0, found 0 for b",
            ),
            (&[("/a/1/", 0)], &[("/a/2/", 1)], "val_labels.npy", "one class for each folder"),
            (&[("/a/1/", 0)], &[("/a/1/", 0)], "val_images.npy", "a/1 again, the entry 0"),
            (
                &[("/a/1/", 0)],
                &[("/c/1/", 2)],
                "train_labels.npy",
                "every class from 0 to 2, found 2 classes",
            ),
            (&[("/a/1/", -1)], &[("/a/2/", 0)], "train_labels.npy", "found -1"),
            (&[("/a/1/", 100_000)], &[("/a/2/", 0)], "train_labels.npy", "0 to 99999"),
            (&[("/a/../../etc/", 0)], &[("/a/2/", 0)], "train_images.npy", "two plain names"),
            (&[], &[("/a/2/", 0)], "train_labels.npy", "at least one"),
        ] {
            let (_folder, lists) = lists(train, test);
            let error = lists.unwrap_err().to_string();
            assert!(error.contains(file) && error.contains(words), "{error}");
        }
        let (folder, _) = lists(&[("/a/1/", 0)], &[("/a/2/", 0)]);
        std::fs::write(folder.path().join("val_labels.npy"), crate::npy::integer_file(&[0, 0])).unwrap();
        let error = Lists::read(folder.path(), Split::Train).unwrap_err().to_string();
        assert!(error.contains("2 labels of 1 objects"), "{error}");
    }
}
