//! The loader: the same bits whatever the threads, and the order, counts and shapes that its settings say.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use seqjepa_data::dataset::{ImageSet, Synthetic};
use seqjepa_data::{
    AffineConfig, AffineImages, AugmentedImages, BatchParts, DataError, Fingerprint, LoaderConfig,
    Normalization, RotatedImages, Scratch, SequenceBatch, SequenceConfig, SequenceKey, SequenceLayout,
    SequenceLoader, SequenceScratch, SequenceSlot, SequenceSource, Split,
};

const SEED: u64 = 42;

fn images(count: usize) -> Arc<ImageSet> {
    Arc::new(
        Synthetic { train_images: count, image_size: 16, ..Synthetic::default() }.load(Split::Train).unwrap(),
    )
}

fn sequence(views: usize) -> SequenceConfig {
    SequenceConfig::new(16, views, Normalization::CIFAR100).unwrap()
}

fn source(images: &Arc<ImageSet>, views: usize) -> Arc<dyn SequenceSource> {
    Arc::new(AugmentedImages::new(images.clone(), sequence(views)).unwrap())
}

fn loader(images: &Arc<ImageSet>, config: LoaderConfig) -> SequenceLoader {
    SequenceLoader::new(source(images, 2), config).unwrap()
}

fn train(batch_size: usize) -> LoaderConfig {
    LoaderConfig::train(batch_size, SEED)
}

fn test(batch_size: usize) -> LoaderConfig {
    LoaderConfig::test(batch_size, SEED)
}

fn epoch(loader: &SequenceLoader, epoch: u64, first: usize) -> Vec<SequenceBatch> {
    loader.epoch(epoch, first).map(|batch| batch.unwrap().into_inner()).collect()
}

/// Bits, so that a NaN or a negative zero would count.
fn bits(batch: &SequenceBatch) -> Vec<u32> {
    let floats = [&batch.observed, &batch.target, &batch.parameters, &batch.actions, &batch.relative];
    let floats = floats.into_iter().flatten().map(|value| value.to_bits());
    floats.chain(batch.labels.iter().flatten().copied()).chain(batch.indices.iter().copied()).collect()
}

fn all_bits(batches: &[SequenceBatch]) -> Vec<Vec<u32>> {
    batches.iter().map(bits).collect()
}

