use std::path::PathBuf;

use schemars::JsonSchema;
use seqjepa_data::GlimpseGeometry;
use seqjepa_data::dataset::{Stl10Part, TruncatedImages};
use seqjepa_evaluation::settings::flag;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::error::{ConfigError, between, invalid, positive_to, within};

/// `dataset`: the images, and how sequences of views are formed from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatasetConfig {
    /// Images whose views are augmentations: `cifar100_aug`, `cifar10_aug`, `fashion_mnist`, `tiny_imagenet_aug`, `image_folder` or
    /// `synthetic`; `cifar100`, `cifar10` and `tiny_imagenet` mean the same as with `_aug`. Views of other kinds:
    /// `cifar10_rotations`, `mnist_affine`, `fashion_mnist_affine`, `3diebench`, `rendered_objects`, `stl10_glimpses`. Default
    /// `cifar100_aug`.
    #[schemars(extend("examples" = [
        "cifar100_aug", "cifar10_aug", "fashion_mnist", "tiny_imagenet_aug", "image_folder", "synthetic", "cifar10_rotations",
        "mnist_affine", "fashion_mnist_affine", "3diebench", "rendered_objects", "stl10_glimpses",
    ]))]
    pub name: String,
    /// Folder of the data files (the guide to data says which); not read for `synthetic` and
    /// `rendered_objects`. Default `data`.
    pub data_root: PathBuf,
    /// Side of the square source images of `image_folder` and `synthetic` in pixels, from which views are cropped; CIFAR and
    /// Fashion-MNIST are always 32, Tiny ImageNet 64. Default: `model.img_size`, the side of the views.
    #[schemars(range(min = 8, max = 1024))]
    pub source_size: Option<usize>,
    /// Decoded pixels that an `image_folder` or Tiny ImageNet may keep in memory, in GiB, for both splits. A folder that fits is decoded at the
    /// start; of a larger one, files are decoded as they are needed, and the first that fit stay. For each split, what
    /// `3diebench`, `rendered_objects` and `stl10_glimpses` keep of views, images and saliency maps. At most 1 048 576.
    /// Default 4.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = MAX_GIB))]
    pub memory_limit_gib: f64,
    /// What becomes of pictures of an `image_folder`, of Tiny ImageNet, of `embed` and `views` that are cut short or corrupt: `error` names the
    /// first and ends, `skip` leaves them out, and with them files that hold no picture, `accept` uses what can be decoded,
    /// as Pillow does with `LOAD_TRUNCATED_IMAGES`. Both count them at the start, for which a folder that does not fit into
    /// memory is read once. Default `error`.
    pub truncated_images: TruncatedImages,
    /// Observed views per sequence, M; one more is the target. Default 3.
    #[schemars(range(min = 1, max = 255))]
    pub seq_len: usize,
    /// Fetches the official CIFAR archive into `data_root` where it is missing. Default false.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub download: bool,
    /// Where archives are fetched from, such as a mirror. Default: the official site of the data set.
    pub download_url: Option<String>,
    /// Views are augmentations of the image, or whatever else the data set makes views by. Only true: without it there are no
    /// actions. Default true.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema", extend("enum" = [true, 1]))]
    pub aug: bool,
    /// Leaves Gaussian blur out of both view distributions; its action parameter stays, constant 0. Of augmentations alone. Default
    /// false.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub no_blur: bool,
    /// Divides each action parameter by its L2 norm over the M + 1 views of the sequence (published). Of augmentations
    /// alone: actions of another kind, as angles and quaternions, are used as they are. Default true.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub action_norm: bool,
    /// Means of the action parameters, one a parameter. With `action_std`: a fixed standardisation `(x - mean) / std` of the
    /// raw actions, whatever `action_norm` says. Of augmentations alone. Default: none.
    #[schemars(inner(range(min = -MAX_ACTION, max = MAX_ACTION)))]
    pub action_mean: Option<Vec<f32>>,
    /// Standard deviations of the action parameters, one a parameter. Default: none.
    #[schemars(inner(range(min = 1e-6, max = MAX_ACTION)))]
    pub action_std: Option<Vec<f32>>,
    /// For the last observed view, lets the action to the target (instead of a zero row) enter the batch statistics of the
    /// action embedding; its embedding is zero either way. With `learn_act_emb: false`: concatenates relative actions instead
    /// of absolute ones, zero for the last observed view. Default false.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub use_rel_latents: bool,
    /// Number of training images that are held out to choose settings by, drawn with `subset_seed`, of each class as many; 0: none. The run
    /// then trains on the others and is tested on these, and the test split is not opened. Default 0.
    #[schemars(range(min = 0, max = u32::MAX))]
    pub validation: usize,
    /// Number of training images, drawn with `subset_seed`, of those that are not held out; 0 or more than there are: all.
    /// Default: all.
    pub subset_train: Option<usize>,
    /// Number of test images, or with `validation` of those held out, drawn with `subset_seed`; 0 or more than there are: all.
    /// Default: all.
    pub subset_val: Option<usize>,
    /// Seed of the subsets and of what is held out. Default 42.
    pub subset_seed: u64,
    /// Sequences per training step. Default 128.
    #[schemars(range(min = 2, max = 65536))]
    pub batch_size: usize,
    /// The most sequences that pass the model at once, for memory: 2 to `batch_size`. A step then goes over its batch in as few
    /// micro-batches as can be, of sizes that differ by at most one, and averages their gradients exactly; batch norm normalises, and dropout draws, each
    /// micro-batch by itself. Not for losses that hold the samples of a batch against each other, as contrast and covariance.
    /// Default: the whole batch.
    #[schemars(range(min = 2, max = 65536))]
    pub micro_batch: Option<usize>,
    /// Threads that decode and augment; 0 works in the training thread. The bits do not depend on it. Default: one per core,
    /// at most 8.
    #[schemars(range(min = 0, max = 256))]
    pub num_workers: Option<usize>,
    /// Batches made ahead of the training thread; 0 makes each when it is asked for. The bits do not depend on it. Default 2.
    #[schemars(range(min = 0, max = 64))]
    pub prefetch: usize,
    /// Mean of the normalisation for R, G and B, of pixels from 0 to 1: divide that of bytes by 255. With `std`. Default: of
    /// the data set.
    #[serde(deserialize_with = "three_numbers")]
    #[schemars(inner(range(min = 0, max = 1)))]
    pub mean: Option<[f32; 3]>,
    /// Standard deviation of the normalisation for R, G and B, of pixels from 0 to 1, not subnormal. With `mean`. Default: of the data set.
    #[serde(deserialize_with = "three_numbers")]
    #[schemars(extend("items" = {"type": "number", "format": "float", "exclusiveMinimum": 0, "maximum": 1}))]
    pub std: Option<[f32; 3]>,
    /// Training images that the `synthetic` set draws, from `run.seed`. Default 4096.
    #[schemars(range(min = 1, max = MAX_SYNTHETIC))]
    pub synthetic_train: usize,
    /// Test images that the `synthetic` set draws. Default 1024.
    #[schemars(range(min = 1, max = MAX_SYNTHETIC))]
    pub synthetic_val: usize,
    /// Folder of the lists of objects of `3diebench`. Default: `data_root`.
    pub lists: Option<PathBuf>,
    /// Views of every object of `3diebench` and `rendered_objects`. Default 50.
    #[schemars(range(min = 2, max = 1024))]
    pub views_per_object: usize,
    /// Number of every object's first view in `3diebench`. Default 0.
    #[schemars(range(min = 0, max = MAX_FIRST_VIEW))]
    pub first_view: usize,
    /// Training objects that `rendered_objects` makes, from `run.seed`. Default 1000.
    #[schemars(range(min = 1, max = MAX_RENDERED))]
    pub rendered_train: usize,
    /// Test objects that `rendered_objects` makes. Default 250.
    #[schemars(range(min = 1, max = MAX_RENDERED))]
    pub rendered_val: usize,
    /// Turns the objects of `rendered_objects` by angles out of the usual range, as 3DIEBench-OOD does. Default false.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub ood: bool,
    /// Images that `stl10_glimpses` trains on; not `test`. Frozen probes are fitted on the labelled training images, whatever is
    /// said here. Default `unlabelled`.
    pub stl10_train: Stl10Part,
    /// What leads the gaze of `stl10_glimpses`: `contrast`, a formula; `maps`, files below `saliency_root`; `uniform`, nothing.
    /// Default `contrast`.
    pub saliency: SaliencyKind,
    /// Folder of the published saliency maps of STL-10. Default: `data_root`.
    pub saliency_root: Option<PathBuf>,
    /// Which pixels a glimpse of `stl10_glimpses` shows: `centered`, those around the point of the gaze; `published`, those that the
    /// published code takes. Default `centered`.
    pub glimpse_geometry: GlimpseGeometry,
}

