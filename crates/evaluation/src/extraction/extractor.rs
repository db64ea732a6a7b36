//! One augmentation pass of a split through the frozen model.

use burn::tensor::{Device, Int, Tensor, TensorData};
use seqjepa_data::{SequenceBatch, SequenceLoader, relative_actions};
use seqjepa_model::{AnyEncoder, Encoder, Mode, SeqJepa};

use super::store::{FeatureWriter, Section};
use crate::TrainError;
use crate::batch::sequence_input;

/// Names of the sections of a features file.
pub(super) mod name {
    /// The samples' classes, `[samples, 1]`, whole numbers.
    pub const LABELS: &str = "labels";
    /// Codes of views 1 and 2, `[samples, D]` each.
    pub const FIRST: &str = "first";
    pub const SECOND: &str = "second";
    /// The relative action from view 1 to view 2, normalised over the sequence of M_val + 1 views, `[samples, A]`.
    pub const RELATIVE: &str = "relative";
    /// The raw action parameters of view 1, `[samples, A]`.
    pub const ABSOLUTE: &str = "absolute";
    /// The code of the target view as predicted from M_val views, and by the target encoder, `[samples, D]` each.
    pub const PREDICTION: &str = "prediction";
    pub const TARGET: &str = "target";
    /// Codes of further target views of some samples by the target encoder, `[some, (K - 1) * D]`; in a file of their own.
    pub const CANDIDATES: &str = "candidates";
    /// Codes of all observed views of a few samples, `[few, views * D]`.
    pub const VIEWS: &str = "views";
    /// The other encoder's codes of view 1 of the same few samples, `[few, D]`.
    pub const OTHER_FIRST: &str = "other_first";

    /// z_AGG over the first M views, `[samples, E]`.
    pub fn aggregate(views: usize) -> String {
        format!("aggregate-{views}")
    }
}

/// Samples that the diagnostics look at.
const DIAGNOSED: usize = 1024;

/// Rows of a few samples among all, evenly spaced: a data set may be sorted by class.
pub(super) fn spread(samples: usize, few: usize) -> Vec<usize> {
    let few = few.min(samples);
    (0..few).map(|index| index * samples / few).collect()
}

/// The rows that the diagnostics look at.
pub(super) fn diagnosed(samples: usize) -> Vec<usize> {
    spread(samples, DIAGNOSED)
}

/// What is extracted of each sequence.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The numbers of observed views M to aggregate over; the views are encoded once for all of them.
    pub lengths: Vec<usize>,
    /// M_val: the length whose actions are the probes' targets, and that the prediction is made from.
    pub observed: usize,
    /// Whether to extract what predictor and diagnostics are judged by.
    pub predictions: bool,
    /// Whether the model has a trained target encoder beside the online one.
    pub target_encoder: bool,
}

impl Wanted {
    /// The observed views that are encoded: as many as the longest aggregate reads, and the two that regressors read.
    fn encoded(&self) -> usize {
        self.lengths.iter().copied().max().unwrap_or(0).max(2)
    }

    /// The sections of a pass over `samples` sequences with `parameters` action parameters.
    pub fn sections(&self, model: &SeqJepa, samples: usize, parameters: usize) -> Vec<Section> {
        let (code, token) = (model.config().code_width(), model.config().token_width());
        let mut sections = vec![
            Section::new(name::LABELS, samples, 1),
            Section::new(name::FIRST, samples, code),
            Section::new(name::SECOND, samples, code),
            Section::new(name::RELATIVE, samples, parameters),
            Section::new(name::ABSOLUTE, samples, parameters),
        ];
        sections
            .extend(self.lengths.iter().map(|views| Section::new(name::aggregate(*views), samples, token)));
        if self.predictions {
            let few = diagnosed(samples).len();
            sections.extend([
                Section::new(name::PREDICTION, samples, code),
                Section::new(name::TARGET, samples, code),
                Section::new(name::VIEWS, few, self.encoded() * code),
            ]);
            if self.target_encoder {
                sections.push(Section::new(name::OTHER_FIRST, few, code));
            }
        }
        sections
    }
}

/// A frozen model with what it is shown.
pub(super) struct Extractor<'a> {
    /// Outside autodiff; evaluation mode is used throughout, so that nothing in it changes.
    pub model: &'a SeqJepa,
    /// The encoder whose codes are probed, one of the model's two.
    pub encoder: &'a AnyEncoder,
    /// The other one; the same where the model has only one.
    pub other: &'a AnyEncoder,
    pub device: &'a Device,
    pub wanted: Wanted,
    /// Images that go through an encoder at a time.
    pub images_at_once: usize,
}

