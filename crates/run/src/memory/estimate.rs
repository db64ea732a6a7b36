use seqjepa_model::{DynMethod, DynMethodConfig, LayerMemory, TensorRole};
use seqjepa_probes::online::OnlineProbeConfig;

use crate::config::{Config, EncoderKind, OptimizerKind, PrecisionName};
use crate::data::RunData;
use crate::run::standard_probes;

/// Bytes of a value.
const VALUE: u64 = 4;

/// Bytes of an image of STL-10 with its saliency map.
const STL10_IMAGE: u64 = 4 * 96 * 96;

/// A part of what a run takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryPart {
    /// What takes it.
    pub name: &'static str,
    /// How much.
    pub bytes: u64,
}

/// About how much memory the training of a run takes, in f32, without the program itself and without the frozen evaluation.
///
/// What is kept for the backward pass is known of the methods of this project ([`activations`](Self::activations)). Of a method of one's
/// own that does not say it, everything else is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryEstimate {
    /// Parameters and what is as large: on the device at all times of a step.
    pub model: Vec<MemoryPart>,
    /// What each part of the method keeps from the forward pass for the backward pass, of as many sequences as pass at once. `None`
    /// where the method does not say it.
    pub activations: Option<Vec<MemoryPart>>,
    /// What the loader holds, on the machine.
    pub data: Vec<MemoryPart>,
    /// The most that model, gradients and activations take at a time.
    device_peak: u64,
    /// Whether device and machine are the same memory.
    on_processor: bool,
    hint: String,
}

impl MemoryEstimate {
    /// That of the run of a config on a backend.
    pub(crate) fn new(
        config: &Config,
        method: &dyn DynMethodConfig,
        built: &dyn DynMethod,
        data: &RunData,
        backend: &str,
    ) -> Self {
        let dataset = &config.dataset;
        let on_processor = ["flex", "ndarray"].contains(&backend);
        let parameters = VALUE * method.parameter_count();
        let optimizer = match config.optim.name {
            OptimizerKind::Adam | OptimizerKind::AdamW => 2 * parameters,
            OptimizerKind::Sgd | OptimizerKind::Lars => parameters,
        };
        let target = built.tensor_specs();
        let target = target.iter().filter(|spec| built.tensor_role(&spec.name) == TensorRole::TargetEncoder);
        let target = VALUE * target.map(|spec| spec.shape.iter().product::<usize>() as u64).sum::<u64>();
        // With two moments by Adam.
        let probes = standard_probes(config, data, built).configs();
        let probes = 3 * VALUE * probes.iter().map(OnlineProbeConfig::parameter_count).sum::<u64>();
        let state = parameters + optimizer + target + probes;
        let part = |name, bytes| MemoryPart { name, bytes };
        let model = vec![
            part("parameters", parameters),
            part("gradients", parameters),
            part("optimizer state", optimizer),
            part("target encoder", target),
            part("online probes", probes),
            part("state to go back to after a bad step", state),
        ];

        let used = built.views_used();
        let observed = used.observed.unwrap_or(dataset.seq_len);
        let at_once = config.sequences_at_once() as u64;
        let divided = config.sequences_at_once() * config.devices() < dataset.batch_size;
        let further = config.run.further_devices.len() as u64;
        let view = VALUE * (config.model.n_channels * config.model.img_size.pow(2)) as u64;
        let targets = if used.target { at_once * view } else { 0 };
        let mut layers = method.layer_memory(observed, config.model.img_size);
        if config.run.precision == Some(PrecisionName::Bf16) {
            // Without kernels of this project batch norm computes on copies in f32.
            let widens = on_processor || backend == "remote";
            layers.iter_mut().flatten().for_each(|layer| in_bf16(layer, widens));
        }
        if backend == "cuda" && config.run.precision == Some(PrecisionName::F32) {
            layers.iter_mut().flatten().for_each(without_tensor_cores);
        }
        let recompute = config.recompute();
        let layers: Option<Vec<_>> =
            layers.map(|layers| layers.into_iter().map(|layer| layer.recomputing(recompute)).collect());
        let activations = layers.as_ref().map(|layers| {
            let parts = layers.iter().map(|layer| part(layer.name, VALUE * kept(layer, at_once)));
            parts.filter(|part| part.bytes > 0).collect()
        });
        // After the first step since the last look, every step has the state of that look beside its own.
        let states = if config.logging.log_every > 1 { 2 * state } else { state };
        // What the micro-batches before have added up to.
        let gathered = if divided { parameters } else { 0 };
        let pass = targets + gathered + passes(layers.as_deref().unwrap_or_default(), at_once);
        // What devices add up after their passes: a vector of each, the sum, and the sum on a device.
        let exchanged = if further > 0 { (further + 2) * parameters } else { 0 };
        let vectors = match further {
            0 => 0,
            _ if on_processor => exchanged,
            _ => 2 * parameters,
        };
        // At the update the old state is still there, and all gradients, but no activations any more.
        let device_peak = (states + pass).max(2 * state + parameters + vectors);
        // The copies of the method that processors have are in the same memory.
        let copies = if on_processor { further * (parameters + optimizer + target + pass) } else { 0 };
        let device_peak = device_peak + copies;

        // To a GPU pixels travel as bytes, where there are any.
        let in_bytes = !on_processor && backend != "remote" && data.set().train.as_bytes().is_some();
        let pixels = if in_bytes { view / VALUE } else { view };
        let batch = dataset.batch_size as u64 * (observed + usize::from(used.target)) as u64 * pixels;
        // Those made ahead, the one that is being made, and the one that is passed in parts.
        let batches = (dataset.prefetch + 1 + usize::from(divided)) as u64 * batch;
        let mut data =
            vec![part("batches of views made ahead", batches), part("images", images(config, data))];
        if exchanged > 0 && !on_processor {
            data.push(part("gradients that devices add up", exchanged));
        }
        Self { model, activations, data, device_peak, on_processor, hint: hint(config, method) }
    }

