//! Bytes that become values on the device, to the bit.

use burn::tensor::Device;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use seqjepa_nn::{host, pixels};

/// Odd and narrow sides, whose bytes fill no whole words.
pub(super) fn property(device: &Device) {
    let dims = (1..4_usize, 1..4_usize, 1..5_usize, 1..19_usize, 1..19_usize);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(24));
    runner
        .run(&(dims, any::<u32>()), |((batch, views, channels, height, width), seed)| {
            let dims = [batch, views, channels, height, width];
            let byte = |place: u32| (place.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 24) as u8;
            let bytes: Vec<u8> = (0..).map(byte).take(dims.iter().product()).collect();
            let table: Vec<f32> = (0..channels * 256).map(|value| (value as f32 * 0.37).sin()).collect();
            let expected = bytes.iter().enumerate().map(|(place, byte)| {
                let channel = place / (height * width) % channels;
                table[channel * 256 + usize::from(*byte)]
            });
            let expected: Vec<f32> = expected.collect();
            for device in [device.clone(), device.clone().autodiff()] {
                let values = pixels::looked_up(bytes.clone(), &table, dims, &device);
                prop_assert_eq!((values.dims(), values.is_autodiff()), (dims, device.is_autodiff()));
                prop_assert_eq!(host::read(values), expected.clone());
            }
            Ok(())
        })
        .unwrap();
}
