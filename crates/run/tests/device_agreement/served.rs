//! A server of Flex's device, on a thread of this process.

use std::sync::OnceLock;
use std::thread;

use burn::tensor::Device;
use seqjepa_run::device::{DeviceError, DeviceRequest};
use seqjepa_run::remote::{DeviceServer, fuses_what_it_sends};

/// What a config calls the device that is served.
pub(super) fn device() -> &'static str {
    static DEVICE: OnceLock<String> = OnceLock::new();
    DEVICE.get_or_init(|| {
        // Else the server logs to the test's output.
        let _ = tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::default());
        let server = DeviceServer::bind("127.0.0.1:0", vec![Device::flex()]).unwrap();
        let device = format!("remote:{}", server.address().unwrap());
        // Until the process ends.
        thread::spawn(move || server.serve().unwrap());
        device
    })
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
