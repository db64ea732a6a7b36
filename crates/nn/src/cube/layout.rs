//! How a batch lies in memory.

use burn::backend::TensorMetadata;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::ops::{permute_nchw_to_nhwc, permute_nhwc_to_nchw};
use burn_cubecl::tensor::CubeTensor;

/// The order of a batch `[batch, channels, ..]` without gaps. Part of what a kernel is compiled for, so that its divisions are by constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Layout {
    pub(super) channels: usize,
    /// Positions of an image.
    pub(super) pixels: usize,
    /// Whether the channels of a position lie side by side, as convolutions by matrix products give them, and not the positions of a channel.
    pub(super) channels_last: bool,
}

impl Layout {
    /// That of a tensor, and its values in it: as they are, or else copied to the order of the shape.
    pub(super) fn of(tensor: CubeTensor) -> (Self, CubeTensor) {
        let shape = tensor.shape();
        let (channels, pixels) = (shape[1], shape[2..].iter().product());
        let last = permute_nchw_to_nhwc(tensor.clone());
        let layout = Self { channels, pixels, channels_last: last.is_contiguous() };
        if layout.channels_last { (layout, last) } else { (layout, into_contiguous(tensor)) }
    }

    /// The values of a tensor of the same shape in this order.
    pub(super) fn bring(&self, tensor: CubeTensor) -> CubeTensor {
        into_contiguous(if self.channels_last { permute_nchw_to_nhwc(tensor) } else { tensor })
    }

    /// The tensor whose values were computed in this order.
    pub(super) fn back(&self, values: CubeTensor) -> CubeTensor {
        if self.channels_last { permute_nhwc_to_nchw(values) } else { values }
    }

    /// Images times positions.
    pub(super) fn positions(&self, values: &CubeTensor) -> usize {
        values.shape().num_elements() / self.channels
    }
}

/// Room of this shape on the device of `other`.
pub(super) fn room(other: &CubeTensor, shape: impl Into<burn::tensor::Shape>) -> CubeTensor {
    empty_device_contiguous_dtype(other.client.clone(), other.device.clone(), shape.into(), other.dtype)
}
