//! The predicted peak of a run against what its process has allocated, and that training does not take more and more. One test at a time:
//! the allocator counts for the whole process.
//!
//! Threads keep working memory: for matrix products as much as the processor's second cache holds, up to 4 MiB, from a thread's first product
//! on. Which thread of the pool gets which product is chance, so all have had one of the model's before anything is counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use burn::tensor::{Device, Tensor};
use seqjepa_run::{Config, Run};
use seqjepa_train::observer::{Event, Observers};

struct Counting;

/// Bytes that are allocated now, and the most so far.
static ALIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let alive = ALIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(alive, Ordering::Relaxed);
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

/// Bytes of a thread's working memory, at least.
const FIRST_USE: i64 = 1 << 17;

static TURN: Mutex<()> = Mutex::new(());

/// Does `test` while no other test does anything. On a thread of its own: what that thread keeps is gone before the next test's turn.
fn alone(test: impl FnOnce() + Send + 'static) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    rayon::broadcast(|_| {
        let ones = Tensor::<2>::ones([64, 64], &Device::flex());
        seqjepa_nn::host::read_data(ones.clone().matmul(ones))
    });
    if let Err(panic) = thread::spawn(test).join() {
        resume_unwind(panic);
    }
}

fn config(overrides: &[&str]) -> Config {
    let text = "
run: {name: memory, seed: 7, device: flex, epochs: 1, save_checkpoint: false}
dataset: {name: synthetic, batch_size: 16, synthetic_train: 64, synthetic_val: 4, num_workers: 1}
model: {width: 8}
";
    Config::parse(text, "test", overrides).unwrap()
}

/// Predicted and found peak of the first three steps, without what there was before.
fn peaks(overrides: &[&str]) -> (usize, usize) {
    let before = ALIVE.load(Ordering::Relaxed);
    let rehearsal = Run::rehearse(config(overrides), &mut Observers::new()).unwrap();
    let predicted = usize::try_from(rehearsal.memory().peak()).unwrap();
    MOST.store(ALIVE.load(Ordering::Relaxed), Ordering::Relaxed);
    rehearsal.measure_steps(2, Duration::MAX).unwrap();
    (predicted, MOST.load(Ordering::Relaxed) - before)
}

/// Width, batch, views, micro-batches, methods and optimizers. What layers keep is known to a few percent; what passes beside it is a rule of
/// thumb, and heads that pass twice, as SimCLR's, have gradients twice for a moment.
#[test]
fn the_predicted_peak_is_what_a_run_allocates() {
    alone(compare_peaks);
}

