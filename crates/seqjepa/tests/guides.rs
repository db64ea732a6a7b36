//! The guides: the page of every config key is that of the types, every page is a chapter, every link leads somewhere, and no picture is
//! without words.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_page_of_every_key_is_that_of_the_types() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_seqjepa")).args(["config", "keys", "--markdown"]).output().unwrap();
    assert!(output.status.success());
    assert!(
        read(&root().join("docs/configuration-reference.md")) == String::from_utf8(output.stdout).unwrap(),
        "docs/configuration-reference.md is of other types; write it anew by\n\n    \
         cargo run -p seqjepa -- config keys --markdown > docs/configuration-reference.md\n"
    );
}

/// The pages whose links are checked, by their path from the root.
fn pages() -> BTreeMap<PathBuf, String> {
    let root = root();
    let mut paths: Vec<PathBuf> = markdown(&root);
    paths.extend(markdown(&root.join("docs")));
    for folder in std::fs::read_dir(root.join("crates")).unwrap() {
        paths.extend(markdown(&folder.unwrap().path()));
    }
    let pages: BTreeMap<_, _> =
        paths.into_iter().map(|path| (path.strip_prefix(&root).unwrap().to_owned(), read(&path))).collect();
    assert!(pages.len() > 20, "{} pages", pages.len());
    pages
}

fn markdown(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The lines of a page that are no code, spans of code left out.
fn prose(page: &str) -> String {
    let (mut text, mut fenced) = (String::new(), false);
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            text.extend(line.split('`').step_by(2));
            text.push('\n');
        }
    }
    assert!(!fenced, "a fence is never closed");
    text
}

/// The targets of inline links and pictures.
fn targets(page: &str) -> Vec<String> {
    let prose = prose(page);
    let ends = prose.split("](").skip(1);
    ends.map(|rest| rest.split(')').next().unwrap().split_whitespace().collect()).collect()
}

/// The anchors that a forge and the book alike make of headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut found = BTreeSet::new();
    for line in page.lines() {
        fenced ^= line.starts_with("```");
        let Some(title) = line.strip_prefix('#').filter(|_| !fenced) else { continue };
        let kept = title
            .trim_start_matches('#')
            .trim()
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor = kept.collect::<String>().to_lowercase().replace(' ', "-");
        assert!(found.insert(anchor.clone()), "two headings have the anchor {anchor}");
    }
    found
}

/// A path without `..`.
fn normalised(path: &Path) -> PathBuf {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::CurDir => {}
            part => parts.push(part),
        }
    }
    parts.into_iter().collect()
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let mut broken = Vec::new();
    for (path, page) in &pages {
        for target in targets(page) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file =
                if file.is_empty() { path.clone() } else { normalised(&path.parent().unwrap().join(file)) };
            let found = match (pages.get(&file), anchor) {
                (Some(page), anchor) if !anchor.is_empty() => anchors(page).contains(anchor),
                _ => root().join(&file).exists(),
            };
            // The book has only what is in its folder.
            let outside = path.starts_with("docs") && !file.starts_with("docs");
            if !found || outside {
                let why = if outside { "leads out of the book" } else { "leads nowhere" };
                broken.push(format!("{}: {target} {why}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_page_is_a_chapter_once_and_every_chapter_a_page() {
    let mut chapters = targets(&read(&root().join("docs/SUMMARY.md")));
    let mut pages: Vec<String> = markdown(&root().join("docs"))
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "SUMMARY.md")
        .collect();
    chapters.sort();
    pages.sort();
    assert_eq!(chapters, pages);
}

#[test]
fn every_picture_has_words() {
    for (path, page) in pages() {
        assert!(!prose(&page).contains("![]("), "{}: a picture without alternative text", path.display());
    }
}
