//! Runs that are tested on held-out training images (`dataset.validation`).

mod common;

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use common::tiny;
use image::{Rgb, RgbImage};
use seqjepa_evaluation::{ComparedRun, Comparison, TestedSplit, results_table};
use seqjepa_run::registry::{DataSet, DataSetError};
use seqjepa_run::{Config, PretrainedSource, Registry, ResumeOptions, Run, RunData, RunError};
use seqjepa_train::observer::Observers;

/// Three classes of 16 training pictures each, and no test split at all.
fn pictures(root: &Path) {
    for class in 0..3_u8 {
        let folder = root.join(format!("train/{class}"));
        fs::create_dir_all(&folder).unwrap();
        for number in 0..16_u8 {
            let picture = RgbImage::from_fn(20, 20, |x, y| {
                Rgb([class * 90, number * 15, u8::try_from(x * y % 256).unwrap()])
            });
            picture.save(folder.join(format!("{number}.png"))).unwrap();
        }
    }
}

fn config(scratch: &Path, overrides: &[&str]) -> Config {
    let root = format!("dataset.data_root={}", scratch.join("pictures").display());
    let mut all = vec!["dataset.name=image_folder", "dataset.validation=12", "run.epochs=1", root.as_str()];
    all.extend(overrides);
    tiny(&scratch.join("run"), &all)
}

#[test]
fn the_parts_are_disjoint_balanced_and_of_the_training_split() {
    let scratch = tempfile::tempdir().unwrap();
    pictures(&scratch.path().join("pictures"));
    let config = config(scratch.path(), &[]);
    let data = RunData::open(&config, &mut Observers::new()).unwrap();
    assert_eq!((data.samples(), data.tested()), ([36, 12], TestedSplit::Validation));
    let parts = data.for_evaluation(&config);
    let (train, held) = (parts.train_subset.unwrap(), parts.test_subset.unwrap());
    let mut all = [train.clone(), held.clone()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..48).collect::<Vec<u32>>());
    for class in 0..3 {
        let of_class = held.iter().filter(|sample| parts.test.label(**sample as usize) == Some(class));
        assert_eq!(of_class.count(), 4);
    }

    // Subsets are of the parts; another seed holds out others.
    let less = config_with(&config, |config| {
        (config.dataset.subset_train, config.dataset.subset_val) = (Some(20), Some(5));
    });
    let fewer = RunData::open(&less, &mut Observers::new()).unwrap();
    assert_eq!(fewer.samples(), [20, 5]);
    let fewer = fewer.for_evaluation(&less);
    assert!(fewer.train_subset.unwrap().iter().all(|sample| train.contains(sample)));
    assert!(fewer.test_subset.unwrap().iter().all(|sample| held.contains(sample)));
    let other = config_with(&config, |config| config.dataset.subset_seed = 1);
    let other = RunData::open(&other, &mut Observers::new()).unwrap().for_evaluation(&other);
    assert_ne!(other.test_subset.unwrap(), held);

    let none = config_with(&config, |config| config.dataset.validation = 0);
    let message = RunData::open(&none, &mut Observers::new()).unwrap_err().to_string();
    assert!(message.contains("a folder test or val"), "{message}");
    let all = config_with(&config, |config| config.dataset.validation = 46);
    let message = RunData::open(&all, &mut Observers::new()).unwrap_err().to_string();
    assert!(message.contains("`dataset.validation`") && message.contains("1 to 45"), "{message}");
}

fn config_with(config: &Config, change: impl Fn(&mut Config)) -> Config {
    let mut config = config.clone();
    change(&mut config);
    config
}

/// Also a data set of one's own, which knows only how to open both.
#[test]
fn every_data_set_of_the_registry_can_hold_out() {
    struct Own;
    impl seqjepa_run::registry::DataSetEntry for Own {
        fn actions(&self, config: &Config) -> Result<seqjepa_data::ActionSpace, seqjepa_run::ConfigError> {
            Ok(config.augmentation_space())
        }

        fn open(
            &self,
            config: &Config,
            observer: &mut dyn seqjepa_train::observer::Observer,
        ) -> Result<DataSet, DataSetError> {
            let mut synthetic = config.clone();
            (synthetic.dataset.name, synthetic.dataset.validation) = ("synthetic".into(), 0);
            Ok(RunData::open(&synthetic, observer)?.set().clone())
        }
    }
    let registry = Registry::standard().with_data_set("own", Own);
    let scratch = tempfile::tempdir().unwrap();
    for name in ["synthetic", "own"] {
        let config = config_with(&tiny(scratch.path(), &["dataset.validation=6"]), |config| {
            config.dataset.name = name.into();
        });
        let data = RunData::open_with(&registry, &config, &mut Observers::new()).unwrap();
        assert_eq!((data.samples(), data.set().test.len()), ([18, 6], 24), "{name}");
    }
}

#[test]
fn whatever_shows_the_figures_says_what_they_are_of() {
    let scratch = tempfile::tempdir().unwrap();
    pictures(&scratch.path().join("pictures"));
    let config = config(scratch.path(), &[]);
    let mut run = Run::start(config, &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();
    let card = run.evaluate(&mut Observers::new()).unwrap();
    assert_eq!(run.rows()[0].get("validation_images"), Some(12.0));
    assert_eq!((card.data.tested, card.data.test_images), (TestedSplit::Validation, 12));
    assert!(card.figures.iter().all(|figure| figure.published.is_none()));
    let table = results_table(run.rows().last(), &card);
    assert!(table.starts_with("| validation split") && table.contains("(dataset.validation)"), "{table}");
    let compared = ComparedRun { label: "a".into(), card: Some(card), online: None, trained_as: None };
    let text = Comparison::new(vec![compared]).markdown();
    assert!(text.contains("a (validation)") && text.contains("held-out training images"), "{text}");
}

#[test]
fn a_resume_with_other_images_held_out_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let mut run = Run::start(tiny(&folder, &["dataset.validation=6"]), &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();
    drop(run);
    for given in ["dataset.validation=5", "dataset.validation=0"] {
        let options = ResumeOptions { overrides: vec![given.into()], ..ResumeOptions::default() };
        let resumed = Run::resume_with(&Registry::standard(), &folder, &options, &mut Observers::new());
        let Err(RunError::ConfigChanged { differences, .. }) = resumed else { panic!("{resumed:?}") };
        assert_eq!(differences[0].key, "dataset.validation");
    }
}

#[test]
fn images_that_a_model_was_trained_on_are_not_held_out() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let mut run = Run::start(tiny(&folder, &["dataset.validation=6"]), &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();
    let load = |given: &str| {
        let source = PretrainedSource {
            checkpoint: folder.clone(),
            overrides: vec![given.into()],
            ..PretrainedSource::default()
        };
        source.load(&Device::flex()).map(drop)
    };
    for (given, expected) in [
        ("dataset.validation=7", "`dataset.validation`: expected at most 6"),
        ("dataset.subset_seed=3", "`dataset.subset_seed`: expected 42"),
    ] {
        let message = load(given).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    load("dataset.validation=5").unwrap();
    load("dataset.validation=0").unwrap();
}
