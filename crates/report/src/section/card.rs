//! The frozen figures with their protocols in words.

use std::fmt::Write as _;

use seqjepa_evaluation::{DeviceCheck, Figure, Fit, Protocol, ResultCard, TestedSplit};

use super::{beside_random, heading, measured, no_card, published};
use crate::html::{escape, short, table};
use crate::number::fixed;
use crate::read::ReportRun;

/// Figures of a card that are shown.
const FIGURES: usize = 400;

pub(super) fn html(runs: &[ReportRun]) -> String {
    let mut html = String::new();
    for (index, run) in runs.iter().enumerate() {
        match &run.card {
            Err(reason) => html += &no_card(runs, index, reason),
            Ok(card) => {
                html += &heading(runs, index);
                html += &of_card(card);
            }
        }
    }
    html
}

/// The device, and whether its arithmetic was checked.
fn device(card: &ResultCard) -> String {
    let checked = match &card.device_check {
        Some(DeviceCheck::Passed(found)) => {
            format!(" (its arithmetic checked against {})", escape(&found.reference))
        }
        Some(DeviceCheck::Skipped { skipped }) => {
            format!(" (its arithmetic <b>not checked</b>: {})", short(skipped, 200))
        }
        _ => String::new(),
    };
    escape(&card.device) + &checked
}

fn of_card(card: &ResultCard) -> String {
    let origin = &card.model.origin;
    let trained = match (origin.epochs, origin.steps) {
        (Some(epochs), Some(steps)) => format!("{epochs} epochs, {steps} steps"),
        (Some(epochs), None) => format!("{epochs} epochs"),
        _ => "a training of unknown length".into(),
    };
    let commit = card
        .code
        .commit
        .as_deref()
        .map_or_else(String::new, |commit| format!(", commit {}", short(commit, 48)));
    let mut html = format!(
        "<p>{} after {trained} with {} observed views (M_train), measured by its frozen {} encoder on {}: {} images to fit, {} to test{}, \
         {} classes. Measured on {} by version {}{commit}. SHA-256 over the model’s tensors: <code class=\"hash\">{}</code></p>\n",
        escape(&card.method.name),
        card.model.observed_views,
        card.encoder.name(),
        escape(&card.data.name),
        card.data.train_images,
        card.data.test_images,
        match card.data.tested {
            TestedSplit::Test => "",
            TestedSplit::Validation => ", which are held-out training images (validation)",
        },
        card.data.classes,
        device(card),
        escape(&card.code.version),
        short(&card.model.model_sha256, 64),
    );
    let mut protocols: Vec<&str> = Vec::new();
    for figure in &card.figures {
        if !protocols.contains(&figure.protocol.name.as_str()) {
            protocols.push(&figure.protocol.name);
        }
    }
    for protocol in protocols.into_iter().take(8) {
        let figures: Vec<&Figure> =
            card.figures.iter().filter(|figure| figure.protocol.name == protocol).take(FIGURES).collect();
        let with_published = figures.iter().any(|figure| published(figure).is_some());
        let mut titles = ["figure", "trained", "as initialised", "trained is"].map(str::to_owned).to_vec();
        if with_published {
            titles.push("published, measured alike".into());
        }
        let rows: Vec<Vec<String>> = figures
            .iter()
            .map(|figure| {
                let name = &figure.name;
                let read = format!(
                    "{} → {}",
                    short(&figure.protocol.representation, 40),
                    short(&figure.protocol.target, 60)
                );
                let mut cells = vec![
                    format!("<code>{}</code> <small>{read}</small>", short(name, 60)),
                    measured(&figure.trained, name),
                    measured(&figure.random, name),
                    beside_random(figure).into(),
                ];
                if with_published {
                    cells.push(
                        published(figure)
                            .map_or_else(|| "–".into(), |value| fixed(value, super::digits(name))),
                    );
                }
                cells
            })
            .collect();
        writeln!(
            html,
            "<h4>Protocol <code>{}</code></h4>{}<details><summary>Its {} figures</summary>{}</details>",
            short(protocol, 40),
            figures.first().map_or_else(String::new, |figure| in_words(&figure.protocol, &figures)),
            figures.len(),
            table("Test images; brackets: 95 % bootstrap intervals over them", &titles, &rows)
        )
        .expect("a string takes any text");
    }
    html + &elsewhere(card)
}

/// What was done, in sentences.
fn in_words(protocol: &Protocol, figures: &[&Figure]) -> String {
    let mut fits: Vec<String> = Vec::new();
    for figure in figures {
        let fit = match &figure.protocol.fit {
            Fit::Exact { solver, penalty } => {
                format!("{}: {solver}; penalty: {penalty}", figure.protocol.probe)
            }
            Fit::None => format!("{}: nothing is fitted", figure.protocol.probe),
            fit => format!("{}: {}", figure.protocol.probe, fit.summary()),
        };
        if !fits.contains(&fit) && fits.len() < 6 {
            fits.push(fit);
        }
    }
    let rows = if protocol.train_samples > 0 {
        format!(
            "Fitted to {} rows ({} augmentation passes), tested on {}",
            protocol.train_samples, protocol.passes, protocol.test_samples
        )
    } else {
        format!("Measured on {} test rows", protocol.test_samples)
    };
    let fits: Vec<String> = fits.iter().map(|fit| format!("<li>{}</li>", escape(fit))).collect();
    format!(
        "<p>{rows}; seed {}. The encoder is frozen and in evaluation mode. Views: {}.</p><ul>{}</ul>",
        protocol.seed,
        escape(&protocol.augmentation),
        fits.concat()
    )
}

/// That there are published figures which are not shown, and why.
fn elsewhere(card: &ResultCard) -> String {
    let mut reasons: Vec<&str> = Vec::new();
    let mut count = 0;
    for found in
        card.figures.iter().filter_map(|figure| figure.published.as_ref()).filter(|found| !found.comparable)
    {
        count += 1;
        for difference in &found.differences {
            if !reasons.contains(&difference.as_str()) && reasons.len() < 6 {
                reasons.push(difference);
            }
        }
    }
    if count == 0 {
        return String::new();
    }
    let reasons: Vec<String> =
        reasons.iter().map(|reason| format!("<li>{}</li>", short(reason, 300))).collect();
    format!(
        "<details><summary>Published figures are not shown beside {count} of these</summary><p>They were measured otherwise, so that the \
         numbers say nothing about each other:</p><ul>{}</ul></details>\n",
        reasons.concat()
    )
}
