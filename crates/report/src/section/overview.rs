//! What each run is and how it went, at a glance.

use std::fmt::Write as _;

use seqjepa_evaluation::{Figure, ResultCard, TestedSplit};
use seqjepa_probes::diagnostics::Verdict;
use seqjepa_run::folder::status::{Life, RunState, Status};

use super::{measured, name};
use crate::html::{command, escape};
use crate::number::{duration, figure, fixed, moment};
use crate::read::ReportRun;

pub(super) fn html(runs: &[ReportRun]) -> String {
    let mut html = String::from("<div class=\"cards\">");
    for (index, run) in runs.iter().enumerate() {
        write!(html, "<article class=\"card\"><h3>{}</h3>", name(runs, index))
            .expect("a string takes any text");
        html += &state(run);
        html += "<dl>";
        for (term, value) in facts(run) {
            write!(html, "<div><dt>{term}</dt><dd>{value}</dd></div>").expect("a string takes any text");
        }
        html += "</dl></article>\n";
    }
    let words = in_words(runs);
    if !words.is_empty() {
        write!(
            html,
            "<article class=\"card words{}\"><h3>In words</h3>{words}</article>",
            if runs.len() > 1 { " wide" } else { "" }
        )
        .expect("a string takes any text");
    }
    html + "</div>\n"
}

/// How a run ended, as a badge and what there is to say.
fn state(run: &ReportRun) -> String {
    let badge = |kind: &str, word: &str| format!("<p><span class=\"badge {kind}\">{word}</span>");
    match &run.status {
        Err(reason) => badge("warn", "state unknown") + &format!(" {}</p>", escape(reason)),
        Ok((status, life)) => {
            let (kind, word) = match (life, status.state) {
                (Life::Running, _) => ("info", "under way"),
                (Life::Died, _) => ("bad", "died"),
                (_, RunState::Finished) => ("good", "finished"),
                (_, RunState::Trained) => ("info", "trained, not yet measured"),
                (_, RunState::Stopped) => ("warn", "stopped"),
                (_, RunState::Failed) => ("bad", "failed"),
                _ => ("info", "under way"),
            };
            let mut text = badge(kind, word);
            if let Some(message) = &status.message {
                write!(text, " {}", escape(message)).expect("a string takes any text");
            }
            if !matches!((life, status.state), (Life::Running, _) | (_, RunState::Finished)) {
                write!(text, " {} goes on from the newest checkpoint.", command(&run.resume()))
                    .expect("a string takes any text");
            }
            text + "</p>"
        }
    }
}

fn facts(run: &ReportRun) -> Vec<(String, String)> {
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut fact = |term: &str, value: String| facts.push((term.to_owned(), value));
    let method = run.card.as_ref().ok().map(|card| card.method.name.clone());
    if let Some(method) = method.or_else(|| run.key("method").map(str::to_owned)) {
        let data = run.card.as_ref().ok().map(|card| card.data.name.clone());
        let data = data
            .or_else(|| run.key("dataset.name").map(str::to_owned))
            .unwrap_or_else(|| "unknown data".into());
        let seed = run.key("run.seed").map_or_else(String::new, |seed| format!(", seed {}", escape(seed)));
        fact("method and data", format!("{} on {}{seed}", escape(&method), escape(&data)));
    }
    let held_out = run.key("dataset.validation").filter(|count| *count != "0");
    let by_card = run.card.as_ref().map(|card| card.data.tested == TestedSplit::Validation);
    if by_card.unwrap_or(held_out.is_some()) {
        let count = held_out.map_or_else(String::new, |count| format!("{} ", escape(count)));
        fact(
            "tested on",
            format!(
                "<b>validation</b>: {count}held-out training images, wherever this page speaks of test images or of the test split"
            ),
        );
    }
    if let Ok((status, _)) = &run.status {
        fact("progress", progress(status));
    } else if let Ok(metrics) = &run.metrics {
        fact("progress", format!("{} epochs measured", metrics.epochs));
    }
    if let Some(loss) = run.metrics.as_ref().ok().and_then(|metrics| metrics.value("ep_loss")) {
        fact("training loss, last epoch", figure(loss));
    }
    if let Ok(card) = &run.card {
        for (term, name) in [
            (format!("top-1 % from {}, frozen", card.method.invariant.name), card.headline()),
            ("R2 of all action parameters, frozen".to_owned(), "r2_mean".to_owned()),
        ] {
            if let Some(found) = card.figure(&name) {
                let random = measured(&found.random, &name);
                fact(
                    &escape(&term),
                    format!(
                        "<b>{}</b><br><small>as initialised {random}</small>",
                        measured(&found.trained, &name)
                    ),
                );
            }
        }
        fact("collapse", verdicts(card));
    }
    if let Ok(gates) = &run.gates {
        let set = run.config.as_ref().is_ok_and(|config| {
            config.iter().any(|(key, value)| key.starts_with("gating.") && value != "null")
        });
        fact(
            "gates",
            match (gates.passed, set) {
                (true, false) => "none set".into(),
                (true, true) => "<span class=\"badge good\">passed</span>".into(),
                (false, _) => "<span class=\"badge bad\">failed</span>".into(),
            },
        );
    }
    if let Some([_, all]) = run.metrics.as_ref().ok().and_then(|metrics| metrics.times) {
        fact("time in epochs", duration(all));
    }
    if let Ok((status, _)) = &run.status {
        fact("last sign of life", moment(status.updated));
    }
    facts
}

