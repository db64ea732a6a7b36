//! Nearest neighbours.

use seqjepa_data::Split;
use seqjepa_probes::Labelled;
use seqjepa_probes::knn::{KnnConfig, KnnResult, knn};

use super::session::{Read, Session, features, table, with_notes};
use crate::card::{Fit, Measured};
use crate::error::EvaluationError;
use crate::extraction::section;
use crate::names::FIRST_SUFFIX;

/// Neighbours that vote.
const NEIGHBOURS: [usize; 2] = [20, 200];

impl Session<'_> {
    /// Top-1 of nearest neighbours from the invariant representation and from z_1.
    pub(super) fn neighbours(&mut self) -> Result<(), EvaluationError> {
        let invariant = &self.passes.invariant;
        let mut reads = vec![(self.first(), FIRST_SUFFIX.to_owned())];
        if !invariant.is_first() {
            reads.insert(0, (self.headline(), invariant.suffix()));
        }
        for (read, suffix) in reads {
            self.neighbours_of(&read, &suffix)?;
        }
        Ok(())
    }

    /// Top-1 of nearest neighbours from one representation.
    pub(super) fn neighbours_of(&mut self, read: &Read, suffix: &str) -> Result<(), EvaluationError> {
        let config =
            KnnConfig { neighbours: NEIGHBOURS.to_vec(), temperature: self.passes.settings.knn_temperature };
        let result = self.vote(read, &config)?;
        for neighbours in NEIGHBOURS {
            let probe =
                format!("{neighbours} nearest neighbours, cosine, temperature {}", config.temperature);
            let protocol = self.protocol("knn", read, "class".into(), probe, Fit::None);
            let measured = match &result {
                Err(reason) => Measured::absent(reason),
                Ok(result) => {
                    let top1 = result.score(neighbours).and_then(|score| score.top1);
                    let few = (result.train_samples < neighbours)
                        .then(|| format!("all {} training images vote", result.train_samples));
                    with_notes(top1, None, few.as_slice(), "no test images")
                }
            };
            self.push(format!("knn{neighbours}_{suffix}"), &protocol, measured);
        }
        Ok(())
    }

    /// What the neighbours in the first training pass say, or why they cannot.
    fn vote(&self, read: &Read, config: &KnnConfig) -> Result<Result<KnnResult, String>, EvaluationError> {
        let classes = match &self.passes.splits.classes {
            Err(reason) => return Ok(Err(reason.clone())),
            Ok(classes) => *classes,
        };
        let bank = &self.train[..1];
        let train = read.sections.iter().map(|section| table(bank, section));
        let [train, test] = [train.collect::<Result<Vec<_>, _>>()?, self.tables(Split::Test, read)?];
        let labels = [bank[0].read_integers(section::LABELS)?, self.labels(Split::Test)?];
        let found = (|| {
            let train = Labelled::new(features(&train)?, &labels[0])?;
            let test = Labelled::new(features(&test)?, &labels[1])?;
            knn(&train, &test, classes, config, &self.bootstrap)
        })();
        Ok(found.map_err(|error| error.to_string()))
    }
}
