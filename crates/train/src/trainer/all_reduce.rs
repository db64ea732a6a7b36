//! Sums over devices.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use burn::tensor::distributed::{ReduceOperation, all_reduce};
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use seqjepa_nn::host;

use super::team::Team;
use crate::error::TrainError;
use crate::panic_text::panic_text;

/// How the devices of a trainer add up their gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AllReduce {
    /// Through the memory of the machine, in the order of the devices: on any backend, with the same bits every time. The default.
    #[default]
    Host,
    /// Among the devices, by Burn's `all_reduce`: of Burn 0.22.1 on CUDA alone, by NVIDIA's NCCL. Other backends panic. A device that fails
    /// leaves the others waiting.
    Device,
}

impl AllReduce {
    /// Adds up what `give` makes for every device, vectors of one length, and hands the sum to `take`, on every device.
    pub(super) fn sum<S: Send + 'static>(
        self,
        team: &Team<S>,
        own: &mut S,
        devices: &[Device],
        give: impl Fn(usize, &mut S) -> Tensor<1> + Clone + Send + 'static,
        take: impl Fn(usize, &mut S, Tensor<1>) + Clone + Send + 'static,
    ) {
        let devices: Vec<_> = devices.iter().map(|device| device.clone().inner()).collect();
        match self {
            Self::Host => {
                let sum = summed(team.each(own, move |rank, state| host::read(give(rank, state))));
                let sum = Arc::new(sum);
                team.each(own, move |rank, state| {
                    let data = TensorData::new(sum.to_vec(), [sum.len()]);
                    take(rank, state, host::send(data, &devices[rank]));
                });
            }
            Self::Device => {
                team.each(own, move |rank, state| {
                    let values = give(rank, state);
                    let sum = all_reduce(values, ReduceOperation::Sum, devices.clone()).resolve();
                    take(rank, state, sum);
                });
            }
        }
    }

    /// Adds up numbers of which the sum is known.
    ///
    /// # Errors
    ///
    /// [`TrainError::AllReduce`] if it is another on one of the devices, or if they cannot add up at all.
    pub fn check(self, devices: &[Device]) -> Result<(), TrainError> {
        let team = Team::new(devices.iter().skip(1).map(|_| Vec::new()));
        let mut own: Vec<f32> = Vec::new();
        let places: Vec<_> = devices.iter().map(|device| device.clone().inner()).collect();
        let give = move |rank: usize, _: &mut Vec<f32>| {
            let values: Vec<f32> = (0..LENGTH).map(|at| part(at, rank)).collect();
            Tensor::from_data(TensorData::new(values, [LENGTH]), &places[rank])
        };
        // The device goes on with the sum, as in a step.
        let take = |_, found: &mut Vec<f32>, sum: Tensor<1>| *found = host::read(sum.mul_scalar(2.0));
        let sum = || {
            self.sum(&team, &mut own, devices, give, take);
            team.each(&mut own, |_, found| std::mem::take(found))
        };
        let found = catch_unwind(AssertUnwindSafe(sum)).map_err(|panic| TrainError::AllReduce {
            devices: devices.len(),
            expected: "a sum".to_owned(),
            found: panic_text(&*panic).lines().next().unwrap_or("a panic without words").to_owned(),
        })?;
        compare(&found)
    }
}

/// Values of the check: more than a block of a kernel has, and no multiple of one.
const LENGTH: usize = 1_000_003;

/// The value of a device: small whole numbers, whose sums are exact.
fn part(at: usize, rank: usize) -> f32 {
    let at = u16::try_from(at % 1009).expect("it is below 1009");
    f32::from(at) * (rank + 1) as f32
}

/// Twice the sum that every device has found.
fn compare(found: &[Vec<f32>]) -> Result<(), TrainError> {
    let devices = found.len();
    let expected = |at| 2.0 * (0..devices).map(|rank| part(at, rank)).sum::<f32>();
    for (rank, found) in found.iter().enumerate() {
        if let Some(at) = (0..LENGTH).find(|&at| found.get(at) != Some(&expected(at))) {
            let value = found.get(at).map_or_else(|| "nothing".to_owned(), ToString::to_string);
            return Err(TrainError::AllReduce {
                devices,
                expected: expected(at).to_string(),
                found: format!("{value} on device {rank}"),
            });
        }
    }
    Ok(())
}

/// The sum of vectors of one length, in their order.
fn summed(parts: Vec<Vec<f32>>) -> Vec<f32> {
    /// Values at a time: of all vectors they fit into a processor's cache.
    const PIECE: usize = 1 << 14;
    let mut parts = parts.into_iter();
    let mut sum = parts.next().unwrap_or_default();
    let others: Vec<_> = parts.collect();
    sum.par_chunks_mut(PIECE).enumerate().for_each(|(piece, sum)| {
        for part in &others {
            let part = &part[piece * PIECE..];
            sum.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
        }
    });
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_gets_the_sum() {
        for devices in 1..4 {
            AllReduce::Host.check(&vec![Device::flex().autodiff(); devices]).unwrap();
        }
    }

    #[test]
    fn a_wrong_sum_and_a_backend_that_cannot_are_told_of() {
        let right = |_| (0..LENGTH).map(|at| 2.0 * (part(at, 0) + part(at, 1))).collect::<Vec<_>>();
        compare(&[right(0), right(1)]).unwrap();
        let mut wrong = right(1);
        wrong[500_000] += 1.0;
        for (second, words) in [(wrong, "on device 1"), (Vec::new(), "nothing on device 1")] {
            let message = compare(&[right(0), second]).unwrap_err().to_string();
            assert!(message.contains(words) && message.contains("2 devices"), "{message}");
        }
        // Burn's processors cannot.
        let message = AllReduce::Device.check(&[Device::flex(), Device::flex()]).unwrap_err().to_string();
        assert!(message.contains("all-reduce of 2 devices: expected a sum"), "{message}");
    }

    #[test]
    fn long_vectors_are_summed_in_pieces() {
        let parts: Vec<Vec<f32>> =
            (1..4u8).map(|part| (0..40_000u16).map(|at| f32::from(part) * f32::from(at)).collect()).collect();
        assert!(summed(parts).into_iter().enumerate().all(|(at, sum)| sum == 6.0 * at as f32));
        assert!(summed(Vec::new()).is_empty());
    }
}
