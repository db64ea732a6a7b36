//! 3DIEBench and rendered objects as sources: a written folder is what was rendered, draws keep to their keys, and bad folders are
//! refused by name.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers of tests")]

mod common;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::fill;
use proptest::prelude::*;
use seqjepa_data::render::RenderedObjects;
use seqjepa_data::three_d::{ObjectSequences, ThreeDieBench};
use seqjepa_data::{
    DataError, LoaderConfig, SequenceKey, SequenceLoader, SequenceScratch, SequenceSlot, SequenceSource,
    Split,
};
use tempfile::TempDir;

const SIDE: usize = 24;

fn rendered() -> RenderedObjects {
    RenderedObjects {
        image_size: SIDE,
        train_objects: 7,
        test_objects: 4,
        classes: 4,
        views_per_object: 6,
        seed: 5,
        ..RenderedObjects::default()
    }
}

fn written() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("set");
    rendered().write(&root).unwrap();
    (folder, root)
}

fn bench(root: &Path) -> ThreeDieBench {
    ThreeDieBench { image_size: SIDE, views_per_object: 6, ..ThreeDieBench::new(root) }
}

fn key(sample: u32) -> SequenceKey {
    SequenceKey { seed: 3, split: Split::Train, epoch: 1, sample }
}

#[test]
fn a_written_folder_is_read_as_what_was_rendered() {
    let (_folder, root) = written();
    for split in [Split::Train, Split::Test] {
        let (made, read) =
            (rendered().sequences(split, 2).unwrap(), bench(&root).sequences(split, 2).unwrap());
        assert_eq!((made.len(), made.class_names()), (read.len(), read.class_names()));
        assert_eq!(made.layout(), read.layout());
        for object in 0..made.len() {
            assert_eq!(made.label(object), read.label(object));
            for view in 0..6 {
                assert_eq!(made.latents(object, view).unwrap(), read.latents(object, view).unwrap());
            }
            let sequence = |source| fill(source, key(object as u32), 2, true);
            let (made, read) = (sequence(&made), sequence(&read));
            assert_eq!(made[2], read[2], "actions");
            // JPEG at quality 95 differs by some levels of 255; the two are normalised by other constants.
            let levels = |values: &[f32], mean: [f32; 3], std: [f32; 3]| -> Vec<f32> {
                let channel = |at: usize| at / (SIDE * SIDE) % 3;
                let undone = values.iter().enumerate();
                undone.map(|(at, value)| (value * std[channel(at)] + mean[channel(at)]) * 255.0).collect()
            };
            let [of_made, of_read] = [RenderedObjects::NORMALIZATION, ThreeDieBench::NORMALIZATION];
            let made = levels(&made[0], of_made.mean, of_made.std);
            let read = levels(&read[0], of_read.mean, of_read.std);
            let off: f32 = made.iter().zip(&read).map(|(a, b)| (a - b).abs()).sum();
            assert!(off / (made.len() as f32) < 6.0, "{}", off / made.len() as f32);
        }
    }
    let error = rendered().write(&root).unwrap_err();
    assert!(error.to_string().contains("a path where nothing is yet"), "{error}");
    let left: Vec<_> =
        fs::read_dir(root.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["set"]);
}

