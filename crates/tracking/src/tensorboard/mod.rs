//! TensorBoard event files.
//!
//! [`EventLog`] writes a folder that `tensorboard --logdir` shows: scalars, pictures, texts and hyperparameters.

mod event_log;
mod logged;
mod message;
mod record;

pub use event_log::EventLog;
pub use logged::LoggedEvent;