    /// The most that the run takes at a time in the memory of its device, which for the processor is that of the machine.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.device_peak + if self.on_processor { self.data_bytes() } else { 0 }
    }

    /// What it takes in the machine's memory beside another device's.
    #[must_use]
    pub fn beside(&self) -> Option<u64> {
        (!self.on_processor).then(|| self.data_bytes())
    }

    fn data_bytes(&self) -> u64 {
        self.data.iter().map(|part| part.bytes).sum()
    }

    /// The keys of the config that make it less, in words.
    #[must_use]
    pub fn hint(&self) -> String {
        self.hint.clone()
    }
}

/// What a layer takes where products are in bf16, in values of four bytes.
///
/// A layer that is held in bf16 takes half of it on a GPU. Elsewhere the rounded factors of products are kept beside what they were rounded
/// from, and of what a layer keeps about half goes into a product; on a GPU they take two bytes. A processor rounds, and computes in f32:
/// it `widens`.
fn in_bf16(layer: &mut LayerMemory, widens: bool) {
    let change = |values: &mut u64| match (layer.narrowed, widens) {
        (true, false) => *values /= 2,
        (_, true) => *values += *values / 2,
        (false, false) => *values += *values / 4,
    };
    change(&mut layer.kept);
    change(&mut layer.passing);
    if let Some(stage) = &mut layer.recomputed {
        change(&mut stage.passing);
        // What leaves a block is kept as it is.
        if layer.narrowed {
            stage.kept /= 2;
        }
    }
}

/// What a layer takes where its convolutions go by kernels without matrix instructions, as those of f32 on CUDA. A weight gradient makes four
/// copies: of the images with their border, of those that a place of the kernel sees, twice, and of the gradient; what passes otherwise is
/// three times as large as each. Of strided convolutions it is less.
fn without_tensor_cores(layer: &mut LayerMemory) {
    // Convolutions are what can be narrowed; what keeps nothing has no backward pass.
    if layer.narrowed && layer.kept > 0 {
        let copies = layer.passing * 4 / 3;
        layer.passing += copies;
        if let Some(stage) = &mut layer.recomputed {
            stage.passing += copies;
        }
    }
}

/// Values that a layer keeps of `sequences`.
fn kept(layer: &LayerMemory, sequences: u64) -> u64 {
    sequences * layer.kept + layer.fixed
}

/// The most that forward and backward passes of `sequences` take, gradients included, in bytes.
fn passes(layers: &[LayerMemory], sequences: u64) -> u64 {
    let gradients: u64 = layers.iter().map(|layer| layer.parameters).sum();
    let (mut alive, mut done, mut most) = (0, 0, 0);
    for layer in layers {
        let kept = kept(layer, sequences);
        alive += kept;
        done += layer.parameters;
        // A layer that keeps nothing has no backward pass.
        let behind = if kept > 0 { gradients - done } else { 0 };
        most = most.max(alive + sequences * layer.passing + behind);
    }
    VALUE * most.max(gradients)
}

