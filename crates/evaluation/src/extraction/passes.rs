//! The augmentation passes of one model, from the cache or extracted.

use std::sync::Arc;

use burn::tensor::Device;
use seqjepa_data::{
    ActionNormalization, ActionSpace, AugmentPolicy, Normalization, SequenceConfig, SequenceLoader, Split,
};
use seqjepa_model::{AnyEncoder, SeqJepa, SeqJepaConfig};
use seqjepa_probes::frozen::{BoxError, FeatureBuffers, FeatureSet, FeatureSource};
use serde::Serialize;

use super::cache::FeatureCache;
use super::extract::{Extractor, Wanted, name, spread};
use super::store::{FeatureFile, Section};
use crate::TrainError;
use crate::config::{Config, EncoderChoice, ProtocolKind};
use crate::data::RunData;
use crate::fingerprint::{images_sha256, model_sha256};
use crate::observer::{Event, Observer};

/// Version of what is extracted from the same model and views.
const FORMAT: u32 = 2;

/// Added to the number of a pass: frozen probes see views that training has not seen.
const FIRST_PASS: u64 = 1 << 32;

/// The pass of the further candidates of an image: none of its other views.
const CANDIDATE_PASS: u64 = 1 << 40;

/// Test images whose further candidates are encoded.
const RETRIEVED: usize = 2048;

/// One model with the views that it is shown.
pub(super) struct Passes<'a> {
    pub config: &'a Config,
    pub space: ActionSpace,
    pub device: &'a Device,
    /// Images of the training and of the test split that are used.
    pub images: [usize; 2],
    /// Classes of the data set.
    pub classes: usize,
    /// Whether there is a trained target encoder beside the online one.
    pub has_target: bool,
    data: &'a RunData,
    model: &'a SeqJepa,
    cache: &'a FeatureCache,
    model_hash: String,
    image_hashes: [String; 2],
    loaders: [SequenceLoader; 2],
}

/// Everything that features depend on.
#[derive(Serialize)]
struct Key<'a> {
    format: u32,
    version: &'static str,
    model: &'a str,
    encoder: EncoderChoice,
    device: String,
    batch_size: usize,
    images: &'a str,
    samples: [usize; 2],
    subset_seed: u64,
    split: Split,
    pass: u64,
    seed: u64,
    views: usize,
    policies: [&'a AugmentPolicy; 2],
    normalization: Normalization,
    action_normalization: &'a ActionNormalization,
    lengths: &'a [usize],
    observed: usize,
    predictions: bool,
    has_target: bool,
    /// Its heads, for one, are not to be seen in the model's tensors.
    model_config: &'a SeqJepaConfig,
}

impl<'a> Passes<'a> {
    pub fn new(
        config: &'a Config,
        data: &'a RunData,
        device: &'a Device,
        model: &'a SeqJepa,
        has_target: bool,
        cache: &'a FeatureCache,
    ) -> Result<Self, TrainError> {
        let loaders =
            [data.evaluation_loader(config, Split::Train)?, data.evaluation_loader(config, Split::Test)?];
        Ok(Self {
            config,
            space: config.action_space(data.train.height(), data.train.width())?,
            device,
            images: [0, 1].map(|split| loaders[split].samples_per_epoch()),
            classes: data.train.class_count(),
            has_target,
            data,
            model,
            cache,
            model_hash: model_sha256(model),
            image_hashes: [&data.train, &data.test].map(|images| images_sha256(images)),
            loaders,
        })
    }

    /// The numbers of observed views whose aggregates are measured: all for exact probes, M_val otherwise.
    pub fn lengths(&self) -> Vec<usize> {
        let eval = &self.config.eval;
        if eval.protocols().contains(&ProtocolKind::Exact) {
            (1..=eval.views()).collect()
        } else {
            vec![eval.seq_len]
        }
    }

