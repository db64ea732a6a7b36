//! What all measures of one model share.

use seqjepa_data::Split;
use seqjepa_probes::{Bootstrap, Estimate, Features, InputError};

use super::parts::Parts;
use crate::card::{Fit, Measured, Protocol};
use crate::error::EvaluationError;
use crate::extraction::{CleanImages, Passes, section};
use crate::features::FeatureFile;
use crate::names;

/// What regressors predict.
pub(super) const RELATIVE: &str = "relative action from view 1 to 2, normalised";
pub(super) const ABSOLUTE: &str = "action of view 1, raw";
pub(super) const INDIVIDUAL: &str = "action of view 1, normalised";

/// A figure's name, protocol and value.
#[derive(Debug)]
pub(crate) struct MeasuredFigure {
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    pub(crate) measured: Measured,
}

/// The features of one model, and its figures so far.
pub(super) struct Session<'a> {
    pub(super) passes: &'a Passes<'a>,
    pub(super) parts: Parts,
    pub(super) bootstrap: Bootstrap,
    augmentation: String,
    /// Whether probes by gradient descent read one pass in all epochs, as clean images have no other.
    pub(super) one_pass: bool,
    pub(super) test: &'a FeatureFile,
    /// The passes that exact probes are fitted to.
    pub(super) train: &'a [FeatureFile],
    pub(super) figures: Vec<MeasuredFigure>,
    /// The class that the exact probe on the invariant representation predicts of each test sample.
    pub(super) predicted: Option<Vec<u32>>,
}

/// A representation, as a set of sections, with the number of views it is made of.
#[derive(Clone)]
pub(super) struct Read {
    pub(super) sections: Vec<String>,
    pub(super) label: String,
    pub(super) views: usize,
}

/// A section's elements and their width.
pub(super) type Table = (Vec<f32>, usize);

impl<'a> Session<'a> {
    pub(super) fn new(passes: &'a Passes<'a>, train: &'a [FeatureFile], test: &'a FeatureFile) -> Self {
        let source = &passes.splits.train.source;
        Self {
            passes,
            parts: Parts::of(&source.layout().actions),
            bootstrap: Bootstrap {
                resamples: passes.settings.bootstrap,
                seed: passes.seed,
                ..Bootstrap::default()
            },
            augmentation: source.description(),
            one_pass: false,
            test,
            train,
            figures: Vec::new(),
            predicted: None,
        }
    }

    /// The same of the clean images, which are read as [`clean_image`](Self::clean_image).
    pub(super) fn of_clean(passes: &'a Passes<'a>, images: &'a CleanImages) -> Self {
        let session = Self::new(passes, std::slice::from_ref(&images.train), &images.test);
        Self { augmentation: images.pixels.clone(), one_pass: true, ..session }
    }

    /// What the action of view 1 is that is read from z_1, and the prefix of its figures: an individual action where its normalisation
    /// depends on this view alone. Divided by a norm over the sequence, it is not the view's own, and the raw one is read.
    pub(super) fn absolute(&self) -> (&'static str, &'static str) {
        let actions = &self.passes.splits.train.source.layout().actions;
        if actions.normalization().of_one_view() {
            (INDIVIDUAL, "individual_r2")
        } else {
            (ABSOLUTE, "absolute_r2")
        }
    }

    /// The invariant representation of `views` views.
    pub(super) fn aggregate(&self, views: usize) -> Read {
        Read { sections: vec![section::aggregate(views)], label: self.passes.invariant.name.clone(), views }
    }

    /// That of M_val views.
    pub(super) fn headline(&self) -> Read {
        self.aggregate(self.passes.headline_views())
    }

    /// M_val.
    pub(super) fn observed(&self) -> usize {
        self.passes.settings.seq_len
    }

    pub(super) fn first(&self) -> Read {
        Read { sections: vec![section::FIRST.into()], label: names::FIRST.into(), views: 1 }
    }

    /// The clean image, in a session of its own.
    pub(super) fn clean_image(&self) -> Read {
        Read { sections: vec![section::FIRST.into()], label: names::CLEAN.into(), views: 1 }
    }

    pub(super) fn pair(&self) -> Read {
        let sections = vec![section::FIRST.into(), section::SECOND.into()];
        Read { sections, label: "concat(z_1, z_2)".into(), views: self.observed() }
    }

    /// The protocol of a figure that reads `read`.
    pub(super) fn protocol(
        &self,
        name: &str,
        read: &Read,
        target: String,
        probe: String,
        fit: Fit,
    ) -> Protocol {
        let passes = match (name, &fit) {
            (_, Fit::Exact { .. }) => self.train.len(),
            (_, Fit::Descent { .. }) if self.one_pass => 1,
            (_, Fit::Descent { epochs, .. }) => self.passes.settings.passes().min(*epochs),
            ("retrieval", Fit::None) => 0,
            (_, Fit::None) => 1,
        };
        Protocol {
            name: name.into(),
            encoder: self.passes.settings.encoder,
            representation: read.label.clone(),
            observed_views: read.views,
            target,
            probe,
            fit,
            train_samples: self.passes.splits.train.samples * passes,
            passes,
            test_samples: self.passes.splits.test.samples,
            seed: self.passes.seed,
            augmentation: self.augmentation.clone(),
        }
    }

    pub(super) fn push(&mut self, name: impl Into<String>, protocol: &Protocol, measured: Measured) {
        self.figures.push(MeasuredFigure { name: name.into(), protocol: protocol.clone(), measured });
    }

    pub(super) fn tables(&self, split: Split, read: &Read) -> Result<Vec<Table>, EvaluationError> {
        read.sections.iter().map(|section| table(self.files(split), section)).collect()
    }

    fn files(&self, split: Split) -> &'a [FeatureFile] {
        match split {
            Split::Test => std::slice::from_ref(self.test),
            _ => self.train,
        }
    }

    pub(super) fn labels(&self, split: Split) -> Result<Vec<u32>, EvaluationError> {
        let mut labels = Vec::new();
        for file in self.files(split) {
            labels.extend(file.read_integers(section::LABELS)?);
        }
        Ok(labels)
    }
}

/// One section over several passes, the passes below one another.
pub(super) fn table(files: &[FeatureFile], section: &str) -> Result<Table, EvaluationError> {
    let mut values = Vec::new();
    let mut width = 0;
    for file in files {
        values.extend(file.read(section)?);
        width = file.shape(section).map_or(0, |[_, width]| width);
    }
    Ok((values, width))
}

/// The parts of a representation side by side.
pub(super) fn features(tables: &[Table]) -> Result<Features<'_>, InputError> {
    let mut parts = tables.iter();
    let (values, width) = parts.next().expect("a representation has a section");
    parts
        .try_fold(Features::new(values, *width)?, |features, (values, width)| features.beside(values, *width))
}

/// The note of parameters that there is nothing to learn of.
pub(super) fn constant_target(names: &[&str]) -> String {
    format!("{} is the same in all test images", names.join(", "))
}

/// A figure that a probe's error stands for.
pub(super) fn absent(error: &dyn std::error::Error) -> Measured {
    tracing::warn!(%error, "a probe has no figure");
    Measured::absent(error.to_string())
}

/// An estimate with what must be known of it, or why there is none.
pub(super) fn with_notes(
    estimate: Option<Estimate>,
    penalty: Option<f64>,
    notes: &[String],
    absent: &str,
) -> Measured {
    match estimate {
        None => Measured::absent(absent),
        Some(Estimate { value, interval }) => Measured {
            value: Some(value),
            interval,
            penalty,
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        },
    }
}
