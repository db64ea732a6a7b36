//! What to type next.

use std::path::Path;

use seqjepa_run::RunFolder;

use super::terminal::tell;

/// After a run, evaluated or not.
pub(super) fn after_run(folder: &RunFolder, evaluated: bool) {
    let root = quoted(folder.root());
    let evaluate = if evaluated {
        ("by the paper's protocol, slower", format!("evaluate --checkpoint {root} --protocol paper"))
    } else {
        ("what its representations hold", format!("evaluate --checkpoint {root}"))
    };
    tell_next(&[
        ("its page in the browser", format!("report {root} --output {} --open", quoted(&folder.report()))),
        evaluate,
        ("beside another run", format!("compare {root} OTHER_RUN")),
        (
            "features of your own images",
            format!("embed --checkpoint {root} --images FOLDER --output features.npy"),
        ),
    ]);
}

/// After an evaluation of a checkpoint, whose card is at `card`.
pub(super) fn after_evaluation(card: &Path, checkpoint: &Path) {
    let mut next = vec![("beside another", format!("compare {} OTHER_RUN_OR_CARD", quoted(card)))];
    if checkpoint.is_dir() {
        next.insert(0, ("a page of its curves and figures", format!("report {}", quoted(checkpoint))));
    }
    tell_next(&next);
}

fn tell_next(commands: &[(&str, String)]) {
    let mut text = "\nnext:".to_owned();
    for (what, command) in commands {
        text += &format!("\n  # {what}\n  seqjepa {command}");
    }
    tell!("{text}");
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        for (path, expected) in
            [("runs/a-1", "runs/a-1"), ("runs/my run", "'runs/my run'"), ("it's", r"'it'\''s'")]
        {
            assert_eq!(quoted(Path::new(path)), expected);
        }
        assert_eq!(quoted(Path::new("-x")), "'-x'");
    }
}
