use burn::tensor::{Device, Int, Tensor, TensorData};
use seqjepa_data::{ActionSpace, SequenceBatch, SequenceLoader};
use seqjepa_model::{DynMethod, EncoderChoice, SequenceActions};
use seqjepa_nn::host;
use seqjepa_train::sequence_input;

use super::section;
use super::wanted::{Wanted, diagnosed};
use crate::error::EvaluationError;
use crate::features::FeatureWriter;

/// Told how many samples are done.
pub(super) type Progress<'a> = &'a mut dyn FnMut(usize) -> Result<(), EvaluationError>;

/// A frozen method with what is wanted of it.
#[derive(Debug)]
pub(super) struct Extractor<'a> {
    /// Outside autodiff; it works in evaluation mode, so that nothing in it changes.
    pub(super) method: &'a dyn DynMethod,
    /// The encoder whose representations are probed.
    pub(super) encoder: EncoderChoice,
    pub(super) device: &'a Device,
    /// Images that go through an encoder at a time.
    pub(super) images_at_once: usize,
}

/// Tensors that are to be read from the device in one go, with their sections.
struct Unread<'a> {
    method: &'a dyn DynMethod,
    sections: Vec<String>,
    tensors: Vec<Tensor<1>>,
}

impl<'a> Unread<'a> {
    fn new(method: &'a dyn DynMethod) -> Self {
        Self { method, sections: Vec::new(), tensors: Vec::new() }
    }

    /// Adds rows of a section, which must have the shape that the method declares: a method may be anybody's.
    fn push(
        &mut self,
        section: impl Into<String>,
        values: Tensor<2>,
        expected: [usize; 2],
    ) -> Result<(), EvaluationError> {
        let (section, found) = (section.into(), values.dims());
        if found != expected {
            let expected = format!("features `{section}` of shape {expected:?}");
            return Err(undeclared(self.method, expected, format!("{found:?}")));
        }
        self.sections.push(section);
        self.tensors.push(values.reshape([found[0] * found[1]]));
        Ok(())
    }

    fn write(self, writer: &mut FeatureWriter) -> Result<(), EvaluationError> {
        for (section, values) in self.sections.iter().zip(host::read_all(self.tensors)) {
            writer.append(section, &values)?;
        }
        Ok(())
    }
}

