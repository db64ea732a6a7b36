//! A server of Flex's device, in a process of its own: in one process, a pool of threads that all wait for the server would be the pool that
//! it computes with.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use burn::tensor::Device;
use seqjepa_run::device::{DeviceError, DeviceRequest};
use seqjepa_run::remote::{DeviceServer, fuses_what_it_sends};

/// Tells the server that it is one.
const SERVES: &str = "DEVICE_AGREEMENT_SERVES";

/// What a config calls the device that is served.
pub(super) fn device() -> &'static str {
    static DEVICE: OnceLock<String> = OnceLock::new();
    DEVICE.get_or_init(|| {
        let mut server = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "served::server", "--ignored", "--nocapture"])
            .env(SERVES, "yes")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let told = BufReader::new(server.stdout.take().unwrap());
        let address = told.lines().find_map(|line| Some(line.unwrap().split_once("serving ")?.1.to_owned()));
        // Its standard input stays open until this process ends, and with that the server does.
        std::mem::forget(server);
        format!("remote:{}", address.expect("the server has told its address"))
    })
}

#[test]
#[ignore = "the process that the other tests start"]
fn server() {
    if std::env::var_os(SERVES).is_none() {
        return;
    }
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    // Else it logs to the test's output.
    let _ = tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::default());
    let server = DeviceServer::bind("127.0.0.1:0", vec![Device::flex()]).unwrap();
    writeln!(std::io::stdout(), "serving {}", server.address().unwrap()).unwrap();
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
