//! Names as parts of paths.

/// Characters of a slug: paths of three stay far below what any file system takes.
const LONGEST: usize = 80;

/// Names that some systems keep for devices, whatever stands behind a point.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// A name as a part of a path that every file system takes: lower-case letters, digits, `_`, `.` and `-`, which stands for all else. The
/// same name always gives the same. Nothing where no letter or digit is left, or it would be longer than a name should be.
pub(super) fn slug(name: &str) -> Option<String> {
    let mut slug = String::new();
    for c in name.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') => slug.push(c),
            _ if slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let slug = slug.trim_matches(['-', '.']);
    if slug.len() > LONGEST || !slug.contains(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let first = slug.split('.').next().unwrap_or_default();
    let numbered = ["com", "lpt"].iter().any(|port| {
        first
            .strip_prefix(port)
            .is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit())
    });
    let device = DEVICES.contains(&first) || numbered;
    Some(if device { format!("_{slug}") } else { slug.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_parts_of_paths() {
        for (name, expected) in [
            ("seqjepa", "seqjepa"),
            ("No action conditioning", "no-action-conditioning"),
            ("β = 0.5 (ours)", "0.5-ours"),
            ("fashion_mnist", "fashion_mnist"),
            ("../../etc/passwd", "etc-passwd"),
            (".hidden.", "hidden"),
            ("NUL", "_nul"),
            ("com1.x", "_com1.x"),
            ("company", "company"),
        ] {
            assert_eq!(slug(name).as_deref(), Some(expected), "{name}");
        }
        for name in ["", "...", "-_-", "β", &"a".repeat(81)] {
            assert_eq!(slug(name), None, "{name}");
        }
    }
}
