use seqjepa_model::RepresentationLayout;
use serde::Serialize;

use super::section;
use crate::features::Section;

/// Samples that the diagnostics look at.
const DIAGNOSED: usize = 1024;

/// Rows of a few samples among all, evenly spaced: a data set may be sorted by class.
pub(crate) fn spread(samples: usize, few: usize) -> Vec<usize> {
    let few = few.min(samples);
    (0..few).map(|index| index * samples / few).collect()
}

/// The rows that the diagnostics look at.
pub(crate) fn diagnosed(samples: usize) -> Vec<usize> {
    spread(samples, DIAGNOSED)
}

/// What is extracted of each sequence.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Wanted {
    /// The numbers of observed views to make an invariant representation of; the views are encoded once for all of them.
    pub(super) aggregates: Vec<usize>,
    /// Whether, for each of them but the first view alone, the relative action from the first view to the last.
    pub(super) paths: bool,
    /// M_val: the length of the sequence over which the probes' targets are normalised.
    pub(super) observed: usize,
    /// The number of observed views, one of `aggregates`, that the target view is predicted from.
    pub(super) prediction: Option<usize>,
    /// Whether what the diagnostics look at.
    pub(super) diagnostics: bool,
    /// Whether the first view also by the other of the two encoders, for the diagnostics.
    pub(super) other_encoder: bool,
    /// Whether the samples' classes.
    pub(super) labels: bool,
}

impl Wanted {
    /// The observed views that are encoded: as many as the longest aggregate reads, and the two that regressors read.
    pub(super) fn encoded(&self) -> usize {
        self.aggregates.iter().copied().max().unwrap_or(0).max(2)
    }

    /// The numbers of steps from the first view whose relative action is wanted.
    pub(super) fn steps(&self) -> impl Iterator<Item = usize> + '_ {
        self.aggregates.iter().filter(|views| self.paths && **views > 1).map(|views| views - 1)
    }

    /// The sections of a pass over `samples` sequences with `parameters` action parameters.
    pub(super) fn sections(
        &self,
        layout: &RepresentationLayout,
        samples: usize,
        parameters: usize,
    ) -> Vec<Section> {
        let (width, invariant) = (layout.equivariant.width, layout.invariant.width);
        let mut sections = Vec::new();
        if self.labels {
            sections.push(Section::new(section::LABELS, samples, 1));
        }
        sections.extend([
            Section::new(section::FIRST, samples, width),
            Section::new(section::SECOND, samples, width),
            Section::new(section::RELATIVE, samples, parameters),
            Section::new(section::ABSOLUTE, samples, parameters),
        ]);
        let aggregate = |views: &usize| Section::new(section::aggregate(*views), samples, invariant);
        sections.extend(self.aggregates.iter().map(aggregate));
        sections.extend(self.steps().map(|steps| Section::new(section::path(steps), samples, parameters)));
        if self.prediction.is_some() {
            sections.extend(
                [section::PREDICTION, section::TARGET].map(|name| Section::new(name, samples, width)),
            );
        }
        if self.diagnostics {
            let few = diagnosed(samples).len();
            sections.push(Section::new(section::VIEWS, few, self.encoded() * width));
            if self.other_encoder {
                sections.push(Section::new(section::OTHER_FIRST, few, width));
            }
        }
        sections
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_are_spread_over_all() {
        assert_eq!(spread(10, 4), [0, 2, 5, 7]);
        assert_eq!(spread(3, 4), [0, 1, 2]);
        assert_eq!(spread(5000, 1024).len(), 1024);
    }
}
