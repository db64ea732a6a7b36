//! Classes from the clean image.

use seqjepa_train::observer::{Event, Observer, Stage};

use super::session::{MeasuredFigure, Session};
use crate::card::{Fit, Measured};
use crate::error::EvaluationError;
use crate::extraction::{CleanImages, Passes};
use crate::names::CLEAN_SUFFIX;
use crate::settings::ProtocolKind;

/// Top-1 and top-5 from the encoder's representation of the clean image by every protocol, and its nearest neighbours' vote, where the
/// settings ask for them.
pub(super) fn clean(
    passes: &Passes,
    session: &mut Session,
    observer: &mut dyn Observer,
) -> Result<(), EvaluationError> {
    let images = match passes.clean(observer)? {
        None => return Ok(()),
        Some(Err(reason)) => {
            absent(passes, session, reason);
            return Ok(());
        }
        Some(Ok(images)) => images,
    };
    session.figures.append(&mut figures(passes, &images, observer)?);
    Ok(())
}

/// The same of clean images at hand.
pub(super) fn figures(
    passes: &Passes,
    images: &CleanImages,
    observer: &mut dyn Observer,
) -> Result<Vec<MeasuredFigure>, EvaluationError> {
    let mut own = Session::of_clean(passes, images);
    let read = own.clean_image();
    for kind in passes.settings.protocols() {
        match kind {
            ProtocolKind::Exact => {
                own.exact_class(&read, CLEAN_SUFFIX)?;
                let what = Some("class from the clean image");
                observer.observe(&Event::Progress {
                    stage: Stage::FittingProbes,
                    what,
                    done: 1,
                    total: Some(1),
                })?;
            }
            ProtocolKind::Linear | ProtocolKind::Paper => own.descent_of_clean(kind, observer)?,
        }
    }
    own.neighbours_of(&read, CLEAN_SUFFIX)?;
    Ok(own.figures)
}

/// The figures of data without clean images, that were asked for.
fn absent(passes: &Passes, session: &mut Session, reason: &str) {
    for kind in passes.settings.protocols() {
        let read = session.clean_image();
        let protocol = session.protocol(kind.name(), &read, "class".into(), "not run".into(), Fit::None);
        let name = format!("top1_{CLEAN_SUFFIX}");
        session.figures.push(MeasuredFigure { name, protocol, measured: Measured::absent(reason) });
    }
}
