//! Batches that pass the model in parts: the gradients of the whole, the same bits every time, and what cannot be divided.

mod common;

use burn::tensor::Device;
use common::frozen::Whole;
use common::{BATCH, BATCHES, digest, epoch, loaders_of, tiny, tiny_builder};
use seqjepa_model::{AnyEncoder, Regularizer, SeqJepa, SeqJepaConfig, boxed};
use seqjepa_train::observer::Observers;
use seqjepa_train::{Advance, HistoryPosition, TrainError, TrainerBuilder};

/// With batch norm in evaluation mode, what an epoch makes of parameters, moving averages, losses and probes is the same for every division
/// of every batch, even or not, but for the order of the sums.
#[test]
fn without_batch_statistics_every_division_gives_the_same() {
    for batch in [5, 7, 8] {
        let whole = Whole::of(batch);
        for most in 2..batch {
            if most > 2 || batch % 2 == 0 {
                whole.expect_of(&format!("{batch} by {most}"), |builder| builder.micro_batch(most));
            }
        }
    }
}

fn in_parts(micro_batch: Option<usize>) -> TrainerBuilder {
    match micro_batch {
        Some(sequences) => tiny_builder().micro_batch(sequences),
        None => tiny_builder(),
    }
}

#[test]
fn a_micro_batch_of_the_batch_or_more_changes_no_bit_and_a_smaller_one_always_the_same() {
    let run = |micro_batch| {
        let (mut trainer, figures) = epoch(in_parts(micro_batch));
        let bits: Vec<_> = figures.into_iter().map(|(name, value)| (name, value.to_bits())).collect();
        (digest(&mut trainer), bits)
    };
    let whole = run(None);
    for most in [BATCH, BATCH + 1, 100] {
        assert_eq!(run(Some(most)), whole, "{most}");
    }
    let divided = run(Some(3));
    assert_ne!(divided.0, whole.0, "batch norm and dropout see the micro-batch");
    assert_eq!(run(Some(3)), divided);
    // Two parts either way.
    assert_eq!(run(Some(4)), run(Some(5)));
}

#[test]
fn statistics_run_once_a_micro_batch_and_everything_else_once_a_batch() {
    let (trainer, figures) = epoch(in_parts(Some(3)));
    let method = trainer.method().as_any().downcast_ref::<SeqJepa>().unwrap();
    let AnyEncoder::ResNet(encoder) = &method.encoder else { panic!("a residual network") };
    let AnyEncoder::ResNet(target) = method.target_encoder.as_ref().unwrap() else {
        panic!("a residual network")
    };
    let parts = 3 * BATCHES as u64;
    assert_eq!([encoder, target].map(|network| network.bn1.num_batches_tracked.get()), [parts; 2]);
    assert_eq!(trainer.steps_done(), BATCHES as u64);
    assert!(figures.contains(&("step".to_owned(), BATCHES as f64)));
}

#[test]
fn a_run_that_goes_on_within_an_epoch_has_the_same_bits() {
    for log_every in [1, 100] {
        let trainer = || in_parts(Some(3)).log_every(log_every).build().unwrap();
        let mut whole = trainer();
        whole.train_epoch(&mut Observers::new()).unwrap();

        let mut stopped = trainer();
        for _ in 0..2 {
            assert!(matches!(stopped.advance(&mut Observers::new()).unwrap(), Advance::TrainingBatch));
        }
        let checkpoint = stopped.checkpoint(HistoryPosition::default(), &mut Observers::new()).unwrap();
        let mut resumed = trainer();
        resumed.restore(checkpoint).unwrap();
        resumed.train_epoch(&mut Observers::new()).unwrap();
        assert_eq!(digest(&mut resumed), digest(&mut whole), "a look every {log_every} steps");
    }
}

#[test]
fn what_cannot_be_divided_is_refused() {
    let device = Device::flex();
    let refusal = |config: SeqJepaConfig, batch, most| {
        let method = boxed(config.init(7, &device.clone().autodiff()).unwrap());
        let builder = TrainerBuilder::new(method, loaders_of(batch), &device).micro_batch(most);
        match builder.build() {
            Err(error @ TrainError::Mismatch { .. }) => Some(error.to_string()),
            result => {
                result.unwrap();
                None
            }
        }
    };
    for regularizer in [
        Regularizer::CodingRate { weight: 0.1, alpha: 1.0 },
        Regularizer::SigReg { weight: 0.1, directions: 4 },
    ] {
        let config = SeqJepaConfig { regularizer: Some(regularizer), ..tiny() };
        let message = refusal(config.clone(), BATCH, 4).unwrap();
        assert!(message.contains("whose loss is no mean over the samples of a batch"), "{message}");
        assert_eq!(refusal(config, BATCH, BATCH), None);
    }
    for (batch, most) in [(8, 0), (8, 1), (7, 2), (5, 2)] {
        let message = refusal(tiny(), batch, most).unwrap();
        assert!(message.contains("batch norm needs a variance"), "{batch} by {most}: {message}");
    }
    for (batch, most) in [(8, 2), (7, 3), (5, 3), (5, 4)] {
        assert_eq!(refusal(tiny(), batch, most), None, "{batch} by {most}");
    }
}
