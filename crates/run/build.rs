//! Tells the crate which git commit it is built from, for result cards; outside git it tells nothing.

use std::path::Path;
use std::process::Command;

/// What results depend on, beside this crate's own sources.
const SOURCES: [&str; 8] = [
    "../data/src",
    "../cpu/src",
    "../nn/src",
    "../model/src",
    "../probes/src",
    "../train/src",
    "../evaluation/src",
    "src",
];

fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A packaged copy may lie inside the repository of somebody else.
    if git(&["ls-files", "--error-unmatch", "build.rs"]).is_none() {
        return;
    }
    let Some(commit) = git(&["rev-parse", "HEAD"]) else { return };
    let mut status = vec!["status", "--porcelain", "--untracked-files=no", "--"];
    status.extend(SOURCES);
    let dirty = git(&status).is_none_or(|changed| !changed.is_empty());
    println!("cargo::rustc-env=SEQJEPA_COMMIT={commit}{}", if dirty { "-dirty" } else { "" });

    // The log of HEAD grows with every commit and checkout; a path that is not there would run this at every build.
    let watched =
        ["HEAD", "logs/HEAD"].into_iter().filter_map(|name| git(&["rev-parse", "--git-path", name]));
    for path in watched.chain(SOURCES.map(str::to_owned)).filter(|path| Path::new(path).exists()) {
        println!("cargo::rerun-if-changed={path}");
    }
}