/// What leads the gaze of glimpses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SaliencyKind {
    /// Centre-surround contrast, by a formula.
    #[default]
    Contrast,
    /// Maps in files, as the published ones of DeepGaze IIE.
    Maps,
    /// Every pixel is as likely.
    Uniform,
}

/// Three numbers or null: the YAML reader says of a longer list only that it expected fewer elements.
fn three_numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[f32; 3]>, D::Error> {
    let Some(numbers) = Option::<Vec<f32>>::deserialize(deserializer)? else { return Ok(None) };
    let count = numbers.len();
    let three = numbers.try_into();
    three.map(Some).map_err(|_| D::Error::invalid_length(count, &"an array of length 3"))
}

impl Default for DatasetConfig {
    fn default() -> Self {
        Self {
            name: "cifar100_aug".into(),
            data_root: "data".into(),
            source_size: None,
            memory_limit_gib: 4.0,
            truncated_images: TruncatedImages::Error,
            seq_len: 3,
            download: false,
            download_url: None,
            aug: true,
            no_blur: false,
            action_norm: true,
            action_mean: None,
            action_std: None,
            use_rel_latents: false,
            validation: 0,
            subset_train: None,
            subset_val: None,
            subset_seed: 42,
            batch_size: 128,
            micro_batch: None,
            num_workers: None,
            prefetch: 2,
            mean: None,
            std: None,
            synthetic_train: 4096,
            synthetic_val: 1024,
            lists: None,
            views_per_object: 50,
            first_view: 0,
            rendered_train: 1000,
            rendered_val: 250,
            ood: false,
            stl10_train: Stl10Part::Unlabelled,
            saliency: SaliencyKind::Contrast,
            saliency_root: None,
            glimpse_geometry: GlimpseGeometry::Centered,
        }
    }
}

