//! Speaking to the user: whatever goes to standard output or standard error goes through here.
//!
//! Names and texts come from files of others, so control characters, by which a file could drive the terminal, are left out.
//! A reader that has gone (`| head`) ends the output and nothing else: a run goes on.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use console::Term;
use seqjepa_evaluation::{one_line, plain_text, wrapped};
use seqjepa_run::progress::{above, dated, set_quiet};

use super::log;

/// Nobody reads standard output any more.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Only results and errors are wanted.
static QUIET: AtomicBool = AtomicBool::new(false);

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loudness {
    /// Results and errors.
    Quiet,
    /// And what is worth knowing.
    Usual,
    /// And what happens, for whoever looks for a fault.
    Verbose,
    /// And what happens within the libraries that this project stands on.
    Everything,
}

/// From here on, so much is said.
pub(super) fn begin(loudness: Loudness) {
    let quiet = loudness == Loudness::Quiet;
    QUIET.store(quiet, Ordering::Relaxed);
    set_quiet(quiet);
    log::start(loudness);
}

/// Columns of the terminal that standard output is; 80 where it is none, as a page has. Of a very wide one, no more than can be read.
pub(super) fn width() -> usize {
    const PAGE: usize = 80;
    const READABLE: usize = 120;
    Term::stdout().size_checked().map_or(PAGE, |(_, columns)| usize::from(columns).min(READABLE))
}

/// Prints a result on standard output.
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::command::terminal::output(&format!($($argument)*))
    };
}
pub(in crate::command) use say;

/// Prints on standard output what is no result: what is about to be done. Not with `--quiet`.
macro_rules! tell {
    ($($argument:tt)*) => {
        $crate::command::terminal::information(&format!($($argument)*))
    };
}
pub(in crate::command) use tell;

/// Prints a line on standard error. Not with `--quiet`.
macro_rules! note {
    ($($argument:tt)*) => {
        $crate::command::terminal::remark(format_args!($($argument)*))
    };
}
pub(in crate::command) use note;

/// Most characters of a line, and of a part of it without a space.
const LONGEST_LINE: usize = 1 << 13;
const LONGEST_WORD: usize = 512;

/// A text of others as a part of a line: with line ends it could pass for lines of this command's, and it is as long as they like.
pub(super) fn short_line(text: &str) -> String {
    beginning(&one_line(text), LONGEST_LINE)
}

/// A name of others in a list of names.
pub(super) fn short_name(name: &str) -> String {
    beginning(&short_line(name), 80)
}

/// A message as one line that a screen holds: long runs without a space, as names may be, are shown by their beginning, and so is the
/// whole.
pub(super) fn message_line(text: &str) -> String {
    let text = short_line(text);
    let words: Vec<_> = text.split(' ').map(|word| beginning(word, LONGEST_WORD)).collect();
    words.join(" ")
}

/// A text, or where it is longer than that many characters, its beginning.
fn beginning(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

/// Prints text and a line end on standard output.
pub(super) fn output(text: &str) {
    let mut text = plain_text(text);
    text.push('\n');
    write_output(text.as_bytes());
}

/// The same for what `--quiet` leaves out; on a terminal its lines break between words.
pub(super) fn information(text: &str) {
    if QUIET.load(Ordering::Relaxed) {
        return;
    }
    match Term::stdout().is_term() {
        true => output(&broken(text, width())),
        false => output(text),
    }
}

/// Prose in lines of at most `width` columns. What is indented is to be copied, and stays as it is, and so does a long path.
fn broken(text: &str, width: usize) -> String {
    let line = |line: &str| {
        let stays = line.starts_with(' ') || line.split(' ').any(|word| word.chars().count() >= width);
        if stays { line.to_owned() } else { wrapped(line, width, 2).trim_end().to_owned() }
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Writes bytes of this project's own making to standard output.
pub(super) fn write_output(bytes: &[u8]) {
    if CLOSED.load(Ordering::Relaxed) {
        return;
    }
    let written = above(|| {
        let mut output = io::stdout().lock();
        output.write_all(bytes).and_then(|()| output.flush())
    });
    if let Err(problem) = written {
        CLOSED.store(true, Ordering::Relaxed);
        if problem.kind() != ErrorKind::BrokenPipe {
            note!("warning: could not write to standard output: {problem}");
        }
    }
}

/// Prints a line on standard error, also with `--quiet`.
pub(super) fn error(text: fmt::Arguments<'_>) {
    let text = plain_text(&text.to_string());
    // Nothing can be done about a closed standard error.
    let _ = above(|| writeln!(io::stderr(), "{text}"));
}

/// A line among those of progress. Not with `--quiet`.
pub(super) fn remark(text: fmt::Arguments<'_>) {
    if !QUIET.load(Ordering::Relaxed) {
        error(format_args!("{}", dated(&text.to_string())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_breaks_between_words_and_commands_stay() {
        let text = "\nthe classes are a, b and c\n  seqjepa report runs/some/where\nin /a/very/long/path/of/some/run";
        assert_eq!(
            broken(text, 20),
            "\nthe classes are a, b\n  and c\n  seqjepa report runs/some/where\nin /a/very/long/path/of/some/run"
        );
    }
}