    /// The features of the test split.
    pub fn test(&self, observer: &mut dyn Observer) -> Result<FeatureFile, TrainError> {
        let wanted = Wanted {
            lengths: self.lengths(),
            observed: self.config.eval.seq_len,
            predictions: true,
            target_encoder: self.has_target,
        };
        self.pass(Split::Test, 0, wanted, observer)
    }

    /// Codes of `eval.candidates` - 1 further target views of some test images, and which images these are.
    pub fn candidates(&self, observer: &mut dyn Observer) -> Result<(FeatureFile, Vec<usize>), TrainError> {
        let samples = self.images[1];
        let rows = spread(samples, RETRIEVED);
        let sequence = self.loaders[1].sequence();
        let sequence = SequenceConfig {
            observed: sequence.target.clone(),
            observed_views: self.config.eval.candidates - 2,
            ..sequence.clone()
        };
        let loader = self.data.test_sequences(self.config, sequence, &rows)?;
        let wanted =
            Wanted { lengths: vec![], observed: 0, predictions: false, target_encoder: self.has_target };
        let key = self.key(Split::Test, CANDIDATE_PASS, &loader, &wanted);
        let width = (self.config.eval.candidates - 1) * self.model.config().code_width();
        let file =
            self.cache.get(&key, vec![Section::new(name::CANDIDATES, rows.len(), width)], |writer| {
                self.extractor(wanted.clone()).candidates(&loader, CANDIDATE_PASS, writer, &mut |done| {
                    observer.observe(&Event::FeaturesExtracted { done, total: rows.len() })
                })
            })?;
        Ok((file, rows))
    }

    /// The features of one pass over the training split; passes beyond those of exact probes have the aggregate of M_val
    /// alone.
    pub fn train(&self, pass: usize, observer: &mut dyn Observer) -> Result<FeatureFile, TrainError> {
        let eval = &self.config.eval;
        let lengths = if pass < eval.exact_passes { self.lengths() } else { vec![eval.seq_len] };
        let wanted =
            Wanted { lengths, observed: eval.seq_len, predictions: false, target_encoder: self.has_target };
        self.pass(Split::Train, pass, wanted, observer)
    }

    fn pass(
        &self,
        split: Split,
        pass: usize,
        wanted: Wanted,
        observer: &mut dyn Observer,
    ) -> Result<FeatureFile, TrainError> {
        let loader = &self.loaders[usize::from(split == Split::Test)];
        let samples = loader.samples_per_epoch();
        let key = self.key(split, FIRST_PASS + pass as u64, loader, &wanted);
        let sections = wanted.sections(self.model, samples, self.space.width());
        self.cache.get(&key, sections, |writer| {
            self.extractor(wanted.clone()).run(loader, FIRST_PASS + pass as u64, writer, &mut |done| {
                observer.observe(&Event::FeaturesExtracted { done, total: samples })
            })
        })
    }

