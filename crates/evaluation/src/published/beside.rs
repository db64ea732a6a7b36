//! The published figure beside a measured one.

use serde_json::Value;

use super::differences;
use super::table::{Match, Setup, find};
use crate::card::{Fit, Protocol, PublishedFigure, TestedSplit};

/// What a figure depends on beside its protocol.
#[derive(Debug)]
pub(crate) struct Conditions<'a> {
    /// Name of the method.
    pub(crate) method: &'a str,
    /// Its configuration.
    pub(crate) config: &'a Value,
    /// Width of its encoder's representation.
    pub(crate) width: usize,
    /// Name of the data set.
    pub(crate) data: &'a str,
    /// What of it the figure was measured on.
    pub(crate) tested: TestedSplit,
    /// M_train.
    pub(crate) observed_views: usize,
    /// Epochs that it was trained, where that is known, and sequences of a step.
    pub(crate) training: (Option<usize>, usize),
}

/// The published figure of that name beside one that `protocol` measured; none beside one of held-out training images, since published
/// ones are of the test split.
pub(crate) fn published_figure(
    name: &str,
    protocol: &Protocol,
    conditions: &Conditions,
) -> Option<PublishedFigure> {
    if conditions.tested == TestedSplit::Validation {
        return None;
    }
    // A config's name says that the images are augmented; there is no other way with them.
    let data = conditions.data.trim_end_matches("_aug");
    let found = find(conditions.method, data, name, conditions.observed_views, conditions.config);
    let Match { setup, m_train, entry } = found?;
    let mut found = Vec::new();
    if data != setup.data {
        found.push(format!("data set {data}, the published {}", setup.data));
    }
    // A subset of the test images is another test, one of the training images another probe.
    let images = [protocol.train_samples / protocol.passes.max(1), protocol.test_samples];
    if images != setup.images {
        let [train, test] = setup.images;
        found.push(format!("{} + {} images, the published {train} + {test}", images[0], images[1]));
    }
    if let Some(views) = &setup.views {
        found.extend(differences::of_views(&protocol.augmentation, views));
    }
    found.extend(setup.config_differences(conditions.config));
    if let Some(width) = setup.width.filter(|width| *width != conditions.width) {
        found.push(format!("an encoder of width {}, the published {width}", conditions.width));
    }
    if protocol.encoder != setup.encoder {
        found.push(format!(
            "the {} encoder, the published {}",
            protocol.encoder.name(),
            setup.encoder.name()
        ));
    }
    if entry.protocols.contains(&protocol.name) {
        found.extend(probe_differences(protocol, setup));
    } else {
        found.push(format!("protocol {}, not {}", protocol.name, entry.protocols[0]));
    }
    if let Some(m_val) = entry.m_val.filter(|m_val| *m_val != protocol.observed_views) {
        found.push(format!("M_val {}, the published {m_val}", protocol.observed_views));
    }
    if conditions.observed_views != m_train {
        found.push(format!("M_train {}, the published {m_train}", conditions.observed_views));
    }
    let comparable = found.is_empty();
    let (epochs, batch) = conditions.training;
    match epochs {
        Some(epochs) if (epochs, batch) == (setup.epochs, setup.batch) => {}
        Some(epochs) => found.push(format!(
            "trained {epochs} epochs at batch {batch}, the published model {} at {}",
            setup.epochs, setup.batch
        )),
        None => found.push("the length of its training is not known".into()),
    }
    Some(PublishedFigure { value: entry.value, comparable, differences: found, source: setup.source.clone() })
}

/// What differs in the training of a probe by gradient descent.
fn probe_differences(protocol: &Protocol, setup: &Setup) -> Vec<String> {
    let Fit::Descent { optimizer, lr, epochs, standardized, .. } = &protocol.fit else {
        return vec!["a probe that is not trained by gradient descent".into()];
    };
    let mut found = Vec::new();
    let published = (&setup.optimizer, setup.lr, setup.probe_epochs, setup.standardized);
    if (optimizer, *lr, *epochs, *standardized) != published {
        found.push(format!(
            "probes trained by {}, not by {} at {} for {} epochs on features {}",
            protocol.fit.summary(),
            setup.optimizer.name(),
            setup.lr,
            setup.probe_epochs,
            if setup.standardized { "standardized" } else { "as they are" },
        ));
    }
    if protocol.passes != *epochs {
        found.push(format!("{} augmentation passes, the published one an epoch", protocol.passes));
    }
    found
}

#[cfg(test)]
mod tests {
    use seqjepa_model::{
        EncoderChoice, EncoderConfig, PredictorConfig, ResNetConfig, SeqJepaConfig, TargetConfig, VitConfig,
    };
    use seqjepa_nn::optimizer::OptimizerConfig;

    use super::*;

    fn protocol(name: &str) -> Protocol {
        let setup = find("seqjepa", "cifar100", "r2_crop", 3, &Value::Null).unwrap().setup;
        Protocol {
            name: name.into(),
            encoder: EncoderChoice::Online,
            representation: "z_AGG".into(),
            observed_views: 5,
            target: "class".into(),
            probe: "linear".into(),
            fit: Fit::Descent {
                optimizer: OptimizerConfig::sgd(0.9),
                lr: 0.1,
                epochs: 100,
                batch_size: 128,
                standardized: false,
            },
            train_samples: 50_000 * 100,
            passes: 100,
            test_samples: 10_000,
            seed: 42,
            augmentation: setup.views.clone().unwrap(),
        }
    }

