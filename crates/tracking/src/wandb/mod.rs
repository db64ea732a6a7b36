//! W&B runs that are written offline and sent later by `wandb sync`.
//!
//! [`OfflineRun`] writes the folder that the public client writes with `mode="offline"`, and [`Upload`] runs the client's own
//! `wandb sync` on it, where it is installed. Nothing here opens a connection, or reads, writes or passes on a key.

mod block;
mod description;
mod files;
pub(crate) mod message;
mod number;
mod offline_run;
mod recover;
mod row;
mod system;
mod upload;

pub use description::{MachineDescription, RunDescription, RunId};
pub use offline_run::OfflineRun;
pub use recover::LoggedRow;
pub use row::Row;
pub use system::{GpuFigures, SystemFigures};
pub use upload::{Upload, UploadError};
