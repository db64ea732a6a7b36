//! Which classes the exact linear probe takes for which.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use image::RgbImage;
use seqjepa_evaluation::{EvaluationSample, ProtocolKind};

use super::pictures::SHOWN;
use super::{heading, name, no_sample};
use crate::chart::Matrix;
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

/// The matrix as a bitmap, of a sample that has one.
pub(super) fn bitmap(sample: &EvaluationSample) -> Option<RgbImage> {
    let counts = counts(sample).filter(|_| !sample.predicted.is_empty())?;
    Some(Matrix { names: &sample.class_names, counts: &counts, words: &words(sample) }.bitmap())
}

/// How many images of a class are taken for another, or for their own.
fn pairs(sample: &EvaluationSample) -> BTreeMap<(u32, u32), u32> {
    let mut pairs = BTreeMap::new();
    for pair in sample.labels.iter().zip(&sample.predicted) {
        *pairs.entry((*pair.0, *pair.1)).or_default() += 1;
    }
    pairs
}

/// The same as a matrix of classes by predicted classes, where these are few enough to be drawn.
fn counts(sample: &EvaluationSample) -> Option<Vec<u32>> {
    let classes = sample.class_names.len();
    if classes > DRAWN {
        return None;
    }
    let mut counts = vec![0; classes * classes];
    for ((label, predicted), count) in pairs(sample) {
        counts[label as usize * classes + predicted as usize] = count;
    }
    Some(counts)
}

fn words(sample: &EvaluationSample) -> String {
    let right = sample.labels.iter().zip(&sample.predicted).filter(|(label, predicted)| label == predicted);
    format!(
        "Confusion of {} classes: rows are the classes of {} test images, columns what the exact linear probe on {} predicts; {} % on the diagonal.",
        sample.class_names.len(),
        sample.labels.len(),
        sample.invariant.name,
        fixed(100.0 * right.count() as f64 / sample.labels.len() as f64, 1)
    )
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
    let (pairs, words) = (pairs(sample), words(sample));
    let mut html = format!("<p>{}</p>\n", escape(&words));
    if let Some(counts) = counts(sample) {
        writeln!(
            html,
            "<div class=\"pair\"><figure class=\"wide\"><figcaption>Rows: true class; columns: predicted class, by number. Colour: share of the row.</figcaption>{}</figure>",
            Matrix { names, counts: &counts, words: &words }.svg()
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