impl Extractor<'_> {
    /// Runs pass `pass` of `loader`, which renders what `wanted` needs, into `writer`.
    pub(super) fn run(
        &self,
        wanted: &Wanted,
        loader: &SequenceLoader,
        pass: u64,
        writer: &mut FeatureWriter,
        progress: Progress,
    ) -> Result<(), EvaluationError> {
        let few = diagnosed(loader.samples_per_epoch());
        let mut done = 0;
        for batch in loader.epoch(pass, 0) {
            let batch = batch?.into_inner();
            let rows = done..done + batch.len();
            let few: Vec<usize> =
                few.iter().filter(|row| rows.contains(row)).map(|row| row - rows.start).collect();
            self.batch(wanted, batch, &few, &loader.source().layout().actions, writer)?;
            done = rows.end;
            progress(done)?;
        }
        Ok(())
    }

    /// The representations of all views of pass `pass` of `loader` that predictions are held against.
    pub(super) fn candidates(
        &self,
        loader: &SequenceLoader,
        pass: u64,
        writer: &mut FeatureWriter,
        progress: Progress,
    ) -> Result<(), EvaluationError> {
        let mut done = 0;
        for batch in loader.epoch(pass, 0) {
            let input = sequence_input(batch?.into_inner(), self.device)?;
            let [samples, views, channels, height, width] = input.observed.dims();
            let observed =
                self.encode_target(input.observed.reshape([samples * views, channels, height, width]))?;
            let representation = observed.dims()[1];
            let mut all = vec![observed.reshape([samples, views * representation])];
            if let Some(target) = input.target {
                all.push(self.encode_target(target)?);
            }
            let all = Tensor::cat(all, 1);
            let mut unread = Unread::new(self.method);
            let declared = self.method.representations().equivariant.width;
            unread.push(section::CANDIDATES, all, [samples, (views + 1) * declared])?;
            unread.write(writer)?;
            done += samples;
            progress(done)?;
        }
        Ok(())
    }

    /// The representations and classes of the clean images that `loader` gives, for pass `pass` of it.
    pub(super) fn clean(
        &self,
        loader: &SequenceLoader,
        pass: u64,
        writer: &mut FeatureWriter,
        progress: Progress,
    ) -> Result<(), EvaluationError> {
        let mut done = 0;
        for batch in loader.epoch(pass, 0) {
            let mut batch = batch?.into_inner();
            if let Some(labels) = batch.labels.take() {
                writer.append_integers(section::LABELS, &labels)?;
            }
            let input = sequence_input(batch, self.device)?;
            let [samples, views, channels, height, width] = input.observed.dims();
            let images = input.observed.reshape([samples * views, channels, height, width]);
            let mut unread = Unread::new(self.method);
            let declared = self.method.representations().equivariant.width;
            unread.push(section::FIRST, self.encode(images, self.encoder)?, [samples, declared])?;
            unread.write(writer)?;
            done += samples;
            progress(done)?;
        }
        Ok(())
    }

    fn batch(
        &self,
        wanted: &Wanted,
        mut batch: SequenceBatch,
        few: &[usize],
        space: &ActionSpace,
        writer: &mut FeatureWriter,
    ) -> Result<(), EvaluationError> {
        let samples = batch.len();
        if let Some(labels) = batch.labels.take() {
            writer.append_integers(section::LABELS, &labels)?;
        }
        let raw = RawActions { rows: std::mem::take(&mut batch.parameters), drawn: batch.views() + 1, space };
        let normalised = raw.sequence(wanted.observed)?;
        let absolute =
            if space.normalization().of_one_view() { normalised.first_absolute() } else { raw.first() };
        writer.append(section::ABSOLUTE, &absolute)?;
        writer.append(section::RELATIVE, &normalised.first_relative())?;
        for steps in wanted.steps() {
            let path = raw.sequence(steps + 1)?.path(steps, space);
            writer.append(&section::path(steps), &path)?;
        }

        let input = sequence_input(batch, self.device)?;
        let [_, views, channels, height, width] = input.observed.dims();
        let images = input.observed.clone().reshape([samples * views, channels, height, width]);
        let encoded = self.encode(images, self.encoder)?;
        let layout = self.method.representations();
        let representation = encoded.dims()[1];
        let (one, invariant_width) = ([samples, layout.equivariant.width], layout.invariant.width);
        let encoded = encoded.reshape([samples, views, representation]);
        let view = |index: usize| encoded.clone().narrow(1, index, 1).reshape([samples, representation]);
        let mut unread = Unread::new(self.method);
        unread.push(section::FIRST, view(0), one)?;
        unread.push(section::SECOND, view(1), one)?;
        for &length in &wanted.aggregates {
            let actions = raw.sequence(length)?.tensors(self.device)?;
            let invariant = self.method.invariant(encoded.clone().narrow(1, 0, length), &actions)?;
            unread.push(section::aggregate(length), invariant.clone(), [samples, invariant_width])?;
            if wanted.prediction == Some(length) {
                let Some(prediction) = self.method.predict(invariant, &actions)? else {
                    return Err(undeclared(self.method, "predictions", "none"));
                };
                unread.push(section::PREDICTION, prediction, one)?;
                let Some(target) = input.target.clone() else {
                    unreachable!("the loader renders the target views that predictions are held against")
                };
                unread.push(section::TARGET, self.encode_target(target)?, one)?;
            }
        }
        if wanted.diagnostics && !few.is_empty() {
            let rows: Vec<i32> =
                few.iter().map(|row| i32::try_from(*row).expect("a row of a batch")).collect();
            let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [few.len()]), self.device);
            let all = encoded.reshape([samples, views * representation]).select(0, rows.clone());
            unread.push(section::VIEWS, all, [few.len(), views * layout.equivariant.width])?;
            if wanted.other_encoder {
                let first = input.observed.narrow(1, 0, 1).reshape([samples, channels, height, width]);
                let other = match self.encoder {
                    EncoderChoice::Online => EncoderChoice::Target,
                    EncoderChoice::Target => EncoderChoice::Online,
                };
                let other = self.encode(first.select(0, rows), other)?;
                unread.push(section::OTHER_FIRST, other, [few.len(), layout.equivariant.width])?;
            }
        }
        unread.write(writer)
    }

    /// Representations by which predictions are judged: the target encoder's, or the online one's where there is no other.
    fn encode_target(&self, images: Tensor<4>) -> Result<Tensor<2>, EvaluationError> {
        let target = if self.method.representations().target_encoder {
            EncoderChoice::Target
        } else {
            EncoderChoice::Online
        };
        self.encode(images, target)
    }

    fn encode(&self, images: Tensor<4>, encoder: EncoderChoice) -> Result<Tensor<2>, EvaluationError> {
        let parts = images.split(self.images_at_once, 0).into_iter();
        let encoded: Option<Vec<_>> = parts.map(|images| self.method.encode(images, encoder)).collect();
        match encoded {
            Some(encoded) => Ok(Tensor::cat(encoded, 0)),
            None => Err(undeclared(
                self.method,
                format!("representations by the {} encoder", encoder.name()),
                "none",
            )),
        }
    }
}