/// Pixels that stay in memory.
fn images(config: &Config, data: &RunData) -> u64 {
    let dataset = &config.dataset;
    let [train, test] = [&data.set().train, &data.set().test].map(|source| source.len() as u64);
    let pixels = 3 * (config.source_size() as u64).pow(2) * (train + test);
    let limit = dataset.memory_limit();
    match dataset.name.as_str() {
        "image_folder" | "tiny_imagenet" | "tiny_imagenet_aug" => limit.min(pixels),
        // The limit is one of each split.
        "3diebench" | "rendered_objects" => {
            limit.saturating_mul(2).min(pixels * dataset.views_per_object as u64)
        }
        "stl10_glimpses" => limit.saturating_mul(2).min(STL10_IMAGE * (train + test)),
        _ => pixels,
    }
}

fn hint(config: &Config, method: &dyn DynMethodConfig) -> String {
    let width = match config.model.encoder {
        EncoderKind::Resnet => "model.width",
        EncoderKind::Vit => "model.vit_width",
    };
    let others = format!("`{width}` or `dataset.batch_size`");
    if method.loss_is_mean() && config.sequences_at_once() > 2 {
        let now = config.sequences_at_once();
        format!("a smaller `dataset.micro_batch` ({now} sequences pass at once now), {others}")
    } else {
        format!("a smaller {others}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(parameters: u64, kept: u64, passing: u64) -> LayerMemory {
        LayerMemory { name: "a layer", parameters, kept, passing, ..LayerMemory::default() }
    }

    #[test]
    fn the_peak_is_where_most_is_there_at_once() {
        // All activations and nothing else: at the end of the forward pass.
        assert_eq!(passes(&[layer(1, 100, 5), layer(1, 10, 2)], 3), 4 * 3 * 112);
        // Few activations: when all gradients are there.
        assert_eq!(passes(&[layer(1000, 1, 0), layer(1000, 1, 0)], 2), 4 * 2000);
        // The gradients of what came last, and the activations of what came first.
        assert_eq!(passes(&[layer(10, 500, 20), layer(1000, 30, 10)], 2), 4 * (2 * 520 + 1000));
        // What keeps nothing passes before there are gradients.
        assert_eq!(passes(&[layer(10, 500, 0), layer(0, 0, 90), layer(70, 1, 0)], 2), 4 * 2 * 590);
        let fixed = LayerMemory { fixed: 7, ..layer(0, 1, 0) };
        assert_eq!(passes(&[fixed], 8), 4 * 15);
        assert_eq!(passes(&[], 8), 0);
    }

    #[test]
    fn bf16_halves_on_a_gpu_what_is_held_in_it() {
        let stage = seqjepa_model::RecomputedMemory { stage: 1, kept: 8, passing: 40 };
        let of = |narrowed, on_processor| {
            let mut layer = LayerMemory { narrowed, recomputed: Some(stage), ..layer(9, 100, 20) };
            in_bf16(&mut layer, on_processor);
            let recomputed = layer.recomputed.unwrap();
            [layer.parameters, layer.kept, layer.passing, recomputed.kept, recomputed.passing]
        };
        assert_eq!(of(true, false), [9, 50, 10, 4, 20]);
        assert_eq!(of(false, false), [9, 125, 25, 8, 50]);
        assert_eq!(of(true, true), [9, 150, 30, 4, 60]);
        assert_eq!(of(false, true), [9, 150, 30, 8, 60]);
    }

    #[test]
    fn weight_gradients_without_tensor_cores_copy_images() {
        let stage = seqjepa_model::RecomputedMemory { stage: 1, kept: 8, passing: 40 };
        let of = |narrowed, kept| {
            let mut layer = LayerMemory { narrowed, recomputed: Some(stage), ..layer(9, kept, 30) };
            without_tensor_cores(&mut layer);
            [layer.kept, layer.passing, layer.recomputed.unwrap().kept, layer.recomputed.unwrap().passing]
        };
        assert_eq!(of(true, 100), [100, 70, 8, 80]);
        // No convolutions; no backward pass.
        assert_eq!(of(false, 100), [100, 30, 8, 40]);
        assert_eq!(of(true, 0), [0, 30, 8, 40]);
    }
}
