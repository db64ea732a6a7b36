//! How a folder of images is divided: by folders for its splits, or not.
//!
//! Names are compared without case and by their words, so that `Training`, `seg_train` and `train-images` are all folders of
//! training images.

use std::path::{Path, PathBuf};

use crate::dataset::listing::sub_folders;
use crate::error::DataError;

/// Folders that may hold one another before the classes come: archives are often unpacked into a folder of their own name.
const MAX_NESTING: usize = 3;

/// Where the classes are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// In one folder for both splits.
    Whole(PathBuf),
    /// In a folder for each split.
    Divided {
        train: PathBuf,
        /// None where there is no folder for it.
        test: Option<PathBuf>,
        /// Names of what lies beside the two.
        unused: Vec<String>,
    },
}

/// A split by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Train,
    Test,
    HeldOut,
    Evaluation,
    Validation,
    Development,
}

/// What serves as the test images where there are several, best first.
const TESTS: [Part; 5] = [Part::Test, Part::HeldOut, Part::Evaluation, Part::Validation, Part::Development];

/// Words that may stand beside that of the split.
const BESIDE: [&str; 10] =
    ["data", "dataset", "image", "images", "img", "imgs", "seg", "set", "split", "folder"];

impl Part {
    fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "train" | "training" | "trainset" => Self::Train,
            "test" | "testing" | "testset" | "tst" => Self::Test,
            "holdout" | "heldout" | "holdoutset" => Self::HeldOut,
            "eval" | "evaluation" | "evalset" => Self::Evaluation,
            "val" | "valid" | "validation" | "validate" | "valset" => Self::Validation,
            "dev" | "devel" | "development" | "devset" => Self::Development,
            _ => return None,
        })
    }

    /// The split that a folder's name stands for: no class, as in `bullet_train` or `test tube`.
    fn of(folder: &Path) -> Option<Self> {
        let name = folder.file_name()?.to_str()?.to_lowercase();
        let (beside, named): (Vec<_>, Vec<_>) = words(&name).partition(|word| BESIDE.contains(word));
        match named[..] {
            [word] if beside.len() < 3 => Self::of_word(word),
            ["hold" | "held", "out"] if beside.len() < 3 => Some(Self::HeldOut),
            _ => None,
        }
    }

    /// Whether a folder's name speaks of a split at all.
    fn is_in(folder: &Path) -> bool {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        words(&name).any(|word| Self::of_word(word).is_some())
    }
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(['_', '-', ' ', '.']).filter(|word| !word.is_empty())
}

/// Finds the layout of `root`.
///
/// A folder of training images counts as such if there is one of test, validation or other held-out images beside it, or if there is nothing else
/// in the root: `train` may also be a class, that of railway trains.
pub(super) fn layout(root: &Path) -> Result<Layout, DataError> {
    let mut root = root.to_owned();
    let whole = root.clone();
    for _ in 0..=MAX_NESTING {
        let folders = sub_folders(&root)?;
        if let Some(divided) = divided(&folders)? {
            return Ok(divided);
        }
        // An archive's own folder may have the division inside it.
        match &folders[..] {
            [only] if Part::of(only).is_none() => root.clone_from(only),
            _ => break,
        }
    }
    Ok(Layout::Whole(whole))
}

fn divided(folders: &[PathBuf]) -> Result<Option<Layout>, DataError> {
    let of = |part| folders.iter().filter(|folder| Part::of(folder) == Some(part)).collect::<Vec<_>>();
    let train = of(Part::Train);
    let tests: Vec<_> = TESTS.into_iter().map(of).filter(|found| !found.is_empty()).collect();
    let others: Vec<_> = folders.iter().filter(|folder| Part::of(folder).is_none()).collect();
    if train.is_empty() {
        return Ok(None);
    }
    let Some(first) = tests.first() else {
        // A class called `train`, unless there are classes in it.
        if !others.is_empty() && sub_folders(train[0])?.is_empty() {
            return Ok(None);
        }
        let train = unnested(single(&train)?)?;
        return Ok(Some(Layout::Divided { train, test: None, unused: Vec::new() }));
    };
    let train = single(&train)?;
    // Test images of a competition often have no labels, and so no classes.
    let labelled = |folders: &[&PathBuf]| -> Result<bool, DataError> {
        folders.iter().try_fold(false, |any, folder| Ok(any || !sub_folders(folder)?.is_empty()))
    };
    let mut test = first;
    for found in &tests {
        if labelled(found)? {
            test = found;
            break;
        }
    }
    let test = single(test)?;
    let unused = folders.iter().filter(|&folder| folder != train && folder != test);
    let unused = unused.map(|folder| folder.file_name().unwrap_or_default().display().to_string()).collect();
    Ok(Some(Layout::Divided { train: unnested(train)?, test: Some(unnested(test)?), unused }))
}

