//! A warm scratch makes views without touching the allocator. Counted are the allocations of the thread that makes them: the
//! test harness has one of its own, which writes of slow tests.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers of tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use seqjepa_data::augment::Instructions;
use seqjepa_data::{AugmentError, AugmentPolicy, ImageView, Normalization, Scratch, Split, ViewKey};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count_one() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_one();
        // SAFETY: the caller's promise is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count_one();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_warm_scratch_does_not_allocate() -> Result<(), AugmentError> {
    let pixels: Vec<u8> = (0..32 * 32 * 3).map(|i| (i * 7) as u8).collect();
    let image = ImageView::new(&pixels, 32, 32)?;
    let policies = [AugmentPolicy::observed(32), AugmentPolicy::target(32)];
    let (mut bytes, mut floats) = (vec![0; 3072], vec![0.0; 3072]);
    for instructions in Instructions::available() {
        let mut scratch = Scratch::with_instructions(instructions);
        let mut pass = |views: u64| -> Result<usize, AugmentError> {
            let before = ALLOCATIONS.get();
            for sample in 0..views {
                let key = ViewKey { seed: 1, split: Split::Train, epoch: 0, sample, view: 0 };
                for policy in &policies {
                    let params = policy.sample(&mut key.rng(), 32, 32);
                    params.apply(image, &mut scratch, &mut bytes)?;
                    params.apply_normalized(image, &Normalization::CIFAR100, &mut scratch, &mut floats)?;
                }
            }
            Ok(ALLOCATIONS.get() - before)
        };
        // Warm-up meets every crop size; the counter sees its allocations.
        assert!(pass(2000)? > 0);
        assert_eq!(pass(2000)?, 0, "{instructions}");
    }
    Ok(())
}
