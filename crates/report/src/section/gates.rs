//! Thresholds that a run was to meet.

use super::name;
use crate::html::{absent, command, escape};
use crate::read::ReportRun;

pub(super) fn html(runs: &[ReportRun]) -> String {
    runs.iter().enumerate().map(|(index, run)| of_run(runs, index, run)).collect()
}

fn of_run(runs: &[ReportRun], index: usize, run: &ReportRun) -> String {
    let name = name(runs, index);
    let config = run.config.as_deref().unwrap_or_default();
    let set: Vec<String> = config
        .iter()
        .filter(|(key, value)| key.starts_with("gating.") && value != "null")
        .map(|(key, value)| format!("<li><code>{}</code> {}</li>", escape(key), escape(value)))
        .collect();
    match &run.gates {
        Err(reason) => absent(&format!(
            "{name}: no verdict: {}. It is written after the last epoch; {} trains on.",
            escape(reason),
            command(&run.resume())
        )),
        Ok(gates) if gates.passed && set.is_empty() => {
            format!(
                "<p>{name}: no gates are set (section <code>gating</code> of the config), so that none could fail.</p>\n"
            )
        }
        Ok(gates) if gates.passed => {
            format!(
                "<p>{name}: <span class=\"badge good\">passed</span> every threshold:</p><ul>{}</ul>\n",
                set.concat()
            )
        }
        Ok(gates) => {
            let reasons: Vec<String> =
                gates.reasons.iter().take(64).map(|reason| format!("<li>{}</li>", escape(reason))).collect();
            format!("<p>{name}: <span class=\"badge bad\">failed</span></p><ul>{}</ul>\n", reasons.concat())
        }
    }
}
