//! YAML of others, before it is parsed.

/// The deepest brackets that are read. Configs and checkpoints have three.
const DEEPEST: usize = 64;

/// Refuses YAML with deep brackets: a parser's time grows with the square of their depth.
///
/// Brackets in texts and comments count too, which nothing but an attack comes near.
///
/// # Errors
///
/// Says what was found, to follow "expected ..., found", with the line.
pub fn check_nesting(text: &str) -> Result<(), String> {
    let (mut depth, mut line) = (0_usize, 1_usize);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'\n' => line += 1,
            _ => {}
        }
        if depth > DEEPEST {
            return Err(format!("more than {DEEPEST} open brackets in line {line}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_brackets_are_refused_and_many_are_not() {
        assert!(check_nesting(&"[]".repeat(100_000)).is_ok());
        assert!(check_nesting(&format!("{}{}", "[".repeat(64), "]".repeat(64))).is_ok());
        let message = check_nesting(&format!("a: 1\n{}", "{[".repeat(50_000))).unwrap_err();
        assert_eq!(message, "more than 64 open brackets in line 2");
    }
}
