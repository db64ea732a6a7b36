//! The configs in `configs/` read, and say what their names promise.

use std::path::{Path, PathBuf};

use seqjepa_run::config::{EmaScheduleKind, OptimizerKind, SchedulerKind};
use seqjepa_run::sweep::SweepPlan;
use seqjepa_run::{Config, Registry};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs").join(name)
}

fn load(name: &str) -> Config {
    Config::load::<&str>(&shipped(name), &[]).unwrap()
}

#[test]
fn every_shipped_config_reads() {
    let mut found = 0;
    for folder in ["", "remote"] {
        for entry in std::fs::read_dir(shipped(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let config = Config::load::<&str>(&path, &[]).unwrap();
                Registry::standard().method(&config).unwrap().validate().unwrap();
                found += 1;
            }
        }
    }
    assert!(found >= 12, "found {found} configs");
}

#[test]
fn the_baseline_is_the_published_one() {
    let config = load("remote/cifar100_aug_baseline.yaml");
    assert_eq!((config.run.epochs, config.dataset.batch_size, config.dataset.seq_len), (10, 128, 3));
    assert_eq!(
        (config.optim.name, config.optim.lr, config.optim.weight_decay),
        (OptimizerKind::Adam, 1e-3, 0.0)
    );
    assert_eq!(config.optim.scheduler, SchedulerKind::Constant);
    assert!(config.dataset.action_norm && config.run.drop_last);
    let model = config.seq_jepa(9);
    assert_eq!((model.representation_width(), model.token_width()), (512, 640));
}

#[test]
fn the_paper_config_is_that_of_its_text() {
    let config = load("cifar100_aug_paper.yaml");
    assert_eq!((config.run.epochs, config.dataset.batch_size, config.eval.seq_len), (2000, 512, 5));
    assert_eq!((config.optim.name, config.optim.lr), (OptimizerKind::AdamW, 4e-4));
    assert_eq!((config.optim.weight_decay, config.optim.warmup_epochs), (1e-3, 20));
    assert_eq!(config.optim.min_lr, Some(1e-5));
    let rate = |epoch| config.learning_rate().rate(epoch, 0, 97);
    assert_eq!((rate(0), rate(19)), (4e-4 / 20.0, 4e-4));
    assert!((rate(1999) - 1e-5).abs() < 1e-18);
    assert_eq!((config.model.ema_decay, config.model.ema_schedule), (0.996, EmaScheduleKind::Constant));
}

#[test]
fn the_published_code_has_a_recipe_of_its_own() {
    let config = load("cifar100_aug_published_code.yaml");
    assert_eq!((config.optim.name, config.optim.weight_decay), (OptimizerKind::Adam, 0.0));
    let rate = |epoch| config.learning_rate().rate(epoch, 0, 97);
    assert_eq!([rate(0), rate(20), rate(1999)], [1e-5, 4e-4, 4e-4]);
    assert!((rate(10) - (1e-5 + 3.9e-4 / 2.0)).abs() < 1e-18);
    assert_eq!((config.model.ema_decay, config.model.ema_schedule), (0.996, EmaScheduleKind::Cosine));
    // All else is as in the paper's.
    let others = load("cifar100_aug_paper.yaml").differences(&config);
    assert!(
        others.iter().all(|other| ["run.", "optim.", "model.ema_schedule", "logging."]
            .iter()
            .any(|key| other.key.starts_with(key))),
        "{others:?}"
    );
}

#[test]
fn the_independent_run_trained_as_the_papers_config_does() {
    let config = load("cifar100_aug_independent.yaml");
    assert_eq!((config.run.epochs, config.dataset.batch_size), (2000, 512));
    let others = load("cifar100_aug_paper.yaml").differences(&config);
    assert!(
        others.iter().all(|other| ["run.", "eval.", "logging."].iter().any(|key| other.key.starts_with(key))),
        "{others:?}"
    );
}

#[test]
fn the_small_sets_have_the_published_settings() {
    let rotations = load("cifar10_rotations.yaml");
    assert_eq!((rotations.run.epochs, rotations.dataset.batch_size, rotations.optim.lr), (10, 128, 1e-3));
    let affine = load("mnist_affine.yaml");
    assert_eq!((affine.run.epochs, affine.dataset.batch_size, affine.model.img_size), (20, 64, 28));
    let tiny = load("tiny_imagenet_aug.yaml");
    assert_eq!((tiny.model.img_size, tiny.policies().0.blur_kernel_size), (64, 7));
}

#[test]
fn every_shipped_sweep_can_be_planned() {
    let registry = Registry::standard();
    for entry in std::fs::read_dir(shipped("sweeps")).unwrap() {
        let path = entry.unwrap().path();
        let plan = SweepPlan::read(&registry, &path, None).unwrap();
        assert!(!plan.runs().is_empty(), "{}", path.display());
    }
    let small = SweepPlan::read(&registry, &shipped("sweeps/small.yaml"), None).unwrap();
    for method in registry.methods() {
        assert!(
            small.runs().iter().any(|run| run.config.method == method),
            "{method} is not in the small sweep"
        );
    }
}

#[test]
fn the_schema_of_sweeps_is_that_of_the_types() {
    let shipped = std::fs::read_to_string(shipped("seqjepa-sweep.schema.json")).unwrap();
    assert!(
        shipped == format!("{:#}\n", SweepPlan::json_schema()),
        "configs/seqjepa-sweep.schema.json is of other types; write it anew by\n\n    \
         cargo run -p seqjepa -- config schema --sweep > configs/seqjepa-sweep.schema.json\n"
    );
}
