//! What kernels of GPUs were compiled to and which of them autotune found fastest, in and out of this process.
//!
//! CubeCL keeps both in a database, in a file that all devices of a process share. Here that file is always one of this process alone, in a
//! folder that the caller makes and removes; what shall outlast the process leaves it by [`export`] and comes back by [`import`].

use std::path::Path;
use std::sync::OnceLock;

use burn_cubecl::cubecl::bundle::{self, BundleFormat, EmbeddedBundle};
use burn_cubecl::cubecl::bytes::Bytes;
use burn_cubecl::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use burn_cubecl::cubecl::environment;
use burn_cubecl::cubecl::records::RecordLevel;

/// Whether CubeCL keeps anything, which it is told once in a process.
static KEPT: OnceLock<bool> = OnceLock::new();

/// Tells CubeCL to keep what it compiles and measures, in the folder that [`keep_in`] names. To be called before a device is opened. False
/// where one was, or where [`keep_nothing`] was called: CubeCL is told once in a process, and then keeps nothing.
#[must_use]
pub fn keep() -> bool {
    *KEPT.get_or_init(|| configure(true))
}

/// Tells CubeCL to keep nothing beyond this process, unless [`keep`] was called before. Without either it has a folder of its own choice.
pub fn keep_nothing() {
    KEPT.get_or_init(|| configure(false));
}

/// Has kernels and findings kept or not, and no account of how they came about. Whether they are kept.
fn configure(kept: bool) -> bool {
    // What its file and variables say otherwise stands.
    let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
    config.autotune.disable_cache = !kept;
    config.compilation.cache = kept;
    config.environment.records.level = RecordLevel::Off;
    let taken = CubeClRuntimeConfig::try_set(config);
    // What it keeps in any case, the speed of the device, goes to a folder that cannot be made: nothing is below a file.
    if let Ok(program) = std::env::current_exe() {
        environment::set_root(program.join("none"));
    }
    taken && kept
}

/// Has the database in this folder from now on. What was compiled and measured before is not in it, and is forgotten.
pub fn keep_in(folder: &Path) {
    environment::set_root(folder);
}

/// How many kernels and findings are kept.
#[must_use]
pub fn entries() -> u64 {
    environment::namespaces().iter().map(|namespace| namespace.entries).sum()
}

/// Takes in what [`export`] gave. It has to be of this program, on the same devices: CubeCL knows its kernels by the program, but autotune's
/// findings by no more than the number of the device.
///
/// # Errors
///
/// Why the bytes are not what [`export`] gives, or that there was no room for all of it.
pub fn import(bytes: Vec<u8>) -> Result<(), String> {
    let bundle = opened(bytes)?;
    match bundle::import(&bundle) {
        report if report.failed == 0 => Ok(()),
        report => {
            Err(format!("expected room for {} entries, found none for {}", bundle.len(), report.failed))
        }
    }
}

/// All that is kept, as CubeCL's flat bundle, made in a file of `folder` that is gone afterwards.
///
/// # Errors
///
/// What CubeCL or the file system failed of.
pub fn export(folder: &Path) -> Result<Vec<u8>, String> {
    let expected = entries();
    let file = folder.join("bundle");
    environment::bundle().save(&file, BundleFormat::Flat).map_err(|error| error.to_string())?;
    let bytes = std::fs::read(&file);
    let bytes = std::fs::remove_file(&file).and(bytes).map_err(|error| error.to_string())?;
    // A database that cannot be read makes an empty bundle, and no error.
    let found = opened(bytes.clone())?.len() as u64;
    if found < expected {
        return Err(format!("expected {expected} entries in the database, found {found}"));
    }
    Ok(bytes)
}

fn opened(bytes: Vec<u8>) -> Result<EmbeddedBundle, String> {
    EmbeddedBundle::open(Bytes::from_bytes_vec(bytes)).map_err(|error| error.to_string())
}
