//! Fetches the official CIFAR archives: resumable, checked and safely extracted (feature `download`).
//!
//! ```no_run
//! use std::path::Path;
//! use seqjepa_data::download::{Archive, Downloader};
//!
//! # fn main() -> Result<(), seqjepa_data::DataError> {
//! let folder = Downloader::default().download(&Archive::cifar100(), Path::new("data"), &mut |progress| {
//!     eprint!("\r{} of {:?} bytes", progress.received, progress.total);
//! })?;
//! assert!(folder.ends_with("cifar-100-binary"));
//! # Ok(())
//! # }
//! ```

mod extract;
mod fetch;
mod part;

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use crate::error::DataError;
use fetch::Fetch;
use part::{PartFile, check_md5};

/// A gzip-compressed tar archive that holds one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// File name, appended to the base URL: `cifar-100-binary.tar.gz`.
    pub file_name: String,
    /// MD5 of the file, 32 hexadecimal digits.
    pub md5: String,
    /// The folder that the archive consists of: `cifar-100-binary`.
    pub folder: String,
    /// Most bytes that the file, and its content once extracted, may have.
    pub max_bytes: u64,
}

impl Archive {
    /// CIFAR-100 in its binary form, 161 MiB.
    pub fn cifar100() -> Self {
        Self::official("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8", "cifar-100-binary")
    }

    /// CIFAR-10 in its binary form, 162 MiB.
    pub fn cifar10() -> Self {
        Self::official("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530", "cifar-10-batches-bin")
    }

    fn official(file_name: &str, md5: &str, folder: &str) -> Self {
        // Both archives extract to 185 MB.
        let max_bytes = 512 << 20;
        Self { file_name: file_name.into(), md5: md5.into(), folder: folder.into(), max_bytes }
    }

    fn validate(&self) -> Result<(), DataError> {
        for (name, value) in [("archive file name", &self.file_name), ("archive folder", &self.folder)] {
            let mut components = Path::new(value).components();
            if !matches!((components.next(), components.next()), (Some(Component::Normal(_)), None)) {
                return Err(DataError::invalid(name, "one plain file name", value));
            }
        }
        if self.md5.len() != 32 || !self.md5.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(DataError::invalid("archive md5", "32 hexadecimal digits", &self.md5));
        }
        Ok(())
    }
}

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
    pub fn with_base_url(base_url: impl Into<String>) -> Self {
        Self { base_url: base_url.into(), ..Self::default() }
    }

    /// Makes sure that the archive's folder is in `root` and returns its path.
    ///
    /// A folder that is there is taken as it is, without network: it only ever appears complete, by a rename. An
    /// archive file that is there is checked and extracted, and left in place. Otherwise the archive is downloaded
    /// to `FILE_NAME.part`, from where an earlier attempt stopped if the server allows, and the part file is removed
    /// after extraction. `progress` is called after every block of about 64 KiB.
    ///
    /// # Errors
    /// [`DataError::Download`] when the server cannot be reached or stops sending, [`DataError::HttpStatus`] when it
    /// refuses, [`DataError::Checksum`] for other content than expected, [`DataError::UnsafeArchive`] for an entry
    /// that is no plain file or folder inside the expected folder, [`DataError::TooLarge`] beyond
    /// [`Archive::max_bytes`], [`DataError::Busy`] when another process downloads the same file,
    /// [`DataError::InvalidArgument`] for a malformed archive description, [`DataError::Io`] for the disk.
    pub fn download(
        &self,
        archive: &Archive,
        root: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf, DataError> {
        archive.validate()?;
        let folder = root.join(&archive.folder);
        if folder.is_dir() {
            tracing::debug!(folder = %folder.display(), "already present");
            return Ok(folder);
        }
        fs::create_dir_all(root).map_err(|error| DataError::io(root, "create folder", error))?;

        let local = root.join(&archive.file_name);
        if local.is_file() {
            let mut file = fs::File::open(&local).map_err(|error| DataError::io(&local, "open", error))?;
            check_md5(&local, &mut file, &archive.md5)?;
            extract::extract(archive, &local, &mut file, root)?;
            return Ok(folder);
        }

        let mut part = PartFile::lock(root.join(format!("{}.part", archive.file_name)))?;
        if folder.is_dir() {
            // Another process finished between the first look and the lock.
            part.remove()?;
            return Ok(folder);
        }
        self.fetch_checked(archive, &mut part, progress)?;
        let (path, file) = part.reader()?;
        extract::extract(archive, &path, file, root)?;
        part.remove()?;
        tracing::info!(folder = %folder.display(), "downloaded and extracted");
        Ok(folder)
    }

    /// Downloads until the checksum is right. A wrong one may come from an old part file: then once more from zero.
    fn fetch_checked(
        &self,
        archive: &Archive,
        part: &mut PartFile,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), DataError> {
        let url = format!("{}/{}", self.base_url.trim_end_matches('/'), archive.file_name);
        let fetch = Fetch::new(self, &url, archive.max_bytes);
        let mut resumed = part.len() > 0;
        loop {
            tracing::info!(url, from = part.len(), "downloading");
            fetch.run(part, progress)?;
            let (path, file) = part.reader()?;
            match check_md5(&path, file, &archive.md5) {
                Ok(()) => return Ok(()),
                Err(DataError::Checksum { .. }) if resumed => {
                    tracing::warn!(url, "the resumed file has a wrong checksum; starting over");
                    part.truncate()?;
                    resumed = false;
                }
                Err(error) => {
                    part.remove()?;
                    return Err(error);
                }
            }
        }
    }
}
