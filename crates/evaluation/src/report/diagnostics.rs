//! Collapse diagnostics as a table.

use seqjepa_probes::diagnostics::{Diagnostics, Verdict};

use super::table::Table;
use super::text::{clean, one_line};
use super::wrap::wrapped;
use crate::card::{Diagnosed, RepresentationDiagnostics, ResultCard};

/// The figures that there is a verdict on.
fn judged(side: &RepresentationDiagnostics) -> Option<(&Diagnostics, Verdict)> {
    let figures = side.figures.as_ref()?;
    Some((figures, figures.verdict?))
}

impl ResultCard {
    /// The verdict on z and on the invariant representation in words, a paragraph each, with the figure and threshold behind it,
    /// beside the model as initialised.
    pub(super) fn collapse_summary(&self, escape: fn(&str) -> String) -> Vec<String> {
        let Diagnosed { trained, random } = &self.diagnostics;
        let invariant = escape(&self.method.invariant.name);
        let sides =
            [("z", &trained.encoder, &random.encoder), (&invariant, &trained.aggregate, &random.aggregate)];
        let mut paragraphs = Vec::new();
        // Then nothing that is made of them can be judged.
        let collapsed = |side| judged(side).is_some_and(|(_, verdict)| verdict == Verdict::Collapsed);
        let images_alike = collapsed(&trained.encoder) && collapsed(&random.encoder);
        for (name, trained, random) in sides {
            // Not looked at, as of a method without it.
            let Some((figures, verdict)) = judged(trained) else { continue };
            let rank = |figures: &Diagnostics| figures.rank_me.unwrap_or(f64::NAN);
            if images_alike {
                paragraphs.push(format!(
                    "{name}: no verdict: the encoder gives all images nearly the same features, but so does that of the model as \
                     initialised: the images may hardly differ. RankMe {:.1} of at most {}.",
                    rank(figures),
                    figures.samples.min(figures.width)
                ));
                continue;
            }
            let word = if verdict == Verdict::Healthy { "healthy" } else { &verdict.name().to_uppercase() };
            let mut text = format!(
                "{name}: {word}: {}. RankMe (directions in which features differ) {:.1} of at most {}",
                verdict.meaning(),
                rank(figures),
                figures.samples.min(figures.width)
            );
            if let Some((random, verdict)) = judged(random) {
                text += &format!(", {:.1} as initialised ({})", rank(random), verdict.name());
            }
            text.push('.');
            for reason in &figures.reasons {
                text += &format!(" {}.", escape(reason).trim_end_matches('.'));
            }
            paragraphs.push(text);
        }
        paragraphs
    }

    /// The collapse diagnostics as a table, with the verdicts and their reasons.
    #[must_use]
    pub fn diagnostics_table(&self) -> String {
        let (table, notes) = self.diagnostics_parts(clean);
        notes.iter().fold(table.to_string(), |text, note| text + note + "\n")
    }

    /// The same for a terminal of `width` columns.
    pub(super) fn diagnostics_text(&self, width: usize) -> String {
        let (table, notes) = self.diagnostics_parts(one_line);
        notes.iter().fold(table.fitted(width), |text, note| text + &wrapped(note, width, 2))
    }

