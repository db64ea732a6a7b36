//! Shuffles, votes and what else lanes tell each other.

use super::run_lanes;

#[test]
fn shuffles_by_all_modes() {
    let check = |body: &str, expected: fn(u32) -> u32| {
        let results = run_lanes(&format!("mul.lo.u32 %r2, %r0, 10; {body}"));
        for (lane, result) in results.into_iter().enumerate() {
            assert_eq!(result, expected(lane as u32), "{body}, lane {lane}");
        }
    };
    check("shfl.sync.idx.b32 %r1, %r2, 7, 31, -1;", |_| 70);
    check("add.u32 %r3, %r0, 1; shfl.sync.idx.b32 %r1, %r2, %r3, 31, -1;", |lane| (lane + 1) % 32 * 10);
    check("shfl.sync.up.b32 %r1, %r2, 3, 0, -1;", |lane| if lane < 3 { lane * 10 } else { (lane - 3) * 10 });
    check(
        "shfl.sync.down.b32 %r1, %r2, 4, 31, -1;",
        |lane| {
            if lane > 27 { lane * 10 } else { (lane + 4) * 10 }
        },
    );
    check("shfl.sync.bfly.b32 %r1, %r2, 5, 31, -1;", |lane| (lane ^ 5) * 10);
    // Segments of eight lanes.
    check("shfl.sync.idx.b32 %r1, %r2, 2, 0x181F, -1;", |lane| (lane / 8 * 8 + 2) * 10);
    check("shfl.sync.down.b32 %r1, %r2, 1, 0x1807, -1;", |lane| {
        if lane % 8 == 7 { lane * 10 } else { (lane + 1) * 10 }
    });
    check("shfl.sync.up.b32 %r1, %r2, 1, 0x1800, -1;", |lane| {
        if lane % 8 == 0 { lane * 10 } else { (lane - 1) * 10 }
    });
    check("shfl.sync.down.b32 %r1|%p1, %r2, 4, 31, -1; selp.b32 %r1, 1, 0, %p1;", |lane| {
        u32::from(lane < 28)
    });
}

#[test]
fn a_shuffle_of_some_lanes_does_not_wait_for_the_others() {
    let results = run_lanes(
        "setp.lt.u32 %p1, %r0, 8; mov.u32 %r1, 77; @!%p1 bra END;\n\
         activemask.b32 %r3; shfl.sync.bfly.b32 %r1, %r0, 1, 31, %r3;\nEND:",
    );
    for (lane, result) in results.into_iter().enumerate() {
        assert_eq!(result as usize, if lane < 8 { lane ^ 1 } else { 77 });
    }
}

#[test]
fn each_lane_waits_for_its_own_mask_alone() {
    // The upper half exchanges while eight of the lower half are not there, for which it has to come back to a barrier.
    let results = run_lanes(
        "setp.ge.u32 %p1, %r0, 16; setp.lt.u32 %p2, %r0, 8; selp.b32 %r5, 0xFFFF0000, 0xFFFF, %p1;\n\
         @!%p2 bra EXCHANGE;\n\
         MEET: bar.warp.sync 0xFFFF00FF; @%p1 bra END;\n\
         EXCHANGE: shfl.sync.bfly.b32 %r1, %r0, 1, 31, %r5; @%p1 bra MEET;\nEND:",
    );
    assert!(results.iter().enumerate().all(|(lane, &result)| result as usize == lane ^ 1), "{results:?}");
}

#[test]
fn votes() {
    let setup = "setp.gt.u32 %p1, %r0, 29;";
    let mask = 0xc000_0000u32;
    let all = |body: &str| run_lanes(&format!("{setup} {body}"));
    assert_eq!(all("vote.sync.ballot.b32 %r1, %p1, -1;"), [mask; 32]);
    assert_eq!(all("vote.sync.ballot.b32 %r1, !%p1, -1;"), [!mask; 32]);
    assert_eq!(all("vote.sync.any.pred %p2, %p1, -1; selp.b32 %r1, 1, 0, %p2;"), [1; 32]);
    assert_eq!(all("vote.sync.all.pred %p2, %p1, -1; selp.b32 %r1, 1, 0, %p2;"), [0; 32]);
    assert_eq!(all("vote.sync.uni.pred %p2, %p1, -1; selp.b32 %r1, 1, 0, %p2;"), [0; 32]);
}

#[test]
fn lanes_with_equal_values_find_each_other() {
    let results = run_lanes("and.b32 %r2, %r0, 3; match.any.sync.b32 %r1, %r2, -1;");
    assert!(results.iter().enumerate().all(|(lane, &mask)| mask == 0x1111_1111 << (lane % 4)));
    let results = run_lanes("mov.u32 %r2, 5; match.all.sync.b32 %r1|%p1, %r2, -1;");
    assert_eq!(results, [u32::MAX; 32]);
}

#[test]
fn reductions() {
    assert_eq!(run_lanes("redux.sync.add.u32 %r1, %r0, -1;"), [496; 32]);
    assert_eq!(
        run_lanes("sub.s32 %r2, 3, %r0; redux.sync.min.s32 %r1, %r2, -1;"),
        [(-28i32).cast_unsigned(); 32]
    );
    assert_eq!(run_lanes("redux.sync.xor.b32 %r1, %r0, -1;"), [0; 32]);
}

#[test]
fn masks_of_lanes() {
    for (register, expected) in [
        ("lt", (|lane| (1 << lane) - 1) as fn(u32) -> u32),
        ("ge", |lane| !((1 << lane) - 1)),
        ("eq", |lane| 1 << lane),
        ("gt", |lane| !(((1 << lane) - 1) | 1 << lane)),
    ] {
        let masks = run_lanes(&format!("mov.u32 %r1, %lanemask_{register};"));
        assert!(masks.iter().enumerate().all(|(lane, &mask)| mask == expected(lane as u32)));
    }
}
