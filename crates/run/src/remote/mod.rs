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

/// Whether Burn fuses what it sends to a server, as it does in a build with a GPU's backend: it then keeps graphs of operations on the
/// server, and in Burn 0.22.1 runs one with tensors of another kind than those that it was made for. A server may be such a build.
#[cfg(feature = "remote")]
#[must_use]
pub fn fuses_what_it_sends() -> bool {
    std::any::type_name::<burn::backend::Remote>().contains("Fusion")
}

pub use address::RemoteAddress;
#[cfg(feature = "remote")]
pub(crate) use connect::connect;
pub(crate) use lost::is_lost_connection;
#[cfg(feature = "remote")]
pub use serve::{DeviceServer, ServeError};
#[cfg(feature = "remote")]
pub use token::present_token;
