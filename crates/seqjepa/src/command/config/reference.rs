//! The page of the guides that lists every key.

use std::fmt::Write as _;

use seqjepa_run::config::ConfigKey;

const HEAD: &str = "\
<!-- Written by `seqjepa config keys --markdown > docs/configuration-reference.md`; change the types in crates/run/src/config. -->

# Every key of a config

What [configuration](configuration.md) explains, key by key, from the types that read a config: what each takes, its default and its
meaning. `seqjepa config keys TEXT` prints the same of the keys that contain a text; `true` and `false` may also be `1` and `0`.
";

/// The page.
pub(super) fn page(keys: &[ConfigKey]) -> String {
    let mut page = HEAD.to_owned();
    let mut last = None;
    for key in keys {
        let (section, name) = key.name.split_once('.').unwrap_or(("", &key.name));
        if last != Some(section) {
            last = Some(section);
            let title = if section.is_empty() { name } else { section };
            let _ = writeln!(page, "\n## `{title}`\n");
            if let Some(description) = &key.section {
                let _ = writeln!(page, "{description}\n");
            }
            page.push_str("| key | takes | default | meaning |\n|---|---|---|---|\n");
        }
        let default = code(&key.default);
        let _ = writeln!(
            page,
            "| `{name}` | {} | {} | {} |",
            cell(&key.takes),
            cell(&default),
            cell(&key.meaning)
        );
    }
    page
}

/// A value as code; words as they are.
fn code(default: &str) -> String {
    if default.contains([' ', '`']) || default == "none" || default == "all" {
        default.to_owned()
    } else {
        format!("`{default}`")
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use seqjepa_run::Config;

    use super::*;

    #[test]
    fn the_page_has_a_row_for_every_key_below_its_section() {
        let keys = Config::keys();
        let page = page(&keys);
        let rows = page.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(rows, keys.len());
        assert!(page.contains("\n## `run`\n\nThe run: name, seed"), "{page}");
        assert!(page.contains("\n| `wandb.enabled` | true or false | `false` | "), "{page}");
        assert!(page.lines().all(|line| !line.starts_with("| `") || line.matches(" | ").count() == 3));
    }
}
