//! What environment variables ask for.

use std::env;
use std::path::PathBuf;

/// What the card is and what is told of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// Bytes of memory: `PTX_INTERPRETER_MEMORY`.
    pub(crate) memory: u64,
    /// The version of CUDA that the driver is for, as a number of which the last two digits are the minor version times ten:
    /// `PTX_INTERPRETER_DRIVER`.
    pub(crate) driver: i32,
    /// Whether kernels are executed: not so with `PTX_INTERPRETER_COMPUTE=off`.
    pub(crate) computes: bool,
    /// Where a line is written for each launch: `PTX_INTERPRETER_PROFILE`.
    pub(crate) profile: Option<PathBuf>,
    /// The folder that every module is written to: `PTX_INTERPRETER_DUMP`.
    pub(crate) dump: Option<PathBuf>,
}

impl Settings {
    pub(crate) fn from_environment() -> Result<Self, String> {
        let text = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let path = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let memory = match text("PTX_INTERPRETER_MEMORY") {
            None => 12 << 30,
            Some(value) => bytes(&value).ok_or_else(|| {
                format!("PTX_INTERPRETER_MEMORY={value}: expected bytes, or GiB as in 11.5GiB")
            })?,
        };
        let driver = match text("PTX_INTERPRETER_DRIVER") {
            None => 12_040,
            Some(value) => value
                .parse()
                .map_err(|_| format!("PTX_INTERPRETER_DRIVER={value}: expected a number as 12040"))?,
        };
        let computes = match text("PTX_INTERPRETER_COMPUTE").as_deref() {
            None | Some("on") => true,
            Some("off") => false,
            Some(value) => return Err(format!("PTX_INTERPRETER_COMPUTE={value}: expected on or off")),
        };
        let (profile, dump) = (path("PTX_INTERPRETER_PROFILE"), path("PTX_INTERPRETER_DUMP"));
        Ok(Self { memory, driver, computes, profile, dump })
    }
}

/// `1073741824`, `1GiB` or `0.5 GiB`.
fn bytes(text: &str) -> Option<u64> {
    let Some(number) = text.strip_suffix("GiB") else { return text.trim().parse().ok() };
    let gibibytes: f64 = number.trim().parse().ok()?;
    (gibibytes.is_finite() && gibibytes >= 0.0).then_some((gibibytes * f64::from(1 << 30)) as u64)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_in_bytes_and_gibibytes() {
        assert_eq!(bytes("4096"), Some(4096));
        assert_eq!(bytes("1.5GiB"), Some(3 << 29));
        assert_eq!(bytes("2 GiB"), Some(2 << 30));
        assert_eq!(bytes("-1GiB"), None);
        assert_eq!(bytes("lots"), None);
    }
}
