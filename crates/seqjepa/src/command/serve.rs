//! `serve`.

use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::Args;
use seqjepa_run::device::DeviceRequest;
use seqjepa_run::remote::{DeviceServer, ServeError};

use super::device::{describe_device, is_cpu};
use super::failure::hinted;
use super::remote::{TOKEN, token};
use super::terminal::{note, say, tell};

/// Serves devices of this machine to runs elsewhere, until Ctrl-C.
///
/// A run there names one as `run.device: remote:HOST:PORT`, the second of several as `remote:HOST:PORT/1`. By websockets, with Burn's
/// protocol, which is NOT ENCRYPTED and knows no users: whoever reaches the port can compute here, and see and change what runs send. So
/// only this machine is listened to, and others come through an SSH tunnel, as by `ssh -N -L 3000:127.0.0.1:3000 HOST`. On a machine with
/// other users set the environment variable SEQJEPA_REMOTE_TOKEN to the same secret here and where the run is. docs/gpu.md says what a
/// remote device costs.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// auto, cpu, cuda[:n], vulkan[:n], metal[:n], rocm[:n] or wgpu[:n]; again for more devices of one kind.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    device: Vec<String>,
    /// The address and port to listen on; port 0 takes any that is free. Of another address than this machine's own, 127.0.0.1 or [::1],
    /// others can reach it, unencrypted.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    listen: String,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (mut devices, mut names, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
    for name in &arguments.device {
        let located = |error| anyhow!("--device {name}: {error}");
        let request = DeviceRequest::parse(name).map_err(located)?;
        if name.starts_with("remote:") {
            bail!("--device {name}: expected a device of this machine, found one that another serves");
        }
        let (device, backend) = request.open_named().map_err(located)?;
        devices.push(device);
        // To Burn all those of GPUs are of one kind.
        kinds.push(if is_cpu(backend) { backend } else { "GPUs" });
        names.push(describe_device(name, backend));
    }
    if let Some(other) = kinds.iter().find(|kind| **kind != kinds[0]) {
        bail!(
            "--device: expected devices of one kind, found those of {} and {other}; serve each kind by itself",
            kinds[0]
        );
    }
    let server = DeviceServer::bind(&arguments.listen, devices).map_err(|error| match error {
        error @ ServeError::Listen { .. } => {
            hinted(error, "--listen 127.0.0.1:0 takes any port that is free".into())
        }
        error => error.into(),
    })?;
    let (server, guarded) = match token() {
        Some(token) => (server.with_token(token)?, true),
        None => (server, false),
    };
    let address = server.address()?;
    if !address.ip().is_loopback() {
        let who = if guarded { format!("who knows {TOKEN}") } else { "who reaches it".to_owned() };
        note!(
            "warning: {address} is open to other machines, and nothing is encrypted: everybody {who} can compute here and fill the memory"
        );
    }
    let host = match address.ip() {
        ip if ip.is_unspecified() => "HOST".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    };
    for (number, name) in names.iter().enumerate() {
        let place = if number == 0 { String::new() } else { format!("/{number}") };
        say!("serves {name} as `run.device: remote:{host}:{}{place}`", address.port());
    }
    tell!(
        "{}; ends on Ctrl-C",
        if guarded {
            format!("lets in who presents {TOKEN}")
        } else {
            format!("lets in everybody: {TOKEN} is not set")
        }
    );
    server.serve()?;
    tell!("ended");
    Ok(ExitCode::SUCCESS)
}
