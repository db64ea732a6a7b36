//! The configs in `configs/` read, and say what their names promise.

use std::path::{Path, PathBuf};

use seqjepa_run::config::{OptimizerKind, SchedulerKind};
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
    assert!(found >= 4, "found {found} configs");
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
fn the_paper_config_is_the_papers() {
    let config = load("cifar100_aug_paper.yaml");
    assert_eq!((config.run.epochs, config.dataset.batch_size, config.eval.seq_len), (2000, 512, 5));
    assert_eq!((config.optim.name, config.optim.lr), (OptimizerKind::AdamW, 4e-4));
    assert_eq!((config.optim.weight_decay, config.optim.warmup_epochs), (1e-3, 20));
    assert_eq!(config.optim.min_lr, Some(1e-5));
}
