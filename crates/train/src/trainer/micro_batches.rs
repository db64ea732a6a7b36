//! A batch on its way to the device, whole or in parts.

use burn::tensor::{Device, Tensor};
use seqjepa_data::SequenceBatch;
use seqjepa_model::{Representations, SequenceInput};

use crate::batch::sequence_input;
use crate::error::TrainError;

/// The micro-batches of a batch that one device has. Each is uploaded when it is asked for, so that the device holds no more than one.
#[derive(Debug)]
pub(super) struct MicroBatches {
    /// What the device has of the batch; `None` once the last part is out.
    batch: Option<SequenceBatch>,
    /// Where in the batch that begins.
    first: usize,
    /// Sequences of the batch.
    sequences: usize,
    /// Parts of the batch.
    parts: usize,
    next: usize,
    end: usize,
    device: Device,
}

/// One of them, on the device.
#[derive(Debug)]
pub(super) struct MicroBatch {
    pub input: SequenceInput,
    /// Its number within the batch, from 0.
    pub index: u64,
    /// Its sequences.
    pub sequences: usize,
    /// Their share of the batch; `None` for a batch that is not divided.
    pub share: Option<f64>,
}

impl MicroBatches {
    /// `batch` in as few parts of at most `most` sequences as can be, whose sizes differ by at most one; in one part if `most` is `None`.
    pub(super) fn new(batch: SequenceBatch, most: Option<usize>, device: &Device) -> Self {
        let sequences = batch.len();
        let parts = parts(sequences, most);
        let device = device.clone();
        Self { batch: Some(batch), first: 0, sequences, parts, next: 0, end: parts, device }
    }

    /// The same on several devices, each of which has a part at least; a batch of fewer than two sequences for each leaves the last
    /// devices without.
    pub(super) fn divided(batch: SequenceBatch, most: Option<usize>, devices: &[Device]) -> Vec<Self> {
        let sequences = batch.len();
        let parts = parts(sequences, most).max(devices.len().min(sequences / 2)).max(1);
        let ranks = parts.min(devices.len());
        if ranks == 1 {
            return vec![Self::new(batch, most, &devices[0])];
        }
        let share = |(rank, device): (usize, &Device)| {
            let [next, end] = [rank, rank + 1].map(|rank| rank * parts / ranks);
            let [first, last] = [next, end].map(|part| part * sequences / parts);
            let (batch, device) = (Some(batch.part(first..last)), device.clone());
            Self { batch, first, sequences, parts, next, end, device }
        };
        devices[..ranks].iter().enumerate().map(share).collect()
    }
}

impl Iterator for MicroBatches {
    type Item = Result<MicroBatch, TrainError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batch.take()?;
        let (index, count) = (self.next, self.sequences);
        self.next += 1;
        let (part, share) = if self.parts == 1 {
            (batch, None)
        } else {
            let [first, end] = [index, self.next].map(|part| part * count / self.parts);
            let part = batch.part(first - self.first..end - self.first);
            self.batch = (self.next < self.end).then_some(batch);
            (part, Some((end - first) as f64 / count as f64))
        };
        let sequences = part.len();
        let input = sequence_input(part, &self.device).map_err(Into::into);
        Some(input.map(|input| MicroBatch { input, index: index as u64, sequences, share }))
    }
}

/// Parts of a batch of `sequences`, of which none has more than `most`.
fn parts(sequences: usize, most: Option<usize>) -> usize {
    most.map_or(1, |most| sequences.div_ceil(most))
}

/// The sequences of the smallest part, of which each device has one at least.
pub(super) fn smallest_part(sequences: usize, most: Option<usize>, devices: usize) -> usize {
    sequences / parts(sequences, most).max(devices)
}

/// What the micro-batches of a batch gave, as if it had been one.
pub(super) fn joined(mut parts: Vec<Representations>) -> Representations {
    if parts.len() == 1 {
        return parts.swap_remove(0);
    }
    let join = |of: fn(&Representations) -> &Tensor<2>| {
        Tensor::cat(parts.iter().map(|part| of(part).clone()).collect(), 0)
    };
    Representations {
        invariant: join(|part| &part.invariant),
        first: join(|part| &part.first),
        second: join(|part| &part.second),
    }
}

/// The share of a micro-batch in a mean over the batch.
pub(super) fn weighted(mean: Tensor<1>, share: Option<f64>) -> Tensor<1> {
    match share {
        Some(share) => mean.mul_scalar(share),
        None => mean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_is_larger_than_asked_for_and_none_is_a_single_sequence() {
        for sequences in 2..200 {
            for most in 2..=sequences {
                let smallest = smallest_part(sequences, Some(most), 1);
                let count = parts(sequences, Some(most));
                assert!(sequences.div_ceil(count) <= most, "{sequences} by {most}");
                // Pairs alone cannot make up an odd number.
                let alone = most == 2 && sequences % 2 == 1;
                assert_eq!(smallest < 2, alone, "{sequences} by {most}");
            }
        }
        assert_eq!(smallest_part(7, None, 1), 7);
        assert_eq!(smallest_part(7, None, 3), 2);
    }
}
