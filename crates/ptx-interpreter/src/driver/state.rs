//! What the driver knows: the card, what is loaded, and whether a kernel has broken the context.

use std::collections::HashMap;
use std::io::{Write, stderr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Instant;

use super::errors::{Status, failure, status};
use crate::device::Device;
use crate::module::Module;
use crate::profile::Profile;
use crate::settings::Settings;

/// The driver of this process.
pub(super) struct Driver {
    pub(super) settings: Settings,
    pub(super) device: Device,
    pub(super) profile: Option<Profile>,
    pub(super) modules: HashMap<u64, Arc<Module>>,
    pub(super) functions: HashMap<u64, Function>,
    /// When each event was recorded, if it was.
    pub(super) events: HashMap<u64, Option<Instant>>,
    pub(super) dumped: usize,
    /// What a kernel failed with; nothing works from then on.
    pub(super) broken: Option<Status>,
    last_handle: u64,
}

/// A kernel of a module.
#[derive(Clone)]
pub(super) struct Function {
    pub(super) module: Arc<Module>,
    pub(super) module_handle: u64,
    pub(super) name: String,
    /// How much shared memory a launch may add.
    pub(super) max_dynamic_shared: usize,
}

impl Driver {
    fn new() -> Result<Self, String> {
        let settings = Settings::from_environment()?;
        let device = match settings.computes {
            true => Device::new(settings.memory),
            false => Device::without_computing(settings.memory),
        };
        let profile = match &settings.profile {
            None => None,
            Some(path) => {
                Some(Profile::create(path).map_err(|error| format!("{}: {error}", path.display()))?)
            }
        };
        Ok(Self {
            settings,
            device,
            profile,
            modules: HashMap::new(),
            functions: HashMap::new(),
            events: HashMap::new(),
            dumped: 0,
            broken: None,
            last_handle: 0x1000,
        })
    }

    /// A number that no other handle has.
    pub(super) fn handle(&mut self) -> u64 {
        self.last_handle += 0x10;
        self.last_handle
    }
}

/// Tells people what a number cannot.
pub(super) fn tell(message: &str) {
    // Where nobody can be told, nothing else is to be done.
    let _ = writeln!(stderr(), "PTX interpreter: {message}");
}

static DRIVER: LazyLock<Option<Mutex<Driver>>> =
    LazyLock::new(|| Driver::new().map(Mutex::new).inspect_err(|message| tell(message)).ok());

/// Does something with the driver, one caller at a time, and gives the number to return. A context that a kernel has broken does nothing.
pub(super) fn with_driver(work: impl FnOnce(&mut Driver) -> Result<(), Status>) -> Status {
    with_any_driver(|driver| match driver.broken {
        Some(broken) => Err(broken),
        None => work(driver),
    })
}

/// The same, of a broken context too.
pub(super) fn with_any_driver(work: impl FnOnce(&mut Driver) -> Result<(), Status>) -> Status {
    let Some(driver) = DRIVER.as_ref() else { return failure::NOT_INITIALIZED };
    let done = catch_unwind(AssertUnwindSafe(|| {
        let mut driver = driver.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut driver)
    }));
    done.map_or(failure::UNKNOWN, status)
}
