//! HTTP: one file into a [`PartFile`], with ranges and retries.

use std::io::{self, Read};
use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, Response, StatusCode, header};

use super::part::PartFile;
use super::settings::{Downloader, Progress};
use crate::error::DataError;

const BLOCK: usize = 1 << 16;

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
    pub(super) fn run(
        &self,
        part: &mut PartFile,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), DataError> {
        let mut longest = part.len();
        let mut failures = 0;
        loop {
            let reason = match self.attempt(part, progress) {
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
            std::thread::sleep(delay);
        }
    }

    fn attempt(&self, part: &mut PartFile, progress: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        // The bytes as they are: an archive must not be decompressed on the way.
        let mut request = self.agent.get(self.url).header(header::ACCEPT_ENCODING, "identity");
        if part.len() > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", part.len()));
        }
        let response = request.call().map_err(|error| self.request_failure(error))?;
        if self.already_complete(&response, part)? {
            return Ok(());
        }

        let rest = content_length(response.headers());
        let total = rest.map(|rest| part.len().saturating_add(rest));
        self.check_size(total.unwrap_or(0), part)?;
        let mut reader = response.into_body().into_reader();
        let mut block = vec![0; BLOCK];
        progress(Progress { received: part.len(), total });
        loop {
            match reader.read(&mut block) {
                Ok(0) => break,
                Ok(count) => {
                    self.check_size(part.len() + count as u64, part)?;
                    part.append(&block[..count])?;
                    progress(Progress { received: part.len(), total });
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::Retry(format!("{error} after {} bytes", part.len()))),
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
    fn already_complete<T>(&self, response: &Response<T>, part: &mut PartFile) -> Result<bool, Failure> {
        let status = response.status();
        match status {
            StatusCode::OK => {
                // The server ignores ranges, or nothing was there.
                part.truncate()?;
                Ok(false)
            }
            StatusCode::PARTIAL_CONTENT if range_start(response.headers()) == Some(part.len()) => Ok(false),
            StatusCode::RANGE_NOT_SATISFIABLE
                if part.len() > 0 && unsatisfied_total(response.headers()) == Some(part.len()) =>
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
