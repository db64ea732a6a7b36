//! Loads and stores of all spaces, and those that are refused.

use super::{Bench, kernel, run, run_lanes};
use crate::{Fault, FaultKind, LaunchError, LaunchShape, Module};

fn fault(words: usize, body: &str) -> Fault {
    let mut bench = Bench::new().with(&vec![0; words]).with(&[0; 64]);
    match bench.launch(&kernel(2, body), 1, 32) {
        Err(LaunchError::Fault(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

const BY_LANE: &str = "mov.u32 %r0, %laneid; mul.wide.u32 %d9, %r0, 4; add.s64 %d9, %d0, %d9;";

#[test]
fn one_element_past_the_end_is_refused() {
    let found = fault(31, &format!("{BY_LANE}\nld.global.b32 %r1, [%d9];"));
    assert_eq!((found.kind, found.thread), (FaultKind::IllegalAddress, 31));
    assert_eq!(found.instruction, "ld.global.b32 %r1, [%d9];");
    assert!(found.detail.contains("at byte 124 of the nearest allocation"), "{found}");
    assert!(fault(31, &format!("{BY_LANE} st.global.b32 [%d9], %r0;")).detail.contains("write"));
    assert_eq!(fault(31, &format!("{BY_LANE} red.global.add.u32 [%d9], %r0;")).thread, 31);
    // Before the beginning, and by what is past the end of the range of addresses.
    assert!(fault(32, "ld.global.b32 %r1, [%d0+-4];").detail.contains("4 bytes before"));
    assert_eq!(fault(32, "mov.b64 %d9, -4; ld.global.b32 %r1, [%d9];").kind, FaultKind::IllegalAddress);
}

#[test]
fn a_guarded_access_is_not_made() {
    let mut bench = Bench::new().with(&[7; 31]);
    let body = format!("{BY_LANE} setp.lt.u32 %p1, %r0, 31; @%p1 st.global.b32 [%d9], %r0;");
    bench.launch(&kernel(1, &body), 1, 32).unwrap();
    assert_eq!(bench.words(0), (0..31).collect::<Vec<_>>());
}

#[test]
fn misaligned_accesses_are_refused() {
    let found = fault(32, "ld.global.b32 %r1, [%d0+2];");
    assert_eq!(found.kind, FaultKind::MisalignedAddress);
    assert_eq!(
        fault(32, "ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%d0+8];").kind,
        FaultKind::MisalignedAddress
    );
}

#[test]
fn memory_that_was_given_back_is_refused() {
    let mut bench = Bench::new().with(&[0; 32]);
    let (address, _) = bench.buffers[0];
    assert!(bench.device.free(address));
    let launched = bench.launch(&kernel(1, "ld.global.b32 %r1, [%d0];"), 1, 32);
    assert!(matches!(launched, Err(LaunchError::Fault(_))));
}

#[test]
fn outside_of_shared_and_local_memory() {
    let shared = ".shared .align 4 .b8 words[64];";
    let found = fault(32, &format!("{shared} ld.shared.b32 %r1, [words+64];"));
    assert_eq!(found.kind, FaultKind::IllegalAddress);
    assert!(found.detail.contains("64 bytes of shared memory"), "{found}");
    let local = ".local .align 4 .b8 words[16];";
    assert!(fault(32, &format!("{local} st.local.b32 [words+16], 1;")).detail.contains("local memory"));
}

#[test]
fn vectors_and_narrow_elements() {
    let mut bench = Bench::new().with(&[0x8182_8384, 2, 3, 4]).with(&[0; 12]);
    let body = "ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%d0];\n\
        st.global.v2.b32 [%d1], {%r4, %r3}; st.global.v2.b64 [%d1+16], {%d0, 5};\n\
        ld.global.s8 %r5, [%d0+1]; st.global.b32 [%d1+8], %r5;\n\
        ld.global.u16 %h1, [%d0+2]; cvt.u32.u16 %r6, %h1; st.global.b32 [%d1+12], %r6;\n\
        ld.global.v2.s16 {%r7, %r8}, [%d0]; st.global.v2.b32 [%d1+32], {%r7, %r8};\n\
        st.global.v4.b8 [%d1+40], {%r1, %r2, %r3, %r4}; st.global.b16 [%d1+44], %r1; st.global.b16 [%d1+46], 0;";
    bench.launch(&kernel(2, body), 1, 1).unwrap();
    let words = bench.words(1);
    let (address, _) = bench.buffers[0];
    assert_eq!(words[..4], [4, 3, 0xffff_ff83, 0x8182]);
    assert_eq!(words[4..8], [address as u32, (address >> 32) as u32, 5, 0]);
    assert_eq!(words[8..], [0xffff_8384, 0xffff_8182, 0x0403_0284, 0x8384]);
}

#[test]
fn local_memory_is_each_threads_own() {
    let results = run_lanes(
        ".local .align 8 .b8 stack[16]; mov.u64 %d1, stack; cvta.local.u64 %d2, %d1;\n\
         st.local.b32 [%d1+4], %r0; mul.lo.u32 %r2, %r0, 7; st.b32 [%d2+8], %r2;\n\
         ld.b32 %r3, [%d2+4]; ld.local.b32 %r4, [%d1+8]; add.u32 %r1, %r3, %r4;",
    );
    assert!(results.iter().enumerate().all(|(lane, &result)| result as usize == 8 * lane));
}

#[test]
fn generic_addresses_are_of_any_space() {
    let results = run_lanes(
        ".shared .align 4 .b8 one[4]; st.shared.b32 [one], 11; mov.u64 %d1, one; cvta.shared.u64 %d2, %d1;\n\
         st.global.b32 [%d0], 22; and.b32 %r2, %r0, 1; setp.eq.u32 %p1, %r2, 0; selp.b64 %d3, %d2, %d0, %p1; ld.b32 %r1, [%d3];\n\
         isspacep.shared %p2, %d3; @%p2 add.u32 %r1, %r1, 100; cvta.to.shared.u64 %d4, %d2; setp.ne.u64 %p3, %d4, %d1;\n\
         @%p3 mov.u32 %r1, 0;",
    );
    assert!(results.iter().enumerate().all(|(lane, &result)| result == if lane % 2 == 0 { 111 } else { 22 }));
}

#[test]
fn dynamic_shared_memory_is_behind_the_static() {
    let text = kernel(
        1,
        ".shared .align 4 .b8 fixed[20];\nmov.u32 %r0, %laneid; mov.u64 %d1, dynamic; mul.wide.u32 %d2, %r0, 4; add.s64 %d3, %d1, %d2;\n\
         st.shared.b32 [fixed+16], 77; st.shared.b32 [%d3], %r0; ld.shared.b32 %r2, [fixed+16];\n\
         ld.shared.b32 %r3, [%d3]; add.u32 %r1, %r2, %r3;\n\
         add.s64 %d9, %d0, %d2; st.global.b32 [%d9], %r1;",
    )
    .replace(".visible", ".extern .shared .align 16 .b8 dynamic[];\n.visible");
    let mut bench = Bench::new().with(&[0; 32]);
    bench.launch_with_shared(&text, 1, 32, 128).unwrap();
    assert_eq!(bench.words(0), (77..109).collect::<Vec<_>>());
    assert!(matches!(bench.launch_with_shared(&text, 1, 32, 124), Err(LaunchError::Fault(_))));
}

#[test]
fn variables_of_the_module() {
    let text = kernel(
        1,
        "mov.u32 %r0, %laneid; and.b32 %r2, %r0, 3; mul.wide.u32 %d1, %r2, 4; mov.u64 %d2, table; add.s64 %d3, %d2, %d1;\n\
         ld.global.b32 %r1, [%d3]; ld.const.b32 %r3, [shift+4]; add.u32 %r1, %r1, %r3;\n\
         mul.wide.u32 %d9, %r0, 4; add.s64 %d9, %d0, %d9; st.global.b32 [%d9], %r1;",
    )
    .replace(".visible", ".global .align 4 .b32 table[4] = {10, 20, 30};\n.const .align 4 .b32 shift[2] = {0, 5};\n.visible");
    let mut bench = Bench::new().with(&[0; 32]);
    bench.launch(&text, 1, 32).unwrap();
    assert!(bench.words(0).iter().enumerate().all(|(lane, &word)| word == [15, 25, 35, 5][lane % 4]));
}

#[test]
fn parameters_by_value() {
    let text = ".version 8.4\n.target sm_86\n.address_size 64\n\
        .visible .entry k(.param .u64 out, .param .align 8 .b8 info[16])\n{\n.reg .b32 %r<9>; .reg .b64 %d<9>;\n\
        ld.param.u64 %d0, [out]; mov.b64 %d1, info; cvta.param.u64 %d2, %d1; ld.b32 %r1, [%d2+12]; ld.param.v2.b32 {%r2, %r3}, [info];\n\
        mad.lo.u32 %r1, %r1, %r2, %r3; st.global.b32 [%d0], %r1; ret;\n}";
    let module = Module::parse(text).unwrap();
    let mut bench = Bench::new().with(&[0]);
    let mut parameters = bench.buffers[0].0.to_le_bytes().to_vec();
    parameters.extend([3u32, 4, 0, 5].iter().flat_map(|word| word.to_le_bytes()));
    let shape = LaunchShape { grid: [1; 3], block: [1; 3], dynamic_shared: 0 };
    bench.device.launch(&module, "k", &shape, &parameters).unwrap();
    assert_eq!(bench.words(0), [19]);
}

#[test]
fn copies_to_shared_memory_fill_up_with_zeros() {
    let results = run(
        32,
        ".shared .align 16 .b8 words[512];\n\
         mov.u32 %r0, %laneid; mul.wide.u32 %d9, %r0, 4; add.s64 %d9, %d0, %d9; st.global.b32 [%d9], %r0;\n\
         mov.u32 %r2, words; shl.b32 %r3, %r0, 2; add.u32 %r2, %r2, %r3; and.b32 %r4, %r0, 1; shl.b32 %r4, %r4, 2;\n\
         cp.async.ca.shared.global [%r2], [%d9], 4, %r4; cp.async.commit_group; cp.async.wait_group 0;\n\
         ld.shared.b32 %r1, [%r2]; st.global.b32 [%d9], %r1;",
    );
    assert!(
        results.iter().enumerate().all(|(lane, &word)| word as usize == if lane % 2 == 1 { lane } else { 0 })
    );
}

#[test]
fn memory_that_nobody_wrote_is_no_number() {
    let results = run_lanes(
        ".shared .align 4 .b8 words[4]; ld.shared.b32 %r2, [words]; testp.notanumber.f32 %p1, %r2; selp.b32 %r1, 1, 0, %p1;",
    );
    assert_eq!(results, [1; 32]);
}

#[test]
fn nothing_is_left_of_the_block_before() {
    // Registers, a predicate and local memory, each read before it is written, in more blocks than there are cores.
    let mut bench = Bench::new().with(&[0; 512]);
    let body = ".local .align 4 .b8 words[4];\n\
        not.pred %p4, %p3; setp.ne.u32 %p2, %r2, -1; setp.ne.or.b64 %p2, %d2, -1, %p2; setp.ne.or.u16 %p2, %h2, 0xFFFF, %p2; ld.local.b32 %r3, [words];\n\
        setp.ne.or.u32 %p2, %r3, -1, %p2; or.pred %p2, %p2, %p4; selp.b32 %r4, 1, 0, %p2;\n\
        mov.u32 %r5, %ctaid.x; mul.wide.u32 %d9, %r5, 4; add.s64 %d9, %d0, %d9; st.global.b32 [%d9], %r4;\n\
        mov.u32 %r2, 5; mov.b64 %d2, 5; mov.b16 %h2, 5; st.local.b32 [words], 5; setp.ne.u32 %p3, %r5, %r5;";
    bench.launch(&kernel(1, body), 512, 1).unwrap();
    assert_eq!(bench.words(0), [0; 512]);
}

#[test]
fn lanes_side_by_side_and_apart_move_the_same_words() {
    // Two and four words of each lane, from lanes in order, which is one stretch of memory, and in reverse.
    for (vector, words, registers) in
        [("v2.", 2, "{%r1, %r2}"), ("v4.", 4, "{%r1, %r2, %r3, %r4}"), ("", 1, "%r1")]
    {
        for (order, reverse) in [("mov.u32 %r7, %r0;", false), ("sub.u32 %r7, 31, %r0;", true)] {
            let input: Vec<u32> = (0..32 * words).map(|word| 1000 + word).collect();
            let mut bench = Bench::new().with(&input).with(&vec![0; input.len()]);
            let body = format!(
                "mov.u32 %r0, %laneid; {order} mul.wide.u32 %d8, %r7, {0}; mul.wide.u32 %d9, %r0, {0};\n\
                 add.s64 %d8, %d0, %d8; add.s64 %d9, %d1, %d9;\n\
                 ld.global.{vector}b32 {registers}, [%d8]; st.global.{vector}b32 [%d9], {registers};",
                4 * words
            );
            bench.launch(&kernel(2, &body), 1, 32).unwrap();
            for (index, word) in bench.words(1).into_iter().enumerate() {
                let (lane, part) = (index as u32 / words, index as u32 % words);
                let from = if reverse { 31 - lane } else { lane };
                assert_eq!(word, 1000 + from * words + part);
            }
        }
    }
    // The last of a stretch is past the end, and a stretch that goes over the end of all addresses is no stretch.
    assert_eq!(fault(31, &format!("{BY_LANE} st.global.b32 [%d9], %r0;")).thread, 31);
    let found = fault(32, "mov.u32 %r0, %laneid; mul.wide.u32 %d9, %r0, 4; ld.global.b32 %r1, [%d9+-64];");
    assert_eq!(found.kind, FaultKind::IllegalAddress);
}
