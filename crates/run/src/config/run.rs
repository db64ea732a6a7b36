use std::path::PathBuf;

use schemars::JsonSchema;
use seqjepa_evaluation::settings::flag;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::{ConfigError, abridged, at_least_one, invalid, positive_to, within};

/// `run`: name, seed, device, length and folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Name of the run and, without `output_dir`, of its folder: letters, digits, `-`, `_` and `.`, not starting with `.`.
    /// Default `seqjepa`.
    #[schemars(length(min = 1, max = LONGEST_NAME), regex(pattern = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$"))]
    pub name: String,
    /// Seed of every random draw: initial values, views, order, dropout, probes. Default 42.
    pub seed: u64,
    /// `auto`, `cpu` (or `flex`), `ndarray`, `cuda[:n]`, `vulkan[:n]`, `metal[:n]`, `rocm[:n]`, `wgpu[:n]`, or what `seqjepa serve`
    /// serves elsewhere, `remote:HOST:PORT[/n]`; `auto` takes the best backend that is compiled in and present, never a software adapter
    /// nor a remote device, and a run says at its start which and why. Default `auto`.
    #[schemars(extend("examples" = ["auto", "cpu", "ndarray", "cuda", "cuda:1", "vulkan", "metal", "rocm", "wgpu", "remote:127.0.0.1:3000"]))]
    pub device: String,
    /// Devices that train with `device`, of its backend, as `[cuda:1, cuda:2]`: each goes over its part of every batch, in micro-batches of
    /// which there is one for each device at least. For losses that are means over samples. Default `[]`.
    #[schemars(extend("examples" = [["cuda:1"], ["flex"]]))]
    pub further_devices: Vec<String>,
    /// How several devices add up their gradients: `host`, through the memory of the machine, on any backend; `device`, by Burn's
    /// `all_reduce`, on `cuda` alone, with NVIDIA's NCCL, which has to be installed. Default `host`.
    pub all_reduce: AllReduceName,
    /// Before a run trains on another device than `flex`, its own model is computed on the device and on `flex`, and a difference
    /// beyond rounding ends the run: on a whole batch, as far as the machine has memory for that (`full`), on at most 8 sequences of it
    /// (`quick`), or not at all (`off`). Default `full`.
    pub device_check: DeviceCheckLevel,
    /// Folder in which runs on GPUs keep compiled kernels and what autotune found fastest, from one run to the next: they start sooner, and a
    /// run that is resumed computes by the kernels that it had. Wants a build with the cargo feature `kernel-cache`. A file there that is broken is
    /// made anew. Default: none.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "Option<String>")]
    pub kernel_cache: Option<PathBuf>,
    /// What training steps round the factors of convolutions and matrix products to; parameters, what batch norm computes, losses and
    /// optimizer stay f32. `f32`: nothing, on `cuda` by other kernels, many times slower; `tf32`: what `cuda` rounds f32 products to on tensor cores, without being asked; `bf16`: to bf16,
    /// as well as results and gradients, and a ResNet's activations between its layers (the processor computes that too, for trials, no
    /// faster). What the device lacks is refused. Default: what
    /// the device does of itself, `tf32` on `cuda`, `f32` elsewhere.
    pub precision: Option<PrecisionName>,
    /// Stages of the encoder that keep nothing for the backward pass but what enters each of their blocks, and compute the rest again
    /// then, for memory: 1 to 4 of a ResNet, 1, all layers, of a vision transformer. All four cost up to a third of a step;
    /// figures change by rounding at most. Default `[]`.
    #[schemars(inner(range(min = 1, max = 4)))]
    pub recompute: Vec<usize>,
    /// Passes over the training split. Default 10.
    #[schemars(range(min = 1, max = MOST_EPOCHS))]
    pub epochs: usize,
    /// Run folder. One named here must not be in use. Default: `runs/NAME`, or the first free of `runs/NAME-2`, `-3`, ...
    /// where that one is.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "Option<String>")]
    pub output_dir: Option<PathBuf>,
    /// Leaves out the last batch of an epoch when it is smaller than `batch_size`; false is refused where that would be a
    /// single image. Default true.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub drop_last: bool,
    /// Saves checkpoints, also at the end and when the run is stopped; false: none, and a run that is stopped is lost.
    /// Default true.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub save_checkpoint: bool,
    /// Saves `checkpoints/last.safetensors` after every this many epochs; null: not by epochs. Default 1.
    #[schemars(range(min = 1))]
    pub checkpoint_epochs: Option<usize>,
    /// Saves a checkpoint after every this many optimizer steps, also within an epoch. Default: none.
    #[schemars(range(min = 1))]
    pub checkpoint_steps: Option<u64>,
    /// Saves a checkpoint when this many minutes have passed since the last time, at most a year's; null: not by time. Default 10.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = MINUTES_OF_A_YEAR))]
    pub checkpoint_minutes: Option<f64>,
    /// How many checkpoints are kept: the newest and those before it, at most 1000. Default 3.
    #[schemars(range(min = 1, max = MOST_KEPT))]
    pub keep_last: usize,
    /// Keeps the checkpoint of the best epoch by this figure of `metrics.jsonl` as `checkpoints/best.safetensors`. Default:
    /// none.
    pub best_metric: Option<String>,
    /// Whether the greatest (`max`) or the least (`min`) `best_metric` is the best. Default: `min` for a figure with `loss`
    /// or `leakage` in its name, otherwise `max`.
    pub best_mode: Option<BestMode>,
    /// Leaves out up to this many steps of the run whose loss or gradient is not finite, instead of stopping at the
    /// first. Default 0.
    pub skip_nonfinite_steps: u64,
    /// Trains each epoch on at most this many batches' worth of images (a fixed subset), for trials; 0: no limit. Default:
    /// none.
    #[serde(deserialize_with = "zero_is_none")]
    pub max_steps: Option<usize>,
    /// Tests each epoch on at most this many batches' worth of images (a fixed subset), for trials; 0: no limit. Default: none.
    #[serde(deserialize_with = "zero_is_none")]
    pub max_val_steps: Option<usize>,
    /// A key of published configs, about Apple's GPUs in PyTorch; it has no meaning here. Default false.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub mps_fallback: bool,
}

