use std::sync::Arc;

use burn::tensor::Device;
use seqjepa_data::{LoaderConfig, SequenceKey, SequenceLoader, SequenceSource, Split};
use seqjepa_model::{DynMethod, EncoderChoice, RepresentationLayout};
use seqjepa_nn::{Precision, pixels};
use seqjepa_train::observer::{Event, Observer, Stage};
use serde::Serialize;
use serde_json::Value;

use super::extractor::Extractor;
use super::section;
use super::wanted::{Wanted, spread};
use crate::data::{EvaluatedSplit, Splits};
use crate::error::EvaluationError;
use crate::features::{FeatureCache, FeatureFile, Section};
use crate::fingerprint::method_sha256;
use crate::names::Invariant;
use crate::settings::{EvaluationSettings, ProtocolKind};

/// Version of what is extracted from the same method and views.
const FORMAT: u32 = 4;

/// Added to the number of a pass: frozen probes see views that training has not seen.
const FIRST_PASS: u64 = 1 << 32;

/// The pass of the further candidates of an image: none of its other views.
const CANDIDATE_PASS: u64 = 1 << 40;

/// The pass of clean images, which are the same in any.
const CLEAN_PASS: u64 = 0;

/// Test images whose further candidates are encoded.
const RETRIEVED: usize = 2048;

/// A method that is evaluated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// Outside autodiff.
    pub(crate) method: &'a dyn DynMethod,
    /// Whether its target encoder, where it has one, was trained.
    pub(crate) target_trained: bool,
}

/// The augmentation passes of one method, from the cache or extracted.
#[derive(Debug)]
pub(crate) struct Passes<'a> {
    pub(crate) settings: &'a EvaluationSettings,
    /// Of the views, and of whatever a probe draws.
    pub(crate) seed: u64,
    pub(crate) splits: &'a Splits<'a>,
    pub(crate) device: &'a Device,
    pub(crate) layout: RepresentationLayout,
    pub(crate) invariant: Invariant,
    /// Whether there is a trained target encoder beside the online one.
    pub(crate) has_target: bool,
    /// Name of the data set.
    pub(crate) data: String,
    subject: Subject<'a>,
    config: Value,
    model_hash: String,
    cache: &'a FeatureCache,
}

/// The encoder's representations of the clean images.
pub(crate) struct CleanImages {
    pub(crate) train: FeatureFile,
    pub(crate) test: FeatureFile,
    /// Where their pixels come from, in words.
    pub(crate) pixels: String,
}

/// Everything that features depend on.
#[derive(Serialize)]
struct Key<'a> {
    format: u32,
    version: &'static str,
    method: &'a str,
    /// What is not to be seen in the tensors, as the number of heads.
    config: &'a Value,
    model: &'a str,
    encoder: EncoderChoice,
    device: String,
    /// Nothing where the device computes as it does of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<&'static str>,
    batch_size: usize,
    data: &'a str,
    /// Everything beside the data that the sequences depend on.
    sequences: String,
    subset: Option<&'a [u32]>,
    split: Split,
    pass: u64,
    seed: u64,
    /// Nothing for the further candidates of a test image.
    wanted: Option<&'a Wanted>,
}

impl<'a> Passes<'a> {
    pub(crate) fn new(
        settings: &'a EvaluationSettings,
        seed: u64,
        splits: &'a Splits<'a>,
        device: &'a Device,
        subject: Subject<'a>,
        cache: &'a FeatureCache,
    ) -> Result<Self, EvaluationError> {
        let layout = subject.method.representations();
        let invariant =
            Invariant { name: layout.invariant.name.into(), of_sequence: layout.invariant.of_sequence };
        Ok(Self {
            settings,
            seed,
            splits,
            device,
            invariant,
            has_target: layout.target_encoder && subject.target_trained,
            layout,
            data: splits.name.clone(),
            subject,
            config: subject.method.config_json()?,
            model_hash: method_sha256(subject.method),
            cache,
        })
    }

    /// The key of the sequence in row `row` of the test features.
    pub(crate) fn test_key(&self, row: usize) -> SequenceKey {
        let split = &self.splits.test;
        SequenceKey { seed: self.seed, split: split.split, epoch: FIRST_PASS, sample: split.sample(row) }
    }

    /// SHA-256 over the method's tensors.
    pub(crate) fn model_hash(&self) -> &str {
        &self.model_hash
    }

