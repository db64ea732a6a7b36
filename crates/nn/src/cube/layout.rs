//! How a batch lies in memory.

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Shape};
use burn_cubecl::cubecl::ir::{ElemType, FloatKind};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::ops::{permute_nchw_to_nhwc, permute_nhwc_to_nchw};
use burn_cubecl::tensor::CubeTensor;

/// Values that a unit reads at once at most: 16 bytes of f32, and what every backend has vectors for.
const WIDEST: usize = 4;

/// Units of a cube that read channels side by side at most.
const MOST_LANES: usize = 32;

/// The order of a batch `[batch, channels, ..]` without gaps, as kernels see it that read vectors of values which lie side by side. Part of what
/// a kernel is compiled for, so that its divisions are by constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Layout {
    /// Channels; where they lie last, vectors of them.
    pub(super) channels: usize,
    /// Vectors of positions in an image; 1 where the channels lie last, whose kernels do not ask.
    pub(super) pixels: usize,
    /// Whether the channels of a position lie side by side, as convolutions by matrix products give them, and not the positions of a channel.
    pub(super) channels_last: bool,
    /// Values of a vector.
    pub(super) width: usize,
}

impl Layout {
    /// That of a tensor, and its values in it: as they are, or else copied to the order of the shape.
    pub(super) fn of(tensor: CubeTensor) -> (Self, CubeTensor) {
        let shape = tensor.shape();
        let channels_last = is_channels_last(&tensor);
        let pixels = shape[2..].iter().product::<usize>();
        let width = widest(if channels_last { shape[1] } else { pixels });
        let layout = if channels_last {
            Self { channels: shape[1] / width, pixels: 1, channels_last, width }
        } else {
            Self { channels: shape[1], pixels: pixels / width, channels_last, width }
        };
        let values = if channels_last { permute_nchw_to_nhwc(tensor) } else { into_contiguous(tensor) };
        (layout, values)
    }

    /// The values of a tensor of the same shape in this order.
    pub(super) fn bring(&self, tensor: CubeTensor) -> CubeTensor {
        into_contiguous(if self.channels_last { permute_nchw_to_nhwc(tensor) } else { tensor })
    }

    /// The tensor whose values were computed in this order.
    pub(super) fn back(&self, values: CubeTensor) -> CubeTensor {
        if self.channels_last { permute_nhwc_to_nchw(values) } else { values }
    }

    /// Vectors of a channel, or of a vector of channels: images times positions.
    pub(super) fn positions(&self, values: &CubeTensor) -> usize {
        values.shape().num_elements() / self.width / self.channels
    }

    /// Values that belong to one channel, of each vector.
    pub(super) fn values_of_channel(&self) -> usize {
        if self.channels_last { 1 } else { self.width }
    }

    /// Channels that a vector holds values of.
    pub(super) fn channels_of_vector(&self) -> usize {
        if self.channels_last { self.width } else { 1 }
    }

    /// Units of a cube of sums that read channels side by side, a power of two; the others read other positions of the same ones.
    pub(super) fn lanes(&self) -> usize {
        if self.channels_last { self.channels.next_power_of_two().min(MOST_LANES) } else { 1 }
    }

    /// All channels.
    pub(super) fn all_channels(&self) -> usize {
        self.channels * self.channels_of_vector()
    }
}

/// The most values of a vector that so many values are divided into without a rest.
fn widest(values: usize) -> usize {
    1 << values.trailing_zeros().min(WIDEST.ilog2())
}

/// Whether the channels of a position lie side by side, without gaps.
pub(super) fn is_channels_last(images: &CubeTensor) -> bool {
    permute_nchw_to_nhwc(images.clone()).is_contiguous()
}

/// What a batch holds: bf16, or else f32.
pub(super) fn element_type(batch: &CubeTensor) -> ElemType {
    ElemType::Float(if batch.dtype == DType::BF16 { FloatKind::BF16 } else { FloatKind::F32 })
}

/// Room of this shape on the device of `other`, for values of its type.
pub(super) fn room(other: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    room_of(other, shape, other.dtype)
}

/// Room of this shape on the device of `other`, for values of f32.
pub(super) fn room_of_f32(other: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    room_of(other, shape, DType::F32)
}

fn room_of(other: &CubeTensor, shape: impl Into<Shape>, dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(other.client.clone(), other.device.clone(), shape.into(), dtype)
}
