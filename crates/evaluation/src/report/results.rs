//! The figures of a run in a few lines.

use std::cmp::Ordering;

use seqjepa_train::MetricsRow;

use super::differences::{of_other_data, shortened};
use super::numbers::{measured, number, value};
use super::table::Table;
use super::text::clean;
use crate::card::{Figure, Measured, PublishedFigure, ResultCard};
use crate::names::{FIRST, FIRST_SUFFIX};

/// The figures of a run: online, leakage, frozen, and frozen on the randomly initialised model, with a verdict on each,
/// beside the published ones where data set and protocol are those; below the table, what each column and name is, and whether
/// the representations have collapsed.
///
/// `last` is the row of the last epoch, where there is one.
#[must_use]
pub fn results_table(last: Option<&MetricsRow>, card: &ResultCard) -> String {
    let rows = rows(card);
    // A column of others' figures beside what was measured otherwise would be read as a comparison.
    let with_paper = rows.iter().any(|row| row.published(card).is_some_and(|published| published.comparable));
    let titles = ["test split", "online", "leakage", "frozen", "frozen, random", "trained vs random"];
    let mut table = Table::new(titles.into_iter().chain(with_paper.then_some("paper")));
    let mut elsewhere = Vec::new();
    for row in &rows {
        let online = |name: &Option<String>| {
            let name = name.as_deref().unwrap_or_default();
            let digits = if name.contains("linacc") { 2 } else { 3 };
            number(last.and_then(|row| row.get(name)), digits)
        };
        let figure = card.figure(&row.figure);
        let text = |side: fn(&Figure) -> &Measured| {
            figure.map_or_else(|| "-".into(), |figure| measured(side(figure), &row.figure))
        };
        let mut cells = vec![
            row.title.clone(),
            online(&row.online),
            online(&row.leakage),
            text(|figure| &figure.trained),
            text(|figure| &figure.random),
            figure.map_or("-", verdict).into(),
        ];
        let published = row.published(card);
        if with_paper {
            let beside = published.filter(|published| published.comparable).map(|published| published.value);
            cells.push(value(beside, &row.figure));
        }
        if let Some(published) = published.filter(|published| !published.comparable) {
            elsewhere.push((row.title.clone(), value(Some(published.value), &row.figure), published));
        }
        table.push(cells);
    }
    format!("{table}\n{}{}{}", legend(card), orientation(&elsewhere), card.collapse_summary())
}

/// A line of the table: its title, the online figures beside it, and its name on a card.
struct Row {
    title: String,
    online: Option<String>,
    leakage: Option<String>,
    figure: String,
}

impl Row {
    fn published<'a>(&self, card: &'a ResultCard) -> Option<&'a PublishedFigure> {
        card.figure(&self.figure)?.published.as_ref()
    }
}

fn rows(card: &ResultCard) -> Vec<Row> {
    let row = |title: String, online: Option<&str>, leakage: Option<&str>, figure: String| Row {
        title,
        online: online.map(str::to_owned),
        leakage: leakage.map(str::to_owned),
        figure,
    };
    let invariant = &card.method.invariant;
    let title = format!("top-1 % from {}", invariant.name);
    let mut rows = vec![row(title, Some("online_linacc_test"), Some("leakage_linacc_test"), card.headline())];
    if !invariant.is_first() {
        rows.push(row(format!("top-1 % from {FIRST}"), None, None, format!("top1_{FIRST_SUFFIX}")));
    }
    for group in &card.scope.groups {
        let online = |kind: &str| format!("{kind}_r2_{group}_test");
        let [online, leakage] = ["online", "leakage"].map(online);
        rows.push(row(format!("R2 {group}"), Some(&online), Some(&leakage), format!("r2_{group}")));
    }
    let title = "R2, all parameters".to_owned();
    rows.push(row(title, Some("online_r2_test"), Some("leakage_r2_test"), "r2_mean".into()));
    rows
}

/// The trained model's figure against the random one's; the intervals say whether the difference is beyond the noise of the
/// test images.
fn verdict(figure: &Figure) -> &'static str {
    let (Some(trained), Some(random)) = (figure.trained.value, figure.random.value) else {
        return "-";
    };
    let apart = match (figure.trained.interval, figure.random.interval) {
        (Some(trained), Some(random)) => trained[0] > random[1] || trained[1] < random[0],
        _ => true,
    };
    match (trained.total_cmp(&random), apart) {
        (Ordering::Equal, _) => "equal",
        (_, false) => "no difference within noise",
        (Ordering::Greater, true) => "better",
        (Ordering::Less, true) => "WORSE",
    }
}