impl DatasetConfig {
    /// Threads of the loader: `num_workers`, or one per core up to 8.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.num_workers.unwrap_or_else(default_workers)
    }

    /// Micro-batches of a batch, for one device.
    pub(super) fn micro_batches(&self) -> usize {
        self.batch_size.div_ceil(self.micro_batch.unwrap_or(self.batch_size).max(1)).max(1)
    }

    /// `memory_limit_gib` in bytes.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be above 0; saturates"
    )]
    pub fn memory_limit(&self) -> u64 {
        (self.memory_limit_gib * (1_u64 << 30) as f64) as u64
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.source_size.is_some_and(|side| !(8..=1024).contains(&side)) {
            return Err(invalid("dataset.source_size", "8 to 1024", self.source_size.unwrap_or(0)));
        }
        positive_to("dataset.memory_limit_gib", self.memory_limit_gib, MAX_GIB)?;
        within("dataset.seq_len", self.seq_len, 255)?;
        // Batch norm needs two rows to have a variance.
        if !(2..=1 << 16).contains(&self.batch_size) {
            let expected = "2 to 65536 (batch norm needs a variance)";
            return Err(invalid("dataset.batch_size", expected, self.batch_size));
        }
        self.validate_micro_batch()?;
        if !self.aug {
            return Err(invalid("dataset.aug", "true: without augmentation there are no actions", self.aug));
        }
        if self.num_workers.is_some_and(|workers| workers > 256) {
            return Err(invalid("dataset.num_workers", "at most 256", self.num_workers.unwrap_or(0)));
        }
        if self.prefetch > 64 {
            return Err(invalid("dataset.prefetch", "at most 64", self.prefetch));
        }
        if u32::try_from(self.validation).is_err() {
            return Err(invalid("dataset.validation", format!("0 to {}", u32::MAX), self.validation));
        }
        self.validate_normalization()?;
        self.validate_actions()?;
        within("dataset.synthetic_train", self.synthetic_train, MAX_SYNTHETIC)?;
        within("dataset.synthetic_val", self.synthetic_val, MAX_SYNTHETIC)?;
        if !(2..=1024).contains(&self.views_per_object) {
            return Err(invalid("dataset.views_per_object", "2 to 1024", self.views_per_object));
        }
        if self.first_view > MAX_FIRST_VIEW {
            let expected = format!("at most {MAX_FIRST_VIEW}");
            return Err(invalid("dataset.first_view", expected, self.first_view));
        }
        within("dataset.rendered_train", self.rendered_train, MAX_RENDERED)?;
        within("dataset.rendered_val", self.rendered_val, MAX_RENDERED)?;
        if self.stl10_train == Stl10Part::Test {
            let expected = "unlabelled, train or train_and_unlabelled";
            return Err(invalid("dataset.stl10_train", expected, "test"));
        }
        Ok(())
    }

    fn validate_micro_batch(&self) -> Result<(), ConfigError> {
        let (batch, Some(most)) = (self.batch_size, self.micro_batch) else { return Ok(()) };
        if !(2..=batch).contains(&most) {
            let expected = format!("2 to {batch}, the dataset.batch_size (batch norm needs a variance)");
            return Err(invalid("dataset.micro_batch", expected, most));
        }
        // Larger ones can always be divided so that none is a single sequence.
        if most == 2 && !batch.is_multiple_of(2) {
            let expected = format!(
                "at least 3, since pairs of the {batch} sequences of dataset.batch_size leave one alone (batch norm needs a variance)"
            );
            return Err(invalid("dataset.micro_batch", expected, most));
        }
        Ok(())
    }

    /// Means and deviations of pixels that were divided by 255: those of bytes would make every pixel the same.
    fn validate_normalization(&self) -> Result<(), ConfigError> {
        match (&self.mean, &self.std) {
            (Some(_), None) => return Err(invalid("dataset.mean", "dataset.std beside it", "none")),
            (None, Some(_)) => return Err(invalid("dataset.std", "dataset.mean beside it", "none")),
            _ => {}
        }
        let hint = |key: &str, range: &str, values: &[f32; 3]| {
            let bytes = values.iter().any(|&value| value > 1.0 && value <= 255.0);
            let hint = if bytes { "; divide values of bytes, 0 to 255, by 255" } else { "" };
            (format!("three numbers {range} ({key} of R, G, B){hint}"), format!("{values:?}"))
        };
        if let Some(mean) = self.mean.filter(|mean| !mean.iter().all(|value| (0.0..=1.0).contains(value))) {
            let (expected, found) = hint("the mean", "from 0 to 1", &mean);
            return Err(invalid("dataset.mean", expected, found));
        }
        // The quotient of a byte by a subnormal one is no number.
        let good =
            |std: &[f32; 3]| std.iter().all(|value| *value > 0.0 && *value <= 1.0 && value.is_normal());
        if let Some(std) = self.std.filter(|std| !good(std)) {
            let (expected, found) = hint("the standard deviation", "above 0, at most 1", &std);
            return Err(invalid("dataset.std", expected, found));
        }
        Ok(())
    }

    fn validate_actions(&self) -> Result<(), ConfigError> {
        let (mean, std) = (&self.action_mean, &self.action_std);
        match (mean, std) {
            (Some(_), None) => {
                return Err(invalid("dataset.action_mean", "dataset.action_std beside it", "none"));
            }
            (None, Some(_)) => {
                return Err(invalid("dataset.action_std", "dataset.action_mean beside it", "none"));
            }
            _ => {}
        }
        for value in mean.iter().flatten() {
            between("dataset.action_mean", f64::from(*value), -MAX_ACTION, MAX_ACTION)?;
        }
        for value in std.iter().flatten() {
            if !(*value >= MIN_ACTION_STD && f64::from(*value) <= MAX_ACTION) {
                let expected = format!("numbers from {MIN_ACTION_STD} to {MAX_ACTION}");
                return Err(invalid("dataset.action_std", expected, value));
            }
        }
        Ok(())
    }

    /// Refuses constants of the actions that are not one a parameter.
    pub(crate) fn check_action_constants(&self, width: usize) -> Result<(), ConfigError> {
        for (key, values) in
            [("dataset.action_mean", &self.action_mean), ("dataset.action_std", &self.action_std)]
        {
            if let Some(values) = values.as_ref().filter(|values| values.len() != width) {
                let expected = format!("{width} numbers, one for each parameter of an action");
                return Err(invalid(key, expected, format!("{} of them", values.len())));
            }
        }
        Ok(())
    }
}

/// A pebibyte, more than a machine has.
const MAX_GIB: f64 = (1_u64 << 20) as f64;

/// What 64 GiB hold of the smallest images, rounded down.
const MAX_SYNTHETIC: usize = 1 << 28;

/// Those of `seqjepa-data`.
const MAX_FIRST_VIEW: usize = 1_000_000;
const MAX_RENDERED: usize = 1_000_000;

/// Far beyond every parameter; what is larger overflows when it is squared.
const MAX_ACTION: f64 = 1e6;
const MIN_ACTION_STD: f32 = 1e-6;

/// One thread per core, at most 8.
pub(super) fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(8))
}
