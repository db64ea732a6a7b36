//! Opening a device that is served.

use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use burn::remote::{ConnectError, RemoteHost};
use burn::tensor::Device;

use super::address::RemoteAddress;
use super::token::token;
use crate::device::DeviceError;

/// How long a server may take to answer: Burn by itself tries for a quarter of a minute, and waits without end for one that takes the
/// connection and says nothing.
const LIMIT: Duration = Duration::from_secs(5);

/// Opens a session with the server; `device` is what the config calls it.
pub(crate) fn connect(device: &str, address: &RemoteAddress) -> Result<Device, DeviceError> {
    let unreachable = |problem: String| DeviceError::Unreachable {
        device: device.to_owned(),
        server: address.server(),
        problem,
    };
    if super::fuses_what_it_sends() {
        return Err(DeviceError::FusedRemote { device: device.to_owned() });
    }
    knock(address).map_err(unreachable)?;
    let host = RemoteHost::websocket(&format!("ws://{}", address.server()));
    let host = match token() {
        Some(token) => host.with_credential(token),
        None => host,
    };
    let options = Device::remote_options(&host).device_index(address.index());
    let (tell, told) = sync_channel(1);
    let ask = move || {
        // Nobody listens any more if it took too long.
        let _ = tell.send(options.init());
    };
    thread::Builder::new()
        .name("remote-connect".into())
        .spawn(ask)
        .map_err(|error| unreachable(error.to_string()))?;
    let refused = |problem: String| DeviceError::Refused {
        device: device.to_owned(),
        server: address.server(),
        problem,
    };
    match told.recv_timeout(LIMIT) {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(ConnectError::NoSuchDevice { device_count })) => Err(DeviceError::NotHosted {
            device: device.to_owned(),
            server: address.server(),
            hosted: device_count,
            index: address.index(),
        }),
        Ok(Err(ConnectError::Unauthorized)) => Err(refused(match token() {
            Some(_) => "it wants another token than that in SEQJEPA_REMOTE_TOKEN".into(),
            None => {
                "it wants a token, which is taken from the environment variable SEQJEPA_REMOTE_TOKEN".into()
            }
        })),
        Ok(Err(error)) => Err(refused(error.to_string())),
        Err(RecvTimeoutError::Timeout) => Err(refused(format!("it did not answer within {LIMIT:?}"))),
        Err(RecvTimeoutError::Disconnected) => Err(refused("the session could not be opened".into())),
    }
}

/// Whether anything listens there; else why not.
fn knock(address: &RemoteAddress) -> Result<(), String> {
    let places = address.server().to_socket_addrs().map_err(|error| error.to_string())?;
    let mut problem = "the name has no address".to_owned();
    for place in places {
        match TcpStream::connect_timeout(&place, LIMIT) {
            Ok(_) => return Ok(()),
            Err(error) => problem = error.to_string(),
        }
    }
    Err(problem)
}
