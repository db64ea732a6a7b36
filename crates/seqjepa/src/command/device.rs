//! Which device, in words.

use seqjepa_run::Config;
use seqjepa_run::device::{BackendReport, backends};

/// Whether a backend computes on the processor.
pub(super) fn is_cpu(backend: &str) -> bool {
    ["flex", "ndarray"].contains(&backend)
}

/// Whether the devices of a backend are other machines', which are never looked for.
pub(super) fn is_remote(backend: &str) -> bool {
    backend == "remote"
}

/// What every backend finds. A driver that panics is told of by its report: its own message would only frighten.
pub(super) fn look() -> Vec<BackendReport> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let reports = backends();
    std::panic::set_hook(hook);
    reports
}

/// The device behind `run.device: requested`, which came to `backend`; where `auto` came to the CPU, why.
pub(super) fn describe_device(requested: &str, backend: &str) -> String {
    let name = if is_cpu(backend) { format!("CPU ({backend})") } else { backend.to_owned() };
    match requested {
        _ if is_remote(backend) => format!("{requested}, that of a server"),
        "auto" if is_cpu(backend) => format!("{name}, since {}", why_the_cpu(&look())),
        "auto" => format!("{name}, the best of those found"),
        _ => name,
    }
}

/// The device of a run, and those that train with it.
pub(super) fn describe_devices(config: &Config, backend: &str) -> String {
    let first = describe_device(&config.run.device, backend);
    match &config.run.further_devices[..] {
        [] => first,
        further => format!("{first}, and {}", further.join(", ")),
    }
}

/// Whether a request may have come to the CPU without being meant so.
pub(super) fn may_be_unmeant(requested: &str) -> bool {
    requested == "auto"
}

/// What was tried, and why each was left.
fn why_the_cpu(reports: &[BackendReport]) -> String {
    let others = || reports.iter().filter(|report| !is_cpu(report.name) && !is_remote(report.name));
    let names = |compiled: bool| -> Vec<&str> {
        others().filter(|report| report.compiled == compiled).map(|report| report.name).collect()
    };
    let (there, absent) = (names(true), names(false));
    let mut reasons = Vec::new();
    for report in others().filter(|report| report.compiled) {
        let why = report.problem.as_deref().map_or_else(String::new, |problem| format!(" ({problem})"));
        let what = if report.software > 0 { "finds only a software adapter" } else { "finds no device" };
        reasons.push(format!("{} {what}{why}", report.name));
    }
    match (there.is_empty(), absent.is_empty()) {
        (true, _) => reasons
            .push(format!("this build has no GPU backend (cargo features {} add them)", absent.join(", "))),
        (false, false) => reasons.push(format!("{} are not compiled in", absent.join(", "))),
        (false, true) => {}
    }
    reasons.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_says_why_it_took_the_cpu() {
        let text = describe_device("auto", "flex");
        assert!(text.starts_with("CPU (flex), since "), "{text}");
        // Every GPU backend is named, compiled in or not.
        for name in ["cuda", "rocm", "metal", "vulkan", "wgpu"] {
            assert!(text.contains(name), "{text}");
        }
        assert!(!text.contains("remote"), "{text}");
        assert_eq!(describe_device("cpu", "flex"), "CPU (flex)");
        assert_eq!(describe_device("cuda:1", "cuda"), "cuda");
    }
}
