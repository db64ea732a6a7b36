//! The device is not waited for inside a step. In a file of its own: reads are counted for the whole process.

mod common;

use burn::tensor::Device;
use common::{BATCHES, builder, tiny};
use seqjepa_model::boxed;
use seqjepa_nn::host;
use seqjepa_train::Advance;
use seqjepa_train::observer::{Event, Observers};

#[test]
fn a_step_reads_nothing_and_a_look_reads_twice() {
    let device = Device::flex();
    let method = boxed(tiny().init(7, &device.clone().autodiff()).unwrap());
    // A divided batch is no other.
    let mut trainer = builder(method, &device).log_every(100).micro_batch(3).build().unwrap();
    let mut logged = 0;
    let mut observer = |event: &Event| {
        logged += usize::from(matches!(event, Event::StepLogged { .. }));
        Ok(())
    };
    let before = host::traffic().reads;
    for _ in 0..BATCHES - 1 {
        assert!(matches!(trainer.advance(&mut observer).unwrap(), Advance::TrainingBatch));
    }
    assert_eq!(host::traffic().reads - before, 0, "inside steps");
    // The losses and gradients of all steps in one transfer, what the probes have scored in another.
    trainer.settle(&mut observer).unwrap();
    assert_eq!(host::traffic().reads - before, 2, "at a look");
    trainer.settle(&mut Observers::new()).unwrap();
    assert_eq!(host::traffic().reads - before, 2, "nothing new to look at");
    assert_eq!(logged, BATCHES - 1);
}
