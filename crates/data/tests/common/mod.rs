//! What tests of sources share.

use seqjepa_data::{SequenceKey, SequenceScratch, SequenceSlot, SequenceSource};

/// Observed views, target view and parameters of one sequence.
pub(crate) fn fill(
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
