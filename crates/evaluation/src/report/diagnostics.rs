//! Collapse diagnostics as a table.

use seqjepa_probes::diagnostics::Diagnostics;

use super::table::Table;
use super::text::clean;
use crate::card::{Diagnosed, RepresentationDiagnostics, ResultCard};

impl ResultCard {
    /// The collapse diagnostics as a table, with the verdicts and their reasons.
    #[must_use]
    pub fn diagnostics_table(&self) -> String {
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
        let mut text = table.to_string();
        for (name, side) in &columns {
            let reasons = side.figures.iter().flat_map(|figures| &figures.reasons).chain(&side.absent);
            for reason in reasons {
                text += &format!("{}: {}\n", clean(name), clean(reason));
            }
        }
        for (name, record) in [("trained", trained), ("random", random)] {
            text += &match (&record.drift, &record.drift_absent) {
                (Some(drift), _) => format!(
                    "drift of the online from the target encoder, {name}: cosine distance {:.5}, relative L2 {}, linear CKA {}\n",
                    drift.cosine_distance,
                    show(drift.relative_distance),
                    show(drift.linear_cka)
                ),
                (None, Some(reason)) => format!("no drift, {name}: {}\n", clean(reason)),
                (None, None) => String::new(),
            };
        }
        text
    }
}
