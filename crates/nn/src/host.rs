//! From the device to the host: the one place where tensors' values are waited for.
//!
//! On a GPU every read waits until all work before it is done. [`reads`] counts them, so that a test can show that a
//! training step has none.

#![expect(clippy::disallowed_methods, reason = "the one place that reads from devices, and counts it")]

use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::{Int, Tensor, TensorData};

static READS: AtomicU64 = AtomicU64::new(0);

/// Reads from a device that this process has done so far.
#[must_use]
pub fn reads() -> u64 {
    READS.load(Ordering::Relaxed)
}

/// A tensor's data in its own element type. Waits for the device.
#[must_use]
pub fn read_data<const D: usize>(tensor: Tensor<D>) -> TensorData {
    READS.fetch_add(1, Ordering::Relaxed);
    tensor.into_data()
}

/// An integer tensor's data in its own element type. Waits for the device.
#[must_use]
pub fn read_integers<const D: usize>(tensor: Tensor<D, Int>) -> TensorData {
    READS.fetch_add(1, Ordering::Relaxed);
    tensor.into_data()
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
        let before = reads();
        assert_eq!(read_all(tensors), [vec![1.0, 2.0], vec![3.0]]);
        assert_eq!(read_scalar(Tensor::from_floats([0.5], &device)), 0.5);
        assert!(reads() >= before + 2);
        assert!(read_all(Vec::new()).is_empty());
    }
}