fn legend(card: &ResultCard) -> String {
    let Some(figure) = card.figure(&card.headline()) else {
        return String::new();
    };
    let (protocol, invariant) = (&figure.protocol, &card.method.invariant);
    let name = clean(&invariant.name);
    let of = if invariant.of_sequence {
        format!("the representation of a sequence of {} observed views (M_val)", protocol.observed_views)
    } else {
        "the representation of an image".into()
    };
    let intervals = card.figures.iter().any(|figure| figure.trained.interval.is_some());
    // "protocol `exact` (exact)" would say it twice.
    let fit = Some(clean(&protocol.fit.summary())).filter(|fit| *fit != protocol.name);
    let fit = fit.map_or_else(String::new, |fit| format!(" ({fit})"));
    let mut text = format!(
        "{name}: {of}, meant not to depend on the views.\n\
         z_1, z_2: the encoder's representations of views 1 and 2, meant to tell how the views differ.\n\
         R2: of the relative action, what leads from view 1 to view 2; 1 is perfect, 0 no better than the mean; the mean\n\
         \x20 over the parameters of the group.\n\
         online: probes trained beside the model, last epoch: top-1 from {name}, R2 from (z_1, z_2).\n\
         leakage: the same the wrong way round, top-1 from z_1, R2 from {name}: low is good, the two kinds of\n\
         \x20 representation are then apart.\n\
         frozen: protocol `{}`{} on the frozen {} encoder, {}; {} images to fit, {} to test,\n\
         \x20 {}, seed {}{}.\n\
         frozen, random: the same protocol on the model as initialised.\n",
        clean(&protocol.name),
        fit,
        card.encoder.name(),
        counted(protocol.observed_views, "observed view", "s"),
        card.data.train_images,
        card.data.test_images,
        counted(protocol.passes, "augmentation pass", "es"),
        protocol.seed,
        if intervals { "; brackets: 95 % bootstrap intervals over the test images" } else { "" },
    );
    if let Some(published) = figure.published.as_ref().filter(|published| published.comparable) {
        let source = clean(&published.source);
        text += &if published.differences.is_empty() {
            format!("paper: the same data set and protocol ({source}).\n")
        } else {
            format!(
                "paper: the same data set and protocol ({source}), but {}.\n",
                clean(&published.differences.join("; "))
            )
        };
    }
    text
}

fn counted(count: usize, what: &str, plural: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { plural })
}

/// Where a published figure is from, and in what it differs.
type SourceAndDifferences<'a> = (&'a str, &'a [String]);

/// The published figures on the same data that were measured otherwise, those that differ in the same from one source together.
/// Of other data the card alone has them.
fn orientation(figures: &[(String, String, &PublishedFigure)]) -> String {
    let mut notes: Vec<(SourceAndDifferences<'_>, Vec<String>)> = Vec::new();
    for (title, value, published) in figures {
        if of_other_data(published) {
            continue;
        }
        let key = (published.source.as_str(), published.differences.as_slice());
        let text = format!("{title} {value}");
        match notes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, texts)) => texts.push(text),
            None => notes.push((key, vec![text])),
        }
    }
    let line = |((source, differences), texts): &((&str, &[String]), Vec<String>)| {
        format!(
            "for orientation, not measured so ({}): {}: {}.\n",
            clean(source),
            clean(&texts.join(", ")),
            clean(&shortened(differences))
        )
    };
    notes.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::tests_support::{card, figure, published};

    #[test]
    fn a_difference_within_noise_is_none() {
        let of = |trained: (f64, [f64; 2]), random: (f64, [f64; 2])| {
            let mut figure = figure("r2_crop", "exact");
            for (side, (value, interval)) in [(&mut figure.trained, trained), (&mut figure.random, random)] {
                (side.value, side.interval) = (Some(value), Some(interval));
            }
            verdict(&figure)
        };
        assert_eq!(of((-0.001, [-0.01, 0.01]), (0.0, [-0.01, 0.01])), "no difference within noise");
        assert_eq!(of((0.001, [-0.01, 0.01]), (0.0, [-0.01, 0.01])), "no difference within noise");
        assert_eq!(of((0.5, [0.4, 0.6]), (0.1, [0.0, 0.2])), "better");
        assert_eq!(of((0.1, [0.0, 0.2]), (0.5, [0.4, 0.6])), "WORSE");
        assert_eq!(of((0.1, [0.0, 0.2]), (0.1, [0.0, 0.2])), "equal");
        let mut absent = figure("r2_crop", "exact");
        absent.random = Measured::absent("diverged");
        assert_eq!(verdict(&absent), "-");
    }

    #[test]
    fn a_published_figure_stands_beside_what_was_measured_alike() {
        let mut own = card(&["top1_z_agg_m5", "top1_z1", "r2_zoom", "r2_mean"]);
        own.scope.groups = vec!["zoom".into()];
        own.figures[0].published = Some(published(58.33, true, &[]));
        own.figures[2].published =
            Some(published(0.79, false, &["layers 1, the published 3", "b", "c", "d", "e"]));
        own.figures[3].published =
            Some(published(0.75, false, &["data set synthetic, the published cifar100"]));
        let text = results_table(None, &own);
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
        assert!(line("| top-1 % from z_AGG").contains("58.33 |"), "{text}");
        assert!(line("| R2 zoom").ends_with("- |"), "{text}");
        assert!(text.contains("paper: the same data set and protocol (somewhere)"), "{text}");
        assert!(
            text.contains(
                "not measured so (somewhere): R2 zoom 0.790: layers 1, the published 3; b; c; and 2 more"
            ),
            "{text}"
        );
        // The figures of other data are on the card alone.
        assert!(!text.contains("0.750"), "{text}");
        own.figures[0].published = None;
        let text = results_table(None, &own);
        assert!(!text.contains("paper"), "{text}");
    }
}
