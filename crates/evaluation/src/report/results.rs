//! The figures of a run in a few lines.

use std::cmp::Ordering;

use seqjepa_train::MetricsRow;

use super::numbers::{measured, number, value};
use super::table::Table;
use super::text::clean;
use crate::card::{Figure, Measured, PublishedFigure, ResultCard};
use crate::names::{FIRST, FIRST_SUFFIX};

/// The figures of a run: online, leakage, frozen, and frozen on the randomly initialised model, with a verdict on each,
/// beside the published ones where data set and protocol are those; below the table, what each column is.
///
/// `last` is the row of the last epoch, where there is one.
#[must_use]
pub fn results_table(last: Option<&MetricsRow>, card: &ResultCard) -> String {
    let mut table = Table::new([
        "test split",
        "online",
        "leakage",
        "frozen",
        "frozen, random",
        "trained vs random",
        "paper",
    ]);
    let online = |name: &str| {
        let digits = if name.contains("linacc") { 2 } else { 3 };
        number(last.and_then(|row| row.get(name)), digits)
    };
    let mut elsewhere = Vec::new();
    let mut row = |title: &str, online: String, leakage: String, name: &str| {
        let figure = card.figure(name);
        let text = |side: fn(&Figure) -> &Measured| {
            figure.map_or_else(|| "-".into(), |figure| measured(side(figure), name))
        };
        let published = figure.and_then(|figure| figure.published.as_ref());
        let beside = published.filter(|published| published.comparable).map(|published| published.value);
        if let Some(published) = published.filter(|published| !published.comparable) {
            elsewhere.push((title.to_owned(), value(Some(published.value), name), published));
        }
        table.push([
            title.to_owned(),
            online,
            leakage,
            text(|figure| &figure.trained),
            text(|figure| &figure.random),
            figure.map_or("-", verdict).into(),
            value(beside, name),
        ]);
    };
    let none = || "-".to_owned();
    let invariant = &card.method.invariant;
    let title = format!("top-1 % from {}", invariant.name);
    row(&title, online("online_linacc_test"), online("leakage_linacc_test"), &card.headline());
    if !invariant.is_first() {
        row(&format!("top-1 % from {FIRST}"), none(), none(), &format!("top1_{FIRST_SUFFIX}"));
    }
    for group in &card.scope.groups {
        row(
            &format!("R2 {group}"),
            online(&format!("online_r2_{group}_test")),
            online(&format!("leakage_r2_{group}_test")),
            &format!("r2_{group}"),
        );
    }
    row("R2, all parameters", online("online_r2_test"), online("leakage_r2_test"), "r2_mean");
    format!("{table}\n{}{}", legend(card), orientation(&elsewhere))
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
    let mut text = format!(
        "{name}: {of}, meant not to depend on the views; z_1, z_2: the encoder's of one view, meant to show it.\n\
         online, leakage: probes trained beside the model, last epoch; top-1 from {name} (leakage: z_1), R2 of the relative\n\
         \x20 action from (z_1, z_2) (leakage: {name}, where less is better), each the mean over the parameters of the group.\n\
         frozen: protocol `{}` ({}) on the frozen {} encoder, {} observed view(s); {} images to fit, {} to test,\n\
         \x20 {} augmentation pass(es), seed {}{}.\n\
         frozen, random: the same protocol on the model as initialised.\n",
        clean(&protocol.name),
        clean(&protocol.fit.summary()),
        card.encoder.name(),
        protocol.observed_views,
        card.data.train_images,
        card.data.test_images,
        protocol.passes,
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

/// The published figures that were measured otherwise, those that differ in the same from one source together.
fn orientation(figures: &[(String, String, &PublishedFigure)]) -> String {
    let mut notes: Vec<((&str, &[String]), Vec<String>)> = Vec::new();
    for (title, value, published) in figures {
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
            clean(&differences.join("; "))
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
        own.figures[2].published = Some(published(0.79, false, &["data set another"]));
        let text = results_table(None, &own);
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
        assert!(line("| top-1 % from z_AGG").contains("58.33 |"), "{text}");
        assert!(line("| R2 zoom").ends_with("- |"), "{text}");
        assert!(text.contains("paper: the same data set and protocol (somewhere)"), "{text}");
        assert!(
            text.contains("for orientation, not measured so (somewhere): R2 zoom 0.790: data set another"),
            "{text}"
        );
    }
}
