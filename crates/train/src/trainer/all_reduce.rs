//! Sums over devices.

use std::panic::resume_unwind;
use std::thread;

use burn::tensor::distributed::{ReduceOperation, all_reduce};
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use seqjepa_nn::host;

use crate::error::TrainError;

/// How the devices of a trainer add up their gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AllReduce {
    /// Through the memory of the machine, in the order of the devices: on any backend, with the same bits every time. The default.
    #[default]
    Host,
    /// Among the devices, by Burn's `all_reduce`: of Burn 0.22.1 on CUDA alone, by NVIDIA's NCCL. Other backends panic.
    Device,
}

impl AllReduce {
    /// The sum of `values`, of which each device has one, all of the same length; on every device.
    pub(super) fn sum(self, values: Vec<Tensor<1>>) -> Vec<Tensor<1>> {
        let devices: Vec<_> = values.iter().map(Tensor::device).collect();
        match self {
            Self::Host => {
                let sum = summed(in_parallel(values.into_iter().map(|values| move || host::read(values))));
                let length = [sum.len()];
                let place = |device: &Device| Tensor::from_data(TensorData::new(sum.clone(), length), device);
                devices.iter().map(place).collect()
            }
            // Each device waits for all others, so that every one of them needs a thread.
            Self::Device => in_parallel(values.into_iter().map(|values| {
                let devices = devices.clone();
                move || all_reduce(values, ReduceOperation::Sum, devices).resolve()
            })),
        }
    }

    /// Adds up numbers of which the sum is known.
    ///
    /// # Errors
    ///
    /// [`TrainError::AllReduce`] if it is another on one of the devices.
    pub fn check(self, devices: &[Device]) -> Result<(), TrainError> {
        /// More than one block of a kernel, and no multiple of one.
        const LENGTH: u16 = 10_007;
        let count = devices.len() as f32;
        let values =
            |rank: usize| (0..LENGTH).map(|at| f32::from(at) * (rank + 1) as f32).collect::<Vec<_>>();
        let given = devices.iter().enumerate().map(|(rank, device)| {
            Tensor::from_data(TensorData::new(values(rank), [usize::from(LENGTH)]), &device.clone().inner())
        });
        for (rank, found) in self.sum(given.collect()).into_iter().enumerate() {
            let found = host::read(found);
            let expected = |at: u16| f32::from(at) * (count * (count + 1.0) / 2.0);
            let wrong = (0..LENGTH).find(|&at| found.get(usize::from(at)) != Some(&expected(at)));
            if let Some(at) = wrong {
                let found = found.get(usize::from(at)).copied().unwrap_or(f32::NAN);
                return Err(TrainError::AllReduce {
                    rank,
                    devices: devices.len(),
                    expected: expected(at),
                    found,
                });
            }
        }
        Ok(())
    }
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

/// What the jobs give, each on a thread of its own, the first on this one. The panic of one becomes that of this thread.
pub(super) fn in_parallel<T: Send, J: FnOnce() -> T + Send>(jobs: impl IntoIterator<Item = J>) -> Vec<T> {
    let mut jobs = jobs.into_iter();
    let Some(first) = jobs.next() else { return Vec::new() };
    thread::scope(|scope| {
        let others: Vec<_> = jobs.map(|job| scope.spawn(job)).collect();
        let first = first();
        let others = others.into_iter().map(|job| job.join().unwrap_or_else(|panic| resume_unwind(panic)));
        [first].into_iter().chain(others).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_gets_the_sum() {
        let device = Device::flex();
        let values = [[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]];
        let values = values.map(|values| Tensor::from_floats(values, &device)).to_vec();
        let sums: Vec<_> = AllReduce::Host.sum(values).into_iter().map(host::read).collect();
        assert_eq!(sums, vec![vec![111.0, 222.0]; 3]);
        AllReduce::Host.check(&[device.clone(), device.clone()]).unwrap();
        AllReduce::Host.check(&[device.clone().autodiff()]).unwrap();
    }

    #[test]
    fn long_vectors_are_summed_in_pieces() {
        let parts: Vec<Vec<f32>> =
            (1..4u8).map(|part| (0..40_000u16).map(|at| f32::from(part) * f32::from(at)).collect()).collect();
        assert!(summed(parts).into_iter().enumerate().all(|(at, sum)| sum == 6.0 * at as f32));
        assert!(summed(Vec::new()).is_empty());
    }

    #[test]
    #[should_panic(expected = "the second")]
    fn a_panic_comes_through() {
        in_parallel([1, 2].map(|job| move || assert_ne!(job, 2, "the second")));
    }
}
