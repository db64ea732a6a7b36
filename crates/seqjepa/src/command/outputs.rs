//! Writing results: nothing that was read is overwritten, and no file is left half-written.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::bail;
use seqjepa_data::regular::open_regular;
use seqjepa_evaluation::{Comparison, ResultCard};
use seqjepa_model::read_tensors;
use seqjepa_run::RunFolder;
use seqjepa_train::checkpoint::is_checkpoint;
use seqjepa_train::storage::folder_of;

/// Most bytes of a JSON file that is read, beside an output or as an input.
pub(super) const LONGEST_TEXT: u64 = 256 << 20;

/// Refuses an output whose name does not say what is written: it might stand for a file of another kind.
pub(super) fn expect_ending(output: &Path, ending: &str) -> anyhow::Result<()> {
    match output.extension() {
        Some(found) if found.eq_ignore_ascii_case(ending) => Ok(()),
        _ => bail!("output {}: expected a name ending in .{ending}; nothing was written", output.display()),
    }
}

/// Refuses to replace a file of a data set.
pub(super) fn refuse_existing_below(output: &Path, folder: &Path) -> anyhow::Result<()> {
    if output.exists() && folder.canonicalize().is_ok_and(|folder| resolved(output).starts_with(folder)) {
        bail!(
            "output {}: expected a file outside the data in {}, or one that is not there; nothing was written",
            output.display(),
            folder.display()
        );
    }
    Ok(())
}

/// Refuses to replace a file that is no result card: it may be the status of a run, its gates' verdict, anybody's JSON.
pub(super) fn refuse_other_than_card(output: &Path) -> anyhow::Result<()> {
    let empty = std::fs::metadata(output).map_or(true, |data| data.is_file() && data.len() == 0);
    if empty || ResultCard::load(output).is_ok() {
        return Ok(());
    }
    bail!(
        "output {}: expected a result card or a name that is free, found another file; nothing was written",
        output.display()
    )
}

/// Refuses to replace files that no comparison wrote: tables tell by their beginning, pictures by the tables beside them.
pub(super) fn refuse_other_than_comparison(tables: [&Path; 2], pictures: [&Path; 4]) -> anyhow::Result<()> {
    let is_there = |path: &Path| std::fs::symlink_metadata(path).is_ok();
    let is_own = |path: &Path| {
        let mut head = Vec::new();
        let read = open_regular(path, u64::MAX).and_then(|(file, _)| file.take(256).read_to_end(&mut head));
        read.is_ok() && Comparison::is_one(&head)
    };
    let beside = tables.iter().any(|table| is_own(table));
    let others = tables.into_iter().filter(|table| is_there(table) && !is_own(table));
    let other_pictures = pictures.into_iter().filter(|picture| is_there(picture) && !beside);
    if let Some(other) = others.chain(other_pictures).next() {
        bail!(
            "output {}: expected a file of `seqjepa compare` or a name that is free, found another file; nothing was written",
            other.display()
        );
    }
    Ok(())
}

/// Refuses to replace a file of tensors by others than its own: it may be anybody's model.
pub(super) fn refuse_other_tensors(output: &Path, names: &[&str]) -> anyhow::Result<()> {
    if std::fs::symlink_metadata(output).is_err() {
        return Ok(());
    }
    let held = read_tensors(output).map(|tensors| {
        let mut held: Vec<String> = tensors.into_iter().map(|(name, _)| name).collect();
        held.sort_unstable();
        held
    });
    let mut names = names.to_vec();
    names.sort_unstable();
    if held.is_ok_and(|held| held == names) {
        return Ok(());
    }
    bail!(
        "output {}: expected an export of such a model or a name that is free, found another file; nothing was written",
        output.display()
    )
}

/// Refuses to replace a file that is no report page.
pub(super) fn refuse_other_than_report(output: &Path) -> anyhow::Result<()> {
    if std::fs::symlink_metadata(output).is_err() || seqjepa_report::is_report(output) {
        return Ok(());
    }
    bail!(
        "output {}: expected a page of `seqjepa report` or a name that is free, found another file; nothing was written",
        output.display()
    )
}

/// Refuses to replace what a run keeps, or a checkpoint anywhere: hours of work, perhaps under way.
pub(super) fn refuse_file_of_a_run(output: &Path) -> anyhow::Result<()> {
    let place = resolved(output);
    if place.exists() && (RunFolder::keeps(&place) || is_checkpoint(&place)) {
        bail!(
            "output {}: expected a name that is free, found a file of a run; nothing was written",
            output.display()
        );
    }
    Ok(())
}

/// Refuses an output that is one of the inputs, by whatever name.
pub(super) fn refuse_own_input<'a>(
    output: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> anyhow::Result<()> {
    let place = resolved(output);
    for input in inputs {
        if place == resolved(input) || are_one_file(output, input) {
            bail!(
                "output {}: expected another file than {}, which is read; nothing was written",
                output.display(),
                input.display()
            );
        }
    }
    Ok(())
}

