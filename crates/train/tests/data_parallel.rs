//! Several devices: the gradients of whole batches, the same bits every time, copies that stay copies, and what cannot be shared out.
//!
//! Here every device is the processor: a copy knows nothing of that.

mod common;

use burn::tensor::Device;
use common::frozen::Whole;
use common::{BATCH, BATCHES, digest, epoch, loaders_of, tiny, tiny_builder};
use seqjepa_model::{AnyEncoder, Regularizer, SeqJepa, SeqJepaConfig, boxed};
use seqjepa_nn::{Recompute, host};
use seqjepa_train::observer::Observers;
use seqjepa_train::{Advance, AllReduce, HistoryPosition, TrainError, TrainerBuilder};

/// On `devices` in all.
fn on(builder: TrainerBuilder, devices: usize) -> TrainerBuilder {
    builder.further_devices(vec![Device::flex(); devices - 1], AllReduce::Host)
}

fn tiny_on(devices: usize) -> TrainerBuilder {
    on(tiny_builder(), devices)
}

/// With batch norm in evaluation mode, as one device gives it, but for the order of the sums.
#[test]
fn without_batch_statistics_any_number_of_devices_gives_the_same() {
    for batch in [5, 8] {
        let whole = Whole::of(batch);
        for devices in 2..=batch / 2 {
            whole.expect_of(&format!("{batch} on {devices}"), |builder| on(builder, devices));
            let most = 3;
            let what = format!("{batch} by {most} on {devices}");
            whole.expect_of(&what, |builder| on(builder.micro_batch(most), devices));
        }
    }
}

#[test]
fn the_same_bits_every_time() {
    let run = |devices| {
        let (mut trainer, figures) = epoch(tiny_on(devices));
        let bits: Vec<_> = figures.into_iter().map(|(name, value)| (name, value.to_bits())).collect();
        (digest(&mut trainer), bits)
    };
    let one = run(1);
    let two = run(2);
    assert_ne!(two.0, one.0, "batch norm and dropout see a device's part");
    assert_eq!(run(2), two);
}

/// The first step of batch-norm layers: every device has its part's statistics, and the mean of what they make of the running ones.
#[test]
fn running_statistics_are_means_over_the_devices() {
    let first_step = |builder: TrainerBuilder| {
        let mut trainer = builder.build().unwrap();
        trainer.advance(&mut Observers::new()).unwrap();
        let method = trainer.method().as_any().downcast_ref::<SeqJepa>().unwrap();
        let AnyEncoder::ResNet(encoder) = &method.encoder else { panic!("a residual network") };
        let mean = encoder.bn1.running_mean.value();
        (host::read(mean), encoder.bn1.num_batches_tracked.get())
    };
    // Of the stem, which sees what is the same in both: over all of a batch the mean is that of its halves.
    let ((whole, once), (halves, each)) = (first_step(tiny_on(1)), first_step(tiny_on(2)));
    assert_eq!((once, each), (1, 1));
    for (whole, halves) in whole.iter().zip(&halves) {
        assert!((whole - halves).abs() < 1e-6, "{whole} {halves}");
    }
    assert!(whole.iter().any(|mean| mean.abs() > 1e-3), "{whole:?}");
}

/// A trainer that goes on from a checkpoint copies its method anew: if copies had gone ways of their own, it would go another way.
#[test]
fn copies_stay_what_they_are_copies_of() {
    for log_every in [1, 100] {
        let trainer = || tiny_on(3).log_every(log_every).build().unwrap();
        let mut whole = trainer();
        whole.train_epoch(&mut Observers::new()).unwrap();

        let mut resumed = trainer();
        for _ in 0..BATCHES {
            assert!(matches!(resumed.advance(&mut Observers::new()).unwrap(), Advance::TrainingBatch));
            let checkpoint = resumed.checkpoint(HistoryPosition::default(), &mut Observers::new()).unwrap();
            resumed = trainer();
            resumed.restore(checkpoint).unwrap();
        }
        resumed.train_epoch(&mut Observers::new()).unwrap();
        assert_eq!(digest(&mut resumed), digest(&mut whole), "a look every {log_every} steps");
    }
}

/// The last batch has three sequences, which are one part: the second device has none, and stays a copy.
#[test]
fn a_device_without_a_part_stays_a_copy() {
    let trainer = |devices| {
        let device = Device::flex();
        let method = boxed(tiny().init(7, &device.clone().autodiff()).unwrap());
        let loaders = common::loaders_with(7, false);
        on(TrainerBuilder::new(method, loaders, &device).seed(7).epochs(2), devices).build().unwrap()
    };
    let mut whole = trainer(2);
    assert_eq!(whole.steps_per_epoch(), 4);
    for _ in 0..2 {
        whole.train_epoch(&mut Observers::new()).unwrap();
    }
    let mut resumed = trainer(2);
    resumed.train_epoch(&mut Observers::new()).unwrap();
    let checkpoint = resumed.checkpoint(HistoryPosition::default(), &mut Observers::new()).unwrap();
    // Into a trainer whose copies are of something else.
    let mut other = trainer(2);
    other.advance(&mut Observers::new()).unwrap();
    other.restore(checkpoint).unwrap();
    other.train_epoch(&mut Observers::new()).unwrap();
    assert_eq!(digest(&mut other), digest(&mut whole));
}

/// What is computed again is recorded by the thread of each device.
#[test]
fn recomputation_changes_no_bit_on_several_devices() {
    let run = |recompute| digest(&mut epoch(tiny_on(2).recompute(recompute)).0);
    assert_eq!(run(Recompute::stages(1..=4)), run(Recompute::default()));
}

#[test]
fn a_run_goes_on_on_another_number_of_devices() {
    let mut trainer = tiny_on(2).build().unwrap();
    trainer.advance(&mut Observers::new()).unwrap();
    for devices in [1, 3] {
        let checkpoint = trainer.checkpoint(HistoryPosition::default(), &mut Observers::new()).unwrap();
        trainer = tiny_on(devices).build().unwrap();
        trainer.restore(checkpoint).unwrap();
        trainer.advance(&mut Observers::new()).unwrap();
    }
    assert_eq!(trainer.steps_done(), 3);
    trainer.train_epoch(&mut Observers::new()).unwrap();
}

#[test]
fn what_cannot_be_shared_out_is_refused() {
    let device = Device::flex();
    let refusal = |config: SeqJepaConfig, devices| {
        let method = boxed(config.init(7, &device.clone().autodiff()).unwrap());
        match on(TrainerBuilder::new(method, loaders_of(BATCH), &device), devices).build() {
            Err(error @ TrainError::Mismatch { .. }) => Some(error.to_string()),
            result => {
                result.unwrap();
                None
            }
        }
    };
    let regularizer = Some(Regularizer::CodingRate { weight: 0.1, alpha: 1.0 });
    let message = refusal(SeqJepaConfig { regularizer, ..tiny() }, 2).unwrap();
    assert!(message.contains("one device") && message.contains("no mean over the samples"), "{message}");
    let message = refusal(tiny(), 5).unwrap();
    assert!(message.contains("at most 4 devices") && message.contains("found 5 devices"), "{message}");
    assert_eq!(refusal(tiny(), 4), None);
    let method = boxed(tiny().init(7, &device.clone().autodiff()).unwrap());
    let twice = TrainerBuilder::new(method, loaders_of(BATCH), &device);
    let message =
        twice.further_devices(vec![device.clone()], AllReduce::Device).build().unwrap_err().to_string();
    assert!(message.contains("each there once"), "{message}");
}
