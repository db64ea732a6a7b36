//! `devices`.

use std::process::ExitCode;

use anyhow::ensure;
use burn::tensor::{Device, Tensor};
use clap::Args;
use seqjepa_nn::{Precision, host};
use seqjepa_run::device::{BackendReport, DeviceRequest, own_name};
use seqjepa_run::device_check::{OperatorReport, check_operators, precisions};

use super::device::{is_cpu, is_remote, look};
use super::terminal::say;

/// Backend that the others are checked against.
const REFERENCE: &str = "flex";

/// Wrong results that are told of each operator.
const MOST_WRONG: usize = 5;

/// Lists the backends of this build and the devices that they find.
///
/// `run.device` in a config, or --device, names one of them; `auto` takes the first that is found.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Computes every operator that this project uses on every device found, at awkward shapes and with gradients, in f32 and where a
    /// device has it in bf16, and holds the results against those of `flex`, the processor. Ends with exit code 1 if one is wrong.
    #[arg(long)]
    check: bool,
    /// Ends with exit code 1 if this build finds no device that this names, as run.device would, or one that computes nothing: as cuda or
    /// cuda:1.
    #[arg(long, value_name = "NAME", conflicts_with = "device")]
    require: Option<String>,
    /// Checks this device alone, also one that is never looked for: as cuda:1 or remote:HOST:PORT.
    #[arg(long, value_name = "NAME", requires = "check")]
    device: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(name) = &arguments.device {
        return Ok(exit_code(check_device(name)?));
    }
    let reports = look();
    let code = if arguments.check { check(&reports)? } else { list(reports)? };
    if let Some(name) = &arguments.require {
        require(name)?;
    }
    Ok(code)
}

/// Computes something on a device: one whose driver is too old or whose compiler lacks a part is found as well as any.
fn require(name: &str) -> anyhow::Result<()> {
    let device = DeviceRequest::parse(name)?.open()?;
    let found = host::read_scalar(Tensor::<1>::from_floats([1.0, 2.0, 3.0], &device).exp().sum());
    let expected = [1.0_f64, 2.0, 3.0].map(f64::exp).iter().sum::<f64>();
    ensure!(
        (found / expected - 1.0).abs() < 1e-4,
        "device `{name}`: expected e + e^2 + e^3 = {expected}, found {found}; its arithmetic is wrong (`seqjepa devices --check`)"
    );
    Ok(())
}

fn list(reports: Vec<BackendReport>) -> anyhow::Result<ExitCode> {
    for report in reports {
        let name = report.name;
        if !report.compiled {
            say!("{name:<8} not compiled in; build with `--features {name}`");
        } else if is_remote(name) {
            say!("{name:<8} {}", remote());
        } else if report.devices.is_empty() {
            let why = report.problem.map_or_else(String::new, |problem| format!(": {problem}"));
            say!("{name:<8} compiled in; looked for {}, found no device{why}", report.looked_for);
        } else if is_cpu(name) {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            say!("{name:<8} this machine's processor, {threads} threads");
        } else {
            let cards = report.devices.len() - report.software;
            for (number, device) in report.devices.iter().enumerate() {
                let place = place(name, number);
                let own = DeviceRequest::parse(&place)?.open().ok().and_then(|device| own_name(&device));
                let device = own.as_ref().unwrap_or(device);
                let software =
                    if number < cards { "" } else { " (a software adapter: slow, never taken by `auto`)" };
                say!("{place:<8} {device}{software}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What this build does with remote devices.
fn remote() -> &'static str {
    #[cfg(feature = "remote")]
    if seqjepa_run::remote::fuses_what_it_sends() {
        return "compiled in; serves devices, but computes on none of others: a build with `--features remote` alone does";
    }
    "compiled in; `remote:HOST:PORT` is what `seqjepa serve` serves there, and never looked for"
}

/// How `run.device` names a device.
fn place(backend: &str, number: usize) -> String {
    if number == 0 { backend.to_owned() } else { format!("{backend}:{number}") }
}

fn check(reports: &[BackendReport]) -> anyhow::Result<ExitCode> {
    let (mut checked, mut wrong) = (0, 0);
    let broken: Vec<_> =
        reports.iter().filter_map(|report| Some((report.name, report.problem.as_ref()?))).collect();
    for (name, problem) in &broken {
        say!("{name}: no device could be looked for: {problem}");
    }
    for report in reports.iter().filter(|report| report.name != REFERENCE) {
        for number in 0..report.devices.len() {
            wrong += check_device(&place(report.name, number))?;
            checked += 1;
        }
    }
    if checked == 0 {
        say!(
            "no device but the processor's {REFERENCE}, which is what others are checked against; `seqjepa devices` says what was looked for"
        );
    }
    Ok(exit_code(wrong))
}

/// Checks a device; how many operators are wrong.
fn check_device(place: &str) -> anyhow::Result<usize> {
    let (device, backend) = DeviceRequest::parse(place)?.open_named()?;
    precisions(&device, backend)
        .into_iter()
        .map(|precision| check_in(precision, place, &device, backend))
        .sum()
}

/// The same in one precision.
fn check_in(precision: Precision, place: &str, device: &Device, backend: &str) -> anyhow::Result<usize> {
    let how = match precision {
        Precision::F32 => " in f32 (run.precision)",
        Precision::Bf16 => " in bf16",
        _ => "",
    };
    say!("{place}{how} against {REFERENCE}; distances as a share of what is right for the operator:");
    let found = check_operators(device, backend, precision, line)?;
    let wrong: Vec<_> = found.iter().filter(|report| !report.wrong.is_empty()).collect();
    for report in &wrong {
        report.wrong.iter().take(MOST_WRONG).for_each(|deviation| say!("wrong: {deviation}"));
        let more = report.wrong.len().saturating_sub(MOST_WRONG);
        if more > 0 {
            say!("and {more} more of {}", report.name);
        }
    }
    Ok(wrong.len())
}

fn exit_code(wrong: usize) -> ExitCode {
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The line of an operator.
fn line(report: &OperatorReport) {
    let verdict = if report.wrong.is_empty() { "right" } else { "WRONG" };
    say!("  {:<32} {:>3} shapes  {:>8.1e}  {verdict}", report.name, report.shapes, report.worst.share());
}
