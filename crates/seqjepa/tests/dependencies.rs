//! A project that depends on the library does not compile what only the command needs.

use std::process::Command;

/// What only the command needs.
const OF_THE_COMMAND: [&str; 9] = [
    "clap",
    "clap_complete",
    "signal-hook",
    "tracing-subscriber",
    "indicatif",
    "seqjepa-report",
    "ureq",
    "rustls",
    "webpki-roots",
];

/// The packages that are compiled for `seqjepa` with these features.
fn packages(features: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "seqjepa", "--edges", "normal,build", "--prefix", "none", "--offline"])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_library_alone_brings_nothing_of_the_command() {
    let library = packages(&["--no-default-features", "--features", "flex"]);
    let command = packages(&[]);
    for name in OF_THE_COMMAND {
        let has = |packages: &[String]| packages.iter().any(|package| package == name);
        assert!(has(&command), "{name} is not even in the command: the list is out of date");
        assert!(!has(&library), "{name} comes with the library");
    }
}

#[test]
fn what_remote_devices_bring_comes_with_their_feature_alone() {
    // Of the feature's packages the list of all, since those that no build has needed are not fetched, and tests run without a network.
    let all = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).unwrap();
    let default = packages(&[]);
    for name in ["burn-remote", "iroh", "tokio-tungstenite"] {
        assert!(all.contains(&format!("name = \"{name}\"")), "{name}: the list is out of date");
        assert!(!default.iter().any(|package| package == name), "{name} comes without the feature");
    }
}
