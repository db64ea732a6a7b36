//! Where lanes go: apart, together again, to barriers, into functions, and to where they wait for ever.

use super::{Bench, kernel, run, run_lanes};
use crate::{FaultKind, LaunchError, Module};

#[test]
fn loops_of_different_lengths_come_together() {
    // Each lane counts to its own number; then lanes exchange what they counted, which needs all of them at once.
    let counted = run_lanes(
        "mov.u32 %r2, 0;\n\
         AGAIN: setp.ge.u32 %p1, %r2, %r0; @%p1 bra DONE; add.u32 %r2, %r2, 1; bra AGAIN;\n\
         DONE: shfl.sync.bfly.b32 %r1, %r2, 31, 31, -1;",
    );
    assert!(counted.iter().enumerate().all(|(lane, &count)| count as usize == 31 - lane));
}

#[test]
fn both_sides_of_a_branch_run_and_meet() {
    let results = run_lanes(
        "and.b32 %r2, %r0, 1; setp.eq.u32 %p1, %r2, 0; @%p1 bra EVEN;\n\
         mul.lo.u32 %r3, %r0, 3; bra MEET;\n\
         EVEN: add.u32 %r3, %r0, 100;\n\
         MEET: activemask.b32 %r4; setp.eq.u32 %p2, %r4, -1; selp.b32 %r1, %r3, 0, %p2;",
    );
    for (lane, &result) in results.iter().enumerate() {
        assert_eq!(result as usize, if lane % 2 == 0 { lane + 100 } else { lane * 3 });
    }
}

#[test]
fn a_branch_of_some_lanes_has_their_mask() {
    let results =
        run_lanes("setp.lt.u32 %p1, %r0, 5; mov.u32 %r1, 0; @!%p1 bra SKIP; activemask.b32 %r1;\nSKIP:");
    assert!(results.iter().enumerate().all(|(lane, &mask)| mask == if lane < 5 { 0x1f } else { 0 }));
}

#[test]
fn instructions_with_a_guard_leave_other_lanes_alone() {
    let results = run_lanes(
        "setp.gt.u32 %p1, %r0, 20; mov.u32 %r1, 7; @%p1 mov.u32 %r1, 8; @!%p1 add.u32 %r1, %r1, 1;",
    );
    assert!(results.iter().all(|&result| result == 8));
    let results = run_lanes("setp.gt.u32 %p1, %r0, 20; mov.u32 %r1, 7; @%p1 mov.u32 %r1, 8;");
    assert!(results.iter().enumerate().all(|(lane, &result)| result == if lane > 20 { 8 } else { 7 }));
}

#[test]
fn a_branch_by_an_index() {
    let results = run_lanes(
        "and.b32 %r2, %r0, 3;\nLIST: .branchtargets A, B, C, B;\nbrx.idx %r2, LIST;\n\
         A: mov.u32 %r1, 10; bra END;\nB: mov.u32 %r1, 20; bra END;\nC: mov.u32 %r1, 30;\nEND:",
    );
    assert!(results.iter().enumerate().all(|(lane, &result)| result == [10, 20, 30, 20][lane % 4]));
}

#[test]
fn warps_meet_at_a_barrier() {
    // Each thread reads what a thread of another warp has written.
    let results = run(
        128,
        ".shared .align 4 .b8 words[512];\n\
         mov.u32 %r0, %tid.x; mov.u32 %r1, words; shl.b32 %r2, %r0, 2; add.u32 %r3, %r1, %r2;\n\
         mul.lo.u32 %r4, %r0, 5; st.shared.b32 [%r3], %r4; bar.sync 0;\n\
         xor.b32 %r5, %r2, 508; add.u32 %r5, %r1, %r5; ld.shared.b32 %r6, [%r5];\n\
         mul.wide.u32 %d9, %r0, 4; add.s64 %d9, %d0, %d9; st.global.b32 [%d9], %r6;",
    );
    assert!(results.iter().enumerate().all(|(thread, &result)| result as usize == 5 * (127 - thread)));
}

#[test]
fn a_warp_waits_in_turns_for_what_another_writes() {
    let results = run(
        64,
        ".shared .align 4 .b8 flag[4];\n\
         mov.u32 %r0, %tid.x; setp.eq.u32 %p1, %r0, 0; @%p1 st.shared.b32 [flag], 0; bar.sync 0;\n\
         setp.ge.u32 %p2, %r0, 32; @%p2 bra WRITE;\n\
         WAIT: ld.volatile.shared.b32 %r1, [flag]; setp.eq.u32 %p3, %r1, 0; @%p3 bra WAIT; bra END;\n\
         WRITE: mov.u32 %r1, 9; st.volatile.shared.b32 [flag], %r1;\n\
         END: mul.wide.u32 %d9, %r0, 4; add.s64 %d9, %d0, %d9; st.global.b32 [%d9], %r1;",
    );
    assert!(results.iter().all(|&result| result == 9));
}

#[test]
fn threads_that_have_ended_are_not_waited_for() {
    let results = run(
        64,
        "mov.u32 %r0, %tid.x; setp.lt.u32 %p1, %r0, 40; @%p1 exit; bar.sync 0; bar.warp.sync -1;\n\
         mul.wide.u32 %d9, %r0, 4; add.s64 %d9, %d0, %d9; st.global.b32 [%d9], %r0;",
    );
    assert!(
        results
            .iter()
            .enumerate()
            .all(|(thread, &result)| result as usize == if thread < 40 { 0 } else { thread })
    );
}

