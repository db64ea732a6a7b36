//! Which classes the exact linear probe takes for which.

use std::fmt::Write as _;

use seqjepa_evaluation::{EvaluationSample, ProtocolKind};

use super::pictures::SHOWN;
use super::{heading, name, no_sample};
use crate::chart::{Matrix, matrix};
use crate::html::{absent, command, escape, short, table};
use crate::number::fixed;
use crate::read::ReportRun;

/// Classes up to which the matrix is drawn.
const DRAWN: usize = 256;
/// Pairs that are listed.
const PAIRS: usize = 8;

pub(super) fn html(runs: &[ReportRun]) -> String {
    let mut html = String::new();
    for (index, run) in runs.iter().enumerate() {
        match &run.sample {
            Err(reason) => html += &no_sample(runs, index, reason),
            Ok(_) if index >= SHOWN => {
                html += &absent(&format!(
                    "{}: the confusion of at most {SHOWN} runs is shown.",
                    name(runs, index)
                ));
            }
            Ok(sample) => {
                html += &heading(runs, index);
                html += &of_run(run, sample);
            }
        }
    }
    html
}

fn of_run(run: &ReportRun, sample: &EvaluationSample) -> String {
    if sample.labels.is_empty() {
        return absent("No confusion matrix: the test images have no classes.");
    }
    if sample.predicted.is_empty() {
        let figure =
            run.card.as_ref().ok().and_then(|card| card.figure_by(&card.headline(), ProtocolKind::Exact));
        if let Some(reason) = figure.and_then(|figure| figure.trained.note.as_deref()) {
            return absent(&format!("No confusion matrix: {}.", escape(reason)));
        }
        return absent(&format!(
            "No confusion matrix: the exact linear probe was not fitted. {} with <code>--set eval.protocols=[exact]</code> fits it.",
            command(&run.resume())
        ));
    }
    let names = &sample.class_names;
    let mut pairs = std::collections::BTreeMap::<(u32, u32), u32>::new();
    for pair in sample.labels.iter().zip(&sample.predicted) {
        *pairs.entry((*pair.0, *pair.1)).or_default() += 1;
    }
    let right: u32 =
        pairs.iter().filter(|((label, predicted), _)| label == predicted).map(|(_, count)| count).sum();
    let share = 100.0 * f64::from(right) / sample.labels.len() as f64;
    let words = format!(
        "Confusion of {} classes: rows are the classes of {} test images, columns what the exact linear probe on {} predicts; {} % on the diagonal.",
        names.len(),
        sample.labels.len(),
        sample.invariant.name,
        fixed(share, 1)
    );
    let mut html = format!("<p>{}</p>\n", escape(&words));
    if names.len() <= DRAWN {
        let mut counts = vec![0; names.len() * names.len()];
        for ((label, predicted), count) in &pairs {
            counts[*label as usize * names.len() + *predicted as usize] = *count;
        }
        writeln!(
            html,
            "<div class=\"pair\"><figure class=\"wide\"><figcaption>Rows: true class; columns: predicted class, by number. Colour: share of the row.</figcaption>{}</figure>",
            matrix(&Matrix { names, counts: &counts, words: &words })
        )
        .expect("a string takes any text");
    } else {
        html += &absent(&format!(
            "A matrix of {} classes is too large to read; the pairs that are confused most follow.",
            names.len()
        ));
    }
    let mut wrong: Vec<_> = pairs.iter().filter(|((label, predicted), _)| label != predicted).collect();
    wrong.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let rows: Vec<Vec<String>> = wrong
        .iter()
        .take(PAIRS)
        .map(|((label, predicted), count)| {
            vec![
                short(&names[*label as usize], 40),
                short(&names[*predicted as usize], 40),
                count.to_string(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let titles = ["is", "taken for", "test images"].map(str::to_owned);
        html += &table("Confused most", &titles, &rows);
    }
    if names.len() <= DRAWN {
        html += "</div>\n";
    }
    html
}
