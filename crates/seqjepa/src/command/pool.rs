//! The threads of the process.

use anyhow::Context;

/// Does work on a thread of rayon's pool: the operators of the CPU backend, which run there, then need not wake it for each
/// call. Of a training step that is a tenth.
pub(super) fn on_the_pool<T: Send>(work: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
    // By itself the pool would panic where the machine gives no more threads.
    rayon::ThreadPoolBuilder::new().build_global().context("could not start the worker threads")?;
    rayon::scope(|_| work())
}
