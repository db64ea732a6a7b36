//! The code of the running program.

use seqjepa_train::CodeVersion;

/// Version and git commit of the running program.
#[must_use]
pub fn code_version() -> CodeVersion {
    CodeVersion {
        version: env!("CARGO_PKG_VERSION").into(),
        commit: option_env!("SEQJEPA_COMMIT").map(str::to_owned),
    }
}
