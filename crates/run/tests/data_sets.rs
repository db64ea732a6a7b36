//! Data sets beside those of `tests/training.rs`, in files that the tests write: each trains by its name in a config, stops and
//! resumes to the same bits, is evaluated with a figure for each group of its actions, embeds a picture, and learns.
#![allow(clippy::cast_possible_truncation, reason = "bytes of tests")]

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use seqjepa_data::ImageView;
use seqjepa_data::dataset::Stl10StandIn;
use seqjepa_data::render::RenderedObjects;
use seqjepa_run::embed::{EmbeddedViews, Embedder};
use seqjepa_run::{Config, ConfigError, PretrainedSource, Run, RunCheckpoint, RunData};
use seqjepa_train::observer::{Event, Observers};

const TINY: &str = "
run: {name: tiny, seed: 7, device: flex, epochs: 2}
dataset: {seq_len: 2, batch_size: 8, num_workers: 1}
model: {width: 4, pred_hidden: 16, num_heads: 2, num_enc_layers: 1, act_projdim: 8}
optim: {name: adam, lr: 0.003, probe_hidden: 16}
eval: {protocols: [exact], seq_len: 2, max_seq_len: 2, batch_size: 8, candidates: 4, other_candidates: 4, bootstrap: 10}
";

/// Images of the training split of every fixture; a multiple of five, the files of CIFAR-10.
const TRAIN: usize = 40;
/// Images of the test split.
const TEST: usize = 20;

/// A data set with files of its own.
struct Set {
    name: &'static str,
    side: usize,
    groups: &'static [&'static str],
    write: fn(&Path),
}

const SETS: [Set; 7] = [
    Set { name: "cifar10_rotations", side: 32, groups: &["rotation"], write: write_cifar10 },
    Set { name: "mnist_affine", side: 28, groups: &["rotation", "translation", "scale"], write: write_mnist },
    Set {
        name: "fashion_mnist_affine",
        side: 28,
        groups: &["rotation", "translation", "scale"],
        write: write_mnist,
    },
    Set {
        name: "tiny_imagenet_aug",
        side: 64,
        groups: &["crop", "jitter", "blur"],
        write: write_tiny_imagenet,
    },
    Set { name: "rendered_objects", side: 16, groups: &["rotation", "color"], write: |_| () },
    Set { name: "3diebench", side: 16, groups: &["rotation", "color"], write: write_three_die_bench },
    Set { name: "stl10_glimpses", side: 16, groups: &["position"], write: write_stl10 },
];

/// One channel of a picture whose slope and ground are its own, `[side, side]`.
fn plane(number: usize, side: usize) -> Vec<u8> {
    let (across, down, ground) = (1 + number % 7, 1 + number % 5, 40 * (number % 3));
    let pixels = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
    pixels.map(|(x, y)| (ground + (across * x * x / side + down * y) % 150) as u8).collect()
}

fn write_cifar10(root: &Path) {
    let records = |numbers: std::ops::Range<usize>| -> Vec<u8> {
        let record = |number: usize| {
            let planes = (0..3).flat_map(move |channel| plane(number + channel, 32));
            std::iter::once((number % 10) as u8).chain(planes)
        };
        numbers.flat_map(record).collect()
    };
    for file in 0..5 {
        let numbers = file * TRAIN / 5..(file + 1) * TRAIN / 5;
        fs::write(root.join(format!("data_batch_{}.bin", file + 1)), records(numbers)).unwrap();
    }
    fs::write(root.join("test_batch.bin"), records(TRAIN..TRAIN + TEST)).unwrap();
    let names: Vec<_> = (0..10).map(|class| format!("class {class}")).collect();
    fs::write(root.join("batches.meta.txt"), names.join("\n")).unwrap();
}

fn write_mnist(root: &Path) {
    for (prefix, numbers) in [("train", 0..TRAIN), ("t10k", TRAIN..TRAIN + TEST)] {
        let count = (numbers.len() as u32).to_be_bytes();
        let side = 28_u32.to_be_bytes();
        let images: Vec<u8> = numbers.clone().flat_map(|number| plane(number, 28)).collect();
        let file = [&[0, 0, 8, 3], &count[..], &side, &side, &images].concat();
        fs::write(root.join(format!("{prefix}-images-idx3-ubyte")), file).unwrap();
        let labels: Vec<u8> = numbers.map(|number| (number % 10) as u8).collect();
        let file = [&[0, 0, 8, 1], &count[..], &labels].concat();
        fs::write(root.join(format!("{prefix}-labels-idx1-ubyte")), file).unwrap();
    }
}

