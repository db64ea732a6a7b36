//! Every figure of one model.

mod clean;
mod descent;
mod descent_source;
mod diagnose;
mod exact;
mod neighbours;
mod parts;
mod retrieval;
mod session;

use seqjepa_train::observer::Observer;

use crate::card::{DiagnosticsRecord, RepresentationDiagnostics};
use crate::error::EvaluationError;
use crate::extraction::Passes;
use crate::sample::{Kept, kept};
use crate::settings::ProtocolKind;
use session::Session;

pub(crate) use session::MeasuredFigure;

/// Why there are no diagnostics of transfer.
const ELSEWHERE: &str = "looked at on the data that the model was trained on";

/// What one model scores.
pub(crate) struct Measurement {
    /// In the order of the card.
    pub(crate) figures: Vec<MeasuredFigure>,
    pub(crate) diagnostics: DiagnosticsRecord,
    /// Where it was asked for.
    pub(crate) sample: Kept,
}

/// Measures classes from the clean images of data that the method was not trained on.
pub(crate) fn measure_transfer(
    passes: &Passes,
    observer: &mut dyn Observer,
) -> Result<Measurement, EvaluationError> {
    if let Err(reason) = &passes.splits.classes {
        return Err(EvaluationError::Classes { data: passes.data.clone(), reason: reason.clone() });
    }
    let Some(images) = passes.clean_images(observer)? else {
        return Err(EvaluationError::Clean { data: passes.data.clone() });
    };
    let figures = clean::figures(passes, &images, observer)?;
    let none = || RepresentationDiagnostics { figures: None, absent: Some(ELSEWHERE.into()) };
    let diagnostics = DiagnosticsRecord {
        encoder: none(),
        aggregate: none(),
        drift: None,
        drift_absent: Some(ELSEWHERE.into()),
    };
    Ok(Measurement { figures, diagnostics, sample: None })
}

/// Measures all that the settings ask for, and keeps a sample of the features if that is wanted.
pub(crate) fn measure(
    passes: &Passes,
    with_sample: bool,
    observer: &mut dyn Observer,
) -> Result<Measurement, EvaluationError> {
    let settings = passes.settings;
    let protocols = settings.protocols();
    let test = passes.test(observer)?;
    let mut train = Vec::new();
    let count = if protocols.contains(&ProtocolKind::Exact) { settings.exact_passes } else { 1 };
    for pass in 0..count {
        train.push(passes.train(pass, observer)?);
    }
    let mut session = Session::new(passes, &train, &test);
    for protocol in protocols {
        match protocol {
            ProtocolKind::Exact => session.exact(observer)?,
            ProtocolKind::Linear | ProtocolKind::Paper => session.descent(protocol, observer)?,
        }
    }
    session.neighbours()?;
    clean::clean(passes, &mut session, observer)?;
    session.retrieval(observer)?;
    let sample = with_sample.then(|| kept(passes, &test, session.predicted.take())).transpose()?;
    Ok(Measurement { figures: session.figures, diagnostics: diagnose::diagnose(passes, &test)?, sample })
}