#[test]
fn threads_and_prefetch_change_no_bit() {
    let images = images(75);
    let config = LoaderConfig { threads: 0, prefetch: 0, drop_last: false, ..train(16) };
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

#[test]
fn threads_change_no_bit_of_any_source() {
    let images = images(33);
    let sources: [Arc<dyn SequenceSource>; 2] = [
        Arc::new(RotatedImages::new(images.clone(), 2, Normalization::CIFAR10).unwrap()),
        Arc::new(AffineImages::new(images.clone(), AffineConfig::new(2, Normalization::MNIST)).unwrap()),
    ];
    for source in sources {
        let bits = |threads| {
            let config = LoaderConfig { threads, drop_last: false, ..train(16) };
            let loader = SequenceLoader::new(Arc::clone(&source), config).unwrap();
            all_bits(&epoch(&loader, 1, 0))
        };
        let expected = bits(0);
        assert_eq!(expected.len(), 3);
        assert!([1, 2, 8].into_iter().all(|threads| bits(threads) == expected), "{source:?}");
    }
}

/// In bytes, in parts, and normalised later: the same bits.
#[test]
fn bytes_are_what_is_normalised() {
    let images = images(33);
    let sources: [Arc<dyn SequenceSource>; 3] = [
        source(&images, 2),
        Arc::new(RotatedImages::new(images.clone(), 2, Normalization::CIFAR10).unwrap()),
        Arc::new(AffineImages::new(images.clone(), AffineConfig::new(2, Normalization::MNIST)).unwrap()),
    ];
    for source in sources {
        for (rendered_views, render_target) in [(None, true), (Some(1), false), (Some(0), true)] {
            let config = LoaderConfig { drop_last: false, rendered_views, render_target, ..train(16) };
            let made = |bytes| {
                let config = LoaderConfig { bytes, ..config.clone() };
                epoch(&SequenceLoader::new(Arc::clone(&source), config).unwrap(), 1, 0)
            };
            for (bytes, values) in made(true).into_iter().zip(made(false)) {
                let views = bytes.bytes.as_ref().unwrap();
                assert_eq!(views.normalization, source.pixel_normalization().unwrap());
                assert_eq!(views.observed.len(), values.observed.len());
                assert_eq!(views.target.len(), values.target.len());
                assert!(bytes.observed.is_empty() && bytes.target.is_empty());
                if values.len() > 9 {
                    assert_eq!(bits(&bytes.part(3..9).normalized()), bits(&values.part(3..9)));
                }
                assert_eq!(bits(&bytes.normalized()), bits(&values));
                assert!(values.bytes.is_none());
            }
        }
    }
}

/// A source that makes values of its own.
#[test]
fn bytes_are_not_asked_of_a_source_without() {
    let bytes = LoaderConfig { bytes: true, ..test(2) };
    let batches = [bytes, test(2)].map(|config| {
        let layout = source(&images(10), 2).layout().clone();
        let source = Failing { layout, at: u32::MAX, silently: false };
        let loader = SequenceLoader::new(Arc::new(source), config).unwrap();
        epoch(&loader, 0, 0)
    });
    assert!(batches[0].iter().all(|batch| batch.bytes.is_none() && !batch.observed.is_empty()));
    assert_eq!(all_bits(&batches[0]), all_bits(&batches[1]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn an_epoch_can_be_entered_at_any_batch(
        number in 0_u64..5, first in 0_usize..9, batch_size in 1_usize..20, threads in 0_usize..4,
        prefetch in 0_usize..4, drop_last: bool, shuffle: bool,
    ) {
        let config = LoaderConfig { threads, prefetch, drop_last, shuffle, ..train(batch_size) };
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
        let loader = loader(&images, LoaderConfig { drop_last, threads: 1, ..train(batch_size) });
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
    let config = LoaderConfig { drop_last: false, threads: 2, ..train(16) };
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
    let (source, sequence) = (source(&images, 3), sequence(3));
    let config = LoaderConfig { threads: 2, ..test(5) };
    let loader = SequenceLoader::new(Arc::clone(&source), config).unwrap();
    let batch = epoch(&loader, 4, 1).swap_remove(0);
    assert_eq!(batch.indices, [5, 6, 7, 8, 9]);
    assert_eq!(batch.labels.as_deref(), Some(&[5, 6, 7, 8, 9][..]));
    assert_eq!((batch.len(), batch.views(), batch.rendered_views(), batch.has_target()), (5, 3, 3, true));
    assert_eq!((batch.channels(), batch.height(), batch.width()), (3, 16, 16));

    let (view, width) = (3 * 16 * 16, batch.parameter_count());
    let mut expected = vec![0.0; view];
    for (place, &index) in batch.indices.iter().enumerate() {
        let key = SequenceKey { seed: SEED, split: Split::Test, epoch: 4, sample: index };
        for (number, params) in sequence.sample(key, 16, 16).iter().enumerate() {
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
        let (mut actions, mut relative) = (vec![0.0; 4 * width], vec![0.0; 3 * width]);
        let space = &source.layout().actions;
        space.sequence(&batch.parameters[rows.clone()], &mut actions, &mut relative).unwrap();
        assert_eq!(batch.actions[rows], actions);
        assert_eq!(batch.relative[place * 3 * width..][..3 * width], relative);
    }
}

/// FNV-1a over the bits of a shuffled epoch, as the loader makes them of these pictures since its first version.
#[test]
fn the_bits_are_these_on_every_machine() {
    let batches = epoch(&loader(&images(75), LoaderConfig { threads: 2, ..train(16) }), 3, 0);
    let bytes = all_bits(&batches).concat().into_iter().flat_map(u32::to_le_bytes);
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    assert_eq!(hash, 0xf16b_bc7b_fb62_369e);
}

#[test]
fn views_that_are_not_wanted_are_not_made() {
    let images = images(10);
    let whole = epoch(&loader(&images, train(4)), 1, 0);
    let view = 3 * 16 * 16;
    for (rendered, render_target) in [(Some(0), true), (Some(1), false), (Some(2), true), (None, false)] {
        let config = LoaderConfig { rendered_views: rendered, render_target, ..train(4) };
        let part = epoch(&loader(&images, config), 1, 0);
        for (part, whole) in part.iter().zip(&whole) {
            let rendered = rendered.unwrap_or(2);
            assert_eq!(
                (part.views(), part.rendered_views(), part.has_target()),
                (2, rendered, render_target)
            );
            let first = whole.observed.chunks(2 * view).flat_map(|views| &views[..rendered * view]);
            assert!(part.observed.iter().eq(first));
            assert_eq!(part.target, if render_target { &whole.target[..] } else { &[] });
            assert_eq!(
                (&part.parameters, &part.actions, &part.relative, &part.labels, &part.indices),
                (&whole.parameters, &whole.actions, &whole.relative, &whole.labels, &whole.indices)
            );
        }
    }
}

#[test]
fn images_without_labels_give_batches_without() {
    let labelled = images(10);
    let unlabelled = Arc::new(ImageSet::unlabelled(labelled.pixels().to_vec(), 16, 16).unwrap());
    let (with, without) =
        (epoch(&loader(&labelled, train(4)), 0, 0), epoch(&loader(&unlabelled, train(4)), 0, 0));
    for (mut with, without) in with.into_iter().zip(without) {
        assert_eq!(with.labels.take().map(|labels| labels.len()), Some(4));
        assert_eq!(without, with);
    }
}

#[test]
fn a_batch_can_be_made_by_hand() {
    let images = images(12);
    let layout = source(&images, 2).layout().clone();
    for (rendered_views, render_target) in [(None, true), (Some(1), false)] {
        let config = LoaderConfig { rendered_views, render_target, ..train(4) };
        let batch = epoch(&loader(&images, config), 0, 0).swap_remove(0);
        let parts = BatchParts {
            observed: batch.observed.clone(),
            target: batch.target.clone(),
            parameters: batch.parameters.clone(),
            labels: batch.labels.clone(),
            indices: batch.indices.clone(),
        };
        assert_eq!(SequenceBatch::new(&layout, parts.clone()).unwrap(), batch);

        type Change = fn(&mut BatchParts);
        let cases: [(Change, &str); 7] = [
            (|parts| parts.observed.push(0.0), "observed"),
            (|parts| parts.observed.resize(4 * 3 * 3 * 16 * 16, 0.0), "observed"),
            (|parts| parts.target.resize(1, 0.0), "target"),
            (|parts| parts.parameters.truncate(1), "parameters"),
            (|parts| parts.labels = Some(vec![0]), "labels"),
            (|parts| parts.indices.push(0), "observed"),
            (|parts| parts.indices.clear(), "indices"),
        ];
        for (change, expected) in cases {
            let mut parts = parts.clone();
            change(&mut parts);
            let error = SequenceBatch::new(&layout, parts).unwrap_err();
            assert!(matches!(error, DataError::InvalidArgument { name, .. } if name == expected), "{error}");
        }
        let mut parts = parts;
        parts.parameters[30] = f32::NAN;
        let error = SequenceBatch::new(&layout, parts).unwrap_err();
        assert!(
            matches!(error, DataError::SampleActions { sample, .. } if sample == batch.indices[1]),
            "{error}"
        );
    }
}

/// A source that fails at one of its samples.
#[derive(Debug)]
struct Failing {
    layout: SequenceLayout,
    at: u32,
    /// Not a failure, but parameters that are no actions.
    silently: bool,
}

impl SequenceSource for Failing {
    fn len(&self) -> usize {
        20
    }

    fn label(&self, _: usize) -> Option<u32> {
        None
    }

    fn class_names(&self) -> &[String] {
        &[]
    }

    fn layout(&self) -> &SequenceLayout {
        &self.layout
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(["failing"])
    }

    fn settings(&self) -> String {
        String::new()
    }

    fn description(&self) -> String {
        String::new()
    }

    fn fill(
        &self,
        key: SequenceKey,
        _: &mut SequenceScratch,
        slot: SequenceSlot<'_>,
    ) -> Result<(), DataError> {
        slot.parameters.fill(if self.silently && key.sample >= self.at { f32::NAN } else { 0.0 });
        if key.sample < self.at || self.silently {
            return Ok(());
        }
        Err(DataError::InvalidArgument {
            name: "sample",
            expected: String::new(),
            found: key.sample.to_string(),
        })
    }

    fn with_observed_views(&self, _: usize) -> Result<Arc<dyn SequenceSource>, DataError> {
        Err(DataError::InvalidArgument { name: "views", expected: "2".into(), found: String::new() })
    }
}

#[test]
fn an_error_in_a_worker_reaches_the_consumer_once() {
    let layout = source(&images(10), 2).layout().clone();
    for (threads, prefetch) in [(0, 0), (2, 0), (2, 2)] {
        for silently in [false, true] {
            let source = Arc::new(Failing { layout: layout.clone(), at: 12, silently });
            let config = LoaderConfig { threads, prefetch, shuffle: false, ..train(10) };
            let results: Vec<_> = SequenceLoader::new(source, config).unwrap().epoch(0, 0).collect();
            assert_eq!(results.len(), 2);
            match results.into_iter().next_back().unwrap() {
                Err(DataError::InvalidArgument { found, .. }) if !silently => assert_eq!(found, "12"),
                Err(DataError::SampleActions { sample: 12, .. }) if silently => {}
                other => panic!("{threads} {prefetch}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_subset_keeps_the_views_of_its_images() {
    let images = images(30);
    let whole = loader(&images, LoaderConfig { threads: 0, ..test(1) });
    let config = LoaderConfig { subset: Some(vec![21, 4]), threads: 1, ..test(1) };
    let part = loader(&images, config);
    assert_eq!((part.samples_per_epoch(), part.batches_per_epoch()), (2, 2));
    let all = epoch(&whole, 0, 0);
    assert_eq!(all_bits(&epoch(&part, 0, 0)), [bits(&all[21]), bits(&all[4])]);
}

#[test]
fn seed_split_and_epoch_change_the_views() {
    let images = images(8);
    let config = LoaderConfig { threads: 1, ..test(8) };
    let first = |seed, split, number| {
        let config = LoaderConfig { seed, split, ..config.clone() };
        epoch(&loader(&images, config), number, 0).swap_remove(0).observed
    };
    let reference = first(SEED, Split::Test, 0);
    assert_eq!(reference, first(SEED, Split::Test, 0));
    assert_ne!(reference, first(SEED, Split::Test, 1));
    assert_ne!(reference, first(SEED, Split::Train, 0));
    assert_ne!(reference, first(SEED + 1, Split::Test, 0));
}

#[test]
fn buffers_are_reused() {
    let loader = loader(&images(64), LoaderConfig { threads: 2, prefetch: 2, ..train(4) });
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
    let loader = loader(&images(64), LoaderConfig { threads: 2, prefetch: 1, ..train(4) });
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
    let loader = loader(&images(64), LoaderConfig { threads: 0, ..train(16) });
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
    let good = train(4);
    for (config, expected) in [
        (LoaderConfig { batch_size: 0, ..good.clone() }, "batch_size"),
        (LoaderConfig { batch_size: 11, ..good.clone() }, "batch_size"),
        (LoaderConfig { threads: 100_000, ..good.clone() }, "threads"),
        (LoaderConfig { prefetch: 100_000, ..good.clone() }, "prefetch"),
        (LoaderConfig { rendered_views: Some(3), ..good.clone() }, "rendered_views"),
        (LoaderConfig { subset: Some(vec![]), ..good.clone() }, "subset"),
        (LoaderConfig { subset: Some(vec![0, 1, 2, 10]), ..good.clone() }, "subset index"),
    ] {
        let error = SequenceLoader::new(source(&images, 2), config).unwrap_err();
        assert!(matches!(error, DataError::InvalidArgument { name, .. } if name == expected), "{error}");
    }
    let empty = SequenceLayout { observed_views: 0, ..source(&images, 2).layout().clone() };
    let source = Arc::new(Failing { layout: empty, at: 0, silently: false });
    let error = SequenceLoader::new(source, good).unwrap_err();
    assert!(matches!(error, DataError::InvalidArgument { name: "observed_views", .. }), "{error}");
}

#[test]
fn settings_can_be_stored() {
    let config = LoaderConfig { subset: Some(vec![3, 1]), rendered_views: Some(1), ..train(4) };
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<LoaderConfig>(&text).unwrap(), config);
    let text = serde_json::to_string(&sequence(2)).unwrap();
    assert_eq!(serde_json::from_str::<SequenceConfig>(&text).unwrap(), sequence(2));
}
