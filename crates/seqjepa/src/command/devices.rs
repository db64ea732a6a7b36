//! `devices`.

use std::process::ExitCode;

use clap::Args;

use super::device::{is_cpu, look};
use super::terminal::say;

/// Lists the backends of this build and the devices that they find.
///
/// `run.device` in a config, or --device, names one of them; `auto` takes the first that is found.
#[derive(Debug, Args)]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments) -> anyhow::Result<ExitCode> {
    for report in look() {
        let name = report.name;
        if !report.compiled {
            say!("{name:<8} not compiled in; build with `--features {name}`");
        } else if report.devices.is_empty() {
            let why = report.problem.map_or_else(String::new, |problem| format!(": {problem}"));
            say!("{name:<8} compiled in, no device found{why}");
        } else if is_cpu(name) {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            say!("{name:<8} this machine's processor, {threads} threads");
        } else {
            for (number, device) in report.devices.iter().enumerate() {
                let place = if number == 0 { name.to_owned() } else { format!("{name}:{number}") };
                say!("{place:<8} {device}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
