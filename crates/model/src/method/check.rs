//! Whether views fit together and fit an encoder.

use burn::tensor::Tensor;

use crate::encoder::EncoderBlueprint;
use crate::error::ModelError;

/// Refuses observed views, `[batch, views, channels, height, width]`, that are fewer than `least` or no images of the encoder.
pub(crate) fn check_observed<C: EncoderBlueprint>(
    observed: &Tensor<5>,
    least: usize,
    encoder: &C,
) -> Result<(), ModelError> {
    let [_, views, channels, height, width] = observed.dims();
    let right_size = encoder.image_size().is_none_or(|size| [height, width] == [size, size]);
    if views >= least && channels == encoder.channels() && right_size {
        return Ok(());
    }
    let size = encoder.image_size().map_or("height, width".to_owned(), |size| format!("{size}, {size}"));
    let expected = format!("[batch, views >= {least}, {}, {size}]", encoder.channels());
    Err(ModelError::shape("observed", expected, &observed.dims()))
}

/// The target views, unless they are absent or no images like the observed ones.
pub(crate) fn check_target(target: Option<Tensor<4>>, observed: &Tensor<5>) -> Result<Tensor<4>, ModelError> {
    let [batch, _, channels, height, width] = observed.dims();
    let image = [batch, channels, height, width];
    let expected = format!("{image:?}");
    match target {
        None => Err(ModelError::MissingInput { input: "target", expected }),
        Some(target) if target.dims() == image => Ok(target),
        Some(target) => Err(ModelError::shape("target", expected, &target.dims())),
    }
}