/// In a format that is told by the content, as all pictures are.
fn write_tiny_imagenet(root: &Path) {
    let wnids: Vec<_> = (0..4).map(|class| format!("n{:08}", 90 - class)).collect();
    let picture = |number: usize| {
        let planes: Vec<_> = (0..3).map(|channel| plane(number + channel, 64)).collect();
        let pixels = (0..64 * 64).flat_map(|place| [planes[0][place], planes[1][place], planes[2][place]]);
        b"P6\n64 64\n255\n".iter().copied().chain(pixels).collect::<Vec<u8>>()
    };
    fs::write(root.join("wnids.txt"), wnids.join("\n")).unwrap();
    for number in 0..TRAIN {
        let folder = root.join("train").join(&wnids[number % 4]).join("images");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{number}.JPEG")), picture(number)).unwrap();
    }
    fs::create_dir_all(root.join("val/images")).unwrap();
    let mut annotations = String::new();
    for number in TRAIN..TRAIN + TEST {
        fs::write(root.join(format!("val/images/val_{number}.JPEG")), picture(number)).unwrap();
        annotations += &format!("val_{number}.JPEG\t{}\t0\t0\t63\t63\n", wnids[number % 4]);
    }
    fs::write(root.join("val/val_annotations.txt"), annotations).unwrap();
}

/// Few views of small objects, as `TINY` says of the rendered ones.
fn write_three_die_bench(root: &Path) {
    let objects = RenderedObjects {
        image_size: 16,
        train_objects: TRAIN,
        test_objects: TEST,
        views_per_object: 5,
        ..RenderedObjects::default()
    };
    objects.write(&root.join("3DIEBench")).unwrap();
}

fn write_stl10(root: &Path) {
    Stl10StandIn { unlabelled: TRAIN, train: TRAIN, test: TEST, seed: 1 }.write(root).unwrap();
}

impl Set {
    fn config(&self, root: &Path, run: &str, overrides: &[&str]) -> Result<Config, ConfigError> {
        let own = [
            format!("dataset.name={}", self.name),
            format!("dataset.data_root={}", root.display()),
            format!("run.output_dir={}", root.join(run).display()),
            format!("model.img_size={}", self.side),
        ];
        let alone: &[&str] = match self.name {
            "3diebench" => &["dataset.views_per_object=5"],
            "rendered_objects" => {
                &["dataset.views_per_object=5", "dataset.rendered_train=40", "dataset.rendered_val=20"]
            }
            _ => &[],
        };
        let own = own.iter().map(String::as_str).chain(alone.iter().copied());
        let all: Vec<&str> = own.chain(overrides.iter().copied()).collect();
        Config::parse(TINY, "tiny", &all)
    }
}

/// Names and bytes of every tensor that a run's checkpoint holds.
fn tensors(run: &Run) -> Vec<(String, Vec<u8>)> {
    let checkpoint = RunCheckpoint::load(&run.folder().last_checkpoint()).unwrap();
    let sections = [checkpoint.model, checkpoint.optimizer, checkpoint.probes];
    sections.into_iter().flatten().map(|(name, data)| (name, data.as_bytes().to_vec())).collect()
}

#[test]
fn every_set_trains_resumes_is_evaluated_and_embeds() {
    for set in SETS {
        let root = tempfile::tempdir().unwrap();
        (set.write)(root.path());
        let name = set.name;
        let start = |run| {
            let config = set.config(root.path(), run, &[]).unwrap();
            Run::start(config, &mut Observers::new()).unwrap()
        };
        let mut whole = start("whole");
        whole.train(&mut Observers::new()).unwrap();

        let mut stopped = start("stopped");
        let folder = stopped.folder().root().to_owned();
        let mut seen = 0;
        let stop = |event: &Event| {
            seen += usize::from(matches!(event, Event::StepFinished { .. }));
            // In the middle of the second epoch.
            if seen == 7 { Err("stopped by the test".into()) } else { Ok(()) }
        };
        stopped.train(&mut { stop }).unwrap_err();
        drop(stopped);
        let mut resumed = Run::resume(&folder, &mut Observers::new()).unwrap();
        resumed.train(&mut Observers::new()).unwrap();
        assert_eq!(tensors(&resumed), tensors(&whole), "{name}");

        let row = whole.rows().last().unwrap().clone();
        let card = whole.evaluate(&mut Observers::new()).unwrap();
        assert_eq!(card.data.name, name);
        for group in set.groups {
            assert!(row.get(&format!("online_r2_{group}_test")).is_some(), "{name}: {group}");
            let figure = card.figure(&format!("r2_{group}")).unwrap_or_else(|| panic!("{name}: {group}"));
            assert!(figure.trained.value.is_some_and(f64::is_finite), "{name}: {group}");
        }

        let source = PretrainedSource { checkpoint: folder, ..PretrainedSource::default() };
        let pretrained = source.load(&Device::flex()).unwrap();
        let embedder = Embedder::new(&pretrained, EmbeddedViews::Identity, &Device::flex()).unwrap();
        let pixels: Vec<u8> = (0..=255).cycle().take(20 * 24 * 3).collect();
        let embedded = embedder.embed(&[ImageView::new(&pixels, 20, 24).unwrap()], 0).unwrap();
        assert!(embedded.invariant.iter().all(|value| value.is_finite()), "{name}");
        let several = EmbeddedViews::Augmented { count: 3, seed: 1 };
        let embedder = Embedder::new(&pretrained, several, &Device::flex());
        assert_eq!(embedder.is_ok(), name == "tiny_imagenet_aug", "{name}");
        if let Err(error) = embedder {
            let message = error.to_string();
            assert!(message.contains("`dataset.name`") && message.contains(name), "{message}");
        }
    }
}

