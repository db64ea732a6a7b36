//! The loader: the same bits whatever the threads, and the order, counts and shapes that its settings say.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use seqjepa_data::dataset::{ImageSet, Synthetic};
use seqjepa_data::{
    ActionNormalization, DataError, LoaderConfig, Normalization, Scratch, SequenceBatch, SequenceConfig,
    SequenceLoader, Split,
};

fn images(count: usize) -> Arc<ImageSet> {
    Arc::new(
        Synthetic { train_images: count, image_size: 16, ..Synthetic::default() }.load(Split::Train).unwrap(),
    )
}

fn sequence(views: usize) -> SequenceConfig {
    SequenceConfig::new(16, views, Normalization::CIFAR100, 42).unwrap()
}

fn loader(images: &Arc<ImageSet>, config: LoaderConfig) -> SequenceLoader {
    SequenceLoader::new(Arc::clone(images), sequence(2), config).unwrap()
}

fn epoch(loader: &SequenceLoader, epoch: u64, first: usize) -> Vec<SequenceBatch> {
    loader.epoch(epoch, first).map(|batch| batch.unwrap().into_inner()).collect()
}

/// Bits, so that a NaN or a negative zero would count.
fn bits(batch: &SequenceBatch) -> Vec<u32> {
    let floats = [&batch.observed, &batch.target, &batch.parameters, &batch.actions, &batch.relative];
    let floats = floats.into_iter().flatten().map(|value| value.to_bits());
    floats.chain(batch.labels.iter().copied()).chain(batch.indices.iter().copied()).collect()
}

fn all_bits(batches: &[SequenceBatch]) -> Vec<Vec<u32>> {
    batches.iter().map(bits).collect()
}

