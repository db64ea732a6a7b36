//! Sizes of a convolution.

/// Sizes of a square convolution over a batch of images, as of `torch.nn.functional.conv2d` without dilation and groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Number of images.
    pub batch: usize,
    /// Channels of an input image.
    pub inputs: usize,
    /// Channels of an output image.
    pub outputs: usize,
    /// Height of an input image in pixels.
    pub height: usize,
    /// Width of an input image in pixels.
    pub width: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Step between output pixels, at least 1.
    pub stride: usize,
    /// Zeros on each of the four sides.
    pub padding: usize,
}

impl ConvShape {
    /// Height of an output image: `(height + 2 padding - kernel) / stride + 1`, 0 if the kernel does not fit.
    #[must_use]
    pub fn output_height(&self) -> usize {
        self.output_side(self.height)
    }

    /// Width of an output image.
    #[must_use]
    pub fn output_width(&self) -> usize {
        self.output_side(self.width)
    }

    fn output_side(&self, side: usize) -> usize {
        (side + 2 * self.padding).checked_sub(self.kernel).map_or(0, |free| free / self.stride + 1)
    }

    /// Number of values of the input, `[batch, inputs, height, width]`.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.batch * self.inputs * self.height * self.width
    }

    /// Number of values of the weight, `[outputs, inputs, kernel, kernel]`.
    #[must_use]
    pub fn weight_len(&self) -> usize {
        self.outputs * self.inputs * self.taps()
    }

    /// Number of values of the output, `[batch, outputs, output_height, output_width]`.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.batch * self.outputs * self.output_pixels()
    }

    /// Whether no length that the kernels compute from these sizes, rounded up to whole vectors and with the padding, comes
    /// near to overflow.
    fn fits(&self) -> bool {
        // Far above any memory, and far enough below 2^64 for every constant factor.
        const MOST: u128 = 1 << 48;
        let raised = |size: usize| size as u128 + 16;
        let side = |side: usize| raised(side) + 2 * self.padding as u128;
        let product = |sizes: [u128; 4]| sizes.into_iter().fold(1, u128::saturating_mul);
        let channels = raised(self.inputs.max(self.outputs));
        let kernel = raised(self.kernel);
        product([raised(self.batch), channels, side(self.height), side(self.width)]) <= MOST
            && product([raised(self.inputs), raised(self.outputs), kernel, kernel]) <= MOST
            && raised(self.stride) <= MOST
    }

    pub(crate) fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    pub(crate) fn output_pixels(&self) -> usize {
        self.output_height() * self.output_width()
    }

    /// Panics for sizes that no memory holds, and for slices of other lengths: the pointers of the kernels rely on it.
    pub(crate) fn check(&self, input: usize, weight: usize, output: usize) {
        assert!(self.stride > 0 && self.kernel > 0, "kernel and stride are at least 1, found {self:?}");
        assert!(self.fits(), "sizes whose products are at most 2^48, found {self:?}");
        assert_eq!(input, self.input_len(), "values of the input of {self:?}");
        assert_eq!(weight, self.weight_len(), "values of the weight of {self:?}");
        assert_eq!(output, self.output_len(), "values of the output of {self:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths that wrap around to those of small slices.
    #[test]
    fn sizes_that_overflow_are_refused() {
        let good = ConvShape {
            batch: 1,
            inputs: 4,
            outputs: 8,
            height: 2,
            width: 2,
            kernel: 1,
            stride: 1,
            padding: 0,
        };
        good.check(16, 32, 32);
        for bad in [
            ConvShape { outputs: (1 << 62) + 8, ..good },
            ConvShape { inputs: (1 << 62) + 4, ..good },
            ConvShape { batch: (1 << 60) + 1, ..good },
            ConvShape { height: (1 << 62) + 2, ..good },
            ConvShape { padding: 1 << 63, ..good },
            ConvShape { stride: usize::MAX, ..good },
        ] {
            assert!(std::panic::catch_unwind(|| bad.check(16, 32, 32)).is_err(), "{bad:?}");
        }
    }
}