    /// The numbers of observed views whose invariant representations are measured: all for exact probes, M_val otherwise;
    /// 1 where the representation is of one view.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        let settings = self.settings;
        if !self.invariant.of_sequence {
            vec![1]
        } else if settings.protocols().contains(&ProtocolKind::Exact) {
            (1..=settings.views()).collect()
        } else {
            vec![settings.seq_len]
        }
    }

    /// The number of observed views that most figures read.
    pub(crate) fn headline_views(&self) -> usize {
        self.invariant.views(self.settings.seq_len)
    }

    /// Whether it is measured how well the invariant representation tells where a path of several steps leads: a sequence's, under exact
    /// probes.
    pub(crate) fn has_paths(&self) -> bool {
        self.invariant.of_sequence && self.settings.protocols().contains(&ProtocolKind::Exact)
    }

    /// Why the predicted representation of the target view cannot be judged, if it cannot.
    pub(crate) fn no_predictions(&self) -> Option<&'static str> {
        if !self.layout.predicts {
            Some("the method predicts no representation")
        } else if self.layout.target_encoder && !self.has_target {
            Some("the checkpoint has no target encoder")
        } else {
            None
        }
    }

    /// The features of the test split.
    pub(crate) fn test(&self, observer: &mut dyn Observer) -> Result<FeatureFile, EvaluationError> {
        let wanted = Wanted {
            aggregates: self.lengths(),
            observed: self.settings.seq_len,
            paths: self.has_paths(),
            prediction: self.no_predictions().is_none().then(|| self.headline_views()),
            diagnostics: true,
            other_encoder: self.has_target,
            labels: self.splits.test.labelled,
        };
        self.pass(&self.splits.test, 0, &wanted, observer)
    }

    /// The features of one pass over the training split; passes beyond those of exact probes have the invariant representation
    /// of M_val alone.
    pub(crate) fn train(
        &self,
        pass: usize,
        observer: &mut dyn Observer,
    ) -> Result<FeatureFile, EvaluationError> {
        let all = pass < self.settings.exact_passes;
        let wanted = Wanted {
            aggregates: if all { self.lengths() } else { vec![self.headline_views()] },
            paths: all && self.has_paths(),
            observed: self.settings.seq_len,
            prediction: None,
            diagnostics: false,
            other_encoder: false,
            labels: self.splits.train.labelled,
        };
        self.pass(&self.splits.train, pass, &wanted, observer)
    }

    fn pass(
        &self,
        split: &EvaluatedSplit,
        pass: usize,
        wanted: &Wanted,
        observer: &mut dyn Observer,
    ) -> Result<FeatureFile, EvaluationError> {
        let pass = FIRST_PASS + pass as u64;
        let key = self.key(split, &*split.source, split.subset, pass, Some(wanted));
        let parameters = split.source.layout().actions.width();
        let sections = wanted.sections(&self.layout, split.samples, parameters);
        self.cache.get(&key, sections, |writer| {
            let loader = self.loader(split, &split.source, split.subset.map(<[u32]>::to_vec), |config| {
                config.rendered_views = Some(wanted.encoded());
                config.render_target = wanted.prediction.is_some();
            })?;
            self.extractor().run(wanted, &loader, pass, writer, &mut told(observer, split.samples))
        })
    }

    /// The representations of both splits' clean images, with the words for their pixels; nothing where the settings ask for none, and
    /// where the data have none unless the settings ask for them.
    pub(crate) fn clean(
        &self,
        observer: &mut dyn Observer,
    ) -> Result<Option<Result<CleanImages, &'static str>>, EvaluationError> {
        let asked = self.settings.clean_images;
        if !asked.unwrap_or(!self.invariant.of_sequence) {
            return Ok(None);
        }
        Ok(match self.clean_images(observer)? {
            Some(images) => Some(Ok(images)),
            None => asked.map(|_| Err("the data have no clean images")),
        })
    }

    /// The same whatever the settings say; nothing where the data have none.
    pub(crate) fn clean_images(
        &self,
        observer: &mut dyn Observer,
    ) -> Result<Option<CleanImages>, EvaluationError> {
        let [train, test] = [&self.splits.train, &self.splits.test].map(|split| split.source.clean());
        let (Some(train), Some(test)) = (train, test) else { return Ok(None) };
        let (train, test) = (train?, test?);
        let pixels = train.description();
        let [train, test] = [
            self.clean_pass(&self.splits.train, &train, observer)?,
            self.clean_pass(&self.splits.test, &test, observer)?,
        ];
        Ok(Some(CleanImages { train, test, pixels }))
    }

    fn clean_pass(
        &self,
        split: &EvaluatedSplit,
        source: &Arc<dyn SequenceSource>,
        observer: &mut dyn Observer,
    ) -> Result<FeatureFile, EvaluationError> {
        let key = self.key(split, &**source, split.subset, CLEAN_PASS, None);
        let mut sections = vec![Section::new(section::FIRST, split.samples, self.layout.equivariant.width)];
        if split.labelled {
            sections.push(Section::new(section::LABELS, split.samples, 1));
        }
        self.cache.get(&key, sections, |writer| {
            let loader = self.loader(split, source, split.subset.map(<[u32]>::to_vec), |config| {
                config.rendered_views = Some(1);
                config.render_target = false;
            })?;
            let progress = &mut told(observer, split.samples);
            self.extractor().clean(&loader, CLEAN_PASS, writer, progress)
        })
    }

    /// Representations of `eval.candidates` - 1 further target views of some test images, and which rows these are; nothing
    /// where the data have no further ones.
    pub(crate) fn candidates(
        &self,
        observer: &mut dyn Observer,
    ) -> Result<Option<(FeatureFile, Vec<usize>)>, EvaluationError> {
        let split = &self.splits.test;
        let Some(source) = split.source.candidates(self.settings.candidates - 2).transpose()? else {
            return Ok(None);
        };
        let rows = spread(split.samples, RETRIEVED);
        let subset: Vec<u32> = rows.iter().map(|row| split.sample(*row)).collect();
        let key = self.key(split, &*source, Some(&subset), CANDIDATE_PASS, None);
        let width = (self.settings.candidates - 1) * self.layout.equivariant.width;
        let sections = vec![Section::new(section::CANDIDATES, rows.len(), width)];
        let file = self.cache.get(&key, sections, |writer| {
            let loader = self.loader(split, &source, Some(subset.clone()), |_| ())?;
            self.extractor().candidates(&loader, CANDIDATE_PASS, writer, &mut told(observer, rows.len()))
        })?;
        Ok(Some((file, rows)))
    }

    /// In order and whole.
    fn loader(
        &self,
        split: &EvaluatedSplit,
        source: &Arc<dyn SequenceSource>,
        subset: Option<Vec<u32>>,
        change: impl FnOnce(&mut LoaderConfig),
    ) -> Result<SequenceLoader, EvaluationError> {
        let mut config = LoaderConfig {
            threads: self.settings.workers(),
            prefetch: self.splits.prefetch,
            split: split.split,
            subset,
            bytes: pixels::looks_up(self.device),
            ..LoaderConfig::test(self.settings.batch_size, self.seed)
        };
        change(&mut config);
        Ok(SequenceLoader::new(Arc::clone(source), config)?)
    }

    fn key<'k>(
        &'k self,
        split: &'k EvaluatedSplit,
        source: &dyn SequenceSource,
        subset: Option<&'k [u32]>,
        pass: u64,
        wanted: Option<&'k Wanted>,
    ) -> Key<'k> {
        Key {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION"),
            method: self.subject.method.name(),
            config: &self.config,
            model: &self.model_hash,
            encoder: self.settings.encoder,
            device: format!("{:?}", self.device),
            precision: (Precision::current() == Precision::F32).then_some("f32"),
            batch_size: self.settings.batch_size,
            data: split.fingerprint.as_str(),
            sequences: source.settings(),
            subset,
            split: split.split,
            pass,
            seed: self.seed,
            wanted,
        }
    }

    fn extractor(&self) -> Extractor<'_> {
        Extractor {
            method: self.subject.method,
            encoder: self.settings.encoder,
            device: self.device,
            images_at_once: self.settings.batch_size,
        }
    }
}

/// Tells an observer how many of `total` sequences are extracted.
fn told(observer: &mut dyn Observer, total: usize) -> impl FnMut(usize) -> Result<(), EvaluationError> + '_ {
    move |done| {
        let (done, total) = (done as u64, Some(total as u64));
        Ok(observer.observe(&Event::Progress {
            stage: Stage::ExtractingFeatures,
            what: None,
            done,
            total,
        })?)
    }
}
