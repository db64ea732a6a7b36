//! A server of Flex's device, in a process of its own: in one process, a pool of threads that all wait for the server would be the pool that
//! it computes with.

use std::io::Read;
use std::path::Path;
use std::sync::OnceLock;
use std::thread;

use burn::tensor::Device;
use seqjepa_run::device::{DeviceError, DeviceRequest};
use seqjepa_run::remote::{DeviceServer, fuses_what_it_sends};

use crate::process::Process;

/// What a config calls the device that is served.
pub(super) fn device() -> &'static str {
    // Until this process ends.
    static SERVER: OnceLock<(Process, String)> = OnceLock::new();
    let start = || {
        let mut server = Process::start(Path::new(""), &[]);
        let address = server.hear().expect("the server tells its address");
        (server, format!("remote:{address}"))
    };
    &SERVER.get_or_init(start).1
}

/// In the server's process: serves until its parent ends.
pub(super) fn serve() {
    if Process::arguments().is_none() {
        return;
    }
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    // Else it logs to where nobody reads after the address.
    let _ = tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::default());
    let server = DeviceServer::bind("127.0.0.1:0", vec![Device::flex()]).unwrap();
    Process::say(&server.address().unwrap().to_string());
    server.serve().unwrap();
}

#[test]
fn a_remote_device_is_opened_or_refused_with_the_reason() {
    let open = |device: &str| DeviceRequest::parse(device).unwrap().open_named();
    if fuses_what_it_sends() {
        let error = open(device()).unwrap_err();
        assert!(matches!(error, DeviceError::FusedRemote { .. }), "{error}");
        return;
    }
    assert_eq!(open(device()).unwrap().1, "remote");
    let error = open(&format!("{}/3", device())).unwrap_err();
    assert!(matches!(error, DeviceError::NotHosted { hosted: 1, index: 3, .. }), "{error}");

    // A port that is free again.
    let free = DeviceServer::bind("127.0.0.1:0", vec![Device::flex()]).unwrap().address().unwrap();
    let error = open(&format!("remote:{free}")).unwrap_err();
    assert!(matches!(error, DeviceError::Unreachable { .. }), "{error}");

    // One that takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let error = open(&format!("remote:{}", silent.local_addr().unwrap())).unwrap_err();
    assert!(matches!(error, DeviceError::Refused { .. }), "{error}");
}