#[test]
fn threads_and_prefetch_change_no_bit() {
    let images = images(75);
    let config = LoaderConfig { threads: 0, prefetch: 0, drop_last: false, ..LoaderConfig::train(16) };
    let expected = all_bits(&epoch(&loader(&images, config.clone()), 3, 0));
    assert_eq!(expected.len(), 5);
    for threads in [0, 1, 2, 8] {
        for prefetch in [0, 1, 3, 20] {
            let loader = loader(&images, LoaderConfig { threads, prefetch, ..config.clone() });
            assert_eq!(all_bits(&epoch(&loader, 3, 0)), expected, "{threads} threads, prefetch {prefetch}");
            // Again with used buffers, and from the middle of another loader's epoch.
            assert_eq!(all_bits(&epoch(&loader, 3, 0)), expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn an_epoch_can_be_entered_at_any_batch(
        number in 0_u64..5, first in 0_usize..9, batch_size in 1_usize..20, threads in 0_usize..4,
        prefetch in 0_usize..4, drop_last: bool, shuffle: bool,
    ) {
        let config = LoaderConfig { threads, prefetch, drop_last, shuffle, ..LoaderConfig::train(batch_size) };
        let loader = loader(&images(40), config);
        let whole = epoch(&loader, number, 0);
        prop_assert_eq!(whole.len(), loader.batches_per_epoch());
        prop_assert_eq!(whole.iter().map(SequenceBatch::len).sum::<usize>(), loader.samples_per_epoch());
        prop_assert_eq!(all_bits(&epoch(&loader, number, first)), all_bits(&whole[first.min(whole.len())..]));
    }
}

#[test]
fn drop_last_leaves_out_only_the_partial_batch() {
    let images = images(20);
    let counts = |batch_size, drop_last| {
        let loader =
            loader(&images, LoaderConfig { drop_last, threads: 1, ..LoaderConfig::train(batch_size) });
        let lengths: Vec<usize> = epoch(&loader, 0, 0).iter().map(SequenceBatch::len).collect();
        assert_eq!(lengths.len(), loader.batches_per_epoch());
        assert_eq!(lengths.iter().sum::<usize>(), loader.samples_per_epoch());
        lengths
    };
    assert_eq!(counts(8, true), [8, 8]);
    assert_eq!(counts(8, false), [8, 8, 4]);
    assert_eq!(counts(20, true), [20]);
    assert_eq!(counts(50, false), [20]);
}

#[test]
fn every_image_is_seen_once_an_epoch_in_an_order_of_its_own() {
    let images = images(50);
    let config = LoaderConfig { drop_last: false, threads: 2, ..LoaderConfig::train(16) };
    let order = |loader: &SequenceLoader, number| -> Vec<u32> {
        epoch(loader, number, 0).iter().flat_map(|batch| batch.indices.clone()).collect()
    };
    let shuffled = loader(&images, config.clone());
    let (first, second) = (order(&shuffled, 0), order(&shuffled, 1));
    assert_ne!(first, second);
    for mut order in [first, second] {
        order.sort_unstable();
        assert_eq!(order, (0..50).collect::<Vec<u32>>());
    }
    let in_order = loader(&images, LoaderConfig { shuffle: false, ..config });
    assert_eq!(order(&in_order, 7), (0..50).collect::<Vec<u32>>());
}

#[test]
fn a_batch_holds_what_the_sequence_config_says() {
    let images = images(12);
    let sequence = sequence(3);
    let config = LoaderConfig { threads: 2, ..LoaderConfig::test(5) };
    let loader = SequenceLoader::new(Arc::clone(&images), sequence.clone(), config).unwrap();
    let batch = epoch(&loader, 4, 1).swap_remove(0);
    assert_eq!(batch.indices, [5, 6, 7, 8, 9]);
    assert_eq!(batch.labels, [5, 6, 7, 8, 9]);
    assert_eq!((batch.len(), batch.views(), batch.height(), batch.width()), (5, 3, 16, 16));

    let (view, width) = (3 * 16 * 16, batch.parameter_count());
    let mut expected = vec![0.0; view];
    for (place, &index) in batch.indices.iter().enumerate() {
        let params = sequence.sample(Split::Test, 4, index, 16, 16);
        for (number, params) in params.iter().enumerate() {
            let image = images.image(index as usize);
            params
                .apply_normalized(image, &Normalization::CIFAR100, &mut Scratch::new(), &mut expected)
                .unwrap();
            let found = if number < 3 {
                &batch.observed[(place * 3 + number) * view..][..view]
            } else {
                &batch.target[place * view..][..view]
            };
            assert_eq!(found, expected);
            assert_eq!(batch.parameters[(place * 4 + number) * width..][..width], params.action());
        }

        let rows = place * 4 * width..(place + 1) * 4 * width;
        let mut actions = batch.parameters[rows.clone()].to_vec();
        ActionNormalization::SequenceL2.apply(&mut actions, width).unwrap();
        assert_eq!(batch.actions[rows], actions);
        for (offset, relative) in batch.relative[place * 3 * width..][..3 * width].iter().enumerate() {
            assert_eq!(*relative, actions[offset + width] - actions[offset]);
        }
    }
}

#[test]
fn a_subset_keeps_the_views_of_its_images() {
    let images = images(30);
    let whole = loader(&images, LoaderConfig { threads: 0, ..LoaderConfig::test(1) });
    let config = LoaderConfig { subset: Some(vec![21, 4]), threads: 1, ..LoaderConfig::test(1) };
    let part = loader(&images, config);
    assert_eq!((part.samples_per_epoch(), part.batches_per_epoch()), (2, 2));
    let all = epoch(&whole, 0, 0);
    assert_eq!(all_bits(&epoch(&part, 0, 0)), [bits(&all[21]), bits(&all[4])]);
}

#[test]
fn seed_split_and_epoch_change_the_views() {
    let images = images(8);
    let config = LoaderConfig { threads: 1, ..LoaderConfig::test(8) };
    let first = |sequence: SequenceConfig, split, number| {
        let config = LoaderConfig { split, ..config.clone() };
        let loader = SequenceLoader::new(Arc::clone(&images), sequence, config).unwrap();
        epoch(&loader, number, 0).swap_remove(0).observed
    };
    let reference = first(sequence(2), Split::Test, 0);
    assert_eq!(reference, first(sequence(2), Split::Test, 0));
    assert_ne!(reference, first(sequence(2), Split::Test, 1));
    assert_ne!(reference, first(sequence(2), Split::Train, 0));
    assert_ne!(reference, first(SequenceConfig { seed: 43, ..sequence(2) }, Split::Test, 0));
}

#[test]
fn buffers_are_reused() {
    let loader = loader(&images(64), LoaderConfig { threads: 2, prefetch: 2, ..LoaderConfig::train(4) });
    let mut buffers = std::collections::HashSet::new();
    for number in 0..4 {
        for batch in loader.epoch(number, 0) {
            buffers.insert(batch.unwrap().observed.as_ptr());
        }
    }
    // 64 batches in at most prefetch + the one being consumed + one on its way.
    assert!(buffers.len() <= 4, "{}", buffers.len());
}

#[test]
fn dropping_early_stops_and_the_loader_stays_usable() {
    let loader = loader(&images(64), LoaderConfig { threads: 2, prefetch: 1, ..LoaderConfig::train(4) });
    let expected = all_bits(&epoch(&loader, 0, 0));
    for taken in 0..4 {
        let mut epoch = loader.epoch(0, 0);
        for _ in 0..taken {
            epoch.next().unwrap().unwrap();
        }
    }
    let kept = loader.epoch(0, 0);
    assert_eq!(all_bits(&epoch(&loader, 0, 0)), expected);
    drop(loader);
    let rest: Vec<SequenceBatch> = kept.map(|batch| batch.unwrap().into_inner()).collect();
    assert_eq!(all_bits(&rest), expected);
}

#[test]
fn waiting_is_counted() {
    let loader = loader(&images(64), LoaderConfig { threads: 0, ..LoaderConfig::train(16) });
    assert_eq!(loader.wait_time(), Duration::ZERO);
    let mut epoch = loader.epoch(0, 0);
    for batch in epoch.by_ref() {
        batch.unwrap();
    }
    assert!(epoch.wait_time() > Duration::ZERO);
    assert_eq!(loader.wait_time(), epoch.wait_time());
}

#[test]
fn settings_out_of_range_are_refused() {
    let images = images(10);
    let good = LoaderConfig::train(4);
    for (config, expected) in [
        (LoaderConfig { batch_size: 0, ..good.clone() }, "batch_size"),
        (LoaderConfig { batch_size: 11, ..good.clone() }, "batch_size"),
        (LoaderConfig { threads: 100_000, ..good.clone() }, "threads"),
        (LoaderConfig { prefetch: 100_000, ..good.clone() }, "prefetch"),
        (LoaderConfig { subset: Some(vec![]), ..good.clone() }, "subset"),
        (LoaderConfig { subset: Some(vec![0, 1, 2, 10]), ..good.clone() }, "subset index"),
    ] {
        let error = SequenceLoader::new(Arc::clone(&images), sequence(2), config).unwrap_err();
        assert!(matches!(error, DataError::InvalidArgument { name, .. } if name == expected), "{error}");
    }
    let sequence = SequenceConfig { observed_views: 0, ..sequence(2) };
    assert!(SequenceLoader::new(images, sequence, good).is_err());
}
