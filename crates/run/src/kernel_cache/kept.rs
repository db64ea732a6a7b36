//! The cache of a run.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::Device;
use seqjepa_evaluation::file_sha256;
use seqjepa_nn::kernel_store;
use seqjepa_train::storage::{make_folder, write_atomically};

use super::working::working;
use super::{KEY, archive};
use crate::config::{ConfigError, RunConfig, invalid};
use crate::device::own_name;

/// What is kept of kernels, if anything is.
#[derive(Debug)]
pub(crate) struct KernelCache(Option<Kept>);

#[derive(Debug)]
struct Kept {
    file: PathBuf,
    working: PathBuf,
    /// Kernels and findings that the file has.
    saved: AtomicU64,
}

impl KernelCache {
    /// None.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// To be called before a device is looked for: CubeCL is told then whether it keeps anything.
    ///
    /// # Errors
    ///
    /// None; a build that keeps no kernels refuses a folder for them.
    #[expect(clippy::unnecessary_wraps, reason = "another build refuses")]
    pub(crate) fn announce(config: &RunConfig) -> Result<(), ConfigError> {
        if config.kernel_cache.is_some() && !kernel_store::keep() {
            tracing::warn!("`{KEY}` is left out: this process has looked for devices before, without one");
        }
        Ok(())
    }

    /// The cache of a config for the devices of a run, each with its name in `run.device`; none on a processor. What cannot be read of it is
    /// told of, and made anew.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for a folder that cannot be made or written.
    pub(crate) fn open(
        config: &RunConfig,
        backend: &str,
        devices: &[(String, &Device)],
    ) -> Result<Self, ConfigError> {
        let on_gpu = !["flex", "ndarray", "remote"].contains(&backend);
        let Some(folder) = config.kernel_cache.as_deref().filter(|_| on_gpu && kernel_store::keep()) else {
            return Ok(Self::none());
        };
        let refused = |error: String| invalid(KEY, "a folder that can be made and written", error);
        make_folder(folder).map_err(|error| refused(error.to_string()))?;
        let working = working(folder).map_err(|error| refused(format!("{}: {error}", folder.display())))?;
        let program = match program() {
            Ok(program) => program,
            Err(error) => {
                tracing::warn!("`{KEY}` is left out: the program cannot be read: {error}");
                return Ok(Self::none());
            }
        };
        let named =
            |(place, device): &(String, &Device)| format!("{place} {}", own_name(device).unwrap_or_default());
        let devices: Vec<_> = devices.iter().map(named).collect();
        let file = folder.join(archive::name(program, &devices));
        let saved = AtomicU64::new(taken_in(&file));
        Ok(Self(Some(Kept { file, working, saved })))
    }

    /// Replaces the file where there is more than it has. What fails is told of and ends nothing: a run does not depend on the cache.
    pub(crate) fn save(&self) {
        let Some(kept) = &self.0 else { return };
        let entries = kernel_store::entries();
        if entries == kept.saved.load(Ordering::Relaxed) {
            return;
        }
        let written = kernel_store::export(&kept.working).and_then(|content| {
            write_atomically(&kept.file, &archive::sealed(&content)).map_err(|error| error.to_string())
        });
        match written {
            Ok(()) => {
                kept.saved.store(entries, Ordering::Relaxed);
                tracing::info!(entries, "the kernel cache {} was written", kept.file.display());
            }
            Err(problem) => {
                tracing::warn!("the kernel cache {} was not written: {problem}", kept.file.display());
            }
        }
    }
}

/// The digest of this program, which is read once.
fn program() -> Result<&'static str, &'static str> {
    static PROGRAM: OnceLock<Result<String, String>> = OnceLock::new();
    let digest = || {
        let path = std::env::current_exe().map_err(|error| error.to_string())?;
        file_sha256(&path).map_err(|error| error.to_string())
    };
    PROGRAM.get_or_init(digest).as_deref().map_err(String::as_str)
}

/// Fills the database from a cache's file; how many kernels and findings there are then, 0 where the file is to be made anew.
fn taken_in(file: &Path) -> u64 {
    let bytes = match fs::read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return 0,
        bytes => bytes.map_err(|error| error.to_string()),
    };
    let taken = bytes.and_then(|bytes| Ok(archive::opened(&bytes)?.to_vec())).and_then(kernel_store::import);
    match taken {
        Ok(()) => {
            let entries = kernel_store::entries();
            tracing::info!(entries, "kernels and findings of {}", file.display());
            entries
        }
        Err(problem) => {
            tracing::warn!("the kernel cache {} is made anew: {problem}", file.display());
            0
        }
    }
}
