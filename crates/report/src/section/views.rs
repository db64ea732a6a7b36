//! What the model sees: views with the actions that made them.

use std::fmt::Write as _;

use seqjepa_data::ActionSpace;
use seqjepa_evaluation::EvaluationSample;

use super::pictures::SHOWN;
use super::{heading, name, no_sample};
use crate::html::{absent, escape, short};
use crate::number::brief;
use crate::picture::Sheet;
use crate::read::ReportRun;

pub(super) fn html(runs: &[ReportRun]) -> String {
    let mut html = String::from(
        "<p>Test sequences as the frozen evaluation draws them, with the raw action parameters of each view; the last is the target \
         whose representation is predicted.</p>\n",
    );
    let mut shown: Vec<(usize, &EvaluationSample)> = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        match &run.sample {
            Err(reason) => html += &no_sample(runs, index, reason),
            Ok(sample) => {
                let same = |(_, other): &&(usize, &EvaluationSample)| {
                    other.sequences == sample.sequences && other.sequence_actions == sample.sequence_actions
                };
                if let Some((other, _)) = shown.iter().find(same) {
                    html +=
                        &absent(&format!("{}: the same views as {}.", name(runs, index), name(runs, *other)));
                } else if shown.len() < SHOWN {
                    shown.push((index, sample));
                    html += &heading(runs, index);
                    html += &grid(index, sample);
                } else {
                    html +=
                        &absent(&format!("{}: views of at most {SHOWN} runs are shown.", name(runs, index)));
                }
            }
        }
    }
    html
}

fn grid(run: usize, sample: &EvaluationSample) -> String {
    let (views, total) = (sample.sequence_views, sample.sequences.len());
    let Some((sheet, element)) = Sheet::new(&format!("views{run}"), &sample.sequences, true) else {
        return absent("The sample holds no views.");
    };
    let mut html = element;
    for (sequence, start) in (0..total).step_by(views).enumerate() {
        let row = sample.rows.get(sequence).copied().unwrap_or(0) as usize;
        let class = sample.labels.get(row).and_then(|label| sample.class_names.get(*label as usize));
        let class = class.map_or_else(String::new, |class| format!(", {}", short(class, 40)));
        write!(html, "<div class=\"sequence\"><h4>test image {row}{class}</h4><div class=\"views\">")
            .expect("a string takes any text");
        for index in start..(start + views).min(total) {
            let place = index - start;
            let title = if place + 1 == views { "target".to_owned() } else { format!("view {}", place + 1) };
            write!(
                html,
                "<figure>{}<figcaption><b>{title}</b>{}</figcaption></figure>",
                sheet.show(index, &format!("{title} of test image {row}{class}")),
                actions(&sample.actions, sample.sequence_actions.row(index))
            )
            .expect("a string takes any text");
        }
        html += "</div></div>\n";
    }
    html
}

/// The raw parameters, a line for each group.
fn actions(space: &ActionSpace, row: &[f32]) -> String {
    let line = |name: &str, values: &[f32], titles: String| {
        let values: Vec<String> = values.iter().map(|value| brief(f64::from(*value))).collect();
        format!("<span title=\"{titles}\"><i>{}</i> {}</span>", short(name, 16), values.join(" "))
    };
    let units = |range: std::ops::Range<usize>| {
        let parameters = space.parameters()[range].iter();
        let names: Vec<String> = parameters
            .map(|parameter| format!("{} ({})", short(&parameter.name, 24), short(&parameter.unit, 16)))
            .collect();
        names.join(", ")
    };
    if space.groups().is_empty() {
        return line("action", &row[..row.len().min(12)], escape(""));
    }
    let groups = space.groups().iter().take(12);
    groups.map(|group| line(&group.name, &row[group.range.clone()], units(group.range.clone()))).collect()
}
