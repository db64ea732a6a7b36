//! What the comparisons with PyTorch share: the formula for all values, the fixtures, and the measure.
//!
//! The fixtures are written by `scripts/goldens/model.py`; `formula` and `spread` here repeat the functions
//! of the same names in `scripts/goldens/seqjepa_torch.py`.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]
#![allow(clippy::disallowed_methods, reason = "tests look at values")]
#![allow(dead_code, reason = "each test binary uses a part of it")]

use burn::module::Module;
use burn::tensor::{Device, Shape, Tensor, TensorData};
use seqjepa_model::{
    ActionConditioning, EmaSchedule, PredictorConfig, ResNetConfig, SeqJepaConfig, SequenceActions,
    SequenceInput, TargetConfig,
};
use seqjepa_nn::optimizer::ParameterGradients;
use seqjepa_nn::{load_state_dict, state_dict, tensor_specs};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Entries of a summary after norm and inner product.
const SAMPLES: usize = 8;

/// The small model of the comparisons, `Settings()` in the script.
pub(crate) fn small_config() -> SeqJepaConfig {
    SeqJepaConfig {
        encoder: ResNetConfig { width: 16, ..ResNetConfig::default() }.into(),
        action_conditioning: ActionConditioning::Learned { width: 32 },
        dropout: 0.0,
        predictor: PredictorConfig::Mlp { hidden: 64 },
        target: TargetConfig::Ema { decay: 0.996, schedule: EmaSchedule::Constant },
        ..SeqJepaConfig::default()
    }
}

/// The model of the script's checkpoints, `TINY` there.
pub(crate) fn tiny_config() -> SeqJepaConfig {
    SeqJepaConfig {
        encoder: ResNetConfig { width: 1, ..ResNetConfig::default() }.into(),
        action_conditioning: ActionConditioning::Learned { width: 8 },
        layers: 2,
        predictor: PredictorConfig::Mlp { hidden: 8 },
        ..SeqJepaConfig::default()
    }
}

/// A file of `tests/goldens`.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

