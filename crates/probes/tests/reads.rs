//! What waits for the device. Reads are counted for the whole process, hence one test in a file of its own.

use burn::tensor::{Device, Tensor};
use seqjepa_nn::host;
use seqjepa_probes::OutputGroup;
use seqjepa_probes::online::{
    AGGREGATE, FIRST, OnlineProbes, Phase, ProbeInputs, RELATIVE_ACTION, SECOND, StandardProbes,
};
use seqjepa_probes::{Probe, ProbeConfig, Targets, Task};

fn reads(work: impl FnOnce()) -> u64 {
    let before = host::traffic().reads;
    work();
    host::traffic().reads - before
}

fn update(probes: &mut OnlineProbes, phase: Phase, device: &Device) {
    let features = |width| Tensor::<2>::ones([4, width], device);
    let inputs = ProbeInputs::new()
        .representation(AGGREGATE, features(6))
        .representation(FIRST, features(3))
        .representation(SECOND, features(3))
        .labels(&[0, 1, 2, 0])
        .values(RELATIVE_ACTION, &[0.5; 8]);
    probes.update(phase, &inputs).unwrap();
}

#[test]
fn updates_read_nothing_and_a_flush_reads_once() {
    let device = Device::flex();
    let standard = StandardProbes {
        invariant_width: 6,
        equivariant_width: 3,
        classes: Some(3),
        action_size: 2,
        groups: vec![OutputGroup::new("shift", 0..2)],
        hidden: 8,
        lr: 1e-3,
        seed: 1,
    };
    let mut probes = standard.init(&device).unwrap();
    let updates = reads(|| {
        for index in 0..7 {
            let phase = if index < 5 { Phase::Train } else { Phase::Test };
            update(&mut probes, phase, &device);
        }
    });
    assert_eq!(updates, 0);
    assert_eq!(reads(|| probes.flush().unwrap()), 1);
    assert_eq!(reads(|| probes.flush().unwrap()), 0);
    assert_eq!(reads(|| assert_eq!(probes.finish_epoch().unwrap().len(), 20)), 0);
    update(&mut probes, Phase::Train, &device);
    assert_eq!(reads(|| assert_eq!(probes.finish_epoch().unwrap().len(), 10)), 1);

    let mut probe =
        Probe::new(ProbeConfig::new("one", 6, Task::Classification { classes: 3 }), &device).unwrap();
    let features = || Tensor::<2>::ones([2, 6], &device);
    let targets = Targets::Labels(&[0, 1]);
    assert_eq!(reads(|| drop(probe.train_step(features(), targets).unwrap())), 1);
    assert_eq!(reads(|| drop(probe.evaluate(features(), targets).unwrap())), 1);
    assert_eq!(reads(|| drop(probe.train_step_on_device(features(), targets).unwrap())), 0);
}
