//! A process of a test's own.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A process that runs the test `child` of the same test file.
pub(crate) struct Process {
    pub child: Child,
    lines: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it; it finds `folder` and `arguments` by [`Process::arguments`].
    pub(crate) fn start(folder: &Path, arguments: &[String]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env("SEQJEPA_CHILD_FOLDER", folder)
            .env("SEQJEPA_CHILD_ARGUMENTS", arguments.join("\n"))
            // Ends when this process does.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// In the child: what it was started with; `None` if it was not started by another test.
    pub(crate) fn arguments() -> Option<(PathBuf, Vec<String>)> {
        let folder = std::env::var_os("SEQJEPA_CHILD_FOLDER")?;
        let arguments = std::env::var("SEQJEPA_CHILD_ARGUMENTS").unwrap();
        Some((folder.into(), arguments.lines().map(str::to_owned).collect()))
    }

    /// In the child: sends a line to the parent.
    pub(crate) fn say(text: &str) {
        let mut output = std::io::stdout().lock();
        writeln!(output, "\n@{text}").unwrap();
        output.flush().unwrap();
    }

    /// The next line that the child has sent; `None` once it has ended.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            if let Some(said) = line.strip_prefix('@') {
                return Some(said.trim_end().to_owned());
            }
            line.clear();
        }
        None
    }
}
