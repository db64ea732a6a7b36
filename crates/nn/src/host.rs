//! Between host and device: what a step sends, and the one place where tensors' values are waited for.
//!
//! On a GPU every read waits until all work before it is done. [`traffic`] counts reads, so that a test can show that a
//! training step has none, and the bytes that go either way.

#![expect(clippy::disallowed_methods, reason = "the one place that reads from devices, and counts it")]

use std::ops::Sub;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::{Int, Tensor, TensorCreationOptions, TensorData};

static READS: AtomicU64 = AtomicU64::new(0);
static READ_BYTES: AtomicU64 = AtomicU64::new(0);
static SENDS: AtomicU64 = AtomicU64::new(0);
static SENT_BYTES: AtomicU64 = AtomicU64::new(0);

/// What has gone between the host and devices, of any backend: on the processor both are the same memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// How often values of a device were waited for.
    pub reads: u64,
    /// Bytes that came with them.
    pub read_bytes: u64,
    /// Tensors that were sent by [`send`], [`send_without_gaps`] and [`send_integers`].
    pub sends: u64,
    /// Bytes of them.
    pub sent_bytes: u64,
}

impl Sub for Traffic {
    type Output = Self;

    /// What has gone since `earlier`.
    fn sub(self, earlier: Self) -> Self {
        Self {
            reads: self.reads - earlier.reads,
            read_bytes: self.read_bytes - earlier.read_bytes,
            sends: self.sends - earlier.sends,
            sent_bytes: self.sent_bytes - earlier.sent_bytes,
        }
    }
}

/// What this process has read and sent so far.
#[must_use]
pub fn traffic() -> Traffic {
    let [reads, read_bytes, sends, sent_bytes] =
        [&READS, &READ_BYTES, &SENDS, &SENT_BYTES].map(|count| count.load(Ordering::Relaxed));
    Traffic { reads, read_bytes, sends, sent_bytes }
}

/// Data as a tensor on a device, which is waited for by nobody.
#[must_use]
pub fn send<const D: usize>(data: TensorData, to: impl Into<TensorCreationOptions>) -> Tensor<D> {
    Tensor::from_data(counted(data, &SENDS, &SENT_BYTES), to)
}

/// The same, without gaps in memory, as what optimizers write lies. Of what is sent in its own shape CUDA and ROCm begin every row at a multiple
/// of a power of two, and a product of it may go by another kernel: with parameters sent so, the first step of a process, and of a run
/// that is resumed, would round otherwise than the same step within a run.
#[must_use]
pub fn send_without_gaps<const D: usize>(
    data: TensorData,
    to: impl Into<TensorCreationOptions>,
) -> Tensor<D> {
    let (bytes, shape, dtype) = data.into_parts();
    let values = TensorData::from_bytes(bytes, [shape.num_elements()], dtype);
    send::<1>(values, to).reshape(shape)
}

/// The same as [`send`] for integers.
#[must_use]
pub fn send_integers<const D: usize>(
    data: TensorData,
    to: impl Into<TensorCreationOptions>,
) -> Tensor<D, Int> {
    Tensor::from_data(counted(data, &SENDS, &SENT_BYTES), to)
}

/// A tensor's data in its own element type. Waits for the device.
#[must_use]
pub fn read_data<const D: usize>(tensor: Tensor<D>) -> TensorData {
    counted(tensor.into_data(), &READS, &READ_BYTES)
}

/// An integer tensor's data in its own element type. Waits for the device.
#[must_use]
pub fn read_integers<const D: usize>(tensor: Tensor<D, Int>) -> TensorData {
    counted(tensor.into_data(), &READS, &READ_BYTES)
}

fn counted(data: TensorData, transfers: &AtomicU64, bytes: &AtomicU64) -> TensorData {
    transfers.fetch_add(1, Ordering::Relaxed);
    bytes.fetch_add(data.bytes().len() as u64, Ordering::Relaxed);
    data
}

/// A tensor's elements as `f32`, row-major. Waits for the device.
#[must_use]
pub fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    read_data(tensor).convert::<f32>().try_into_vec().expect("the data has just become f32")
}

/// The only element of a tensor `[1]`. Waits for the device.
///
/// # Panics
///
/// If the tensor has no element.
#[must_use]
pub fn read_scalar(tensor: Tensor<1>) -> f64 {
    f64::from(*read(tensor).first().expect("a scalar has an element"))
}

/// The elements of several tensors, in one transfer. Waits for the device once; not at all for an empty list.
#[must_use]
pub fn read_all(tensors: Vec<Tensor<1>>) -> Vec<Vec<f32>> {
    if tensors.is_empty() {
        return Vec::new();
    }
    let lengths: Vec<usize> = tensors.iter().map(|tensor| tensor.dims()[0]).collect();
    let all = read(Tensor::cat(tensors, 0));
    let mut rest = all.as_slice();
    let part = |length: usize| {
        let (part, after) = rest.split_at(length);
        rest = after;
        part.to_vec()
    };
    lengths.into_iter().map(part).collect()
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn several_tensors_come_back_as_they_are() {
        let device = Device::flex();
        let tensors =
            vec![Tensor::<1>::from_floats([1.0, 2.0], &device), Tensor::from_floats([3.0], &device)];
        let before = traffic();
        assert_eq!(read_all(tensors), [vec![1.0, 2.0], vec![3.0]]);
        assert_eq!(read_scalar(Tensor::from_floats([0.5], &device)), 0.5);
        // Other tests of this process read as well.
        let since = traffic() - before;
        assert!(since.reads >= 2 && since.read_bytes >= 16, "{since:?}");
        assert!(read_all(Vec::new()).is_empty());
    }
}
