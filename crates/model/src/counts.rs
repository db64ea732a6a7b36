//! How many parameters layers have.

/// A linear map with bias.
pub(crate) fn linear(inputs: u64, outputs: u64) -> u64 {
    inputs * outputs + outputs
}

/// Gain and shift of a batch or layer norm.
pub(crate) fn norm(width: u64) -> u64 {
    2 * width
}

/// A convolution without bias, and its batch norm.
pub(crate) fn conv_norm(inputs: u64, outputs: u64, kernel: u64) -> u64 {
    inputs * outputs * kernel * kernel + norm(outputs)
}

/// One transformer layer: attention, two linear maps, two norms.
pub(crate) fn transformer_layer(width: u64, feed_forward: u64) -> u64 {
    let attention = linear(width, 3 * width) + linear(width, width);
    attention + linear(width, feed_forward) + linear(feed_forward, width) + 2 * norm(width)
}
