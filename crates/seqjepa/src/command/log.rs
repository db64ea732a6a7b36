//! The libraries' events on standard error, in plain words: `warning: what happened: where, how much`.

use std::fmt;
use std::io::{self, Write};

use seqjepa_run::progress::{above, dated};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::terminal::{Loudness, message_line};

/// Whose events are told from `--verbose` on.
const OWN: &str = "seqjepa";

/// Whose warnings are, since what they come to this project says itself: of a server that is gone there is one for every operation, of a
/// session one for every client that has ended; of kernels that are not kept one for each of their kinds.
const TALKATIVE: [&str; 2] = ["burn_remote", "cubecl_environment"];

/// Sends events to standard error from here on.
pub(super) fn start(loudness: Loudness) {
    let level = match loudness {
        Loudness::Quiet => Level::ERROR,
        Loudness::Usual => Level::WARN,
        Loudness::Verbose => Level::DEBUG,
        Loudness::Everything => Level::TRACE,
    };
    let log = tracing_subscriber::fmt().with_max_level(level).with_ansi(false);
    let verbose = matches!(loudness, Loudness::Verbose | Loudness::Everything);
    let log = log.event_format(Plain { verbose, all: loudness == Loudness::Everything });
    // Whoever calls this as a library may have a log already.
    let _ = log.with_writer(|| Cleaned).try_init();
}

/// An event as a line for people.
#[derive(Debug)]
struct Plain {
    verbose: bool,
    /// Also what libraries of others say beside warnings.
    all: bool,
}

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (level, target) = (event.metadata().level(), event.metadata().target());
        if *level > Level::WARN && !self.all && !target.starts_with(OWN) {
            return Ok(());
        }
        let mut words = Words::default();
        event.record(&mut words);
        if *level > Level::ERROR
            && !self.verbose
            && TALKATIVE.iter().any(|name| words.target.starts_with(name))
        {
            return Ok(());
        }
        let name = match *level {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        writer.write_str(&dated(&format!("{name}: {}", words.line())))?;
        writer.write_char('\n')
    }
}

/// The message and the fields of an event.
#[derive(Debug, Default)]
struct Words {
    message: String,
    /// Where a record comes from that the crate `log` has passed on.
    target: String,
    fields: Vec<String>,
}

impl Words {
    fn line(self) -> String {
        match (self.message.is_empty(), self.fields.is_empty()) {
            (_, true) => self.message,
            (true, false) => self.fields.join(", "),
            (false, false) => format!("{}: {}", self.message, self.fields.join(", ")),
        }
    }

    fn push(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            "log.target" => self.target = value,
            // Its place in the source.
            name if name.starts_with("log.") => {}
            // It says by itself what it is.
            "error" => self.fields.push(value),
            name => self.fields.push(format!("{} {value}", name.replace('_', " "))),
        }
    }
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, format!("{value:?}"));
    }
}

/// Standard error without control characters, with live lines out of the way. An event comes in one write, and is one line.
struct Cleaned;

impl Write for Cleaned {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let text = String::from_utf8_lossy(bytes);
        let line = message_line(text.strip_suffix('\n').unwrap_or(&text));
        // Nor about it here: told of an error, the logger would panic over the same closed standard error.
        let _ = above(|| writeln!(io::stderr(), "{line}"));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Kept {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn an_event_is_a_line_in_plain_words() {
        let told = |verbose: bool, all: bool| {
            let kept = Kept::default();
            let plain = Plain { verbose, all };
            let log = tracing_subscriber::fmt().with_max_level(Level::TRACE).event_format(plain);
            tracing::subscriber::with_default(log.with_writer(kept.clone()).finish(), || {
                tracing::warn!(probe = "r2_crop", held_out = 3, "a frozen probe diverged");
                tracing::info!(target: "seqjepa_data::download", url = %"http://a", "downloading");
                tracing::debug!(target: "ureq", "a connection");
                // As records of the crate `log` come.
                tracing::warn!(log.target = "burn_remote::client", log.line = 7, "dropped");
                tracing::error!(log.target = "burn_remote::server", log.line = 7, "a session stopped");
            });
            String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
        };
        let text = told(false, false);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with("warning: a frozen probe diverged: probe r2_crop, held out 3"), "{text}");
        assert!(lines[1].ends_with("info: downloading: url http://a") && lines.len() == 3, "{text}");
        assert!(lines[2].ends_with("error: a session stopped"), "{text}");
        let text = told(true, false);
        assert!(text.lines().any(|line| line.ends_with("warning: dropped")), "{text}");
        assert!(told(true, true).contains("debug: a connection"));
    }
}