fn compare_peaks() {
    let mut wrong = Vec::new();
    for overrides in [
        &["model.width=4"][..],
        &["model.width=8", "dataset.seq_len=1"],
        &["model.width=8", "dataset.seq_len=5"],
        &["model.width=16"],
        &["model.width=16", "dataset.batch_size=4"],
        &["model.width=32", "dataset.batch_size=2"],
        &["model.width=16", "dataset.micro_batch=4"],
        &["model.width=16", "dataset.micro_batch=8", "optim.name=sgd"],
        &["model.width=8", "model.cifar_resnet=false", "model.img_size=64"],
        &["model.width=4", "model.depth=50"],
        &["model.encoder=vit", "model.vit_depth=3", "model.vit_width=96"],
        &["model.width=16", "run.precision=bf16"],
        &["model.width=16", "run.recompute=[1]"],
        &["model.width=16", "run.recompute=[1, 2, 3, 4]"],
        &["model.width=4", "model.depth=50", "run.recompute=[1, 2, 3]"],
        &["model.width=16", "run.recompute=[1, 2]", "run.precision=bf16"],
        &["model.encoder=vit", "model.vit_depth=6", "model.vit_width=96", "run.recompute=[1]"],
        &["model.width=16", "run.further_devices=[flex]"],
        &["method=simclr", "model.width=16"],
        &["method=byol", "model.width=16", "dataset.micro_batch=8"],
    ] {
        let (predicted, found) = peaks(overrides);
        let off = predicted as f64 / found as f64 - 1.0;
        if off.abs() > 0.15 {
            wrong.push(format!("{off:+.3}: predicted {predicted}, found {found}: {overrides:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Of pixels and activations only those of one part are there at a time.
#[test]
fn micro_batches_take_less() {
    alone(divide);
}

fn divide() {
    let size = ["model.width=16", "dataset.batch_size=48", "dataset.synthetic_train=192"];
    let (_, whole) = peaks(&size);
    let (_, divided) = peaks(&[&size[..], &["dataset.micro_batch=4"]].concat());
    // Parameters, their states and the online probes take 130 MB either way.
    assert!(divided < whole * 3 / 5, "{divided} of {whole}");
}

/// Blocks that are computed again keep what enters them alone.
#[test]
fn recomputation_takes_less() {
    alone(recompute);
}

fn recompute() {
    let size = ["model.width=16", "dataset.batch_size=48", "dataset.synthetic_train=192"];
    let (_, whole) = peaks(&size);
    let (_, again) = peaks(&[&size[..], &["run.recompute=[1, 2, 3, 4]"]].concat());
    // Parameters, their states and the online probes take 130 MB either way.
    assert!(again < whole * 4 / 5, "{again} of {whole}");
}

/// Bytes are counted whenever the losses of the steps come back. What is alive then must not grow: 1000 steps in epochs of ten, whole and
/// in micro-batches, the test split between them.
#[test]
fn a_thousand_steps_leave_nothing_behind() {
    alone(watch_growth);
}

fn watch_growth() {
    for (micro_batch, recompute, devices) in
        [("null", "[]", "[]"), ("2", "[1, 3]", "[]"), ("null", "[]", "[flex]")]
    {
        let folder = tempfile::tempdir().unwrap();
        let output = format!("run.output_dir={}", folder.path().join("run").display());
        let micro_batch = format!("dataset.micro_batch={micro_batch}");
        let recompute = format!("run.recompute={recompute}");
        let devices = format!("run.further_devices={devices}");
        let overrides = [
            output.as_str(),
            micro_batch.as_str(),
            recompute.as_str(),
            devices.as_str(),
            "run.epochs=100",
            "dataset.batch_size=4",
            "dataset.synthetic_train=40",
            "dataset.seq_len=2",
            "model.img_size=8",
            "model.width=2",
            "model.pred_hidden=8",
            "model.num_enc_layers=1",
            "model.act_projdim=4",
            "optim.probe_hidden=8",
        ];
        let mut run = Run::start(config(&overrides), &mut Observers::new()).unwrap();
        let (mut steps, mut alive) = (0, Vec::new());
        let mut watch = |event: &Event| {
            match event {
                Event::StepFinished { .. } => steps += 1,
                Event::EpochFinished { .. } => {
                    alive.push(i64::try_from(ALIVE.load(Ordering::Relaxed)).unwrap())
                }
                _ => {}
            }
            Ok(())
        };
        run.train(&mut watch).unwrap();
        assert_eq!((steps, alive.len()), (1000, 100));
        // An epoch may be the first in which a thread multiplies for the diagnostics: once for each thread and each of two libraries.
        let changes = alive[20..].windows(2).map(|two| two[1] - two[0]);
        let (first_uses, steady): (Vec<_>, Vec<_>) = changes.partition(|&change| change >= FIRST_USE);
        let threads = rayon::current_num_threads() + 1;
        assert!(first_uses.len() <= 2 * threads, "{micro_batch}: bytes after each epoch: {alive:?}");
        // The figures of an epoch are kept, some hundred bytes of each; a tensor of the model is larger, and each step makes hundreds.
        let growth: i64 = steady.iter().sum();
        assert!(growth < 80 * 8 * 1024, "{micro_batch}: bytes after each epoch: {alive:?}");
    }
}
