use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_data::dataset::TruncatedImages;
use seqjepa_data::{ActionNormalization, ImageView, Normalization};
use seqjepa_model::{DynMethod, EncoderChoice, RepresentationLayout, SequenceActions};
use seqjepa_nn::{Precision, host};

use super::error::EmbedError;
use super::views::{EmbeddedViews, ViewMaker};
use crate::device::is_cuda;
use crate::model_file::Pretrained;
use crate::precision;

/// Turns images into z_t, the encoder's representation of each view, and the invariant representation of an image's views:
/// z_AGG of seq-JEPA.
///
/// The method is used as in the frozen evaluation: the online encoder, batch norm with its running statistics, no dropout.
/// Nothing in it changes, and an image's embedding does not depend, but for rounding, on what else is in its batch.
///
/// ```no_run
/// use std::path::Path;
/// use burn::tensor::Device;
/// use seqjepa_run::PretrainedSource;
/// use seqjepa_run::embed::{EmbeddedViews, Embedder};
/// # fn image() -> (Vec<u8>, usize, usize) { (vec![0; 48 * 64 * 3], 48, 64) }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let source = PretrainedSource::from(Path::new("runs/mine/checkpoints/last.safetensors"));
/// let embedder = Embedder::new(&source.load(&Device::flex())?, EmbeddedViews::Identity, &Device::flex())?;
/// let (pixels, height, width) = image();
/// let features = embedder.embed(&[seqjepa_data::ImageView::new(&pixels, height, width)?], 0)?;
/// println!("{} features", features.invariant.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Embedder {
    method: Box<dyn DynMethod>,
    maker: ViewMaker,
    device: Device,
    precision: Precision,
    pub(super) truncated_images: TruncatedImages,
}

/// The representations of some images.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// Images.
    pub images: usize,
    /// Views of each image, M.
    pub views: usize,
    /// z_t, the encoder's representation of each view: `[images, views, width]`.
    pub representations: Vec<f32>,
    /// The invariant representation of the views, as z_AGG: `[images, width]`.
    pub invariant: Vec<f32>,
    /// The parameters of each view, not normalised: `[images, views, parameters]`.
    pub actions: Vec<f32>,
}

impl Embedder {
    /// An embedder with the method, the image size, the pixels' and the actions' normalisation of `pretrained`.
    ///
    /// # Errors
    ///
    /// [`EmbedError::Config`] if the number of views or a setting of the config is out of range.
    pub fn new(pretrained: &Pretrained, views: EmbeddedViews, device: &Device) -> Result<Self, EmbedError> {
        let device = device.clone().without_autodiff();
        let maker = ViewMaker::new(&pretrained.registry, &pretrained.config, views)?;
        let method = pretrained.method.valid().to_device(&device);
        let truncated_images = pretrained.config.dataset.truncated_images;
        let backend = if is_cuda(&device) { "cuda" } else { "" };
        let precision = precision::of_trained(pretrained.config.run.precision, backend, &device);
        Ok(Self { method, maker, device, precision, truncated_images })
    }

    /// Mean and standard deviation that pixels are normalised with.
    #[must_use]
    pub fn normalization(&self) -> Normalization {
        self.maker.normalization
    }

    /// How actions are normalised before the model sees them.
    #[must_use]
    pub fn action_normalization(&self) -> &ActionNormalization {
        self.maker.space.normalization()
    }

    /// The views that are embedded.
    #[must_use]
    pub fn views(&self) -> EmbeddedViews {
        self.maker.views
    }

    /// Side of the views in pixels; images of another size are brought to it first.
    #[must_use]
    pub fn image_size(&self) -> usize {
        self.maker.side()
    }

    /// Parameters of an action.
    #[must_use]
    pub fn action_dim(&self) -> usize {
        self.maker.space.width()
    }

    /// Names and widths of the representations.
    #[must_use]
    pub fn representations(&self) -> RepresentationLayout {
        self.method.representations()
    }

    /// Views of each image.
    #[must_use]
    pub fn view_count(&self) -> usize {
        self.maker.count()
    }

    /// Embeds images of any sizes as one batch: the centre square of each is resized to [`image_size`](Self::image_size)
    /// by PIL's bicubic filter, then its views are made.
    ///
    /// `first` is the number of the first image: the random views of image n are always the same for the same seed.
    ///
    /// # Errors
    ///
    /// [`EmbedError::Data`] if a view cannot be made, [`EmbedError::Model`] if the method does not take it, and
    /// [`EmbedError::NonFinite`] if a representation is not finite.
    pub fn embed(&self, images: &[ImageView<'_>], first: usize) -> Result<Embeddings, EmbedError> {
        self.embed_named(images, first, |number| format!("image {number}"))
    }

    /// The same; `name` says what an image is called in an error.
    pub(super) fn embed_named(
        &self,
        images: &[ImageView<'_>],
        first: usize,
        name: impl Fn(usize) -> String,
    ) -> Result<Embeddings, EmbedError> {
        self.precision.within(|| self.embed_here(images, first, name))
    }

    fn embed_here(
        &self,
        images: &[ImageView<'_>],
        first: usize,
        name: impl Fn(usize) -> String,
    ) -> Result<Embeddings, EmbedError> {
        let (count, views, side) = (images.len(), self.maker.count(), self.maker.side());
        if count == 0 {
            let (representations, invariant, actions) = Default::default();
            return Ok(Embeddings { images: 0, views, representations, invariant, actions });
        }
        let batch = self.maker.make(images, first)?;
        let matrix = |values: Vec<f32>, rows| {
            let shape = [count, rows, self.action_dim()];
            Tensor::<3>::from_data(TensorData::new::<f32, _>(values, shape), &self.device)
        };
        let pixels = TensorData::new::<f32, _>(batch.pixels, [count * views, 3, side, side]);
        let pixels = Tensor::from_data(pixels, &self.device);
        let method = self.method.name();
        let representations = self.method.encode(pixels, EncoderChoice::Online);
        let representations = representations.ok_or_else(|| EmbedError::Method {
            method,
            expected: "an online encoder".into(),
            found: "none".into(),
        })?;
        let layout = self.method.representations();
        let actions = SequenceActions::new(matrix(batch.actions, views + 1), matrix(batch.relative, views))?;
        let per_view = representations.clone().reshape([count, views, layout.equivariant.width]);
        let invariant = host::read(self.method.invariant(per_view, &actions)?);
        let representations = host::read(representations);
        for (what, values, width) in [
            (layout.equivariant.name, &representations, views * layout.equivariant.width),
            (layout.invariant.name, &invariant, layout.invariant.width),
        ] {
            if let Some(place) = values.iter().position(|value| !value.is_finite()) {
                let image = name(first + place / width);
                return Err(EmbedError::NonFinite { name: what, image, found: values[place] });
            }
        }
        Ok(Embeddings { images: count, views, representations, invariant, actions: batch.parameters })
    }
}
