//! Splits PTX into words, signs and strings.

use crate::fault::ModuleError;

/// A piece of text that means something by itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name, a directive, a mnemonic or a number.
    Word(String),
    /// One of `{}()[],;:|!+-<>=@`.
    Sign(char),
    Text(String),
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$' | '%' | '.' | '&' | '~')
}

/// The tokens of `text`, each with the number of its line, from 1.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, u32)>, ModuleError> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '\n' {
            line += 1;
            rest = &rest[1..];
        } else if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
        } else if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").ok_or_else(|| ModuleError::new(line, "a comment without an end"))? + 2;
            line += count_lines(&rest[..end]);
            rest = &rest[end..];
        } else if first == '"' {
            let end =
                rest[1..].find('"').ok_or_else(|| ModuleError::new(line, "a string without an end"))? + 2;
            tokens.push((Token::Text(rest[1..end - 1].to_owned()), line));
            line += count_lines(&rest[..end]);
            rest = &rest[end..];
        } else if is_word(first) {
            let end = word_length(rest);
            tokens.push((Token::Word(rest[..end].to_owned()), line));
            rest = &rest[end..];
        } else if "{}()[],;:|!+-<>=@".contains(first) {
            tokens.push((Token::Sign(first), line));
            rest = &rest[1..];
        } else {
            return Err(ModuleError::new(line, format!("the character {first:?}, which PTX does not use")));
        }
    }
    Ok(tokens)
}

/// How long the word is that `text` starts with. `shared::cta` is one word, `label:` is a word and a sign.
fn word_length(text: &str) -> usize {
    let mut end = 0;
    loop {
        end += text[end..].find(|character| !is_word(character)).unwrap_or(text.len() - end);
        let Some(after) = text[end..].strip_prefix("::") else { return end };
        if !after.starts_with(is_word) {
            return end;
        }
        end += 2;
    }
}

fn count_lines(text: &str) -> u32 {
    u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_signs_with_their_lines() {
        let tokens = tokens("@!%p1 ld.shared::cta.b32 /* two\nlines */ %r1,[%rd1+-4]; // end\n$L:").unwrap();
        let words: Vec<_> = tokens
            .iter()
            .filter_map(|(token, line)| match token {
                Token::Word(word) => Some((word.as_str(), *line)),
                _ => None,
            })
            .collect();
        assert_eq!(
            words,
            [("%p1", 1), ("ld.shared::cta.b32", 1), ("%r1", 2), ("%rd1", 2), ("4", 2), ("$L", 3)]
        );
    }

    #[test]
    fn what_does_not_end_is_refused() {
        assert!(tokens("/* no end").is_err());
        assert!(tokens("\"no end").is_err());
        assert!(tokens("mov ?").is_err());
    }
}
