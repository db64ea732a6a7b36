//! What lies nearest to some images, by either representation.

use std::fmt::Write as _;

use seqjepa_evaluation::{EvaluationSample, SampleTable};

use super::pictures::{SHOWN, Thumbnails};
use super::{heading, name, no_sample};
use crate::html::{absent, escape, short};
use crate::map::nearest;
use crate::number::fixed;
use crate::picture::Sheet;
use crate::read::ReportRun;

/// Images whose neighbours are shown, and how many.
const QUERIES: usize = 8;
const NEIGHBOURS: usize = 6;

pub(super) fn html(runs: &[ReportRun], sheets: &[Thumbnails]) -> String {
    let mut html = String::from(
        "<p>The first picture of each row and those nearest to it by cosine, among the sampled test sequences. The invariant \
         representation should find the same class under other actions; z_1 finds views that look alike. The pictures are view 1 of each \
         sequence.</p>\n",
    );
    for (index, run) in runs.iter().enumerate() {
        match (&run.sample, &sheets[index]) {
            (Err(reason), _) => html += &no_sample(runs, index, reason),
            (Ok(sample), Some((sheet, _))) => {
                html += &heading(runs, index);
                html += &of_run(sample, sheet);
            }
            (Ok(_), None) if index >= SHOWN => {
                html += &absent(&format!(
                    "{}: the neighbours of at most {SHOWN} runs are shown.",
                    name(runs, index)
                ));
            }
            (Ok(_), None) => html += &absent("The sample holds no pictures."),
        }
    }
    html
}

fn of_run(sample: &EvaluationSample, sheet: &Sheet) -> String {
    let labels = sample.sample_labels();
    let queries = queries(labels.as_deref(), sample.len());
    let same = sample.invariant.is_first();
    let tables = [(sample.invariant.name.as_str(), &sample.aggregate), ("z_1", &sample.first)];
    let tables = tables.into_iter().skip(usize::from(same));
    let columns: String = tables
        .map(|(title, table)| of_table(sample, labels.as_deref(), sheet, &queries, title, table))
        .collect();
    format!("<div class=\"grid\">{columns}</div>\n")
}

/// The first of each class, or the first few.
fn queries(labels: Option<&[u32]>, count: usize) -> Vec<usize> {
    let Some(labels) = labels else { return (0..count.min(QUERIES)).collect() };
    let mut queries: Vec<usize> = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        if queries.len() < QUERIES && !queries.iter().any(|query| labels[*query] == *label) {
            queries.push(index);
        }
    }
    queries
}

fn of_table(
    sample: &EvaluationSample,
    labels: Option<&[u32]>,
    sheet: &Sheet,
    queries: &[usize],
    title: &str,
    table: &SampleTable,
) -> String {
    let class = |index: usize| labels.and_then(|labels| sample.class_names.get(labels[index] as usize));
    let class_of = |index: usize| class(index).map_or_else(|| "no class".to_owned(), |name| short(name, 30));
    let mut html = format!("<figure class=\"neighbours\"><figcaption>by {}</figcaption>", escape(title));
    let (mut alike, mut all) = (0, 0);
    for query in queries {
        write!(
            html,
            "<div class=\"row\"><span class=\"query\">{}</span>",
            sheet.show(*query, &format!("query, {}", class_of(*query)))
        )
        .expect("a string takes any text");
        for (index, cosine) in nearest(table, *query, NEIGHBOURS) {
            let right = labels.map(|labels| labels[index] == labels[*query]);
            all += 1;
            alike += usize::from(right == Some(true));
            let kind = match right {
                Some(true) => "same",
                Some(false) => "other",
                None => "",
            };
            let words = format!("{}, cosine {}", class_of(index), fixed(cosine, 3));
            write!(html, "<span class=\"{kind}\" title=\"{words}\">{}</span>", sheet.show(index, &words))
                .expect("a string takes any text");
        }
        write!(html, "<small>{}</small></div>", class_of(*query)).expect("a string takes any text");
    }
    if labels.is_some() && all > 0 {
        write!(html, "<p class=\"note\">Framed: the same class, {alike} of {all}.</p>")
            .expect("a string takes any text");
    }
    html + "</figure>\n"
}