fn single<'a>(folders: &[&'a PathBuf]) -> Result<&'a PathBuf, DataError> {
    match folders {
        [folder] => Ok(folder),
        _ => {
            let names: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
            let expected = "one folder of each split";
            Err(DataError::malformed(folders[0], 0, "layout", expected, names.join(" and ")))
        }
    }
}

/// `seg_train/seg_train/CLASS`: the inner folder of a split that holds nothing but one of the same split.
fn unnested(folder: &Path) -> Result<PathBuf, DataError> {
    let mut folder = folder.to_owned();
    for _ in 0..MAX_NESTING {
        match &sub_folders(&folder)?[..] {
            [only] if Part::of(only).is_some() && Part::of(only) == Part::of(&folder) => {
                folder.clone_from(only)
            }
            _ => break,
        }
    }
    Ok(folder)
}

/// Warns of classes that are called as splits are.
pub(super) fn warn_of_splits(root: &Path, classes: &[PathBuf]) {
    let named: Vec<_> = classes
        .iter()
        .filter(|folder| Part::is_in(folder))
        .map(|folder| folder.file_name().unwrap_or_default().display().to_string())
        .collect();
    if !named.is_empty() {
        tracing::warn!(
            "{}: taken as classes, though called as splits are: {}; name the folder of one split if that is not meant",
            root.display(),
            named.join(", ")
        );
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn tree(paths: &[&str]) -> TempDir {
        let root = TempDir::new().unwrap();
        for path in paths {
            fs::create_dir_all(root.path().join(path)).unwrap();
        }
        root
    }

    /// The folders of a division, below the root.
    fn division(root: &TempDir) -> [String; 2] {
        let found = layout(root.path()).unwrap();
        let Layout::Divided { train, test: Some(test), .. } = &found else { panic!("{found:?}") };
        [train, test].map(|path| path.strip_prefix(root.path()).unwrap().display().to_string())
    }

    #[test]
    fn usual_names_of_splits_are_known() {
        for (train, test) in [
            ("train", "test"),
            ("Train", "Test"),
            ("TRAINING", "Testing"),
            ("train", "val"),
            ("train", "valid"),
            ("Training", "Validation"),
            ("seg_train", "seg_test"),
            ("train-images", "test-images"),
            ("training_set", "test_set"),
            ("train", "dev"),
            ("train", "eval"),
            ("Train", "Evaluation"),
            ("train", "development"),
            ("train", "holdout"),
            ("train", "hold-out"),
            ("train_images", "held_out_images"),
        ] {
            let root = tree(&[&format!("{train}/a"), &format!("{test}/a")]);
            assert_eq!(division(&root), [train, test]);
        }
    }

    #[test]
    fn folders_within_folders_are_opened() {
        let root = tree(&["seg_train/seg_train/a", "seg_test/seg_test/a", "seg_pred/x"]);
        assert_eq!(division(&root), ["seg_train/seg_train", "seg_test/seg_test"]);
        let found = layout(root.path()).unwrap();
        assert!(matches!(&found, Layout::Divided { unused, .. } if unused == &["seg_pred"]), "{found:?}");
        let root = tree(&["archive/fruits/Training/a", "archive/fruits/Test/a"]);
        assert_eq!(division(&root), ["archive/fruits/Training", "archive/fruits/Test"]);
    }

    #[test]
    fn a_class_may_be_called_train() {
        let root = tree(&["bus", "car", "train"]);
        assert_eq!(layout(root.path()).unwrap(), Layout::Whole(root.path().to_owned()));
        for classes in [&["cat", "dog"][..], &["bullet_train", "test tube"], &["one"], &["test", "b"]] {
            let root = tree(classes);
            assert_eq!(layout(root.path()).unwrap(), Layout::Whole(root.path().to_owned()), "{classes:?}");
        }
    }

    #[test]
    fn test_images_without_classes_leave_the_test_to_the_validation_images() {
        assert_eq!(division(&tree(&["train/a", "val/a", "test"])), ["train", "val"]);
        assert_eq!(division(&tree(&["train/a", "val/a", "test/a"])), ["train", "test"]);
        // The best of those that there are.
        assert_eq!(division(&tree(&["train/a", "dev/a", "eval/a"])), ["train", "eval"]);
        assert_eq!(division(&tree(&["train/a", "dev/a", "val/a", "holdout"])), ["train", "val"]);
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        let root = tree(&["Train/a", "training/a", "test/a"]);
        assert!(matches!(layout(root.path()), Err(DataError::Malformed { field: "layout", .. })));
        // Training images alone can be read; nobody knows which the test images are.
        let root = tree(&["train/a"]);
        assert!(matches!(layout(root.path()), Ok(Layout::Divided { test: None, .. })));
    }
}