fn undeclared(
    method: &dyn DynMethod,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> EvaluationError {
    EvaluationError::Method { method: method.name().into(), expected: expected.into(), found: found.into() }
}

/// The raw actions of a batch of sequences.
struct RawActions<'a> {
    /// `[batch, drawn, parameters]`, the target's last.
    rows: Vec<f32>,
    /// Views of a sequence, the target included.
    drawn: usize,
    space: &'a ActionSpace,
}

impl RawActions<'_> {
    /// Those of the first view, `[batch, parameters]`.
    fn first(&self) -> Vec<f32> {
        let parameters = self.space.width();
        self.rows.chunks(self.drawn * parameters).flat_map(|rows| &rows[..parameters]).copied().collect()
    }

    /// The actions of sequences of the first `length` observed views and the target, normalised over these views alone.
    fn sequence(&self, length: usize) -> Result<HostActions, EvaluationError> {
        let parameters = self.space.width();
        let samples = self.rows.len() / (self.drawn * parameters);
        let mut made = HostActions {
            absolute: vec![0.0; samples * (length + 1) * parameters],
            relative: vec![0.0; samples * length * parameters],
            shape: [samples, length, parameters],
        };
        let absolute = made.absolute.chunks_mut((length + 1) * parameters);
        let outputs = absolute.zip(made.relative.chunks_mut(length * parameters));
        let mut raw = Vec::with_capacity((length + 1) * parameters);
        for (rows, (absolute, relative)) in self.rows.chunks(self.drawn * parameters).zip(outputs) {
            raw.clear();
            raw.extend(&rows[..length * parameters]);
            raw.extend(&rows[rows.len() - parameters..]);
            self.space.sequence(&raw, absolute, relative).map_err(seqjepa_data::DataError::from)?;
        }
        Ok(made)
    }
}

/// The normalised actions of sequences of some observed views and the target.
struct HostActions {
    /// `[batch, length + 1, parameters]`
    absolute: Vec<f32>,
    /// `[batch, length, parameters]`
    relative: Vec<f32>,
    shape: [usize; 3],
}

impl HostActions {
    /// Those of the first view, `[batch, parameters]`.
    fn first_absolute(&self) -> Vec<f32> {
        let [_, length, parameters] = self.shape;
        let rows = self.absolute.chunks((length + 1) * parameters);
        rows.flat_map(|rows| &rows[..parameters]).copied().collect()
    }

    /// From the first view to that after `steps` steps, `[batch, parameters]`.
    fn path(&self, steps: usize, space: &ActionSpace) -> Vec<f32> {
        let [batch, length, parameters] = self.shape;
        let mut path = vec![0.0; batch * parameters];
        let rows = self.absolute.chunks((length + 1) * parameters);
        for (rows, out) in rows.zip(path.chunks_mut(parameters)) {
            space.between(&rows[..parameters], &rows[steps * parameters..][..parameters], out);
        }
        path
    }

    /// From the first view to the second, `[batch, parameters]`.
    fn first_relative(&self) -> Vec<f32> {
        let [_, length, parameters] = self.shape;
        self.relative.chunks(length * parameters).flat_map(|rows| &rows[..parameters]).copied().collect()
    }

    fn tensors(self, device: &Device) -> Result<SequenceActions, EvaluationError> {
        let [batch, length, parameters] = self.shape;
        let tensor = |values: Vec<f32>, rows| {
            Tensor::from_data(TensorData::new::<f32, _>(values, [batch, rows, parameters]), device)
        };
        Ok(SequenceActions::new(tensor(self.absolute, length + 1), tensor(self.relative, length))?)
    }
}