/// Writes a path as the text that it is shown as: one that is not UTF-8 has no other, and where a run is, its folder says.
fn as_text<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(serializer)
}

/// Reads 0 as no limit, as the published code does.
fn zero_is_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    Ok(Option::deserialize(deserializer)?.filter(|limit| *limit > 0))
}

/// How much of a device's arithmetic is checked before it is trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeviceCheckLevel {
    /// The run's model on a whole batch.
    Full,
    /// The run's model on at most 8 sequences.
    Quick,
    /// Nothing.
    Off,
}

/// How devices add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AllReduceName {
    /// Through the memory of the machine.
    #[default]
    Host,
    /// Among themselves.
    Device,
}

/// A precision of products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PrecisionName {
    /// f32.
    F32,
    /// Factors of 10 bits of mantissa.
    Tf32,
    /// Factors and results of 7 bits of mantissa.
    Bf16,
}

/// Which end of a figure is the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BestMode {
    /// The greatest.
    Max,
    /// The least.
    Min,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            name: "seqjepa".into(),
            seed: 42,
            device: "auto".into(),
            further_devices: Vec::new(),
            all_reduce: AllReduceName::default(),
            device_check: DeviceCheckLevel::Full,
            kernel_cache: None,
            precision: None,
            recompute: Vec::new(),
            epochs: 10,
            output_dir: None,
            drop_last: true,
            save_checkpoint: true,
            checkpoint_epochs: Some(1),
            checkpoint_steps: None,
            checkpoint_minutes: Some(10.0),
            keep_last: 3,
            best_metric: None,
            best_mode: None,
            skip_nonfinite_steps: 0,
            max_steps: None,
            max_val_steps: None,
            mps_fallback: false,
        }
    }
}

const MINUTES_OF_A_YEAR: f64 = 365.0 * 24.0 * 60.0;

const MOST_EPOCHS: usize = 1_000_000;
const MOST_KEPT: usize = 1000;

/// A name becomes a folder's.
const LONGEST_NAME: usize = 200;

impl RunConfig {
    /// The figure by which an epoch is the best, and which end of it is the good one.
    #[must_use]
    pub fn best_by(&self) -> Option<(&str, BestMode)> {
        let name = self.best_metric.as_deref()?;
        let low = name.contains("loss") || name.contains("leakage");
        Some((name, self.best_mode.unwrap_or(if low { BestMode::Min } else { BestMode::Max })))
    }

    /// Whether the figure `value` is better than `best`, by `best_mode`. What is not finite is never better.
    #[must_use]
    pub fn is_better(&self, value: f64, best: f64) -> bool {
        match self.best_by().map_or(BestMode::Max, |(_, mode)| mode) {
            BestMode::Max => value.is_finite() && (!best.is_finite() || value > best),
            BestMode::Min => value.is_finite() && (!best.is_finite() || value < best),
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let odd = self.name.is_empty() || self.name.starts_with('.') || !self.name.chars().all(plain);
        if odd || self.name.len() > LONGEST_NAME {
            let expected =
                format!("1 to {LONGEST_NAME} letters, digits, '-', '_' and '.', not starting with '.'");
            return Err(invalid("run.name", expected, abridged(&self.name)));
        }
        within("run.epochs", self.epochs, MOST_EPOCHS)?;
        at_least_one("run.checkpoint_epochs", self.checkpoint_epochs.unwrap_or(1))?;
        if self.checkpoint_steps == Some(0) {
            return Err(invalid("run.checkpoint_steps", "a whole number of at least 1, or null", 0));
        }
        positive_to("run.checkpoint_minutes", self.checkpoint_minutes.unwrap_or(1.0), MINUTES_OF_A_YEAR)?;
        within("run.keep_last", self.keep_last, MOST_KEPT)?;
        if self.best_mode.is_some() && self.best_metric.is_none() {
            return Err(invalid("run.best_mode", "run.best_metric beside it", "none"));
        }
        if self.best_metric.is_some() && !self.save_checkpoint {
            return Err(invalid(
                "run.best_metric",
                "run.save_checkpoint beside it",
                "save_checkpoint: false",
            ));
        }
        Ok(())
    }
}