fn progress(status: &Status) -> String {
    format!("epoch {} of {}, step {} of {}", status.epoch, status.epochs, status.step, status.steps)
}

/// The verdicts on both representations as badges.
pub(super) fn verdicts(card: &ResultCard) -> String {
    let trained = &card.diagnostics.trained;
    let parts = [("z", &trained.encoder), (card.method.invariant.name.as_str(), &trained.aggregate)];
    let parts = parts.into_iter().filter_map(|(name, side)| {
        let verdict = side.figures.as_ref()?.verdict?;
        Some(format!("{} {}", escape(name), verdict_badge(verdict)))
    });
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "not judged".into() } else { parts.join(", ") }
}

pub(super) fn verdict_badge(verdict: Verdict) -> String {
    let kind = match verdict {
        Verdict::Healthy => "good",
        Verdict::PartialCollapse => "warn",
        Verdict::Collapsed => "bad",
    };
    format!("<span class=\"badge {kind}\">{}</span>", verdict.name())
}

/// What the figures say, in sentences.
fn in_words(runs: &[ReportRun]) -> String {
    let mut html = String::new();
    for (index, run) in runs.iter().enumerate() {
        let Ok(card) = &run.card else { continue };
        let sentences = [class(card), action(card), leakage(card), collapse(card)];
        let sentences: Vec<String> = sentences.into_iter().flatten().collect();
        if !sentences.is_empty() {
            let whose =
                if runs.len() > 1 { format!("<b>{}</b>: ", name(runs, index)) } else { String::new() };
            writeln!(html, "<p>{whose}{}</p>", sentences.join(" ")).expect("a string takes any text");
        }
    }
    html
}

/// How the figure stands to that of the model as initialised.
fn stands(figure: &Figure) -> &'static str {
    match super::beside_random(figure) {
        "higher" => "above",
        "lower" => "below",
        _ => "within the noise of",
    }
}

fn both(figure: &Figure) -> Option<[f64; 2]> {
    Some([figure.trained.value?, figure.random.value?])
}

fn class(card: &ResultCard) -> Option<String> {
    let figure = card.figure(&card.headline())?;
    let [trained, random] = both(figure)?;
    let chance = match card.data.classes {
        0 => String::new(),
        classes => format!("; chance is {} % for classes of equal size", fixed(100.0 / classes as f64, 1)),
    };
    Some(format!(
        "A linear probe on {} reads the class of {} % of the test images, {} the {} % of the same model as initialised{chance}.",
        escape(&card.method.invariant.name),
        fixed(trained, 1),
        stands(figure),
        fixed(random, 1),
    ))
}

fn action(card: &ResultCard) -> Option<String> {
    let figure = card.figure("r2_mean")?;
    let [trained, random] = both(figure)?;
    Some(format!(
        "Two views’ representations tell the action between them with an R2 of {}, {} the {} as initialised.",
        fixed(trained, 2),
        stands(figure),
        fixed(random, 2)
    ))
}

fn leakage(card: &ResultCard) -> Option<String> {
    let [leaked, right] = ["leakage_r2_mean", "r2_mean"].map(|name| card.figure(name)?.trained.value);
    let (leaked, right) = (leaked?, right?);
    let invariant = escape(&card.method.invariant.name);
    Some(if leaked < right {
        format!("{invariant} tells less of it, {}, as it should.", fixed(leaked, 2))
    } else {
        format!(
            "{invariant} tells as much of it, {}, and should not: the two kinds of information are not apart.",
            fixed(leaked, 2)
        )
    })
}

fn collapse(card: &ResultCard) -> Option<String> {
    let trained = &card.diagnostics.trained;
    let sides = [("z", &trained.encoder), (card.method.invariant.name.as_str(), &trained.aggregate)];
    let judged = sides.into_iter().filter_map(|(name, side)| Some((name, side.figures.as_ref()?.verdict?)));
    let judged: Vec<(&str, Verdict)> = judged.collect();
    let bad = judged.iter().filter(|(_, verdict)| *verdict != Verdict::Healthy);
    let bad: Vec<String> =
        bad.map(|(name, verdict)| format!("{}: {}", escape(name), verdict.name())).collect();
    if judged.is_empty() {
        None
    } else if bad.is_empty() {
        Some("Neither representation has collapsed.".into())
    } else {
        Some(format!("Collapse: {}.", bad.join(", ")))
    }
}
