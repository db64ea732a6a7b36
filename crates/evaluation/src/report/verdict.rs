//! Whether training has made a figure better.

use std::cmp::Ordering;

use crate::card::Figure;

/// The trained model's figure against that of the model as initialised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Higher, beyond the noise of the test images.
    Better,
    /// Lower, beyond that noise.
    Worse,
    /// Within that noise.
    WithinNoise,
    /// The very same.
    Equal,
}

impl Verdict {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "WORSE",
            Self::WithinNoise => "no difference within noise",
            Self::Equal => "equal",
        }
    }

    /// The verdict on a figure of a full table: of leakage, more is no better.
    pub(crate) fn word_of(self, figure: &str) -> &'static str {
        let leakage = figure.starts_with("leakage_");
        match self {
            Self::Better if leakage => "more",
            Self::Worse if leakage => "less",
            Self::Better => "better",
            Self::Worse => "WORSE",
            Self::WithinNoise | Self::Equal => "same",
        }
    }
}

/// The intervals say whether the difference is beyond the noise of the test images: without an interval on both sides there is no
/// verdict.
pub(crate) fn verdict(figure: &Figure) -> Option<Verdict> {
    let (trained, random) = (figure.trained.value?, figure.random.value?);
    let (within, beside) = (figure.trained.interval?, figure.random.interval?);
    let apart = within[0] > beside[1] || within[1] < beside[0];
    Some(match (trained.total_cmp(&random), apart) {
        (Ordering::Equal, _) => Verdict::Equal,
        (_, false) => Verdict::WithinNoise,
        (Ordering::Greater, true) => Verdict::Better,
        (Ordering::Less, true) => Verdict::Worse,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Measured;
    use crate::card::tests_support::figure;

    #[test]
    fn a_difference_within_noise_is_none() {
        let of = |trained: (f64, [f64; 2]), random: (f64, [f64; 2])| {
            let mut figure = figure("r2_crop", "exact");
            for (side, (value, interval)) in [(&mut figure.trained, trained), (&mut figure.random, random)] {
                (side.value, side.interval) = (Some(value), Some(interval));
            }
            verdict(&figure).unwrap()
        };
        assert_eq!(of((-0.001, [-0.01, 0.01]), (0.0, [-0.01, 0.01])), Verdict::WithinNoise);
        assert_eq!(of((0.001, [-0.01, 0.01]), (0.0, [-0.01, 0.01])), Verdict::WithinNoise);
        assert_eq!(of((0.5, [0.4, 0.6]), (0.1, [0.0, 0.2])), Verdict::Better);
        assert_eq!(of((0.1, [0.0, 0.2]), (0.5, [0.4, 0.6])), Verdict::Worse);
        assert_eq!(of((0.1, [0.0, 0.2]), (0.1, [0.0, 0.2])), Verdict::Equal);
    }

    #[test]
    fn there_is_no_verdict_without_an_interval_on_both_sides() {
        let whole = figure("r2_crop", "exact");
        let mut absent = whole.clone();
        absent.random = Measured::absent("diverged");
        let [mut trained, mut random] = [whole.clone(), whole.clone()];
        (trained.trained.interval, random.random.interval) = (None, None);
        for figure in [absent, trained, random] {
            assert_eq!(verdict(&figure), None);
        }
        assert_eq!(verdict(&whole), Some(Verdict::Better));
        assert_eq!(
            (Verdict::Better.word_of("leakage_r2_crop"), Verdict::Better.word_of("r2_crop")),
            ("more", "better")
        );
    }
}
