use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use thiserror::Error;

/// A `wandb sync` that sends an offline run, with the key that the user has given to the client itself.
#[derive(Debug)]
pub struct Upload {
    child: Child,
    folder: PathBuf,
}

/// Why a run was not sent; it can be sent later.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UploadError {
    /// The client is not installed, or cannot be started.
    #[error("could not start `{} sync`: {source}", command.display())]
    Start {
        /// The client's command.
        command: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended with an error.
    #[error("`wandb sync {}` ended with {status}", folder.display())]
    Failed {
        /// The run's folder.
        folder: PathBuf,
        /// How it ended.
        status: ExitStatus,
    },
    /// It went on for too long, and was ended.
    #[error("`wandb sync {}` was ended after {} s", folder.display(), waited.as_secs())]
    Unfinished {
        /// The run's folder.
        folder: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// It cannot be waited for.
    #[error("could not wait for `wandb sync {}`: {source}", folder.display())]
    Wait {
        /// The run's folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Upload {
    /// Starts to send the run in `folder`: `command`, by custom `wandb`, is run with `sync --include-synced` and the folder, also for
    /// a run that was sent before and went on. It says nothing, and is asked nothing; it has the environment of this process.
    ///
    /// # Errors
    ///
    /// [`UploadError::Start`].
    pub fn start(command: impl AsRef<OsStr>, folder: &Path) -> Result<Self, UploadError> {
        let command = command.as_ref();
        let child = Command::new(command)
            .args(["sync", "--include-synced"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| UploadError::Start { command: command.into(), source })?;
        Ok(Self { child, folder: folder.to_owned() })
    }

    /// Whether it has ended by now.
    ///
    /// # Errors
    ///
    /// [`UploadError::Failed`].
    pub fn is_done(&mut self) -> Result<bool, UploadError> {
        match self.child.try_wait() {
            Ok(None) => Ok(false),
            Ok(Some(status)) if status.success() => Ok(true),
            Ok(Some(status)) => Err(UploadError::Failed { folder: self.folder.clone(), status }),
            Err(source) => Err(UploadError::Wait { folder: self.folder.clone(), source }),
        }
    }

    /// Waits for its end, at most for `limit` and for as long as `go_on` says so; one that has not ended by then is ended.
    ///
    /// # Errors
    ///
    /// [`UploadError::Failed`], [`UploadError::Unfinished`].
    pub fn finish(mut self, limit: Duration, go_on: impl Fn() -> bool) -> Result<(), UploadError> {
        let started = Instant::now();
        while !self.is_done()? {
            if started.elapsed() >= limit || !go_on() {
                return Err(UploadError::Unfinished {
                    folder: self.folder.clone(),
                    waited: started.elapsed(),
                });
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Upload {
    /// Ends it, where it has not ended.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn client(folder: &Path, script: &str) -> PathBuf {
        let path = folder.join("wandb");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn the_client_is_given_the_folder() {
        let scratch = tempfile::tempdir().unwrap();
        let seen = scratch.path().join("seen");
        let command = client(scratch.path(), &format!("echo \"$@\" > '{}'", seen.display()));
        let upload = Upload::start(command, Path::new("a b")).unwrap();
        upload.finish(Duration::from_secs(60), || true).unwrap();
        assert_eq!(fs::read_to_string(seen).unwrap(), "sync --include-synced a b\n");
    }

    #[test]
    fn a_client_that_fails_hangs_or_is_not_there_is_an_error() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Path::new("run");
        let limit = Duration::from_secs(60);
        let failed = Upload::start(client(scratch.path(), "exit 3"), folder).unwrap().finish(limit, || true);
        assert!(failed.unwrap_err().to_string().contains("exit status: 3"));
        let hanging = Upload::start(client(scratch.path(), "exec sleep 1000"), folder).unwrap();
        let error = hanging.finish(Duration::ZERO, || true).unwrap_err();
        assert!(matches!(error, UploadError::Unfinished { .. }), "{error}");
        let hanging = Upload::start(client(scratch.path(), "exec sleep 1000"), folder).unwrap();
        assert!(matches!(hanging.finish(limit, || false), Err(UploadError::Unfinished { .. })));
        let error = Upload::start(scratch.path().join("none"), folder).unwrap_err();
        assert!(matches!(error, UploadError::Start { .. }), "{error}");
    }
}
