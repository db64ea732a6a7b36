//! A data set whose training images are unlabelled, with labelled ones of its own for frozen probes.

use std::sync::Arc;

use seqjepa_data::dataset::Synthetic;
use seqjepa_data::{ActionSpace, AugmentedImages, ImageSet, SequenceSource, Split};
use seqjepa_run::registry::{DataSet, DataSetEntry, DataSetError};
use seqjepa_run::{Config, ConfigError, Registry, Run};
use seqjepa_train::observer::{Observer, Observers};

const TINY: &str = "
run: {name: tiny, seed: 7, device: flex, epochs: 1}
dataset: {name: halves, seq_len: 2, batch_size: 8, num_workers: 1}
model: {img_size: 16, width: 4, pred_hidden: 16, num_heads: 2, num_enc_layers: 1, act_projdim: 8}
eval: {seq_len: 2, max_seq_len: 2, candidates: 3, other_candidates: 4, batch_size: 8, bootstrap: 10, num_workers: 1}
";

/// Half of the training images without their labels, the other half with them.
struct Halves;

impl Halves {
    fn sequences(config: &Config, images: ImageSet) -> Result<Arc<dyn SequenceSource>, DataSetError> {
        let sequences = config.sequences(config.dataset.seq_len, Synthetic::NORMALIZATION)?;
        Ok(Arc::new(AugmentedImages::new(Arc::new(images), sequences)?))
    }
}

impl DataSetEntry for Halves {
    fn actions(&self, config: &Config) -> Result<ActionSpace, ConfigError> {
        Ok(config.augmentation_space())
    }

    fn open(&self, config: &Config, _: &mut dyn Observer) -> Result<DataSet, DataSetError> {
        let synthetic = Synthetic { image_size: 16, train_images: 24, test_images: 20, seed: 3 };
        let labelled = synthetic.load(Split::Train)?;
        let unlabelled = Synthetic { train_images: 40, ..synthetic.clone() }.load(Split::Train)?;
        let unlabelled = ImageSet::unlabelled(unlabelled.pixels().to_vec(), 16, 16)?;
        Ok(DataSet {
            probe_train: Some(Self::sequences(config, labelled)?),
            ..DataSet::new(
                Self::sequences(config, unlabelled)?,
                Self::sequences(config, synthetic.load(Split::Test)?)?,
            )
        })
    }
}

#[test]
fn unlabelled_images_train_and_labelled_ones_fit_the_frozen_probes() {
    let scratch = tempfile::tempdir().unwrap();
    let registry = Registry::standard().with_data_set("halves", Halves);
    let output = format!("run.output_dir={}", scratch.path().join("run").display());
    let config = Config::parse_with(&registry, TINY, "tiny", &[output]).unwrap();
    let mut run = Run::start_with(&registry, config, &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();

    // Probes of classes have nothing to learn beside the model; those of actions do.
    let row = run.rows().last().unwrap();
    let names: Vec<&str> = row.iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"online_r2_test") && names.contains(&"leakage_r2_train"), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("linacc")), "{names:?}");

    let card = run.evaluate(&mut Observers::new()).unwrap();
    assert_eq!((card.data.train_images, card.data.test_images), (24, 20));
    assert!(card.data.classes > 0);
    for name in ["top1_z_agg_m2", "top1_z1", "knn20_z1", "r2_crop"] {
        let figure = card.figure(name).unwrap();
        assert!(figure.trained.value.is_some() && figure.protocol.train_samples == 24, "{figure:?}");
    }
    // What is resumed must have both kinds of training images.
    let fingerprint =
        seqjepa_run::DataFingerprint::of(&Halves.open(run.config(), &mut Observers::new()).unwrap());
    assert!(fingerprint.probe_train.is_some_and(|labelled| labelled != fingerprint.train));
}