#[test]
fn a_folder_that_cannot_be_written_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let wrong = RenderedObjects { test_objects: 0, ..rendered() };
    let error = wrong.write(&folder.path().join("set")).unwrap_err();
    assert!(error.to_string().contains("test_objects: expected 1 to"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn every_image_size_is_made_of_the_same_files() {
    let (_folder, root) = written();
    for image_size in [8, SIDE, 40] {
        let source = ThreeDieBench { image_size, ..bench(&root) }.sequences(Split::Test, 1).unwrap();
        let [observed, target, _] = fill(&source, key(1), 1, true);
        assert_eq!(
            (observed.len(), target.len()),
            (3 * image_size * image_size, 3 * image_size * image_size)
        );
        assert!(observed.iter().all(|value| value.is_finite()));
    }
}

/// As the folder out of distribution may have them.
#[test]
fn views_may_be_numbered_from_another_number() {
    let (_folder, root) = written();
    let all = bench(&root).sequences(Split::Test, 2).unwrap();
    let late = ThreeDieBench { first_view: 2, views_per_object: 4, ..bench(&root) };
    let late = late.sequences(Split::Test, 3).unwrap();
    assert_eq!(late.views_per_object(), 4);
    assert_eq!(late.latents(3, 1).unwrap(), all.latents(3, 3).unwrap());
    let drawn = fill(&late, key(3), 3, true)[2].clone();
    let known = |action: &[f32]| (2..6).any(|view| all.latents(3, view).unwrap().action() == action);
    assert!(drawn.chunks_exact(6).all(known));
    let beyond = ThreeDieBench { first_view: 1, ..bench(&root) }.sequences(Split::Test, 2).unwrap_err();
    assert!(beyond.to_string().contains("image_6.jpg"), "{beyond}");
}

/// What a source gives is the same for every number of bytes that it keeps.
#[test]
fn the_cache_changes_no_bit() {
    let (_folder, root) = written();
    let image = 3 * SIDE as u64 * SIDE as u64;
    for (cached, plain) in [
        (
            ThreeDieBench { cache_bytes: 9 * image, ..bench(&root) }.sequences(Split::Train, 3).unwrap(),
            bench(&root).sequences(Split::Train, 3).unwrap(),
        ),
        (
            RenderedObjects { cache_bytes: 9 * image, ..rendered() }.sequences(Split::Train, 3).unwrap(),
            RenderedObjects { cache_bytes: 0, ..rendered() }.sequences(Split::Train, 3).unwrap(),
        ),
    ] {
        assert_eq!((cached.fingerprint(), cached.settings()), (plain.fingerprint(), plain.settings()));
        for _ in 0..2 {
            for sample in 0..7 {
                assert_eq!(fill(&cached, key(sample), 3, true), fill(&plain, key(sample), 3, true));
            }
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let (_folder, root) = written();
    let sources: [ObjectSequences; 2] =
        [rendered().sequences(Split::Train, 3).unwrap(), bench(&root).sequences(Split::Train, 3).unwrap()];
    for source in sources {
        let source: Arc<dyn SequenceSource> = Arc::new(source);
        let epoch = |threads| {
            let config = LoaderConfig { threads, ..LoaderConfig::train(3, 42) };
            let loader = SequenceLoader::new(Arc::clone(&source), config).unwrap();
            loader.epoch(2, 0).map(|batch| batch.unwrap().into_inner()).collect::<Vec<_>>()
        };
        let one = epoch(1);
        assert_eq!(one.len(), 2);
        assert_eq!(one, epoch(4));
        let config = LoaderConfig { bytes: true, ..LoaderConfig::train(3, 42) };
        let in_bytes = SequenceLoader::new(Arc::clone(&source), config).unwrap();
        for (batch, expected) in in_bytes.epoch(2, 0).zip(&one) {
            let batch = batch.unwrap().into_inner();
            assert!(batch.bytes.is_some());
            assert_eq!(batch.normalized(), *expected);
        }
        let labels: Vec<_> =
            one[0].indices.iter().map(|&index| source.label(index as usize).unwrap()).collect();
        assert_eq!(one[0].labels.as_ref().unwrap(), &labels);
        // Nothing is normalised; rotations have norm 1, and hues lie between 0 and 1.
        assert_eq!(one[0].parameters, one[0].actions);
        for action in one[0].actions.chunks_exact(6) {
            let norm: f32 = action[..4].iter().map(|x| x * x).sum();
            assert!((norm - 1.0).abs() < 1e-5 && action[4..].iter().all(|hue| (0.0..=1.0).contains(hue)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn views_are_drawn_without_replacement_and_the_first_do_not_depend_on_how_many_follow(
        seed in any::<u64>(),
        epoch in 0_u64..1000,
        sample in 0_u32..7,
        views in 1_usize..6,
    ) {
        let key = SequenceKey { seed, split: Split::Test, epoch, sample };
        let all = rendered().sequences(Split::Train, 5).unwrap();
        let [_, _, parameters] = fill(&all, key, 0, false);
        let drawn: HashSet<Vec<u32>> =
            parameters.chunks_exact(6).map(|action| action.iter().map(|x| x.to_bits()).collect()).collect();
        prop_assert_eq!(drawn.len(), 6);
        let known: HashSet<Vec<u32>> = (0..6)
            .map(|view| {
                let action = all.latents(sample as usize, view).unwrap().action();
                action.iter().map(|x| x.to_bits()).collect()
            })
            .collect();
        prop_assert_eq!(drawn, known);
        let fewer = all.with_observed_views(views).unwrap();
        let [observed, target, part] = fill(&*fewer, key, views, true);
        prop_assert_eq!(&part[..], &parameters[..6 * (views + 1)]);
        let [longer, last, _] = fill(&all, key, 5, true);
        let every = [longer, last].concat();
        prop_assert_eq!(&[observed.clone(), target.clone()].concat()[..], &every[..observed.len() + target.len()]);
        // What is not wanted changes nothing else.
        for rendered in 0..=views {
            let [first, none, same] = fill(&*fewer, key, rendered, false);
            prop_assert_eq!(&first[..], &observed[..first.len()]);
            prop_assert!(none.is_empty());
            prop_assert_eq!(&same, &part);
        }
    }
}

#[test]
fn every_view_is_as_likely_as_any_other() {
    let source = rendered().sequences(Split::Train, 1).unwrap();
    let actions: Vec<_> = (0..6).map(|view| source.latents(2, view).unwrap().action()).collect();
    let mut counts = [[0_u32; 6]; 2];
    for epoch in 0..3000 {
        let [_, _, parameters] = fill(&source, SequenceKey { epoch, ..key(2) }, 0, false);
        for (place, action) in parameters.chunks_exact(6).enumerate() {
            counts[place][actions.iter().position(|known| known == action).unwrap()] += 1;
        }
    }
    // 500 are expected, with a standard deviation of 20.
    assert!(counts.as_flattened().iter().all(|count| (400..=600).contains(count)), "{counts:?}");
}

#[test]
fn the_clean_image_is_view_0_for_every_key() {
    let source = rendered().sequences(Split::Train, 2).unwrap();
    let clean = source.clean().unwrap().unwrap();
    assert_eq!(clean.layout().observed_views, 1);
    assert_ne!(clean.settings(), source.settings());
    for object in 0..3 {
        let other = SequenceKey { seed: 9, epoch: 4, ..key(object) };
        let [one, two] = [key(object), other].map(|key| fill(&*clean, key, 1, false));
        assert_eq!(one, two);
        let latents = source.latents(object as usize, 0).unwrap();
        assert_eq!(one[2][..6], latents.action());
    }
}

#[test]
fn a_fingerprint_is_of_the_data_and_settings_are_the_rest() {
    let (_folder, root) = written();
    let of = |bench: &ThreeDieBench, views| bench.sequences(Split::Train, views).unwrap();
    let (two, three) = (of(&bench(&root), 2), of(&bench(&root), 3));
    assert_eq!(two.fingerprint(), three.fingerprint());
    assert_ne!(two.settings(), three.settings());
    let larger = of(&ThreeDieBench { image_size: 30, ..bench(&root) }, 2);
    assert_eq!(two.fingerprint(), larger.fingerprint());
    assert_ne!(two.settings(), larger.settings());
    let fewer = of(&ThreeDieBench { views_per_object: 5, ..bench(&root) }, 2);
    assert_ne!(two.fingerprint(), fewer.fingerprint());
    let test = bench(&root).sequences(Split::Test, 2).unwrap();
    assert_ne!(two.fingerprint(), test.fingerprint());
    let image = root.join("box/train_000000/image_0.jpg");
    let mut bytes = fs::read(&image).unwrap();
    bytes.push(0);
    fs::write(&image, bytes).unwrap();
    assert_ne!(two.fingerprint(), of(&bench(&root), 2).fingerprint());

    let base = rendered().sequences(Split::Train, 2).unwrap().fingerprint();
    for other in [
        RenderedObjects { seed: 6, ..rendered() },
        RenderedObjects { ood: true, ..rendered() },
        RenderedObjects { train_objects: 8, ..rendered() },
        RenderedObjects { classes: 3, ..rendered() },
        RenderedObjects { views_per_object: 7, ..rendered() },
        RenderedObjects { image_size: 25, ..rendered() },
    ] {
        assert_ne!(base, other.sequences(Split::Train, 2).unwrap().fingerprint(), "{other:?}");
    }
    let more = RenderedObjects { test_objects: 9, cache_bytes: 0, ..rendered() };
    assert_eq!(base, more.sequences(Split::Train, 2).unwrap().fingerprint());
}

#[test]
fn lists_may_lie_elsewhere_and_the_root_may_hold_the_archives_folder() {
    let (folder, root) = written();
    let lists = folder.path().join("lists");
    fs::create_dir(&lists).unwrap();
    let names = ["train_images.npy", "train_labels.npy", "val_images.npy", "val_labels.npy"];
    for name in names {
        fs::rename(root.join(name), lists.join(name)).unwrap();
    }
    let error = bench(&root).sequences(Split::Train, 2).unwrap_err();
    assert!(matches!(&error, DataError::Missing { .. }));
    assert!(names.iter().all(|name| error.to_string().contains(name)), "{error}");
    let named = ThreeDieBench { lists: Some(lists.clone()), ..bench(&root) };
    let expected = named.sequences(Split::Test, 2).unwrap().fingerprint();
    let above = folder.path().join("above");
    fs::create_dir(&above).unwrap();
    fs::rename(&root, above.join("3DIEBench")).unwrap();
    let named = ThreeDieBench { root: above.clone(), ..named };
    assert_eq!(named.sequences(Split::Test, 2).unwrap().fingerprint(), expected);
    for name in names {
        fs::rename(lists.join(name), above.join(name)).unwrap();
    }
    assert_eq!(bench(&above).sequences(Split::Test, 2).unwrap().fingerprint(), expected);
}

#[test]
fn what_is_missing_or_damaged_is_named() {
    let (folder, root) = written();
    let open = || bench(&root).sequences(Split::Train, 5);
    let source = open().unwrap();
    let object = root.join("cylinder/train_000001");
    let fails = |path: &Path, content: Option<&[u8]>, words: &str| {
        let before = fs::read(path).unwrap();
        match content {
            Some(content) => fs::write(path, content).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        let layout = source.layout();
        let (mut observed, mut parameters) = (vec![0.0; 5 * layout.view_len()], vec![0.0; 36]);
        let mut target = vec![0.0; layout.view_len()];
        let slot =
            SequenceSlot { observed: &mut observed, target: Some(&mut target), parameters: &mut parameters };
        let error = source.fill(key(1), &mut SequenceScratch::default(), slot).unwrap_err().to_string();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(error.contains(name) && error.contains("train_000001") && error.contains(words), "{error}");
        fs::write(path, before).unwrap();
    };
    let half = fs::read(object.join("image_3.jpg")).unwrap();
    fails(&object.join("image_3.jpg"), Some(&half[..half.len() / 2]), "damaged image");
    fails(&object.join("image_3.jpg"), None, "not found");
    fails(&object.join("image_2.jpg"), Some(b"<html>"), "markup");
    fails(&object.join("latent_4.npy"), None, "not found");
    fails(&object.join("latent_4.npy"), Some(b""), "header");
    let mut latents = fs::read(object.join("latent_1.npy")).unwrap();
    let end = latents.len();
    latents[end - 8..].copy_from_slice(&f64::NAN.to_le_bytes());
    fails(&object.join("latent_1.npy"), Some(&latents), "7 finite numbers");
    // Degrees: the first of seven columns.
    latents[end - 8..].copy_from_slice(&0.5_f64.to_le_bytes());
    latents[end - 56..end - 48].copy_from_slice(&45.0_f64.to_le_bytes());
    fails(&object.join("latent_1.npy"), Some(&latents), "radians, at most a turn either way, found 45");

    // At the start, every object's first and last view are looked for.
    for name in ["image_0.jpg", "image_5.jpg", "latent_5.npy"] {
        let aside = folder.path().join("aside");
        fs::rename(object.join(name), &aside).unwrap();
        let error = open().unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("a view of an object of the lists"), "{error}");
        fs::rename(&aside, object.join(name)).unwrap();
    }
    open().unwrap();
}

#[test]
fn settings_out_of_range_are_refused() {
    let (_folder, root) = written();
    let name = |error: DataError| match error {
        DataError::InvalidArgument { name, .. } => name,
        other => panic!("{other}"),
    };
    let refused = |bench: ThreeDieBench, views| name(bench.sequences(Split::Train, views).unwrap_err());
    assert_eq!(refused(bench(&root), 0), "observed_views");
    assert_eq!(refused(bench(&root), 6), "observed_views");
    assert_eq!(refused(ThreeDieBench { image_size: 0, ..bench(&root) }, 2), "image_size");
    assert_eq!(refused(ThreeDieBench { image_size: 1025, ..bench(&root) }, 2), "image_size");
    assert_eq!(refused(ThreeDieBench { views_per_object: 1, ..bench(&root) }, 1), "views_per_object");
    assert_eq!(refused(ThreeDieBench { first_view: 1_000_001, ..bench(&root) }, 2), "first_view");
    assert_eq!(refused(ThreeDieBench { views_per_object: 1025, ..bench(&root) }, 2), "views_per_object");
    let missing = bench(&root.join("nowhere")).sequences(Split::Train, 2).unwrap_err();
    assert!(matches!(missing, DataError::Missing { .. }));
    let refused = |objects: RenderedObjects, views| name(objects.sequences(Split::Train, views).unwrap_err());
    assert_eq!(refused(rendered(), 6), "observed_views");
    assert_eq!(refused(RenderedObjects { image_size: 7, ..rendered() }, 2), "image_size");
    assert_eq!(refused(RenderedObjects { image_size: 513, ..rendered() }, 2), "image_size");
    assert_eq!(refused(RenderedObjects { classes: 1, ..rendered() }, 2), "classes");
    assert_eq!(refused(RenderedObjects { classes: 11, ..rendered() }, 2), "classes");
    assert_eq!(refused(RenderedObjects { views_per_object: 1, ..rendered() }, 1), "views_per_object");
    assert_eq!(refused(RenderedObjects { train_objects: 0, ..rendered() }, 2), "train_objects");
    assert_eq!(refused(RenderedObjects { train_objects: 1_000_001, ..rendered() }, 2), "train_objects");
}