fn fault(threads: u32, body: &str) -> crate::Fault {
    let mut bench = Bench::new().with(&[0; 64]);
    match bench.launch(&kernel(1, body), 1, threads) {
        Err(LaunchError::Fault(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lanes_that_wait_for_ever_are_told_of() {
    // Half of the lanes are at one exchange, half at another.
    let found = fault(
        32,
        "mov.u32 %r0, %laneid; setp.lt.u32 %p1, %r0, 16; @%p1 bra LOW;\n\
         shfl.sync.idx.b32 %r1, %r0, 0, 31, -1; ret;\nLOW: shfl.sync.idx.b32 %r1, %r0, 1, 31, -1;",
    );
    assert_eq!(found.kind, FaultKind::Deadlock);
    // One warp is at a barrier that the other has passed by.
    let found = fault(
        64,
        "mov.u32 %r0, %tid.x; setp.lt.u32 %p1, %r0, 32; @%p1 bra END; bar.sync 1; ret;\nEND: bar.sync 2;",
    );
    assert_eq!(found.kind, FaultKind::Deadlock);
    assert!(found.instruction.contains("bar.sync"), "{found}");
}

#[test]
fn a_barrier_may_be_reached_by_two_ways_if_it_says_so() {
    let by_two_ways = |barrier: &str| {
        format!(
            "mov.u32 %r0, %tid.x; setp.lt.u32 %p1, %r0, 16; @%p1 bra LOW;\n{barrier} 0; ret;\nLOW: {barrier} 0;"
        )
    };
    let mut bench = Bench::new().with(&[0]);
    assert!(bench.launch(&kernel(1, &by_two_ways("barrier.sync")), 1, 32).is_ok());
    assert_eq!(fault(32, &by_two_ways("bar.sync")).kind, FaultKind::Deadlock);
}

#[test]
fn a_trap_names_its_thread() {
    let found = fault(64, "mov.u32 %r0, %tid.x; setp.eq.u32 %p1, %r0, 37;\n@%p1 trap;");
    assert_eq!((found.kind, found.thread), (FaultKind::Trap, 37));
    assert_eq!(found.instruction, "@%p1 trap;");
}

#[test]
fn functions_are_put_in_line() {
    let function = ".func (.param .b32 result) twice(.param .b32 value)\n{\n.reg .b32 %r<5>; .reg .pred %p<2>;\n\
        ld.param.b32 %r1, [value]; setp.gt.u32 %p1, %r1, 10; @%p1 bra LARGE;\n\
        shl.b32 %r2, %r1, 1; st.param.b32 [result], %r2; ret;\n\
        LARGE: st.param.b32 [result], 99; ret;\n}\n";
    let call = "{ .param .b32 given; .param .b32 got; st.param.b32 [given], %r0;\n\
        call.uni (got), twice, (given);\nld.param.b32 %r1, [got]; }\n";
    let body = format!(
        "mov.u32 %r0, %laneid; {call} mov.u32 %r2, %r1; mov.u32 %r0, 3; {call} add.u32 %r1, %r1, %r2; mov.u32 %r0, %laneid;\n{}",
        super::STORE_BY_LANE
    );
    let text = kernel(1, &body).replace(".visible", &format!("{function}.visible"));
    let mut bench = Bench::new().with(&[0; 32]);
    bench.launch(&text, 1, 32).unwrap();
    for (lane, result) in bench.words(0).into_iter().enumerate() {
        assert_eq!(result as usize, 6 + if lane > 10 { 99 } else { 2 * lane });
    }
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let error = Module::parse(&kernel(1, "\ntex.2d.v4.f32.f32 {%r1, %r2, %r3, %r4}, [%d1];")).unwrap_err();
    assert!(error.to_string().contains("tex.2d"), "{error}");
    assert_eq!(error.function.as_deref(), Some("k"));
    let error = Module::parse(&kernel(1, "add.what.u32 %r1, %r2, %r3;")).unwrap_err();
    assert!(error.to_string().contains(".what"), "{error}");
    // There are such, but not on this card.
    for later in [
        "elect.sync _|%p1, -1;",
        "stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r1], {%r2};",
        "griddepcontrol.wait;",
    ] {
        let error = Module::parse(&kernel(1, later)).unwrap_err().to_string();
        assert!(error.contains("needs compute capability 9.0, and the card has 8.6"), "{error}");
    }
    assert!(Module::parse(&kernel(1, "add.u32 %r1, %r2, %r99;")).is_err());
    assert!(Module::parse(&kernel(1, "bra NOWHERE;")).is_err());
}

#[test]
fn blocks_and_threads_have_their_places() {
    let text = kernel(
        1,
        "mov.u32 %r0, %ctaid.x; mov.u32 %r1, %ntid.x; mov.u32 %r2, %tid.x; mad.lo.u32 %r3, %r0, %r1, %r2;\n\
         mov.u32 %r4, %nctaid.x; mov.u32 %r5, %warpid; mad.lo.u32 %r5, %r4, 1000, %r5; mad.lo.u32 %r5, %r0, 100000, %r5;\n\
         mul.wide.u32 %d9, %r3, 4; add.s64 %d9, %d0, %d9; st.global.b32 [%d9], %r5;",
    );
    let mut bench = Bench::new().with(&[0; 6 * 48]);
    let report = bench.launch(&text, 6, 48).unwrap();
    for (index, result) in bench.words(0).into_iter().enumerate() {
        let (block, thread) = (index / 48, index % 48);
        assert_eq!(result as usize, block * 100_000 + 6_000 + thread / 32);
    }
    assert_eq!(report.bytes_written, 6 * 48 * 4);
    assert_eq!(report.lane_instructions % (6 * 48), 0);
}
