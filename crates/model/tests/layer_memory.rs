//! What methods say of the memory of their layers is what a forward pass leaves behind. The tests take turns: the allocator counts for the
//! whole process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::{Device, Distribution, Tensor};
use seqjepa_model::{
    ActionConditioning, ByolConfig, ConditionalByolConfig, ConvIJepaConfig, DropoutKey, DynMethodConfig,
    EncoderConfig, EquiModConfig, MethodConfig, Regularizer, ResNetConfig, ResNetDepth, ResNetStem,
    SenConfig, SeqJepaConfig, SequenceActions, SequenceInput, SieConfig, SimClrConfig, TargetConfig,
    VicRegConfig, VicRegTrajConfig, VitConfig, boxed_config,
};
use seqjepa_nn::Recompute;

struct Counting;

/// Bytes that are allocated now.
static ALIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ACTION: usize = 9;

fn resnet(width: usize) -> ResNetConfig {
    ResNetConfig { width, ..ResNetConfig::default() }
}

fn on_resnet(width: usize) -> SeqJepaConfig {
    SeqJepaConfig { encoder: resnet(width).into(), ..SeqJepaConfig::default() }
}

/// Bytes that a forward pass of `batch` sequences of `views` observed views of `side` pixels leaves alive.
fn left_behind(
    config: &dyn DynMethodConfig,
    [batch, views, side]: [usize; 3],
    recompute: Recompute,
) -> usize {
    let device = Device::flex().autodiff();
    let method = config.init(1, &device).unwrap();
    let random = Distribution::Normal(0.0, 1.0);
    let input = |views| SequenceInput {
        observed: Tensor::random([batch, views, 3, side, side], random, &device),
        target: Some(Tensor::random([batch, 3, side, side], random, &device)),
        actions: SequenceActions::new(
            Tensor::random([batch, views + 1, ACTION], random, &device),
            Tensor::random([batch, views, ACTION], random, &device),
        )
        .unwrap(),
    };
    let key = DropoutKey { seed: 1, step: 0 };
    let pass = || {
        let before = ALIVE.load(Ordering::Relaxed);
        let (output, recording) = recompute.record(|| method.training_forward(input(views), key).unwrap());
        let after = ALIVE.load(Ordering::Relaxed);
        recording.backward(output.loss, |_| {});
        after - before
    };
    // A thread of the pool takes working memory at its first matrix product, in whichever pass that is.
    (0..5).map(|_| pass()).min().unwrap()
}

fn said(config: &dyn DynMethodConfig, [batch, views, side]: [usize; 3], recompute: Recompute) -> usize {
    let layers = config.layer_memory(views, side).unwrap();
    let layers: Vec<_> = layers.into_iter().map(|layer| layer.recomputing(recompute)).collect();
    let parameters: u64 = layers.iter().map(|layer| layer.parameters).sum();
    assert_eq!(parameters, config.parameter_count(), "{config:?}");
    let values = layers.iter().map(|layer| batch as u64 * layer.kept + layer.fixed);
    4 * usize::try_from(values.sum::<u64>()).unwrap()
}

/// A case: the method, its batch, views and side.
type Case = (Box<dyn DynMethodConfig>, usize, usize, usize);

fn seq_jepa() -> Vec<Case> {
    let with = |config: SeqJepaConfig, batch, views, side| (boxed_config(config), batch, views, side);
    let encoder = |config: ResNetConfig| SeqJepaConfig { encoder: config.into(), ..SeqJepaConfig::default() };
    vec![
        with(on_resnet(8), 8, 3, 32),
        with(on_resnet(16), 4, 1, 32),
        with(on_resnet(16), 2, 5, 24),
        with(SeqJepaConfig { dropout: 0.0, ..on_resnet(16) }, 4, 2, 32),
        with(SeqJepaConfig { target: TargetConfig::StopGradient, ..on_resnet(16) }, 4, 2, 32),
        with(SeqJepaConfig { action_conditioning: ActionConditioning::Raw, ..on_resnet(16) }, 4, 2, 32),
        with(
            SeqJepaConfig {
                regularizer: Some(Regularizer::CodingRate { weight: 0.1, alpha: 1.0 }),
                ..on_resnet(16)
            },
            4,
            2,
            32,
        ),
        with(encoder(ResNetConfig { stem: ResNetStem::ImageNet, ..resnet(16) }), 4, 2, 64),
        with(encoder(ResNetConfig { depth: ResNetDepth::ResNet34, ..resnet(8) }), 4, 2, 32),
        with(encoder(ResNetConfig { depth: ResNetDepth::ResNet50, ..resnet(8) }), 4, 2, 32),
        with(
            SeqJepaConfig {
                encoder: VitConfig { depth: 4, ..VitConfig::default() }.into(),
                ..SeqJepaConfig::default()
            },
            4,
            2,
            32,
        ),
    ]
}

fn joint_embedding() -> Vec<Case> {
    fn with<C: MethodConfig>(config: C, views: usize) -> Case {
        let encoder: EncoderConfig = resnet(16).into();
        (boxed_config(config.with_input(encoder, ACTION)), 8, views, 32)
    }
    vec![
        with(SimClrConfig::default(), 2),
        with(VicRegConfig::default(), 2),
        with(VicRegTrajConfig::default(), 3),
        with(ByolConfig::default(), 2),
        with(ConditionalByolConfig::default(), 2),
        with(EquiModConfig::default(), 2),
        with(SenConfig::default(), 2),
        with(SieConfig::default(), 2),
        with(ConvIJepaConfig::default(), 3),
    ]
}

/// Heads of 2048 features at 8 sequences weigh as much as the encoder's first stage, and their losses keep this and that beside: a tenth
/// off is near enough for an estimate, of which the peak has to be right to a quarter.
#[test]
fn a_forward_pass_leaves_behind_what_its_layers_say() {
    let mut wrong = Vec::new();
    for (config, batch, views, side) in seq_jepa().into_iter().chain(joint_embedding()) {
        for recompute in [&[][..], &[1], &[1, 2, 3, 4]] {
            let (sizes, recompute) = ([batch, views, side], Recompute::stages(recompute.iter().copied()));
            let said = said(&*config, sizes, recompute);
            let found = left_behind(&*config, sizes, recompute);
            let off = said as f64 / found as f64 - 1.0;
            // Of half the bytes, what is not known of weighs twice.
            let most = if recompute == Recompute::default() { 0.1 } else { 0.15 };
            if off.abs() > most {
                wrong.push(format!("{off:+.3}: said {said}, found {found}: {recompute:?}, {config:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
