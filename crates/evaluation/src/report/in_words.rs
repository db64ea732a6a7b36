//! What is good of a run and what is not, in words.

use seqjepa_train::MetricsRow;

use super::results::{Row, rows};
use super::text::one_line;
use super::verdict::{Verdict, verdict};
use crate::card::ResultCard;
use crate::names::FIRST;

/// Paragraphs: the verdicts on the frozen figures, and what leaks.
pub(super) fn in_words(last: Option<&MetricsRow>, card: &ResultCard) -> Vec<String> {
    let rows = rows(card);
    let mut paragraphs = Vec::new();
    let said: [(&str, &[Verdict]); 3] = [
        ("good: better than the untrained model, beyond the noise of the test images", &[Verdict::Better]),
        ("no difference from the untrained model beyond that noise", &[Verdict::WithinNoise, Verdict::Equal]),
        ("NOT GOOD: worse than the untrained model, beyond that noise", &[Verdict::Worse]),
    ];
    let of = |row: &Row| card.figure(&row.figure).and_then(verdict);
    for (words, verdicts) in said {
        let found = rows.iter().filter(|row| of(row).is_some_and(|verdict| verdicts.contains(&verdict)));
        paragraphs.extend(list(words, found));
    }
    let measured = |row: &&Row| {
        card.figure(&row.figure).is_some_and(|figure| figure.trained.value.is_some()) && of(row).is_none()
    };
    paragraphs
        .extend(list("no verdict, for want of an interval on both sides", rows.iter().filter(measured)));
    let absent = |row: &&Row| card.figure(&row.figure).is_none_or(|figure| figure.trained.value.is_none());
    paragraphs.extend(list("not measured (the result card says why)", rows.iter().filter(absent)));
    paragraphs.extend(last.and_then(|last| leakage(last, card)));
    paragraphs
}

fn list<'a>(words: &str, rows: impl Iterator<Item = &'a Row>) -> Option<String> {
    let titles: Vec<_> = rows.map(|row| one_line(&row.title)).collect();
    (!titles.is_empty()).then(|| format!("{words}: {}.", titles.join("; ")))
}

/// The online figures from the representation that should not tell, against those from the one that should.
fn leakage(last: &MetricsRow, card: &ResultCard) -> Option<String> {
    let invariant = &card.method.invariant;
    let name = one_line(&invariant.name);
    let both = |right: &str, wrong: &str| Some((last.get(right)?, last.get(wrong)?));
    let judged = |right: f64, wrong: f64| if wrong < right { "lower: good" } else { "not lower: NOT APART" };
    let mut parts = Vec::new();
    if let Some((right, wrong)) =
        both("online_linacc_test", "leakage_linacc_test").filter(|_| !invariant.is_first())
    {
        let said = judged(right, wrong);
        parts.push(format!("top-1 {wrong:.2} % from {FIRST} against {right:.2} % from {name}, {said}"));
    }
    if let Some((right, wrong)) = both("online_r2_test", "leakage_r2_test") {
        let said = judged(right, wrong);
        parts.push(format!("R2 {wrong:.3} from {name} against {right:.3} from (z_1, z_2), {said}"));
    }
    (!parts.is_empty()).then(|| format!("leakage, where low is good: {}.", parts.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Measured;
    use crate::card::tests_support::card;

    #[test]
    fn every_line_of_the_table_is_judged_once() {
        let mut own = card(&["top1_z_agg_m5", "top1_z1", "r2_a", "r2_b", "r2_mean"]);
        own.scope.groups = vec!["a".into(), "b".into(), "c".into()];
        own.figures[1].trained.interval = None;
        own.figures[2].random = own.figures[2].trained.clone();
        own.figures[3].trained = Measured::absent("diverged");
        own.figures[4].random.value = Some(0.9);
        own.figures[4].random.interval = Some([0.8, 1.0]);
        let mut last = MetricsRow::new(1);
        for (name, value) in [
            ("online_linacc_test", 15.72),
            ("leakage_linacc_test", 17.38),
            ("online_r2_test", 0.201),
            ("leakage_r2_test", 0.054),
        ] {
            last.push(name, value);
        }
        assert_eq!(
            in_words(Some(&last), &own),
            [
                "good: better than the untrained model, beyond the noise of the test images: top-1 % from z_AGG.",
                "no difference from the untrained model beyond that noise: R2 a.",
                "NOT GOOD: worse than the untrained model, beyond that noise: R2, all parameters.",
                "no verdict, for want of an interval on both sides: top-1 % from z_1.",
                "not measured (the result card says why): R2 b; R2 c.",
                "leakage, where low is good: top-1 17.38 % from z_1 against 15.72 % from z_AGG, not lower: NOT APART; \
                 R2 0.054 from z_AGG against 0.201 from (z_1, z_2), lower: good.",
            ]
        );
    }
}
