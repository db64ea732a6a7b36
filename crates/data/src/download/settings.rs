//! From where, and how patiently.

use std::time::Duration;

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes on disk, those of an earlier attempt included.
    pub received: u64,
    /// Bytes of the whole file, if the server says.
    pub total: Option<u64>,
}

/// Downloads archives from a web server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloader {
    /// Address of the folder with the archives, with or without a slash at its end.
    pub base_url: String,
    /// Attempts in a row without a new byte before giving up, 1 or more.
    pub attempts: u32,
    /// Pause before the second attempt; it doubles for each further one.
    pub retry_delay: Duration,
    /// Longest silence of the server before an attempt counts as failed.
    pub timeout: Duration,
}

impl Default for Downloader {
    /// The data sets' official site, four attempts with pauses of 1, 2 and 4 s, 30 s of patience.
    fn default() -> Self {
        Self {
            base_url: "https://www.cs.toronto.edu/~kriz/".into(),
            attempts: 4,
            retry_delay: Duration::from_secs(1),
            timeout: Duration::from_secs(30),
        }
    }
}

impl Downloader {
    /// The default settings with another server.
    #[must_use]
    pub fn with_base_url(base_url: impl Into<String>) -> Self {
        Self { base_url: base_url.into(), ..Self::default() }
    }
}
