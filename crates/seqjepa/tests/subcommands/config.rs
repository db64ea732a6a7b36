//! `config`.

use std::fs;
use std::path::Path;

use crate::common::{scratch, seqjepa, stderr, stdout};
use crate::support::succeeds;

#[test]
fn configs_are_checked_and_shown() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shipped = [
        "configs/quickstart.yaml",
        "configs/fashion_mnist_cpu.yaml",
        "configs/cifar100_aug_paper.yaml",
        "configs/remote/cifar100_aug_baseline.yaml",
    ];
    let text = succeeds(&root, ["config", "check"].into_iter().chain(shipped));
    for name in shipped {
        assert!(text.contains(&format!("{name}: valid")), "{text}");
    }
    let scratch = scratch();
    fs::write(scratch.path().join("wrong.yaml"), "run: {epoch: 3}").unwrap();
    let output = seqjepa(scratch.path(), ["config", "check", "wrong.yaml", "tiny.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("run.epochs") && stdout(&output).contains("tiny.yaml: valid"),
        "{output:?}"
    );

    let text = succeeds(scratch.path(), ["config", "show", "tiny.yaml", "--set", "run.epochs=7"]);
    assert!(text.contains("epochs: 7") && text.contains("keep_last: 3"), "{text}");
    fs::write(scratch.path().join("shown.yaml"), &text).unwrap();
    assert_eq!(succeeds(scratch.path(), ["config", "show", "shown.yaml"]), text);

    let text = succeeds(scratch.path(), ["config", "keys"]);
    assert!(text.contains("optim.scheduler  (constant, cosine, warmup; default constant)"), "{text}");
    assert!(text.contains("run.epochs  (whole number, 1 to 1000000; default 10)\n    Passes over"), "{text}");
    let text = succeeds(scratch.path(), ["config", "keys", "gating"]);
    assert!(
        text.lines().filter(|line| !line.starts_with(' ')).all(|line| line.starts_with("gating.")),
        "{text}"
    );
}

#[test]
fn the_schema_of_configs_is_json() {
    let schema: serde_json::Value =
        serde_json::from_str(&succeeds(Path::new("."), ["config", "schema"])).unwrap();
    assert_eq!(schema["properties"]["run"]["properties"]["epochs"]["default"], 10);
}
