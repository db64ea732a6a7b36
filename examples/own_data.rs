//! Data of one's own: sequences that are no augmentations, with an action space of three numbers. A view is a grey square on black, an
//! action its place and its side; the model learns to predict what a square looks like after it has moved. One line in the registry
//! gives it a run folder, resume and evaluation.
//!
//! ```text
//! cargo run --release --example own_data
//! ```

use std::sync::Arc;

use anyhow::Result;
use seqjepa::data::{
    ActionGroup, ActionNormalization, ActionParameter, DataError, Fingerprint, KeyedRng, SequenceKey,
    SequenceLayout, SequenceScratch, SequenceSlot,
};
use seqjepa::prelude::*;
use seqjepa::run::ConfigError;
use seqjepa::run::registry::{DataSet, DataSetEntry, DataSetError};

const SIDE: usize = 16;

/// Place and side of a square, in pixels.
fn space() -> Result<ActionSpace, DataError> {
    let parameter = |name: &str, [low, high]: [f32; 2]| {
        let (name, unit) = (name.into(), "pixels".into());
        ActionParameter { name, unit, low, high, identity: low }
    };
    let parameters =
        vec![parameter("x", [0.0, 10.0]), parameter("y", [0.0, 10.0]), parameter("side", [2.0, 6.0])];
    let groups = vec![ActionGroup::vector("place", 0..2), ActionGroup::vector("side", 2..3)];
    let scale = ActionNormalization::Standardize { mean: vec![5.0, 5.0, 4.0], std: vec![3.0, 3.0, 1.2] };
    Ok(ActionSpace::new(parameters, groups)?.with_normalization(scale)?)
}

#[derive(Debug)]
struct Squares(SequenceLayout, usize);

impl Squares {
    fn new(observed_views: usize, len: usize) -> Result<Self, DataError> {
        Ok(Self(
            SequenceLayout { observed_views, channels: 3, height: SIDE, width: SIDE, actions: space()? },
            len,
        ))
    }
}

/// A square as a view, `[3, SIDE, SIDE]`.
fn draw(action: &[f32], view: &mut [f32]) {
    let [x, y, side] = [action[0], action[1], action[2]];
    for (at, value) in view.iter_mut().enumerate() {
        let (row, column) = ((at / SIDE % SIDE) as f32, (at % SIDE) as f32);
        *value = f32::from((x..x + side).contains(&column) && (y..y + side).contains(&row));
    }
}

impl SequenceSource for Squares {
    fn len(&self) -> usize {
        self.1
    }
    fn label(&self, _: usize) -> Option<u32> {
        None
    }
    fn class_names(&self) -> &[String] {
        &[]
    }
    fn layout(&self) -> &SequenceLayout {
        &self.0
    }
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(["squares", &self.1.to_string()])
    }
    fn settings(&self) -> String {
        format!("{} observed views", self.0.observed_views)
    }
    fn description(&self) -> String {
        "place and side of the square uniform".into()
    }
    fn fill(
        &self,
        key: SequenceKey,
        _: &mut SequenceScratch,
        slot: SequenceSlot<'_>,
    ) -> Result<(), DataError> {
        slot.check(&self.0)?;
        // Everything is drawn from the key alone, so that a resumed run sees the same.
        for (view, action) in (0..).zip(slot.parameters.chunks_exact_mut(3)) {
            let rng = &mut key.view(view).rng();
            action.copy_from_slice(&[whole(rng, 11), whole(rng, 11), 2.0 + whole(rng, 5)]);
        }
        let views = slot.observed.chunks_exact_mut(self.0.view_len());
        views.zip(slot.parameters.chunks_exact(3)).for_each(|(view, action)| draw(action, view));
        slot.target.into_iter().for_each(|view| draw(&slot.parameters[3 * self.0.observed_views..], view));
        Ok(())
    }
    fn with_observed_views(&self, views: usize) -> Result<Arc<dyn SequenceSource>, DataError> {
        Ok(Arc::new(Self::new(views, self.1)?))
    }
}

/// A whole number below `limit`.
fn whole(rng: &mut KeyedRng, limit: u32) -> f32 {
    use rand::Rng;
    (rng.next_u32() % limit) as f32
}

/// How a config becomes the data.
struct SquaresEntry;

impl DataSetEntry for SquaresEntry {
    fn actions(&self, _: &Config) -> Result<ActionSpace, ConfigError> {
        Ok(space()?)
    }
    fn open(&self, config: &Config, _: &mut dyn Observer) -> Result<DataSet, DataSetError> {
        let views = config.dataset.seq_len;
        Ok(DataSet::new(Arc::new(Squares::new(views, 1024)?), Arc::new(Squares::new(views, 256)?)))
    }
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<()> {
    let registry = Registry::standard().with_data_set("squares", SquaresEntry);
    let text = "
run: {name: squares, epochs: 3}
dataset: {name: squares, batch_size: 64}
model: {img_size: 16, width: 8, num_enc_layers: 1, pred_hidden: 64}
optim: {probe_hidden: 64}
eval: {seq_len: 3, max_seq_len: 3}
";
    let config = Config::parse_with::<&str>(&registry, text, "this example", &[])?;
    let mut run = Run::start_with(&registry, config, &mut Observers::new())?;
    run.train(&mut ProgressBars::new())?;
    let card = run.evaluate(&mut ProgressBars::new())?;
    println!("{}", results_table(run.rows().last(), &card));
    println!("everything is in {}", run.folder().root().display());
    Ok(())
}
