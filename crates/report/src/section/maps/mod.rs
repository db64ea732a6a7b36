//! Maps of z_1 and of the invariant representation.

mod bitmaps;
mod colours;

pub(super) use bitmaps::bitmaps;

use std::fmt::Write as _;

use seqjepa_evaluation::{EvaluationSample, SampleTable};

use self::colours::{PARAMETERS, coloured};
use super::pictures::{SHOWN, Thumbnails};
use super::{heading, name, no_sample};
use crate::chart::{Shape, placed};
use crate::html::{absent, escape, json_numbers, json_text, short};
use crate::map::{Maps, maps};
use crate::number::fixed;
use crate::read::ReportRun;

/// Pixels of a map, and of the margin around it.
const SIZE: f64 = 400.0;
const MARGIN: f64 = 10.0;
/// Marks of classes whose colour is the same.
const SHAPES: [Shape; 4] = [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Diamond];
/// Classes with a place in the legend.
const CLASSES: usize = 64;

pub(super) fn html(runs: &[ReportRun], sheets: &[Thumbnails]) -> String {
    let mut html = String::from(
        "<p>Test sequences as points: near each other where their representations are alike. Principal components keep distances along \
         the two directions of greatest variance; t-SNE and UMAP keep neighbours (by cosine) together, and their distances between groups and \
         their axes mean nothing. In a map of the invariant representation the classes should gather; in one of z_1 the action parameters should \
         run smoothly.</p>\n",
    );
    for (index, run) in runs.iter().enumerate() {
        match &run.sample {
            Err(reason) => html += &no_sample(runs, index, reason),
            Ok(_) if index >= SHOWN => {
                html += &absent(&format!(
                    "{}: the features of at most {SHOWN} runs are shown.",
                    name(runs, index)
                ));
            }
            Ok(sample) => {
                html += &heading(runs, index);
                html += &of_run(index, sample, sheets[index].as_ref());
            }
        }
    }
    html
}

fn of_run(
    index: usize,
    sample: &EvaluationSample,
    sheet: Option<&(crate::picture::Sheet, String)>,
) -> String {
    let mut html = sheet.map_or_else(String::new, |(_, element)| element.clone());
    let labels = sample.sample_labels();
    let mut drawn = String::new();
    let same = sample.invariant.is_first();
    let invariant = (sample.invariant.name.as_str(), &sample.aggregate);
    let tables: [(&str, &SampleTable); 2] = [invariant, ("z_1", &sample.first)];
    for (representation, table) in tables.into_iter().skip(usize::from(same)) {
        match maps(table) {
            Err(reason) => {
                html += &absent(&format!("No map of {}: {}.", escape(representation), escape(&reason)));
            }
            Ok(maps) => drawn += &figures(representation, &maps, labels.as_deref()),
        }
    }
    if drawn.is_empty() {
        return html;
    }
    write!(html, "<div class=\"maps\" data-run=\"{index}\">").expect("a string takes any text");
    html += &colours(index, sample, labels.is_some());
    html += &legend(sample, labels.as_deref());
    writeln!(html, "<div class=\"grid\">\n{drawn}</div>").expect("a string takes any text");
    writeln!(
        html,
        "<script type=\"application/json\">{}</script></div>",
        json(sample, labels.as_deref(), sheet.map(|(sheet, _)| sheet.json()))
    )
    .expect("a string takes any text");
    html
}

/// By what points are coloured.
fn colours(index: usize, sample: &EvaluationSample, labelled: bool) -> String {
    let mut html = format!(
        "<p class=\"choice\"><label for=\"colour{index}\">Colour by</label> <select id=\"colour{index}\">"
    );
    if labelled {
        html += "<option value=\"class\">class</option>";
    }
    for (place, parameter) in sample.actions.parameters().iter().take(PARAMETERS).enumerate() {
        write!(html, "<option value=\"{place}\">{}, relative</option>", short(&parameter.name, 40))
            .expect("a string takes any text");
    }
    html + "</select> <span class=\"scale\" hidden></span></p>\n"
}

