//! Speaking to the user: whatever goes to standard output or standard error goes through here.
//!
//! Names and texts come from files of others, so control characters, by which a file could drive the terminal, are left out.
//! A reader that has gone (`| head`) ends the output and nothing else: a run goes on.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use seqjepa_evaluation::plain_text;
use tracing::Level;

/// Nobody reads standard output any more.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Prints a line on standard output.
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::command::terminal::output(&format!($($argument)*))
    };
}
pub(in crate::command) use say;

/// Prints a line on standard error.
macro_rules! note {
    ($($argument:tt)*) => {
        $crate::command::terminal::error(format_args!($($argument)*))
    };
}
pub(in crate::command) use note;

/// Most characters of a line, and of a part of it without a space.
const LONGEST_LINE: usize = 1 << 13;
const LONGEST_WORD: usize = 512;

/// A text of others as a part of a line: with line ends it could pass for lines of this command's, and it is as long as they like.
pub(super) fn one_line(text: &str) -> String {
    beginning(&plain_text(&text.replace(['\n', '\r', '\t'], " ")), LONGEST_LINE)
}

/// A name of others in a list of names.
pub(super) fn short_name(name: &str) -> String {
    beginning(&one_line(name), 80)
}

/// A message as one line that a screen holds: long runs without a space, as names may be, are shown by their beginning, and so is the
/// whole.
pub(super) fn message_line(text: &str) -> String {
    let text = one_line(text);
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

/// Writes bytes of this project's own making to standard output.
pub(super) fn write_output(bytes: &[u8]) {
    if CLOSED.load(Ordering::Relaxed) {
        return;
    }
    let mut output = io::stdout().lock();
    if let Err(problem) = output.write_all(bytes).and_then(|()| output.flush()) {
        CLOSED.store(true, Ordering::Relaxed);
        if problem.kind() != ErrorKind::BrokenPipe {
            note!("warning: could not write to standard output: {problem}");
        }
    }
}

/// Prints a line on standard error.
pub(super) fn error(text: fmt::Arguments<'_>) {
    // Nothing can be done about a closed standard error.
    let _ = writeln!(io::stderr(), "{}", plain_text(&text.to_string()));
}

/// Sends the libraries' events to standard error: warnings, and with `verbose` what happens.
pub(super) fn start_logging(verbose: bool) {
    let level = if verbose { Level::INFO } else { Level::WARN };
    let log = tracing_subscriber::fmt().with_max_level(level).with_target(false).with_ansi(false);
    // Whoever calls this as a library may have a log already.
    let _ = log.with_writer(|| Cleaned).try_init();
}

/// Standard error without control characters. An event comes in one write, and is one line.
struct Cleaned;

impl Write for Cleaned {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Nor about it here: told of an error, the logger would panic over the same closed standard error.
        let text = String::from_utf8_lossy(bytes);
        let line = message_line(text.strip_suffix('\n').unwrap_or(&text));
        let _ = writeln!(io::stderr(), "{line}");
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