    fn compare(name: &str, protocol: &Protocol, config: SeqJepaConfig, m_train: usize) -> PublishedFigure {
        let config = serde_json::to_value(config).unwrap();
        let conditions = Conditions {
            method: "seqjepa",
            config: &config,
            width: 512,
            data: "cifar100_aug",
            tested: TestedSplit::Test,
            observed_views: m_train,
            training: (Some(2000), 512),
        };
        published_figure(name, protocol, &conditions).unwrap()
    }

    #[test]
    fn the_published_protocol_is_comparable() {
        for (figure, name, value) in
            [("top1_z_agg_m5", "linear", 58.33), ("r2_crop", "paper", 0.79), ("r2_blur", "linear", 0.92)]
        {
            let found = compare(figure, &protocol(name), SeqJepaConfig::default(), 3);
            assert_eq!(
                (found.value, found.comparable, found.differences.len()),
                (value, true, 0),
                "{found:?}"
            );
        }
    }

    #[test]
    fn whatever_differs_is_named() {
        let differences = |figure: &str, protocol: &Protocol, config, m_train| {
            let found = compare(figure, protocol, config, m_train);
            assert!(!found.comparable && found.differences.len() == 1, "{found:?}");
            found.differences.into_iter().next().unwrap()
        };
        let default = SeqJepaConfig::default;
        let same = |figure, protocol: Protocol| differences(figure, &protocol, default(), 3);
        assert_eq!(same("r2_crop", protocol("linear")), "protocol linear, not paper");
        assert_eq!(same("top1_z_agg_m5", protocol("exact")), "protocol exact, not linear");
        assert_eq!(
            same("r2_crop", Protocol { observed_views: 3, ..protocol("paper") }),
            "M_val 3, the published 5"
        );
        assert!(
            same("r2_crop", Protocol { test_samples: 500, ..protocol("paper") })
                .contains("50000 + 500 images")
        );
        assert!(
            same("r2_crop", Protocol { encoder: EncoderChoice::Target, ..protocol("paper") })
                .contains("the target encoder")
        );
        assert_eq!(
            same("r2_crop", Protocol { train_samples: 500_000, passes: 10, ..protocol("paper") }),
            "10 augmentation passes, the published one an epoch"
        );
        let fit = Fit::Descent {
            optimizer: OptimizerConfig::adam(),
            lr: 0.1,
            epochs: 100,
            batch_size: 128,
            standardized: false,
        };
        assert!(
            same("r2_crop", Protocol { fit, ..protocol("paper") })
                .contains("not by sgd at 0.1 for 100 epochs")
        );
        assert_eq!(differences("r2_crop", &protocol("paper"), default(), 2), "M_train 2, the published 3");
        for (config, words) in [
            (
                SeqJepaConfig {
                    encoder: ResNetConfig { width: 16, ..ResNetConfig::default() }.into(),
                    ..default()
                },
                "width 16",
            ),
            (SeqJepaConfig { encoder: EncoderConfig::Vit(VitConfig::default()), ..default() }, "encoder vit"),
            (SeqJepaConfig { target: TargetConfig::StopGradient, ..default() }, "target stop_gradient"),
            (SeqJepaConfig { predictor: PredictorConfig::Linear, ..default() }, "predictor linear"),
            (SeqJepaConfig { layers: 1, ..default() }, "layers 1, the published 3"),
            (SeqJepaConfig { relative_last_action: true, ..default() }, "relative_last_action true"),
            (
                SeqJepaConfig { action_columns: Some([0, 4]), ..default() },
                "action_columns 0, 4, the published none",
            ),
        ] {
            let found = differences("r2_crop", &protocol("paper"), config, 3);
            assert!(found.contains(words), "{found}");
        }
    }

    #[test]
    fn a_shorter_training_is_comparable_but_named() {
        let config = serde_json::to_value(SeqJepaConfig::default()).unwrap();
        let conditions = |training| Conditions {
            method: "seqjepa",
            config: &config,
            width: 512,
            data: "cifar100",
            tested: TestedSplit::Test,
            observed_views: 3,
            training,
        };
        for (training, words) in
            [((Some(10), 512), "trained 10 epochs at batch 512"), ((None, 512), "not known")]
        {
            let found = published_figure("r2_crop", &protocol("paper"), &conditions(training)).unwrap();
            assert!(found.comparable && found.differences[0].contains(words), "{found:?}");
        }
        let other = Conditions { method: "another", ..conditions((None, 1)) };
        assert_eq!(published_figure("r2_crop", &protocol("paper"), &other), None);
        let held_out = Conditions { tested: TestedSplit::Validation, ..conditions((Some(2000), 512)) };
        assert_eq!(published_figure("r2_crop", &protocol("paper"), &held_out), None);
    }
}
