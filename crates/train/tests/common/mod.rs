//! What the tests of the trainer share: a tiny model on a few small images.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod frozen;

use std::sync::Arc;

use burn::tensor::Device;
use seqjepa_data::dataset::Synthetic;
use seqjepa_data::{AugmentedImages, LoaderConfig, SequenceConfig, SequenceLoader, Split};
use seqjepa_model::{ActionConditioning, DynMethod, PredictorConfig, ResNetConfig, SeqJepaConfig, boxed};
use seqjepa_probes::online::{OnlineProbes, StandardProbes};
use seqjepa_train::observer::Observers;
use seqjepa_train::{HistoryPosition, Loaders, MetricsRow, Trainer, TrainerBuilder};

/// Training batches of an epoch.
pub(crate) const BATCHES: usize = 3;

/// Samples of a batch.
pub(crate) const BATCH: usize = 8;

/// A seq-JEPA of a few thousand parameters.
pub(crate) fn tiny() -> SeqJepaConfig {
    SeqJepaConfig {
        encoder: ResNetConfig { width: 4, ..ResNetConfig::default() }.into(),
        action_conditioning: ActionConditioning::Learned { width: 8 },
        heads: 2,
        layers: 1,
        predictor: PredictorConfig::Mlp { hidden: 16 },
        ..SeqJepaConfig::default()
    }
}

/// Three training batches and two test batches of sequences of two observed views.
pub(crate) fn loaders() -> Loaders {
    loaders_of(BATCH)
}

/// The same images in other batches, all of one size in training.
pub(crate) fn loaders_of(batch: usize) -> Loaders {
    loaders_with(batch, true)
}

/// The same, with or without the last batch of an epoch where that is smaller.
pub(crate) fn loaders_with(batch: usize, drop_last: bool) -> Loaders {
    let set = Synthetic { image_size: 16, train_images: BATCHES * BATCH, test_images: 12, seed: 7 };
    let sequences = SequenceConfig::new(16, 2, Synthetic::NORMALIZATION).unwrap();
    let loader = |split, config: LoaderConfig| {
        let images = AugmentedImages::new(Arc::new(set.load(split).unwrap()), sequences.clone()).unwrap();
        SequenceLoader::new(Arc::new(images), LoaderConfig { threads: 2, ..config }).unwrap()
    };
    Loaders {
        train: loader(Split::Train, LoaderConfig { drop_last, ..LoaderConfig::train(batch, 7) }),
        test: loader(Split::Test, LoaderConfig::test(batch, 7)),
    }
}

/// The published probes, small.
pub(crate) fn probes(method: &dyn DynMethod, device: &Device) -> OnlineProbes {
    let representations = method.representations();
    let probes = StandardProbes {
        invariant_width: representations.invariant.width,
        equivariant_width: representations.equivariant.width,
        classes: Some(10),
        action_size: loaders().train.source().layout().actions.width(),
        groups: vec![],
        hidden: 8,
        lr: 1e-3,
        seed: 7,
    };
    probes.init(device).unwrap()
}

/// A trainer of `method` with all of that.
pub(crate) fn builder(method: Box<dyn DynMethod>, device: &Device) -> TrainerBuilder {
    let probes = probes(&*method, device);
    TrainerBuilder::new(method, loaders(), device).probes(probes).seed(7).epochs(2)
}

/// That of [`tiny`], for an epoch.
pub(crate) fn tiny_builder() -> TrainerBuilder {
    let device = Device::flex();
    builder(boxed(tiny().init(7, &device.clone().autodiff()).unwrap()), &device).epochs(1)
}

/// All that a trainer would keep, in one number.
pub(crate) fn digest(trainer: &mut Trainer) -> String {
    trainer.checkpoint(HistoryPosition::default(), &mut Observers::new()).unwrap().digest()
}

/// What an epoch has left, and its figures but for the times.
pub(crate) fn epoch(builder: TrainerBuilder) -> (Trainer, Vec<(String, f64)>) {
    let mut trainer = builder.build().unwrap();
    let row = trainer.train_epoch(&mut Observers::new()).unwrap();
    (trainer, figures(&row))
}

/// The figures that do not tell time.
pub(crate) fn figures(row: &MetricsRow) -> Vec<(String, f64)> {
    row.iter()
        .filter(|(name, _)| !name.ends_with("time") && !name.ends_with("share"))
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
