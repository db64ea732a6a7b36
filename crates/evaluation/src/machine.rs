//! What of a run's config is of the machine that it runs on.

/// Keys of a run's config that say where files are and go, what is fetched, on which device and with how many threads: nothing of what a
/// model is, or of how it is measured, but that several devices divide batches.
pub const MACHINE_KEYS: [&str; 17] = [
    "run.device",
    "run.further_devices",
    "run.all_reduce",
    "run.device_check",
    "run.kernel_cache",
    "dataset.data_root",
    "dataset.lists",
    "dataset.saliency_root",
    "dataset.download",
    "dataset.download_url",
    "dataset.memory_limit_gib",
    "dataset.num_workers",
    "dataset.prefetch",
    "eval.num_workers",
    "eval.cache",
    "eval.cache_dir",
    "eval.cache_limit_gib",
];