/// The CPU device with gradients.
pub(crate) fn training_device() -> Device {
    Device::flex().autodiff()
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Values in `[centre - scale, centre + scale)` that depend on the name and the index alone.
pub(crate) fn spread_values(name: &str, count: usize, centre: f64, scale: f64) -> Vec<f32> {
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |seed, byte| {
        (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (0..count as u64)
        .map(|index| {
            let bits = mix(seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            let unit = (bits >> 40) as f64 / (1_u64 << 24) as f64;
            (centre + scale * (2.0 * unit - 1.0)) as f32
        })
        .collect()
}

/// A tensor of such values around zero.
pub(crate) fn spread<const D: usize>(
    name: &str,
    shape: [usize; D],
    scale: f64,
    device: &Device,
) -> Tensor<D> {
    let shape = Shape::from(shape);
    let values = spread_values(name, shape.num_elements(), 0.0, scale);
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The value that a parameter or buffer of this name has in every comparison.
fn formula(name: &str, shape: &[usize]) -> TensorData {
    let leaf = name.rsplit('.').next().unwrap_or(name);
    let (centre, scale) = match leaf {
        "num_batches_tracked" => return TensorData::new(vec![0_i64], Shape::from(shape.to_vec())),
        "running_var" => (1.0, 0.5),
        "running_mean" => (0.0, 0.2),
        _ if leaf.ends_with("bias") => (0.0, 0.1),
        _ if shape.len() == 1 => (0.4, 0.2),
        _ if leaf.ends_with("weight") => {
            let fan_in: usize = shape[1..].iter().product();
            (0.0, (3.0 / fan_in as f64).sqrt())
        }
        _ => (0.0, 0.5),
    };
    let values = spread_values(name, shape.iter().product(), centre, scale);
    TensorData::new(values, Shape::from(shape.to_vec()))
}

/// Gives every parameter and buffer its value by formula.
pub(crate) fn fill<M: Module>(module: M) -> M {
    let tensors: Vec<_> = tensor_specs(&module)
        .into_iter()
        .map(|spec| (spec.name.clone(), formula(&spec.name, &spec.shape)))
        .collect();
    load_state_dict(module, tensors).expect("names and shapes come from the module itself")
}

/// A batch by formula, `batch_by_formula` in the script.
pub(crate) fn batch(name: &str, batch: usize, views: usize, size: usize, device: &Device) -> SequenceInput {
    SequenceInput {
        observed: spread(&format!("{name}.observed"), [batch, views, 3, size, size], 2.0, device),
        target: Some(spread(&format!("{name}.target"), [batch, 3, size, size], 2.0, device)),
        actions: SequenceActions::new(
            spread(&format!("{name}.actions"), [batch, views + 1, 9], 1.0, device),
            spread(&format!("{name}.relative"), [batch, views, 9], 1.0, device),
        )
        .expect("one relative action less than absolute ones"),
    }
}

/// Norm, inner product with a fixed tensor, and entries at even distances.
pub(crate) fn summary(name: &str, values: &[f32]) -> Vec<f32> {
    let count = values.len();
    let probe = spread_values(&format!("probe.{name}"), count, 0.0, 1.0);
    let norm = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
    let product: f64 = values.iter().zip(&probe).map(|(v, p)| f64::from(*v) * f64::from(*p)).sum();
    let entries = (0..SAMPLES).map(|index| values[index * count / SAMPLES]);
    [norm as f32, product as f32].into_iter().chain(entries).collect()
}

/// The float tensors of a module by name.
pub(crate) fn tensors<M: Module>(module: &M) -> BTreeMap<String, Vec<f32>> {
    state_dict(module)
        .into_iter()
        .filter(|(_, data)| data.dtype().is_float())
        .map(|(name, data)| (name, data.iter::<f32>().collect()))
        .collect()
}

/// The running statistics of a module by name.
pub(crate) fn statistics<M: Module>(module: &M) -> BTreeMap<String, Vec<f32>> {
    tensors(module).into_iter().filter(|(name, _)| seqjepa_nn::is_buffer(name)).collect()
}

/// The gradient of every parameter by name.
pub(crate) fn gradients<M: Module>(module: &M, loss: &Tensor<1>) -> BTreeMap<String, Vec<f32>> {
    let gradients = ParameterGradients::take(&mut loss.backward(), module);
    let values = |path: &str| gradients.get(path).map(|gradient| gradient.to_data().iter::<f32>().collect());
    gradients.paths().filter_map(|path| Some((path.to_owned(), values(path)?))).collect()
}

/// Expected values of one fixture file.
pub(crate) struct Fixture {
    bytes: Vec<u8>,
}

impl Fixture {
    /// Opens `tests/goldens/<name>.safetensors`.
    pub(crate) fn open(name: &str) -> Self {
        let path = golden(&format!("{name}.safetensors"));
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { bytes }
    }

    /// The values stored under `name`.
    pub(crate) fn values(&self, name: &str) -> Vec<f32> {
        let file = safetensors::SafeTensors::deserialize(&self.bytes).expect("a SafeTensors file");
        let tensor = file.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let words = tensor.data().chunks_exact(4);
        words.map(|word| f32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect()
    }

    /// Compares a tensor: the largest difference is at most `tolerance` of the largest expected magnitude.
    #[track_caller]
    pub(crate) fn assert_close<const D: usize>(&self, name: &str, found: &Tensor<D>, tolerance: f32) {
        let found: Vec<f32> = found.to_data().iter::<f32>().collect();
        assert_close(name, &found, &self.values(name), tolerance);
    }

    /// Compares named tensors with a stored table of summaries. Every number may differ by `tolerance` of the
    /// tensor's norm: norm and inner product, and single entries too, which can be arbitrarily small. A tensor
    /// that is zero in exact arithmetic, as the gradient of a shift that batch norm takes away again, may
    /// differ by `tolerance` of the largest norm in the table.
    #[track_caller]
    pub(crate) fn assert_table(&self, name: &str, found: &BTreeMap<String, Vec<f32>>, tolerance: f32) {
        let table = self.values(name);
        let row = SAMPLES + 2;
        assert_eq!(table.len(), found.len() * row, "{name}: number of tensors");
        let largest = table.iter().step_by(row).fold(0.0_f32, |largest, norm| largest.max(*norm));
        for ((tensor, values), expected) in found.iter().zip(table.chunks_exact(row)) {
            let norm = if expected[0] < 1e-9 * largest { largest } else { expected[0] };
            for (index, (found, expected)) in summary(tensor, values).iter().zip(expected).enumerate() {
                assert!(
                    (found - expected).abs() <= tolerance * norm,
                    "{name}: {tensor}, number {index} of its summary: expected {expected}, found {found}, \
                     norm {norm}, tolerance {tolerance}"
                );
            }
        }
    }
}

/// The largest difference is at most `tolerance` of the largest expected magnitude.
#[track_caller]
pub(crate) fn assert_close(name: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{name}: number of values");
    let size = expected.iter().fold(0.0_f32, |size, value| size.max(value.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * size,
            "{name}[{index}]: expected {expected}, found {found}; largest magnitude {size}, \
             tolerance {tolerance}"
        );
    }
}