impl Extractor<'_> {
    /// Runs pass `pass` of `loader` into `writer`.
    pub fn run(
        &self,
        loader: &SequenceLoader,
        pass: u64,
        writer: &mut FeatureWriter,
        progress: &mut dyn FnMut(usize) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        let few = diagnosed(loader.samples_per_epoch());
        let mut done = 0;
        for batch in loader.epoch(pass, 0) {
            let batch = batch?;
            let rows = done..done + batch.len();
            let few: Vec<usize> =
                few.iter().filter(|row| rows.contains(row)).map(|row| row - rows.start).collect();
            self.batch(&batch, &few, loader, writer)?;
            done = rows.end;
            progress(done)?;
        }
        Ok(())
    }

    /// The target encoder's codes of all views of pass `pass` of `loader`.
    pub fn candidates(
        &self,
        loader: &SequenceLoader,
        pass: u64,
        writer: &mut FeatureWriter,
        progress: &mut dyn FnMut(usize) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        let mut done = 0;
        for batch in loader.epoch(pass, 0) {
            let batch = batch?;
            let input = sequence_input(&batch, self.device);
            let [samples, views, channels, height, width] = input.observed.dims();
            let images = input.observed.reshape([samples * views, channels, height, width]);
            let code = self.model.config().code_width();
            let codes = vec![
                self.encode_target(images).reshape([samples, views * code]),
                self.encode_target(input.target),
            ];
            writer.append(name::CANDIDATES, &values(Tensor::cat(codes, 1)))?;
            done += samples;
            progress(done)?;
        }
        Ok(())
    }

    fn batch(
        &self,
        batch: &SequenceBatch,
        few: &[usize],
        loader: &SequenceLoader,
        writer: &mut FeatureWriter,
    ) -> Result<(), TrainError> {
        let (samples, parameters) = (batch.len(), batch.parameter_count());
        let input = sequence_input(batch, self.device);
        let [_, drawn, channels, height, width] = input.observed.dims();
        let views = self.wanted.encoded();
        let observed = input.observed.narrow(1, 0, views);
        let images = observed.clone().reshape([samples * views, channels, height, width]);
        let codes = self.encode(self.encoder, images);
        let code = codes.dims()[1];
        let codes = codes.reshape([samples, views, code]);
        let view = |index: usize| codes.clone().narrow(1, index, 1).reshape([samples, code]);

        writer.append_integers(name::LABELS, &batch.labels)?;
        let rows = batch.parameters.chunks(parameters * (drawn + 1));
        let absolute: Vec<f32> = rows.flat_map(|rows| &rows[..parameters]).copied().collect();
        writer.append(name::ABSOLUTE, &absolute)?;
        writer.append(name::FIRST, &values(view(0)))?;
        writer.append(name::SECOND, &values(view(1)))?;
        for &length in &self.wanted.lengths {
            let actions = SequenceActions::of(batch, length, loader)?;
            let [absolute, relative] = actions.tensors(self.device);
            let observed = codes.clone().narrow(1, 0, length);
            let aggregate =
                self.model.aggregate(observed, absolute.clone(), relative.clone(), Mode::Eval, None)?;
            writer.append(&name::aggregate(length), &values(aggregate.clone()))?;
            if length == self.wanted.observed {
                let first = actions.relative.chunks(length * parameters).flat_map(|rows| &rows[..parameters]);
                writer.append(name::RELATIVE, &first.copied().collect::<Vec<_>>())?;
                if self.wanted.predictions {
                    let prediction =
                        self.model.predict_target(aggregate, absolute, relative, length, Mode::Eval)?;
                    writer.append(name::PREDICTION, &values(prediction))?;
                    writer.append(name::TARGET, &values(self.encode_target(input.target.clone())))?;
                }
            }
        }
        if self.wanted.predictions && !few.is_empty() {
            let rows: Vec<i32> = few.iter().map(|row| *row as i32).collect();
            let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [few.len()]), self.device);
            let all = codes.reshape([samples, views * code]).select(0, rows.clone());
            writer.append(name::VIEWS, &values(all))?;
            if self.wanted.target_encoder {
                let first = observed.narrow(1, 0, 1).reshape([samples, channels, height, width]);
                writer.append(name::OTHER_FIRST, &values(self.encode(self.other, first.select(0, rows))))?;
            }
        }
        Ok(())
    }

    fn encode_target(&self, images: Tensor<4>) -> Tensor<2> {
        let parts = images.split(self.images_at_once, 0).into_iter();
        Tensor::cat(parts.map(|images| self.model.encode_target(images, Mode::Eval)).collect(), 0)
    }

    fn encode(&self, encoder: &AnyEncoder, images: Tensor<4>) -> Tensor<2> {
        let parts = images.split(self.images_at_once, 0).into_iter();
        Tensor::cat(parts.map(|images| encoder.encode(images, Mode::Eval)).collect(), 0)
    }
}

/// The normalised actions of sequences of `length` observed views and the target.
struct SequenceActions {
    /// `[batch, length + 1, A]`
    absolute: Vec<f32>,
    /// `[batch, length, A]`
    relative: Vec<f32>,
    shape: [usize; 3],
}

impl SequenceActions {
    /// The first `length` observed views of each sequence of `batch` and its target: their raw parameters, normalised
    /// over these length + 1 views alone.
    fn of(batch: &SequenceBatch, length: usize, loader: &SequenceLoader) -> Result<Self, TrainError> {
        let parameters = batch.parameter_count();
        let normalization = &loader.sequence().action_normalization;
        let (mut all, mut relative) = (Vec::new(), Vec::new());
        for rows in batch.parameters.chunks(parameters * (batch.views() + 1)) {
            let mut actions = rows[..length * parameters].to_vec();
            actions.extend(&rows[rows.len() - parameters..]);
            normalization.apply(&mut actions, parameters)?;
            let start = relative.len();
            relative.resize(start + length * parameters, 0.0);
            relative_actions(&actions, parameters, &mut relative[start..])?;
            all.extend(actions);
        }
        Ok(Self { absolute: all, relative, shape: [batch.len(), length, parameters] })
    }

    fn tensors(&self, device: &Device) -> [Tensor<3>; 2] {
        let [batch, length, parameters] = self.shape;
        let tensor = |values: &Vec<f32>, rows| {
            Tensor::from_data(TensorData::new(values.clone(), [batch, rows, parameters]), device)
        };
        [tensor(&self.absolute, length + 1), tensor(&self.relative, length)]
    }
}

/// A tensor's elements on the host, row-major.
fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().expect("the data has just become f32")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_are_spread_over_all() {
        assert_eq!(spread(10, 4), [0, 2, 5, 7]);
        assert_eq!(spread(3, 4), [0, 1, 2]);
        assert_eq!(spread(5000, 1024).len(), 1024);
    }
}
