//! Renders of turned and coloured objects: an action is a unit quaternion and two hues.

use std::sync::Arc;

use rand::Rng;
use seqjepa_data::{
    ActionGroup, ActionParameter, ActionSpace, DataError, Fingerprint, GroupKind, SequenceKey,
    SequenceLayout, SequenceScratch, SequenceSlot, SequenceSource,
};

/// Pixels that are the numbers of the action, a patch for each, in two classes of contrast.
#[derive(Debug)]
pub(crate) struct Rotations {
    layout: SequenceLayout,
    samples: usize,
    classes: Vec<String>,
    /// Whether view 0 is told of.
    clean: bool,
}

const SIDE: usize = 8;

impl Rotations {
    pub(crate) const WIDTH: usize = 6;

    pub(crate) fn new(observed_views: usize, samples: usize) -> Self {
        let parameter = |(name, identity): (&str, f32)| ActionParameter {
            name: name.into(),
            unit: "factor".into(),
            low: -1.0,
            high: 1.0,
            identity,
        };
        let parameters = [("x", 0.0), ("y", 0.0), ("z", 0.0), ("w", 1.0), ("floor", 0.0), ("light", 0.0)];
        let rotation = ActionGroup { name: "rotation".into(), range: 0..4, kind: GroupKind::Quaternion };
        let groups = vec![rotation, ActionGroup::vector("colour", 4..6)];
        let actions = ActionSpace::new(parameters.map(parameter).into(), groups).unwrap();
        let layout = SequenceLayout { observed_views, channels: 3, height: SIDE, width: SIDE, actions };
        Self { layout, samples, classes: vec!["dull".into(), "bright".into()], clean: true }
    }

    /// The same without a word of view 0.
    pub(crate) fn unclean(self) -> Self {
        Self { clean: false, ..self }
    }

    /// The same without classes.
    pub(crate) fn unlabelled(self) -> Self {
        Self { classes: Vec::new(), ..self }
    }

    fn render(&self, sample: u32, action: &[f32], out: &mut [f32]) {
        let contrast = 1.0 + (sample % 2) as f32;
        for (index, pixel) in out.iter_mut().enumerate() {
            let (channel, place) = (index / (SIDE * SIDE), index % (SIDE * SIDE));
            let patch = 2 * channel + usize::from(place >= SIDE * SIDE / 2);
            *pixel = contrast * action[patch];
        }
    }
}

impl SequenceSource for Rotations {
    fn len(&self) -> usize {
        self.samples
    }

    fn label(&self, index: usize) -> Option<u32> {
        (!self.classes.is_empty()).then(|| u32::from(index % 2 == 1))
    }

    fn class_names(&self) -> &[String] {
        &self.classes
    }

    fn layout(&self) -> &SequenceLayout {
        &self.layout
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of([format!("rotations {}", self.samples)])
    }

    fn settings(&self) -> String {
        format!("{} views", self.layout.observed_views)
    }

    fn description(&self) -> String {
        "renders".into()
    }

    fn fill(
        &self,
        key: SequenceKey,
        _: &mut SequenceScratch,
        slot: SequenceSlot<'_>,
    ) -> Result<(), DataError> {
        slot.check(&self.layout)?;
        for (view, action) in (0..).zip(slot.parameters.chunks_mut(Self::WIDTH)) {
            let mut rng = key.view(view).rng();
            let mut draw = || (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
            action.fill_with(&mut draw);
            let norm = action[..4].iter().map(|x| x * x).sum::<f32>().sqrt();
            // Of the two quaternions of a rotation the one with w >= 0.
            let norm = if action[3] < 0.0 { -norm } else { norm };
            action[..4].iter_mut().for_each(|x| *x /= norm);
        }
        let (observed, target) = slot.parameters.split_at(self.layout.observed_views * Self::WIDTH);
        for (view, action) in
            slot.observed.chunks_mut(self.layout.view_len()).zip(observed.chunks(Self::WIDTH))
        {
            self.render(key.sample, action, view);
        }
        slot.target.into_iter().for_each(|view| self.render(key.sample, target, view));
        Ok(())
    }

    fn with_observed_views(&self, views: usize) -> Result<Arc<dyn SequenceSource>, DataError> {
        let classes = self.classes.clone();
        Ok(Arc::new(Self { classes, clean: self.clean, ..Self::new(views, self.samples) }))
    }

    fn clean(&self) -> Option<Result<Arc<dyn SequenceSource>, DataError>> {
        self.clean.then(|| Ok(Arc::new(FirstView(Self::new(1, self.samples))) as Arc<dyn SequenceSource>))
    }
}

/// View 0 of every sample, whatever is asked.
#[derive(Debug)]
struct FirstView(Rotations);

impl SequenceSource for FirstView {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.0.label(index)
    }

    fn class_names(&self) -> &[String] {
        self.0.class_names()
    }

    fn layout(&self) -> &SequenceLayout {
        self.0.layout()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint()
    }

    fn settings(&self) -> String {
        "view 0".into()
    }

    fn description(&self) -> String {
        "view 0".into()
    }

    fn fill(
        &self,
        key: SequenceKey,
        scratch: &mut SequenceScratch,
        slot: SequenceSlot<'_>,
    ) -> Result<(), DataError> {
        self.0.fill(SequenceKey { seed: 0, epoch: 0, ..key }, scratch, slot)
    }

    fn with_observed_views(&self, views: usize) -> Result<Arc<dyn SequenceSource>, DataError> {
        self.0.with_observed_views(views)
    }
}