    fn key<'k>(&'k self, split: Split, pass: u64, loader: &'k SequenceLoader, wanted: &'k Wanted) -> Key<'k> {
        let sequence = loader.sequence();
        Key {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION"),
            model: &self.model_hash,
            encoder: self.config.eval.encoder,
            device: format!("{:?}", self.device),
            batch_size: self.config.eval.batch_size,
            images: &self.image_hashes[usize::from(split == Split::Test)],
            samples: [self.images[usize::from(split == Split::Test)], loader.samples_per_epoch()],
            subset_seed: self.config.dataset.subset_seed,
            split,
            pass,
            seed: sequence.seed,
            views: sequence.observed_views,
            policies: [&sequence.observed, &sequence.target],
            normalization: sequence.normalization,
            action_normalization: &sequence.action_normalization,
            lengths: &wanted.lengths,
            observed: wanted.observed,
            predictions: wanted.predictions,
            has_target: wanted.target_encoder,
            model_config: self.model.config(),
        }
    }

    fn extractor(&self, wanted: Wanted) -> Extractor<'_> {
        let (encoder, other) = self.encoders();
        let images_at_once = self.config.eval.batch_size;
        Extractor { model: self.model, encoder, other, device: self.device, wanted, images_at_once }
    }

    /// The encoder that is probed, and the other one.
    fn encoders(&self) -> (&AnyEncoder, &AnyEncoder) {
        let online = &self.model.encoder;
        let target = self.model.target_encoder.as_ref().unwrap_or(online);
        match self.config.eval.encoder {
            EncoderChoice::Online => (online, target),
            EncoderChoice::Target => (target, online),
        }
    }

    /// The distributions of the views, in words that are equal where the distributions are.
    pub fn augmentation(&self) -> String {
        let sequence = self.loaders[0].sequence();
        let describe = |policy: &AugmentPolicy| {
            let range = |[low, high]: [f32; 2]| format!("{low}..{high}");
            let blur = if policy.blur_probability > 0.0 {
                format!("blur p {} sigma {}", policy.blur_probability, range(policy.blur_sigma))
            } else {
                "no blur".into()
            };
            format!(
                "crop area {} ratio {} to {}x{}, flip p {}, jitter p {} (brightness {}, contrast {}, saturation {}, hue \
                 {}), grey p {}, {blur}, solarize p {}",
                range(policy.crop_scale),
                range(policy.crop_ratio),
                policy.output_height,
                policy.output_width,
                policy.flip_probability,
                policy.jitter_probability,
                range(policy.brightness),
                range(policy.contrast),
                range(policy.saturation),
                range(policy.hue),
                policy.grayscale_probability,
                policy.solarize_probability,
            )
        };
        let actions = match sequence.action_normalization {
            ActionNormalization::SequenceL2 => "actions divided by their L2 norm over the sequence",
            ActionNormalization::Standardize { .. } => "actions standardized",
            ActionNormalization::None => "raw actions",
        };
        format!(
            "observed: {}; target: {}; {actions}",
            describe(&sequence.observed),
            describe(&sequence.target)
        )
    }
}

/// The training passes of a protocol by gradient descent, and its test pass.
pub(super) struct Descent<'a, 'b> {
    pub passes: &'a Passes<'a>,
    pub test: Option<&'a FeatureFile>,
    pub count: usize,
    pub observer: &'a std::cell::RefCell<&'b mut dyn Observer>,
    /// What the observer has said of the last epoch: its error ends the probes.
    pub told: &'a std::cell::RefCell<Result<(), TrainError>>,
    /// The only pass, where there is one: it need not be read at every epoch.
    pub kept: Option<Arc<FeatureSet>>,
}

impl FeatureSource for Descent<'_, '_> {
    fn passes(&self) -> usize {
        self.count
    }

    fn pass(&mut self, pass: usize) -> Result<Arc<FeatureSet>, BoxError> {
        if let Some(kept) = &self.kept {
            return Ok(Arc::clone(kept));
        }
        let set = match self.test {
            Some(test) => feature_set(test, self.passes.config.eval.seq_len)?,
            None => {
                let mut observer = self.observer.borrow_mut();
                feature_set(&self.passes.train(pass, *observer)?, self.passes.config.eval.seq_len)?
            }
        };
        let set = Arc::new(set);
        if self.count == 1 {
            self.kept = Some(Arc::clone(&set));
        }
        Ok(set)
    }

    fn go_on(&mut self) -> Result<(), BoxError> {
        Ok(self.told.replace(Ok(()))?)
    }
}

fn feature_set(file: &FeatureFile, observed: usize) -> Result<FeatureSet, TrainError> {
    let labels = file.read_integers(name::LABELS)?;
    let buffers = FeatureBuffers {
        aggregate: file.read(&name::aggregate(observed))?,
        first: file.read(name::FIRST)?,
        second: file.read(name::SECOND)?,
        relative: file.read(name::RELATIVE)?,
        absolute: file.read(name::ABSOLUTE)?,
        labels: Some(labels.clone()),
    };
    Ok(FeatureSet::new(labels.len(), buffers)?)
}