    fn diagnostics_parts(&self, escape: fn(&str) -> String) -> (Table, Vec<String>) {
        let Diagnosed { trained, random } = &self.diagnostics;
        let invariant = &self.method.invariant.name;
        let columns = [
            ("z".to_owned(), &trained.encoder),
            ("z, random".into(), &random.encoder),
            (invariant.clone(), &trained.aggregate),
            (format!("{invariant}, random"), &random.aggregate),
        ];
        let titles = columns.iter().map(|(name, _)| name.as_str());
        let mut table = Table::new(["diagnostics"].into_iter().chain(titles));
        type Read = fn(&Diagnostics) -> Option<f64>;
        let rows: [(&str, Read); 5] = [
            ("RankMe", |figures| figures.rank_me),
            ("LiDAR", |figures| figures.lidar),
            ("standard deviation x sqrt(D)", |figures| figures.standard_deviation_ratio),
            ("alignment", |figures| figures.alignment),
            ("uniformity", |figures| figures.uniformity),
        ];
        let show = |figure: Option<f64>| figure.map_or_else(|| "-".into(), |figure| format!("{figure:.3}"));
        for (name, read) in rows {
            let cells = columns.iter().map(|(_, side)| show(side.figures.as_ref().and_then(read)));
            table.push([name.to_owned()].into_iter().chain(cells));
        }
        let verdict = |side: &RepresentationDiagnostics| {
            let verdict = side.figures.as_ref().and_then(|figures| figures.verdict);
            verdict.map_or("-", |verdict| verdict.name()).to_owned()
        };
        table.push(["verdict".to_owned()].into_iter().chain(columns.iter().map(|(_, side)| verdict(side))));
        let mut notes = Vec::new();
        for (name, side) in &columns {
            let reasons = side.figures.iter().flat_map(|figures| &figures.reasons).chain(&side.absent);
            for reason in reasons {
                notes.push(format!("{}: {}", escape(name), escape(reason)));
            }
        }
        for (name, record) in [("trained", trained), ("random", random)] {
            match (&record.drift, &record.drift_absent) {
                (Some(drift), _) => notes.push(format!(
                    "drift of the online from the target encoder, {name}: cosine distance {:.5}, relative L2 {}, linear CKA {}",
                    drift.cosine_distance,
                    show(drift.relative_distance),
                    show(drift.linear_cka)
                )),
                (None, Some(reason)) => notes.push(format!("no drift, {name}: {}", escape(reason))),
                (None, None) => {}
            }
        }
        (table, notes)
    }
}

#[cfg(test)]
mod tests {
    use seqjepa_probes::Features;
    use seqjepa_probes::diagnostics::{DiagnosticsConfig, ViewFeatures, diagnose};

    use super::*;
    use crate::card::tests_support::card;

    #[test]
    fn the_verdict_is_said_in_words() {
        let mut own = card(&["top1_z1"]);
        assert!(own.collapse_summary(clean).is_empty());
        let figures = |values: &[f32]| {
            let views = ViewFeatures::new(Features::new(values, 3).unwrap(), 1).unwrap();
            Some(diagnose(&views, &DiagnosticsConfig::default()).unwrap())
        };
        let spread: Vec<f32> = (0..300).map(|n| ((n * 7919 % 101) as f32 - 50.0) / 50.0).collect();
        own.diagnostics.trained.encoder.figures = figures(&spread);
        own.diagnostics.trained.aggregate.figures = figures(&[0.5, 0.1, 0.3].repeat(100));
        own.diagnostics.random.aggregate.figures = figures(&spread);
        let mut alike = own.clone();
        for side in [&mut alike.diagnostics.trained, &mut alike.diagnostics.random] {
            side.encoder.figures = figures(&[0.1, 0.5, 0.2].repeat(100));
        }
        let text = alike.collapse_summary(clean).join("\n");
        assert!(
            text.matches("no verdict: the encoder").count() == 2 && !text.contains("COLLAPSED"),
            "{text}"
        );
        let [z, aggregate] = &own.collapse_summary(clean)[..] else { panic!("two are looked at") };
        assert!(
            z.starts_with("z: healthy: features of different images differ, in many directions. RankMe"),
            "{z}"
        );
        let start = "z_AGG: COLLAPSED: all images have nearly the same features. RankMe (directions in which features \
                     differ) 1.0 of at most 3, ";
        assert!(aggregate.starts_with(start), "{aggregate}");
        assert!(
            aggregate.contains("as initialised (healthy)") && aggregate.contains("below 0.0500: collapsed"),
            "{aggregate}"
        );
    }
}
