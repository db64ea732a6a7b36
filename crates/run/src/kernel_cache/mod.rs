//! Compiled kernels and autotune's findings from one run to the next (`run.kernel_cache`).
//!
//! The database that CubeCL keeps them in cannot be trusted with what it finds: a file that was overwritten made every launch fail, in a
//! thread whose failure ended nothing. So a process works on a database of its own, filled from a file that is only read where its digest
//! is right, and only ever replaced as a whole. There is a file for every program and every choice of devices, since autotune's findings are
//! known by the number of the device alone.

#[cfg(any(feature = "kernel-cache", test))]
mod archive;
#[cfg(feature = "kernel-cache")]
mod kept;
#[cfg(feature = "kernel-cache")]
mod working;

#[cfg(feature = "kernel-cache")]
pub(crate) use kept::KernelCache;
#[cfg(not(feature = "kernel-cache"))]
pub(crate) use left_out::KernelCache;

/// The key that names the folder.
const KEY: &str = "run.kernel_cache";

/// Lets CubeCL keep nothing where no cache was announced: before the first device is looked for.
pub(crate) fn keep_nothing() {
    #[cfg(feature = "kernel-cache")]
    seqjepa_nn::kernel_store::keep_nothing();
}

#[cfg(not(feature = "kernel-cache"))]
mod left_out {
    use burn::tensor::Device;

    use super::KEY;
    use crate::config::{ConfigError, RunConfig, invalid};

    /// What a build without kernel caches knows of one.
    #[derive(Debug)]
    pub(crate) struct KernelCache;

    impl KernelCache {
        /// None.
        pub(crate) fn none() -> Self {
            Self
        }

        /// To be called before a device is looked for.
        ///
        /// # Errors
        ///
        /// [`ConfigError::Invalid`] where a folder for kernels is asked for.
        pub(crate) fn announce(config: &RunConfig) -> Result<(), ConfigError> {
            let Some(folder) = &config.kernel_cache else { return Ok(()) };
            Err(invalid(
                KEY,
                "null, since this build keeps no kernels; one with the cargo feature `kernel-cache` does",
                folder.display(),
            ))
        }

        /// None.
        ///
        /// # Errors
        ///
        /// None.
        #[expect(clippy::unnecessary_wraps, reason = "as where something is kept")]
        pub(crate) fn open(_: &RunConfig, _: &str, _: &[(String, &Device)]) -> Result<Self, ConfigError> {
            Ok(Self)
        }

        /// Nothing is kept.
        #[expect(clippy::unused_self, reason = "as where something is kept")]
        pub(crate) fn save(&self) {}
    }
}
