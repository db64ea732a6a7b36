//! Every figure of one model.

mod descent;
mod exact;
mod neighbours;
mod retrieval;

use seqjepa_probes::{Bootstrap, Estimate, Features, ProbeError, TargetNames};

use super::card::{Fit, Measured, Protocol};
use super::diagnose::{DiagnosticsRecord, diagnose};
use super::extract::name;
use super::passes::Passes;
use super::store::FeatureFile;
use crate::TrainError;
use crate::build::output_groups;
use crate::config::ProtocolKind;
use crate::observer::Observer;

/// What regressors predict.
const RELATIVE: &str = "relative action from view 1 to 2, normalised";
const ABSOLUTE: &str = "action of view 1, raw";

/// Why classes cannot be told apart.
const ONE_CLASS: &str = "expected training images of at least two classes, found one: unlabelled data";

/// Names, protocols and values in the order of the card.
pub(super) type Figures = Vec<(String, Protocol, Measured)>;

/// What one model scores.
pub(super) struct Measurement {
    pub figures: Figures,
    pub diagnostics: DiagnosticsRecord,
    pub train_images: usize,
    pub test_images: usize,
}

/// Measures all that the config asks for.
pub(super) fn measure(passes: &Passes, observer: &mut dyn Observer) -> Result<Measurement, TrainError> {
    let eval = &passes.config.eval;
    let protocols = eval.protocols();
    let test = passes.test(observer)?;
    let mut train = Vec::new();
    let count = if protocols.contains(&ProtocolKind::Exact) { eval.exact_passes } else { 1 };
    for pass in 0..count {
        train.push(passes.train(pass, observer)?);
    }
    let mut session = Session {
        passes,
        names: TargetNames::new(passes.space.parameters().iter().map(|parameter| parameter.name.clone()))
            .with_groups(output_groups(&passes.space)),
        bootstrap: Bootstrap {
            resamples: eval.bootstrap,
            seed: passes.config.run.seed,
            ..Bootstrap::default()
        },
        augmentation: passes.augmentation(),
        test: &test,
        train: &train,
        figures: Vec::new(),
    };
    for protocol in protocols {
        match protocol {
            ProtocolKind::Exact => session.exact(observer)?,
            ProtocolKind::Linear | ProtocolKind::Paper => session.descent(protocol, observer)?,
        }
    }
    session.neighbours()?;
    session.retrieval(observer)?;
    Ok(Measurement {
        figures: session.figures,
        diagnostics: diagnose(passes, &test)?,
        train_images: passes.images[0],
        test_images: passes.images[1],
    })
}

struct Session<'a> {
    passes: &'a Passes<'a>,
    names: TargetNames,
    bootstrap: Bootstrap,
    augmentation: String,
    test: &'a FeatureFile,
    /// The passes that exact probes are fitted to.
    train: &'a [FeatureFile],
    figures: Figures,
}

/// A representation, as a set of sections, with the number of views it is made of.
#[derive(Clone)]
struct Read {
    sections: Vec<String>,
    label: &'static str,
    views: usize,
}

/// A section's elements and their width.
type Table = (Vec<f32>, usize);

impl Session<'_> {
    fn aggregate(&self, views: usize) -> Read {
        Read { sections: vec![name::aggregate(views)], label: "z_AGG", views }
    }

    fn observed(&self) -> usize {
        self.passes.config.eval.seq_len
    }

    fn first(&self) -> Read {
        Read { sections: vec![name::FIRST.into()], label: "z_1", views: 1 }
    }

    fn pair(&self) -> Read {
        let sections = vec![name::FIRST.into(), name::SECOND.into()];
        Read { sections, label: "concat(z_1, z_2)", views: self.observed() }
    }

    /// The protocol of a figure that reads `read`.
    fn protocol(&self, name: &str, read: &Read, target: String, probe: String, fit: Fit) -> Protocol {
        let passes = match (name, &fit) {
            (_, Fit::Exact { .. }) => self.train.len(),
            (_, Fit::Descent { epochs, .. }) => self.passes.config.eval.passes().min(*epochs),
            ("retrieval", Fit::None) => 0,
            (_, Fit::None) => 1,
        };
        Protocol {
            name: name.into(),
            encoder: self.passes.config.eval.encoder,
            representation: read.label.into(),
            observed_views: read.views,
            target,
            probe,
            fit,
            train_samples: self.passes.images[0] * passes,
            passes,
            test_samples: self.passes.images[1],
            seed: self.passes.config.run.seed,
            augmentation: self.augmentation.clone(),
        }
    }

    fn push(&mut self, name: impl Into<String>, protocol: &Protocol, measured: Measured) {
        self.figures.push((name.into(), protocol.clone(), measured));
    }

    /// One section over several passes, the passes below one another.
    fn section(files: &[FeatureFile], section: &str) -> Result<Table, TrainError> {
        let mut values = Vec::new();
        let mut width = 0;
        for file in files {
            values.extend(file.read(section)?);
            width = file.shape(section).map_or(0, |[_, width]| width);
        }
        Ok((values, width))
    }

    fn tables(&self, split: Split, read: &Read) -> Result<Vec<Table>, TrainError> {
        read.sections.iter().map(|section| Self::section(self.files(split), section)).collect()
    }

    fn files(&self, split: Split) -> &[FeatureFile] {
        match split {
            Split::Train => self.train,
            Split::Test => std::slice::from_ref(self.test),
        }
    }

    fn labels(&self, split: Split) -> Result<Vec<u32>, TrainError> {
        let mut labels = Vec::new();
        for file in self.files(split) {
            labels.extend(file.read_integers(name::LABELS)?);
        }
        Ok(labels)
    }

    /// Why classes cannot be told apart here, if they cannot.
    fn no_classes(&self) -> Result<Option<String>, TrainError> {
        let labels = self.labels(Split::Train)?;
        let one = labels.iter().all(|label| Some(label) == labels.first());
        Ok(one.then(|| ONE_CLASS.into()))
    }
}

#[derive(Clone, Copy)]
enum Split {
    Train,
    Test,
}

fn features(tables: &[Table]) -> Result<Features<'_>, ProbeError> {
    let mut parts = tables.iter();
    let (values, width) = parts.next().expect("a representation has a section");
    parts
        .try_fold(Features::new(values, *width)?, |features, (values, width)| features.beside(values, *width))
}

fn constant_target(names: &[&str]) -> String {
    format!("{} is the same in all test images", names.join(", "))
}

fn absent(error: &ProbeError) -> Measured {
    tracing::warn!(%error, "a probe has no figure");
    Measured::absent(error.to_string())
}

fn with_notes(estimate: Option<Estimate>, penalty: Option<f64>, notes: &[String], absent: &str) -> Measured {
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
