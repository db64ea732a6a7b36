//! HTTP: one file into a [`PartFile`], with ranges and retries.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::{HeaderMap, StatusCode, header};

use super::part::PartFile;
use super::settings::{Downloader, Progress};
use crate::error::DataError;

const BLOCK: usize = 1 << 16;

/// Blocks that may wait to be written.
const WAITING: usize = 4;

/// Longest time without asking whoever watches whether to go on.
const PULSE: Duration = Duration::from_millis(100);

/// Told how far the download is; says whether it goes on.
pub(super) type Watch<'w> = &'w mut dyn FnMut(Progress) -> ControlFlow<()>;

/// Longest pause between two attempts.
const MAX_DELAY: Duration = Duration::from_secs(60);

/// One URL and how to get it.
pub(super) struct Fetch<'a> {
    agent: Agent,
    settings: &'a Downloader,
    url: &'a str,
    max_bytes: u64,
}

/// Why an attempt ended without the whole file.
enum Failure {
    /// Another attempt may succeed.
    Retry(String),
    /// No other attempt would succeed.
    Fatal(DataError),
}

/// What comes from the server, by a thread of its own: nobody can be asked anything while it waits.
enum Received {
    Head(StatusCode, HeaderMap),
    Block(Vec<u8>),
    End,
    Failed(ureq::Error),
    Broken(io::Error),
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::Fatal(error)
    }
}

impl<'a> Fetch<'a> {
    pub(super) fn new(settings: &'a Downloader, url: &'a str, max_bytes: u64) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_resolve(Some(settings.timeout))
            .timeout_connect(Some(settings.timeout))
            .timeout_recv_response(Some(settings.timeout))
            .timeout_per_read(Some(settings.timeout))
            .build()
            .new_agent();
        Self { agent, settings, url, max_bytes }
    }

    /// Downloads the rest of the file. Attempts count anew whenever the file has grown beyond its largest size.
    pub(super) fn run(&self, part: &mut PartFile, watch: Watch) -> Result<(), DataError> {
        let mut longest = part.len();
        let mut failures = 0;
        loop {
            let reason = match self.attempt(part, watch) {
                Ok(()) => return Ok(()),
                Err(Failure::Fatal(error)) => return Err(error),
                Err(Failure::Retry(reason)) => reason,
            };
            if part.len() > longest {
                longest = part.len();
                failures = 0;
            }
            failures += 1;
            if failures >= self.settings.attempts {
                return Err(DataError::Download { url: self.url.to_owned(), attempts: failures, reason });
            }
            let delay = self.settings.retry_delay.saturating_mul(1 << (failures - 1).min(16)).min(MAX_DELAY);
            tracing::warn!(url = self.url, reason, ?delay, "download interrupted; trying again");
            let end = Instant::now() + delay;
            while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                std::thread::sleep(left.min(PULSE));
                ask(part, None, watch)?;
            }
        }
    }

    fn attempt(&self, part: &mut PartFile, watch: Watch) -> Result<(), Failure> {
        let (sender, receiver) = sync_channel(WAITING);
        let (agent, url, start) = (self.agent.clone(), self.url.to_owned(), part.len());
        let thread = std::thread::Builder::new().name("download".into());
        // It ends with the answer, or at the latest when the server's patience does: nobody waits for it.
        let started = thread.spawn(move || receive(&agent, &url, start, &sender));
        started.map_err(|error| DataError::Threads { reason: error.to_string() })?;

        let (status, headers) = match next(&receiver, part, None, watch)? {
            Received::Head(status, headers) => (status, headers),
            Received::Failed(error) => return Err(self.request_failure(error)),
            _ => return Err(Failure::Retry("the connection ended without an answer".into())),
        };
        if self.already_complete(status, &headers, part)? {
            return Ok(());
        }
        let rest = content_length(&headers);
        let total = rest.map(|rest| part.len().saturating_add(rest));
        self.check_size(total.unwrap_or(0), part)?;
        ask(part, total, watch)?;
        loop {
            match next(&receiver, part, total, watch)? {
                Received::Block(block) => {
                    self.check_size(part.len() + block.len() as u64, part)?;
                    part.append(&block)?;
                    ask(part, total, watch)?;
                }
                Received::End => break,
                Received::Broken(error) => {
                    return Err(Failure::Retry(format!("{error} after {} bytes", part.len())));
                }
                _ => return Err(Failure::Retry(format!("the answer ended after {} bytes", part.len()))),
            }
        }
        match total {
            Some(total) if part.len() < total => {
                Err(Failure::Retry(format!("connection closed after {} of {total} bytes", part.len())))
            }
            _ => Ok(()),
        }
    }

    /// Judges status and range; prepares the part file for the body that follows. True if there is nothing to add.
    fn already_complete(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        part: &mut PartFile,
    ) -> Result<bool, Failure> {
        match status {
            StatusCode::OK => {
                // The server ignores ranges, or nothing was there.
                part.truncate()?;
                Ok(false)
            }
            StatusCode::PARTIAL_CONTENT if range_start(headers) == Some(part.len()) => Ok(false),
            StatusCode::RANGE_NOT_SATISFIABLE
                if part.len() > 0 && unsatisfied_total(headers) == Some(part.len()) =>
            {
                Ok(true)
            }
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if part.len() > 0 => {
                part.truncate()?;
                Err(Failure::Retry("the server has no such range".to_owned()))
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Err(Failure::Retry(status.to_string()))
            }
            _ if status.is_server_error() => Err(Failure::Retry(status.to_string())),
            _ => Err(DataError::HttpStatus { url: self.url.to_owned(), status: status.as_u16() }.into()),
        }
    }

    fn check_size(&self, size: u64, part: &PartFile) -> Result<(), DataError> {
        if size > self.max_bytes {
            return Err(DataError::TooLarge {
                origin: part.path().to_owned(),
                limit: self.max_bytes,
                found: size,
            });
        }
        Ok(())
    }

    fn request_failure(&self, error: ureq::Error) -> Failure {
        match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::TooManyRedirects => {
                let (url, reason) = (self.url.to_owned(), error.to_string());
                DataError::Download { url, attempts: 1, reason }.into()
            }
            _ => Failure::Retry(error.to_string()),
        }
    }
}