fn legend(sample: &EvaluationSample, labels: Option<&[u32]>) -> String {
    let Some(labels) = labels else {
        return absent("The images have no classes; points are coloured by an action parameter.");
    };
    let mut html = String::from("<ul class=\"legend classes\">");
    for (class, class_name) in sample.class_names.iter().enumerate().take(CLASSES) {
        if labels.iter().any(|label| *label as usize == class) {
            write!(
                html,
                "<li><button type=\"button\" data-class=\"{class}\" aria-pressed=\"false\"><svg class=\"mark\" viewBox=\"-6 -6 12 12\" \
                 aria-hidden=\"true\">{}</svg>{}</button></li>",
                mark(0.0, 0.0, class),
                short(class_name, 24)
            )
            .expect("a string takes any text");
        }
    }
    html + "</ul>\n"
}

/// A point of a class: eight colours, and four shapes where these do not do.
fn mark(x: f64, y: f64, class: usize) -> String {
    let colour = class % 8;
    let (x, y) = (fixed_short(x), fixed_short(y));
    let path = match SHAPES[class / 8 % 4] {
        Shape::Circle => return format!("<circle class=\"p k{colour}\" cx=\"{x}\" cy=\"{y}\" r=\"3.2\"/>"),
        Shape::Square => "M-3-3h6v6h-6z",
        Shape::Triangle => "M0-4.2L4 3h-8z",
        Shape::Diamond => "M0-4.4L4.4 0 0 4.4-4.4 0z",
    };
    format!("<path class=\"p k{colour}\" d=\"{path}\" transform=\"translate({x} {y})\"/>")
}

fn fixed_short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.trim_end_matches(".0").to_owned()
}

fn figures(representation: &str, maps: &Maps, labels: Option<&[u32]>) -> String {
    let percent = |share: f64| format!("{} %", fixed(100.0 * share, 1));
    let shares = format!("{} and {} of the variance", percent(maps.shares[0]), percent(maps.shares[1]));
    [
        ("principal components", shares.as_str(), &maps.principal),
        ("t-SNE", "perplexity 30, no axes", &maps.tsne),
        ("UMAP", "15 neighbours, least distance 0.1, no axes", &maps.umap),
    ]
        .into_iter()
        .map(|(kind, note, points)| {
            let title = format!("{}: {kind}", escape(representation));
            let placed = placed(points, SIZE, MARGIN);
            let marks: String = placed
                .iter()
                .enumerate()
                .map(|(index, [x, y])| mark(*x, *y, labels.map_or(0, |labels| labels[index] as usize)))
                .collect();
            format!(
                "<figure class=\"map\" tabindex=\"0\" role=\"group\" aria-label=\"{title}: left and right arrow keys read points\">\
                 <figcaption>{title} <small>{note}</small></figcaption><svg class=\"chart\" viewBox=\"0 0 {SIZE} {SIZE}\" role=\"img\" \
                 aria-label=\"{title}, {} test sequences as points\">{marks}<g class=\"cursor\"></g></svg></figure>\n",
                points.len()
            )
        })
        .collect()
}

/// What hover values and colours need.
fn json(sample: &EvaluationSample, labels: Option<&[u32]>, sheet: Option<String>) -> String {
    let names: Vec<String> = sample.class_names.iter().map(|name| json_text(name)).collect();
    let integers = |values: &[u32]| json_numbers(values.iter().map(|value| f64::from(*value)));
    let predicted: Vec<u32> =
        sample.rows.iter().filter_map(|row| sample.predicted.get(*row as usize).copied()).collect();
    let parameters: Vec<String> = coloured(sample)
        .iter()
        .map(|parameter| {
            format!(
                "{{\"n\":{},\"r\":{},\"v\":{},\"s\":{}}}",
                json_text(parameter.name),
                json_numbers(parameter.range),
                json_numbers(parameter.values.iter().map(|value| (value * 1000.0).round() / 1000.0)),
                json_numbers(parameter.values.iter().map(|value| parameter.step(*value) as f64))
            )
        })
        .collect();
    format!(
        "{{\"names\":[{}],\"rows\":{},\"labels\":{},\"predicted\":{},\"sheet\":{},\"parameters\":[{}]}}",
        names.join(","),
        integers(&sample.rows),
        integers(labels.unwrap_or_default()),
        integers(&predicted),
        sheet.unwrap_or_else(|| "null".into()),
        parameters.join(",")
    )
}
