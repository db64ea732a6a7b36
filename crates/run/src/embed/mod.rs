//! Inference: images to the representations of a trained model.

mod files;
mod output;
mod views;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_data::{ActionNormalization, ImageView, Normalization};
use seqjepa_model::{Mode, SeqJepa};

use crate::TrainError;
use crate::pretrained::Pretrained;

pub use files::{EmbeddedFiles, embed_folder};
pub use output::FeatureFormat;
pub use views::EmbeddedViews;

use views::{PARAMETERS, ViewMaker};

/// Turns images into z_t, the encoder's code of each view, and z_AGG, the aggregate of an image's views.
///
/// The model is used as in the frozen evaluation: the online encoder, batch norm with its running statistics, no dropout.
/// Nothing in it changes, and an image's embedding does not depend, but for rounding, on what else is in its batch.
///
/// ```no_run
/// use std::path::Path;
/// use burn::tensor::Device;
/// use seqjepa_train::embed::{EmbeddedViews, Embedder};
/// use seqjepa_train::{PretrainedSource, TrainError};
/// # fn image() -> (Vec<u8>, usize, usize) { (vec![0; 48 * 64 * 3], 48, 64) }
///
/// # fn main() -> Result<(), TrainError> {
/// let source = PretrainedSource::from(Path::new("runs/mine/checkpoints/last.safetensors"));
/// let embedder = Embedder::new(&source.load(&Device::flex())?, EmbeddedViews::Identity, &Device::flex())?;
/// let (pixels, height, width) = image();
/// let features = embedder.embed(&[seqjepa_data::ImageView::new(&pixels, height, width)?], 0)?;
/// println!("{} features", features.aggregate.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Embedder {
    model: SeqJepa,
    maker: ViewMaker,
    device: Device,
}

/// The representations of some images.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// Images.
    pub images: usize,
    /// Views of each image, M.
    pub views: usize,
    /// z_t, the encoder's code of each view: `[images, views, code_width]`.
    pub codes: Vec<f32>,
    /// z_AGG, the aggregate of the views: `[images, token_width]`.
    pub aggregate: Vec<f32>,
    /// The parameters of each view, not normalised: `[images, views, 9]`.
    pub actions: Vec<f32>,
}

impl Embedder {
    /// An embedder with the model, the image size, the pixels' and the actions' normalisation of `pretrained`.
    ///
    /// # Errors
    ///
    /// [`TrainError::Data`] if the number of views or a setting of the config is out of range.
    pub fn new(pretrained: &Pretrained, views: EmbeddedViews, device: &Device) -> Result<Self, TrainError> {
        let device = device.clone().without_autodiff();
        let maker = ViewMaker::new(&pretrained.config, views)?;
        let model = pretrained.model.valid().to_device(&device);
        Ok(Self { model, maker, device })
    }

    /// Mean and standard deviation that pixels are normalised with.
    #[must_use]
    pub fn normalization(&self) -> Normalization {
        self.maker.sequence.normalization
    }

    /// How actions are normalised before the model sees them.
    #[must_use]
    pub fn action_normalization(&self) -> &ActionNormalization {
        &self.maker.sequence.action_normalization
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

    /// Widths of a code z_t and of an aggregate z_AGG.
    #[must_use]
    pub fn widths(&self) -> [usize; 2] {
        [self.model.config().code_width(), self.model.config().token_width()]
    }

    /// Embeds images of any sizes as one batch: the centre square of each is resized to [`image_size`](Self::image_size)
    /// by PIL's bicubic filter, then its views are made.
    ///
    /// `first` is the number of the first image: the random views of image n are always the same for the same seed.
    ///
    /// # Errors
    ///
    /// [`TrainError::Augment`] if a view cannot be made, [`TrainError::Model`] if the model does not take it, and
    /// [`TrainError::NonFiniteFeatures`] if a representation is not finite.
    pub fn embed(&self, images: &[ImageView<'_>], first: usize) -> Result<Embeddings, TrainError> {
        if images.is_empty() {
            let (codes, aggregate, actions) = Default::default();
            return Ok(Embeddings { images: 0, views: self.maker.count(), codes, aggregate, actions });
        }
        let batch = self.maker.make(images, first)?;
        let (count, views, side) = (images.len(), self.maker.count(), self.maker.side());
        let tensor = |values: Vec<f32>, rows| {
            Tensor::<3>::from_data(TensorData::new(values, [count, rows, PARAMETERS]), &self.device)
        };
        let pixels = TensorData::new(batch.pixels, [count, views, 3, side, side]);
        let observed = Tensor::from_data(pixels, &self.device);
        let codes = self.model.encode(observed, Mode::Eval)?;
        let (actions, relative) = (tensor(batch.actions, views + 1), tensor(batch.relative, views));
        let aggregate = self.model.aggregate(codes.clone(), actions, relative, Mode::Eval, None)?;
        let (codes, aggregate) = (values(codes), values(aggregate));
        for (name, values, width) in
            [("z_t", &codes, codes.len() / count), ("z_AGG", &aggregate, aggregate.len() / count)]
        {
            if let Some(place) = values.iter().position(|value| !value.is_finite()) {
                let image = first + place / width;
                return Err(TrainError::NonFiniteFeatures { name, image, found: values[place] });
            }
        }
        Ok(Embeddings { images: count, views, codes, aggregate, actions: batch.parameters })
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}
