//! Atomic operations from many blocks at once.

use super::{Bench, kernel};

fn after(initial: &[u32], body: &str) -> Vec<u32> {
    let mut bench = Bench::new().with(initial);
    let text = kernel(
        1,
        &format!("mov.u32 %r0, %tid.x; mov.u32 %r1, %ctaid.x; mad.lo.u32 %r2, %r1, 64, %r0;\n{body}"),
    );
    bench.launch(&text, 16, 64).unwrap();
    bench.words(0)
}

#[test]
fn no_sum_is_lost() {
    assert_eq!(after(&[5], "red.global.add.u32 [%d0], 1;"), [5 + 1024]);
    assert_eq!(after(&[0, 0], "red.global.add.u64 [%d0], 4294967296;"), [0, 1024]);
    assert_eq!(after(&[1f32.to_bits()], "red.global.add.f32 [%d0], 0f3F000000;"), [513f32.to_bits()]);
    let [low, high] = after(&[0, 0], "red.global.add.f64 [%d0], 0d3FF8000000000000;")[..] else {
        panic!("two words")
    };
    assert_eq!(f64::from_bits(u64::from(high) << 32 | u64::from(low)), 1536.0);
    // Halves stop growing where one is too little for them: at 2048.
    assert_eq!(after(&[0], "red.global.add.noftz.f16x2 [%d0], 0x40003C00;"), [0x6800_6400]);
}

#[test]
fn extremes_and_bits() {
    assert_eq!(after(&[500], "red.global.max.u32 [%d0], %r2;"), [1023]);
    assert_eq!(
        after(&[500], "sub.s32 %r3, %r2, 700; red.global.min.s32 [%d0], %r3;"),
        [(-700i32).cast_unsigned()]
    );
    assert_eq!(
        after(&[0], "and.b32 %r3, %r2, 31; shl.b32 %r4, 1, %r3; red.global.or.b32 [%d0], %r4;"),
        [u32::MAX]
    );
    assert_eq!(after(&[0], "red.global.inc.u32 [%d0], 9;"), [1024 % 10]);
}

#[test]
fn the_old_values_are_all_different() {
    // Each thread marks the place that the counter gave it.
    let mut initial = vec![0; 1025];
    initial[1024] = 0;
    let body = "atom.global.add.u32 %r3, [%d0+4096], 1; mul.wide.u32 %d9, %r3, 4; add.s64 %d9, %d0, %d9; st.global.b32 [%d9], 1;";
    let result = after(&initial, body);
    assert!(result[..1024].iter().all(|&mark| mark == 1));
    assert_eq!(result[1024], 1024);
}

#[test]
fn compare_and_swap_as_a_loop() {
    let body = "ld.global.b32 %r3, [%d0];\n\
        AGAIN: mul.lo.u32 %r4, %r3, 3; atom.global.cas.b32 %r5, [%d0], %r3, %r4;\n\
        setp.ne.u32 %p1, %r5, %r3; mov.u32 %r3, %r5; @%p1 bra AGAIN;";
    let expected = (0..1024).fold(1u32, |product, _| product.wrapping_mul(3));
    assert_eq!(after(&[1], body), [expected]);
}

#[test]
fn atomics_on_shared_memory() {
    let body = ".shared .align 4 .b8 sum[4];\n\
        setp.eq.u32 %p1, %r0, 0; @%p1 st.shared.b32 [sum], 0; bar.sync 0;\n\
        atom.shared.add.u32 %r3, [sum], %r0; bar.sync 0;\n\
        ld.shared.b32 %r4, [sum]; mul.wide.u32 %d9, %r1, 4; add.s64 %d9, %d0, %d9; st.global.b32 [%d9], %r4;";
    assert_eq!(after(&[0; 16], body), [2016; 16]);
}