/// Asks the server for what is left and hands on what comes, for as long as somebody takes it.
fn receive(agent: &Agent, url: &str, start: u64, sender: &SyncSender<Received>) {
    // The bytes as they are: an archive must not be decompressed on the way.
    let mut request = agent.get(url).header(header::ACCEPT_ENCODING, "identity");
    if start > 0 {
        request = request.header(header::RANGE, format!("bytes={start}-"));
    }
    let response = match request.call() {
        Ok(response) => response,
        Err(error) => {
            let _ = sender.send(Received::Failed(error));
            return;
        }
    };
    if sender.send(Received::Head(response.status(), response.headers().clone())).is_err() {
        return;
    }
    let mut reader = response.into_body().into_reader();
    loop {
        let mut block = vec![0; BLOCK];
        let received = match reader.read(&mut block) {
            Ok(0) => Received::End,
            Ok(count) => {
                block.truncate(count);
                Received::Block(block)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Received::Broken(error),
        };
        let last = !matches!(received, Received::Block(_));
        if sender.send(received).is_err() || last {
            return;
        }
    }
}

/// What comes next, however long that takes, unless whoever watches does not want to wait.
fn next(
    receiver: &Receiver<Received>,
    part: &PartFile,
    total: Option<u64>,
    watch: Watch,
) -> Result<Received, DataError> {
    loop {
        match receiver.recv_timeout(PULSE) {
            Ok(received) => return Ok(received),
            Err(RecvTimeoutError::Timeout) => ask(part, total, watch)?,
            Err(RecvTimeoutError::Disconnected) => return Ok(Received::End),
        }
    }
}

/// Tells whoever watches how far the download is, and ends it where that is wanted.
fn ask(part: &PartFile, total: Option<u64>, watch: Watch) -> Result<(), DataError> {
    match watch(Progress { received: part.len(), total }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => {
            Err(DataError::Stopped { path: part.path().to_owned(), received: part.len() })
        }
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    text(headers, header::CONTENT_LENGTH)?.trim().parse().ok()
}

/// `a` of `Content-Range: bytes a-b/total`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    text(headers, header::CONTENT_RANGE)?.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

/// `total` of `Content-Range: bytes */total`.
fn unsatisfied_total(headers: &HeaderMap) -> Option<u64> {
    text(headers, header::CONTENT_RANGE)?.strip_prefix("bytes */")?.trim().parse().ok()
}
