//! What the card has not got.

use super::{Bench, kernel};
use crate::{Device, LaunchError, LaunchShape, Module, OutsideMemory};

#[test]
fn memory_ends() {
    let mut device = Device::new(4096);
    let first = device.allocate(3000).unwrap();
    assert_eq!(device.free_memory(), 4096 - 3072);
    assert_eq!(device.allocate(1025), None);
    assert!(device.allocate(1024).is_some());
    assert_eq!(device.free_memory(), 0);
    assert!(device.free(first));
    assert!(!device.free(first));
    assert_eq!((device.free_memory(), device.total_memory()), (3072, 4096));
    assert_eq!(device.allocate(0), None);
    assert_eq!(device.allocate(usize::MAX), None);
    assert!(device.allocate_on_host(10_000).is_some());
    assert_eq!(device.free_memory(), 3072);
}

#[test]
fn copies_stay_inside_of_an_allocation() {
    let mut device = Device::new(1 << 20);
    let (a, b) = (device.allocate(64).unwrap(), device.allocate(64).unwrap());
    assert_eq!(device.write(a, &[1; 65]), Err(OutsideMemory { address: a, size: 65 }));
    device.fill(a, &[1, 2], 32).unwrap();
    device.copy(b + 8, a, 56).unwrap();
    assert!(device.copy(b + 9, a, 56).is_err());
    let mut bytes = [0; 4];
    device.read(b + 60, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 1, 2]);
    assert!(device.read(b + 61, &mut bytes).is_err());
    device.read(b + 4, &mut bytes).unwrap();
    assert_eq!(bytes, [0xff; 4]);
    assert_eq!(device.allocation_of(b + 63), Some((b, 64)));
    assert_eq!(device.allocation_of(b + 64), None);
}

#[test]
fn launches_that_the_card_does_not_take() {
    let mut bench = Bench::new().with(&[0]);
    let text = kernel(1, "");
    let is_invalid = |launched| matches!(launched, Err(LaunchError::Invalid(_)));
    assert!(is_invalid(bench.launch(&text, 0, 32)));
    assert!(is_invalid(bench.launch(&text, 1, 1025)));
    assert!(is_invalid(bench.launch_with_shared(&text, 1, 32, (99 << 10) + 1)));
    assert!(is_invalid(bench.launch(&text.replace(")\n{", ")\n.reqntid 64\n{"), 1, 32)));
    assert!(bench.launch(&text.replace(")\n{", ")\n.reqntid 64\n{"), 1, 64).is_ok());
    let module = Module::parse(&text).unwrap();
    let shape = LaunchShape { grid: [1; 3], block: [1; 3], dynamic_shared: 0 };
    assert!(is_invalid(bench.device.launch(&module, "k", &shape, &[0; 7])));
    assert!(is_invalid(bench.device.launch(&module, "other", &shape, &[0; 8])));
}

#[test]
fn local_memory_that_the_host_has_not_got() {
    // More than there are addresses, and more than can be counted; of one block, and of several.
    for size in ["0x400000000000", "0x1000000000000000"] {
        let text = kernel(1, &format!(".local .align 8 .b8 huge[{size}]; st.global.b32 [%d0], 9;"));
        for grid in [1, 5] {
            let mut bench = Bench::new().with(&[7]);
            match bench.launch(&text, grid, 64) {
                Err(LaunchError::OutOfMemory(message)) => {
                    assert!(message.contains("k: ") && message.contains("64 threads"), "{message}")
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(bench.words(0), [7]);
        }
    }
}

#[test]
fn without_computing_nothing_is_written() {
    let mut device = Device::without_computing(1 << 20);
    let address = device.allocate(4).unwrap();
    device.write(address, &[1, 2, 3, 4]).unwrap();
    let module = Module::parse(&kernel(1, "st.global.b32 [%d0], 9;")).unwrap();
    let shape = LaunchShape { grid: [1; 3], block: [1; 3], dynamic_shared: 0 };
    let report = device.launch(&module, "k", &shape, &address.to_le_bytes()).unwrap();
    assert_eq!(report.instructions, 0);
    let mut bytes = [0; 4];
    device.read(address, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 3, 4]);
}
