//! Devices that another process or machine serves (`run.device: remote:HOST:PORT[/n]`), and serving those of this one.
//!
//! Burn's remote backend sends every operation to the server, by a websocket. The protocol has no encryption, and no authentication but a
//! token that travels as it is: it is for one machine, or for the inside of an SSH tunnel.

mod address;
#[cfg(feature = "remote")]
mod connect;
mod lost;
#[cfg(feature = "remote")]
mod serve;
#[cfg(feature = "remote")]
mod token;

pub use address::RemoteAddress;
#[cfg(feature = "remote")]
pub(crate) use connect::connect;
pub use lost::is_lost_connection;
#[cfg(feature = "remote")]
pub use serve::{DeviceServer, ServeError};
#[cfg(feature = "remote")]
pub use token::present_token;
