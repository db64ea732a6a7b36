//! Pixels that travel as bytes and become values where they arrive.

#[cfg(feature = "cube")]
use burn::backend::tensor::{FloatTensor, IntTensor};
#[cfg(feature = "cube")]
use burn::backend::{Backend, Dispatch, DispatchDevice, backend_extension};
#[cfg(feature = "cube")]
use burn::tensor::{DType, Shape};
use burn::tensor::{Device, Tensor, TensorData};

use crate::host;

/// Values of a byte.
const LEVELS: usize = 256;

/// Whether [`looked_up`] sends bytes to a device, and not values: on those of Burn's GPU backends (feature `cube`), to which a quarter goes then.
#[must_use]
pub fn looks_up(device: &Device) -> bool {
    #[cfg(feature = "cube")]
    return matches!(device.clone().inner().as_dispatch(), DispatchDevice::Cube(_));
    #[cfg(not(feature = "cube"))]
    {
        let _ = device;
        false
    }
}

/// The values of `bytes`, `[.., channels, height, width]`, by `table`, `[channels, 256]`: byte `b` of channel `c` becomes `table[c][b]`, on
/// every device to the bit.
///
/// # Panics
/// If `bytes` or `table` do not fit `dims`, or if there are fewer than three of them.
#[must_use]
pub fn looked_up<const D: usize>(
    bytes: Vec<u8>,
    table: &[f32],
    dims: [usize; D],
    device: &Device,
) -> Tensor<D> {
    let channels = dims[D - 3];
    assert_eq!(bytes.len(), dims.iter().product::<usize>(), "a byte for every value of {dims:?}");
    assert_eq!(table.len(), channels * LEVELS, "256 values for each of {channels} channels");
    #[cfg(feature = "cube")]
    if looks_up(device) && !bytes.is_empty() {
        return looked_up_there(bytes, table, dims, device);
    }
    let planes = bytes.chunks((dims[D - 2] * dims[D - 1]).max(1)).zip(table.chunks(LEVELS).cycle());
    let values = planes.flat_map(|(plane, levels)| plane.iter().map(|byte| levels[usize::from(*byte)]));
    host::send(TensorData::new::<f32, _>(values.collect(), dims), device)
}

/// Sends four bytes a word, since not every GPU's language has bytes.
#[cfg(feature = "cube")]
fn looked_up_there<const D: usize>(
    mut bytes: Vec<u8>,
    table: &[f32],
    dims: [usize; D],
    device: &Device,
) -> Tensor<D> {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let words = [bytes.len() / 4];
    let words = TensorData::from_bytes_vec(bytes, words, DType::I32);
    let inner = device.clone().inner();
    let words = host::send_integers::<1>(words, (&inner, DType::I32)).into_dispatch();
    let table =
        host::send::<1>(TensorData::new(table.to_vec(), [table.len()]), (&inner, DType::F32)).into_dispatch();
    let values = Tensor::from_dispatch(<Dispatch as PixelLookup>::look_up(words, table, dims.into()));
    if device.is_autodiff() { values.autodiff() } else { values }
}

#[cfg(feature = "cube")]
#[backend_extension(Cube: cfg(feature = "cube"), Fusion: cfg(feature = "cube"))]
pub(crate) trait PixelLookup: Backend {
    /// The values of the bytes of `words`, the first byte the lowest, in `shape`.
    #[fusion(dtype = table, shape = shape.clone())]
    fn look_up(words: IntTensor<Self>, table: FloatTensor<Self>, shape: Shape) -> FloatTensor<Self>;
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::host::read;

    #[test]
    fn each_channel_has_a_table_of_its_own() {
        let device = Device::flex();
        let table: Vec<f32> = (0..512).map(|value| value as f32 * 0.5).collect();
        let bytes = vec![0, 255, 7, 0, 255, 7, 1, 1, 1, 2, 2, 2];
        let values = looked_up(bytes, &table, [2, 2, 1, 3], &device);
        let expected = [0.0, 127.5, 3.5, 128.0, 255.5, 131.5, 0.5, 0.5, 0.5, 129.0, 129.0, 129.0];
        assert_eq!(read(values), expected);
        assert!(!looks_up(&device));
    }
}