/// The place that a path stands for, also of a file that is not there yet.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| match (folder_of(path).canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    })
}

/// Whether two paths are names of one file, as hard links are.
#[cfg(unix)]
fn are_one_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |path: &Path| std::fs::metadata(path).ok().map(|data| (data.dev(), data.ino()));
    identity(a).is_some_and(|a| Some(a) == identity(b))
}

#[cfg(not(unix))]
fn are_one_file(_: &Path, _: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_recognised_by_any_name() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        std::fs::create_dir_all(root.join("a")).unwrap();
        let input = root.join("input.json");
        std::fs::write(&input, "{}").unwrap();
        std::fs::hard_link(&input, root.join("hard.json")).unwrap();
        let mut names = vec!["input.json", "a/../input.json", "./input.json"];
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&input, root.join("soft.json")).unwrap();
            std::os::unix::fs::symlink(root, root.join("a/up")).unwrap();
            names.extend(["hard.json", "soft.json", "a/up/input.json"]);
        }
        for name in names {
            let error = refuse_own_input(&root.join(name), [input.as_path()]).unwrap_err().to_string();
            assert!(error.contains("is read"), "{name}: {error}");
        }
        // One that is not there yet, by two names.
        assert!(refuse_own_input(&root.join("a/../new"), [root.join("new").as_path()]).is_err());
        refuse_own_input(&root.join("other.json"), [input.as_path()]).unwrap();
    }

    #[test]
    fn a_card_replaces_nothing_but_a_card() {
        let scratch = tempfile::tempdir().unwrap();
        let output = scratch.path().join("status.json");
        refuse_other_than_card(&output).unwrap();
        std::fs::write(&output, "").unwrap();
        refuse_other_than_card(&output).unwrap();
        for other in [r#"{"state": "finished"}"#, "no JSON"] {
            std::fs::write(&output, other).unwrap();
            let error = refuse_other_than_card(&output).unwrap_err().to_string();
            assert!(error.contains("status.json: expected a result card"), "{error}");
        }
        assert!(refuse_other_than_card(scratch.path()).is_err());
    }

    #[test]
    fn a_comparison_replaces_nothing_but_one() {
        let scratch = tempfile::tempdir().unwrap();
        let [table, figures] = ["comparison.md", "comparison.csv"].map(|name| scratch.path().join(name));
        let pictures =
            ["grid.png", "grid.svg", "methods.png", "methods.svg"].map(|name| scratch.path().join(name));
        let check =
            || refuse_other_than_comparison([&table, &figures], pictures.each_ref().map(PathBuf::as_path));
        check().unwrap();
        std::fs::write(&pictures[0], "mine").unwrap();
        assert!(check().unwrap_err().to_string().contains("grid.png: expected a file of"));
        let comparison = Comparison::new(Vec::new());
        std::fs::write(&table, comparison.markdown()).unwrap();
        std::fs::write(&figures, comparison.csv()).unwrap();
        check().unwrap();
        for other in ["# Notes of mine", ""] {
            std::fs::write(&table, other).unwrap();
            assert!(check().unwrap_err().to_string().contains("comparison.md"), "{other}");
        }
    }

    #[test]
    fn an_export_replaces_nothing_but_its_like() {
        let scratch = tempfile::tempdir().unwrap();
        let output = scratch.path().join("model.safetensors");
        refuse_other_tensors(&output, &["a"]).unwrap();
        let tensor = || burn::tensor::TensorData::new::<f32, _>(vec![1.0], [1]);
        seqjepa_model::export_tensors(&vec![("b".into(), tensor()), ("a".into(), tensor())], &output)
            .unwrap();
        refuse_other_tensors(&output, &["a", "b"]).unwrap();
        assert!(refuse_other_tensors(&output, &["a"]).is_err());
        std::fs::write(&output, "text").unwrap();
        assert!(refuse_other_tensors(&output, &["a", "b"]).unwrap_err().to_string().contains("another file"));
    }

    #[test]
    fn other_kinds_and_files_of_a_data_set_are_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let picture = scratch.path().join("data/picture.png");
        std::fs::create_dir_all(scratch.path().join("data")).unwrap();
        refuse_existing_below(&picture, &scratch.path().join("data")).unwrap();
        std::fs::write(&picture, "old").unwrap();
        assert!(refuse_existing_below(&picture, &scratch.path().join("data")).is_err());
        refuse_existing_below(&picture, &scratch.path().join("elsewhere")).unwrap();
        expect_ending(Path::new("card.JSON"), "json").unwrap();
        for name in ["card", "card.yaml", "/dev/null", "json"] {
            assert!(expect_ending(Path::new(name), "json").is_err(), "{name}");
        }
    }
}
