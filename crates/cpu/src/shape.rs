//! Sizes of a convolution.

/// Sizes of a square convolution over a batch of images, as of `torch.nn.functional.conv2d` without dilation and groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Images.
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

    /// Values of the input, `[batch, inputs, height, width]`.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.batch * self.inputs * self.height * self.width
    }

    /// Values of the weight, `[outputs, inputs, kernel, kernel]`.
    #[must_use]
    pub fn weight_len(&self) -> usize {
        self.outputs * self.inputs * self.taps()
    }

    /// Values of the output, `[batch, outputs, output_height, output_width]`.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.batch * self.outputs * self.output_pixels()
    }

    pub(crate) fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    pub(crate) fn output_pixels(&self) -> usize {
        self.output_height() * self.output_width()
    }

    pub(crate) fn check(&self, input: usize, weight: usize, output: usize) {
        assert!(self.stride > 0 && self.kernel > 0, "kernel and stride are at least 1, found {self:?}");
        assert_eq!(input, self.input_len(), "values of the input of {self:?}");
        assert_eq!(weight, self.weight_len(), "values of the weight of {self:?}");
        assert_eq!(output, self.output_len(), "values of the output of {self:?}");
    }
}
