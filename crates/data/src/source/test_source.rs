//! What every source must keep, for the tests of each.

use super::{SequenceKey, SequenceScratch, SequenceSlot, SequenceSource};
use crate::augment::PixelTable;
use crate::error::DataError;
use crate::rng::Split;

pub(super) const KEY: SequenceKey = SequenceKey { seed: 3, split: Split::Train, epoch: 1, sample: 0 };

/// The views in bytes, normalised, and the parameters of one sequence.
fn fill_bytes(source: &dyn SequenceSource, key: SequenceKey, rendered: usize, target: bool) -> [Vec<f32>; 3] {
    let (layout, bytes) = (source.layout(), source.as_bytes().unwrap());
    let table = PixelTable::new(&bytes.normalization());
    let pixels = layout.height * layout.width;
    // The same twice, on different grounds: what is left out shows.
    let [once, again] = [0, 255].map(|ground| {
        let mut observed = vec![ground; rendered * layout.view_len()];
        let mut last = vec![ground; if target { layout.view_len() } else { 0 }];
        let mut parameters = vec![f32::NAN; (layout.observed_views + 1) * layout.actions.width()];
        let slot = SequenceSlot {
            observed: &mut observed,
            target: target.then_some(&mut last[..]),
            parameters: &mut parameters,
        };
        bytes.fill_bytes(key, &mut SequenceScratch::default(), slot).unwrap();
        [table.normalize(&observed, pixels), table.normalize(&last, pixels), parameters]
    });
    assert_eq!(once, again);
    once
}

/// Observed views, target view and parameters of one sequence.
pub(super) fn fill(
    source: &dyn SequenceSource,
    key: SequenceKey,
    rendered: usize,
    target: bool,
) -> [Vec<f32>; 3] {
    let layout = source.layout();
    // A source that leaves something out leaves what equals nothing.
    let mut observed = vec![f32::NAN; rendered * layout.view_len()];
    let mut last = vec![f32::NAN; if target { layout.view_len() } else { 0 }];
    let mut parameters = vec![f32::NAN; (layout.observed_views + 1) * layout.actions.width()];
    let slot = SequenceSlot {
        observed: &mut observed,
        target: target.then_some(&mut last),
        parameters: &mut parameters,
    };
    source.fill(key, &mut SequenceScratch::default(), slot).unwrap();
    [observed, last, parameters]
}

/// What is not wanted changes nothing else; bytes are those that are normalised; more views begin with the same ones; settings tell
/// sources apart; sequences differ by every part of their key. For a source of at least two samples and observed views.
pub(super) fn keeps_its_promises(source: &dyn SequenceSource, sample: u32) {
    let views = source.layout().observed_views;
    let key = SequenceKey { sample, ..KEY };
    let [observed, target, parameters] = fill(source, key, views, true);
    for rendered in 0..=views {
        for wanted in [false, true] {
            let part = fill(source, key, rendered, wanted);
            assert_eq!(part[0], observed[..part[0].len()]);
            assert_eq!(part[1], target[..part[1].len()]);
            assert_eq!(part[2], parameters);
            assert_eq!(fill_bytes(source, key, rendered, wanted), part);
        }
    }

    let more = source.with_observed_views(views + 40).unwrap();
    let [longer, _, all] = fill(&*more, key, views + 40, true);
    assert_eq!(longer[..observed.len()], observed);
    let width = source.layout().actions.width();
    assert_eq!(all[..views * width], parameters[..views * width]);
    assert_eq!(more.fingerprint(), source.fingerprint());
    assert_ne!(more.settings(), source.settings());
    assert_eq!(more.with_observed_views(views).unwrap().settings(), source.settings());
    assert!(source.with_observed_views(0).is_err());

    // Of forty views, so that no draw of few values is the same by chance.
    for other in [
        SequenceKey { seed: 4, ..key },
        SequenceKey { split: Split::Test, ..key },
        SequenceKey { epoch: 2, ..key },
        SequenceKey { sample: 1 - sample.min(1), ..key },
    ] {
        assert_ne!(fill(&*more, other, 0, false)[2], all, "{other:?}");
    }
}

/// Buffers of other lengths than the layout's.
pub(super) fn refuses_what_does_not_fit(source: &dyn SequenceSource) {
    let layout = source.layout();
    let (view, parameters) = (layout.view_len(), (layout.observed_views + 1) * layout.actions.width());
    for (observed, target, parameters, expected) in [
        ((layout.observed_views + 1) * view, view, parameters, "observed"),
        (view - 1, view, parameters, "observed"),
        (view, view + 1, parameters, "target"),
        (view, view, parameters - 1, "parameters"),
    ] {
        let (mut observed, mut target, mut parameters) =
            (vec![0.0; observed], vec![0.0; target], vec![0.0; parameters]);
        let slot =
            SequenceSlot { observed: &mut observed, target: Some(&mut target), parameters: &mut parameters };
        let error = source.fill(KEY, &mut SequenceScratch::default(), slot).unwrap_err();
        assert!(matches!(error, DataError::InvalidArgument { name, .. } if name == expected), "{error}");
    }
}
