//! Nearest neighbours.

use seqjepa_probes::Labelled;
use seqjepa_probes::knn::{KnnConfig, knn};

use super::super::card::{Fit, Measured};
use super::super::extract::name;
use super::{Session, Split, features, with_notes};
use crate::TrainError;

/// Neighbours that vote.
const NEIGHBOURS: [usize; 2] = [20, 200];

impl Session<'_> {
    /// Top-1 of nearest neighbours from z_AGG and from z_1.
    pub fn neighbours(&mut self) -> Result<(), TrainError> {
        let config = KnnConfig { neighbours: NEIGHBOURS.to_vec(), ..KnnConfig::default() };
        let none = self.no_classes()?;
        for (read, suffix) in [(self.aggregate(self.observed()), "z_agg"), (self.first(), "z1")] {
            let result = match &none {
                Some(reason) => Err(reason.clone()),
                None => {
                    let bank = &self.train[..1];
                    let train = read.sections.iter().map(|section| Self::section(bank, section));
                    let [train, test] =
                        [train.collect::<Result<Vec<_>, _>>()?, self.tables(Split::Test, &read)?];
                    let labels = [bank[0].read_integers(name::LABELS)?, self.labels(Split::Test)?];
                    let classes = self.passes.classes;
                    let found = (|| {
                        let train = Labelled::new(features(&train)?, &labels[0])?;
                        let test = Labelled::new(features(&test)?, &labels[1])?;
                        knn(&train, &test, classes, &config, &self.bootstrap)
                    })();
                    found.map_err(|error| error.to_string())
                }
            };
            for neighbours in NEIGHBOURS {
                let probe =
                    format!("{neighbours} nearest neighbours, cosine, temperature {}", config.temperature);
                let protocol = self.protocol("knn", &read, "class".into(), probe, Fit::None);
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
        }
        Ok(())
    }
}
