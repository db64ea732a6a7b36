//! Fetches the official CIFAR archives: resumable, checked and safely extracted (feature `download`).
//!
//! ```no_run
//! use std::ops::ControlFlow;
//! use std::path::Path;
//! use seqjepa_data::download::{Archive, Downloader};
//!
//! # fn main() -> Result<(), seqjepa_data::DataError> {
//! let folder = Downloader::default().download(&Archive::cifar100(), Path::new("data"), &mut |progress| {
//!     eprint!("\r{} of {:?} bytes", progress.received, progress.total);
//!     ControlFlow::Continue(())
//! })?;
//! assert!(folder.ends_with("cifar-100-binary"));
//! # Ok(())
//! # }
//! ```

mod archive;
mod extract;
mod fetch;
mod part;
mod settings;

pub use archive::Archive;
pub use settings::{Downloader, Progress};

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::regular::open_regular;
use fetch::{Fetch, Watch};
use part::{PartFile, check_md5};

impl Downloader {
    /// Makes sure that the archive's folder is in `root` and returns its path.
    ///
    /// A folder that is there is taken as it is, without network: it only ever appears complete, by a rename. An
    /// archive file that is there is checked and extracted, and left in place. Otherwise the archive is downloaded
    /// to `FILE_NAME.part`, from where an earlier attempt stopped if the server allows, and the part file is removed
    /// after extraction; one without a byte is not left behind. `progress` is called after every block of about 64 KiB, and
    /// several times a second while the server is silent; it ends the download by [`ControlFlow::Break`].
    ///
    /// # Errors
    /// [`DataError::Download`] when the server cannot be reached or stops sending, [`DataError::HttpStatus`] when it
    /// refuses, [`DataError::Stopped`] when `progress` has ended it, [`DataError::Checksum`] for other content than expected, [`DataError::UnsafeArchive`] for an entry
    /// that is no plain file or folder inside the expected folder, [`DataError::TooLarge`] beyond
    /// [`Archive::max_bytes`], [`DataError::Busy`] when another process downloads the same file,
    /// [`DataError::InvalidArgument`] for a malformed archive description, [`DataError::Io`] for the disk.
    pub fn download(
        &self,
        archive: &Archive,
        root: &Path,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
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
            let (mut file, _) =
                open_regular(&local, u64::MAX).map_err(|error| DataError::io(&local, "open", error))?;
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
        progress: Watch,
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