#[test]
fn the_loss_of_every_set_falls() {
    for set in SETS {
        let root = tempfile::tempdir().unwrap();
        (set.write)(root.path());
        let longer = ["run.epochs=8", "model.width=8"];
        let config = set.config(root.path(), "longer", &longer).unwrap();
        let mut run = Run::start(config, &mut Observers::new()).unwrap();
        run.train(&mut Observers::new()).unwrap();
        let losses: Vec<f64> = run.rows().iter().filter_map(|row| row.get("ep_loss")).collect();
        let last = (losses[6] + losses[7]) / 2.0;
        assert!(last < 0.97 * losses[0], "{}: {losses:?}", set.name);
    }
}

#[test]
fn settings_of_augmentations_are_refused_for_other_sets() {
    let root = tempfile::tempdir().unwrap();
    for set in &SETS[..3] {
        let wrong = if set.side == 32 { 28 } else { 32 };
        let standardised = [
            format!("dataset.action_mean={:?}", vec![0; if set.groups.len() == 1 { 2 } else { 5 }]),
            format!("dataset.action_std={:?}", vec![1; if set.groups.len() == 1 { 2 } else { 5 }]),
        ];
        for (overrides, key) in [
            (vec!["dataset.no_blur=true".to_owned()], "dataset.no_blur"),
            (vec![format!("model.img_size={wrong}")], "model.img_size"),
            (vec!["dataset.source_size=48".to_owned()], "dataset.source_size"),
            (standardised.to_vec(), "dataset.action_mean"),
        ] {
            let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
            let message = set.config(root.path(), "run", &overrides).unwrap_err().to_string();
            assert!(message.contains(key) && message.contains(set.name), "{message}");
        }
        assert!(fs::read_dir(root.path()).unwrap().next().is_none(), "something was written");
    }
    let download = SETS[1].config(root.path(), "run", &["dataset.download=true"]).unwrap();
    let message = RunData::open(&download, &mut Observers::new()).unwrap_err().to_string();
    assert!(message.contains("dataset.download") && message.contains("mnist_affine"), "{message}");
}

#[test]
fn keys_that_only_other_sets_read_are_refused() {
    let root = tempfile::tempdir().unwrap();
    for (name, given) in [
        ("3diebench", "dataset.ood=true"),
        ("stl10_glimpses", "dataset.ood=true"),
        ("mnist_affine", "dataset.lists=nowhere"),
        ("rendered_objects", "dataset.first_view=9"),
        ("cifar10_rotations", "dataset.glimpse_geometry=published"),
        ("tiny_imagenet_aug", "dataset.views_per_object=3"),
        ("mnist_affine", "dataset.saliency=maps"),
    ] {
        let set = SETS.iter().find(|set| set.name == name).unwrap();
        let message = set.config(root.path(), "run", &[given]).unwrap_err().to_string();
        let key = given.split('=').next().unwrap();
        assert!(message.contains(&format!("`{key}`")) && message.contains(name), "{message}");
    }
}

#[test]
fn sequences_longer_than_an_object_has_views_are_refused_before_training() {
    let root = tempfile::tempdir().unwrap();
    let set = SETS.iter().find(|set| set.name == "rendered_objects").unwrap();
    for (given, key) in [
        ("eval.max_seq_len=5", "eval.max_seq_len"),
        ("eval.seq_len=5", "eval.seq_len"),
        ("dataset.seq_len=5", "dataset.seq_len"),
    ] {
        let config = set.config(root.path(), "run", &[given]).unwrap();
        let message = Run::start(config, &mut Observers::new()).unwrap_err().to_string();
        assert!(message.contains(&format!("`{key}`: expected at most 4")), "{message}");
        assert!(fs::read_dir(root.path()).unwrap().next().is_none(), "something was written");
    }
}

#[test]
fn data_with_other_actions_than_a_model_knows_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let set = SETS.iter().find(|set| set.name == "stl10_glimpses").unwrap();
    (set.write)(root.path());
    let config = set.config(root.path(), "run", &["run.epochs=1"]).unwrap();
    let mut run = Run::start(config, &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();
    // Of two numbers too.
    let other = SETS[0].config(root.path(), "other", &[]).unwrap();
    let file = root.path().join("other.yaml");
    fs::write(&file, other.to_yaml()).unwrap();
    let checkpoint = run.folder().last_checkpoint();
    let source = PretrainedSource { checkpoint, config: Some(file), ..PretrainedSource::default() };
    let message = source.load(&Device::flex()).unwrap_err().to_string();
    assert!(message.contains("position") && message.contains("cifar10_rotations with rotation"), "{message}");
}
