//! Conversions between types, at edges and by all roundings.

use super::{EDGES, check_singles, check_words, on_words};

#[test]
fn whole_numbers_of_other_widths() {
    check_words("cvt.s32.s8 %r4, %r1;", |a, _, _| i32::from(a as i8).cast_unsigned());
    check_words("cvt.u32.u8 %r4, %r1;", |a, _, _| u32::from(a as u8));
    check_words("cvt.s64.s32 %d11, %r1; mov.b64 {_, %r4}, %d11;", |a, _, _| {
        if a.cast_signed() < 0 { u32::MAX } else { 0 }
    });
    check_words("cvt.u64.u32 %d11, %r1; mov.b64 {_, %r4}, %d11;", |_, _, _| 0);
    check_words("mov.b64 %d11, {%r1, %r2}; cvt.u32.u64 %r4, %d11;", |a, _, _| a);
    check_words("cvt.sat.u8.s32 %r4, %r1;", |a, _, _| a.cast_signed().clamp(0, 255).cast_unsigned());
    check_words("cvt.sat.s16.s32 %r4, %r1;", |a, _, _| {
        a.cast_signed().clamp(-0x8000, 0x7fff).cast_unsigned()
    });
    check_words("cvt.s16.s32 %h1, %r1; cvt.u32.u16 %r4, %h1;", |a, _, _| u32::from(a as u16));
}

#[test]
fn singles_of_whole_numbers() {
    check_words("cvt.rn.f32.s32 %r4, %r1;", |a, _, _| (a.cast_signed() as f32).to_bits());
    check_words("cvt.rn.f32.u32 %r4, %r1;", |a, _, _| (a as f32).to_bits());
    check_words("mov.b64 %d11, {%r1, %r2}; cvt.rn.f32.u64 %r4, %d11;", |a, b, _| {
        ((u64::from(b) << 32 | u64::from(a)) as f32).to_bits()
    });
    // Down and up enclose the number, and are neighbours where it is none of type.
    for &a in &EDGES {
        let [down] = on_words("cvt.rm.f32.u32 %r4, %r1;", &[[a; 3]])[..] else { panic!("one result") };
        let [up] = on_words("cvt.rp.f32.u32 %r4, %r1;", &[[a; 3]])[..] else { panic!("one result") };
        let (low, high) = (f64::from(f32::from_bits(down)), f64::from(f32::from_bits(up)));
        assert!(low <= f64::from(a) && f64::from(a) <= high);
        assert_eq!(up - down, u32::from(low < f64::from(a)));
    }
}

#[test]
fn whole_numbers_of_singles() {
    let to_bits = |value: i32| f32::from_bits(value.cast_unsigned());
    check_singles("cvt.rzi.s32.f32 %r4, %r1;", move |a, _, _| to_bits(a as i32));
    check_singles("cvt.rni.s32.f32 %r4, %r1;", move |a, _, _| to_bits(a.round_ties_even() as i32));
    check_singles("cvt.rmi.s32.f32 %r4, %r1;", move |a, _, _| to_bits(a.floor() as i32));
    check_singles("cvt.rpi.u32.f32 %r4, %r1;", |a, _, _| f32::from_bits(a.ceil() as u32));
    check_singles("cvt.rzi.u64.f32 %d11, %r1; mov.b64 {_, %r4}, %d11;", |a, _, _| {
        f32::from_bits(if a.is_nan() { 1 << 31 } else { (a as u64 >> 32) as u32 })
    });
    check_singles("cvt.rzi.u16.f32 %h1, %r1; cvt.u32.u16 %r4, %h1;", |a, _, _| {
        f32::from_bits(u32::from(a as u16))
    });
    check_singles("cvt.rni.f32.f32 %r4, %r1;", |a, _, _| a.round_ties_even());
    check_singles("cvt.sat.f32.f32 %r4, %r1;", |a, _, _| if a > 0.0 { a.min(1.0) } else { 0.0 });
}

#[test]
fn whole_numbers_of_what_is_no_number() {
    let of = |body: &str| on_words(body, &[[f32::NAN.to_bits(); 3]])[0];
    let highest = 1 << 31;
    for (ty, expected) in [("u32", highest), ("s32", highest), ("u16", 0x8000), ("s16", 0xffff_8000)] {
        assert_eq!(of(&format!("cvt.rzi.{ty}.f32 %r4, %r1;")), 0, "{ty} of f32");
        let double = format!("cvt.f64.f32 %d11, %r1; cvt.rzi.{ty}.f64 %r4, %d11;");
        assert_eq!(of(&double), expected, "{ty} of f64");
        let half = format!("cvt.rn.f16.f32 %h1, %r1; cvt.rzi.{ty}.f16 %r4, %h1;");
        assert_eq!(of(&half), 0, "{ty} of f16");
    }
    for ty in ["u64", "s64"] {
        let upper = "mov.b64 {%r5, %r4}, %d12; or.b32 %r4, %r4, %r5;";
        assert_eq!(of(&format!("cvt.rzi.{ty}.f32 %d12, %r1; {upper}")), highest, "{ty} of f32");
        let double = format!("cvt.f64.f32 %d11, %r1; cvt.rzi.{ty}.f64 %d12, %d11; {upper}");
        assert_eq!(of(&double), highest, "{ty} of f64");
    }
}

#[test]
fn doubles_of_singles_and_back() {
    check_singles("cvt.f64.f32 %d11, %r1; cvt.rn.f32.f64 %r4, %d11;", |a, _, _| a);
    let third = "mov.b64 %d11, 0d3FD5555555555555;";
    let [nearest, down, up, zero] = ["rn", "rm", "rp", "rz"]
        .map(|rounding| on_words(&format!("{third} cvt.{rounding}.f32.f64 %r4, %d11;"), &[[0; 3]])[0]);
    assert_eq!(nearest, (1f32 / 3.0).to_bits());
    assert_eq!((up, zero), (down + 1, down));
}

#[test]
fn halves_and_bfloats() {
    let one = |body: &str, value: f32| on_words(body, &[[value.to_bits(); 3]])[0];
    let half = "cvt.rn.f16.f32 %h1, %r1; cvt.u32.u16 %r4, %h1;";
    assert_eq!(one(half, 1.0), 0x3c00);
    assert_eq!(one(half, 65520.0), 0x7c00);
    assert_eq!(one(half, 2f32.powi(-25)), 0);
    assert_eq!(one(half, 2f32.powi(-25).next_up()), 1);
    assert_eq!(one("cvt.rz.f16.f32 %h1, %r1; cvt.u32.u16 %r4, %h1;", 65535.0), 0x7bff);
    let brain = "cvt.rn.bf16.f32 %h1, %r1; cvt.u32.u16 %r4, %h1;";
    assert_eq!(one(brain, f32::from_bits(0x3f80_8000)), 0x3f80);
    assert_eq!(one(brain, f32::from_bits(0x3f81_8000)), 0x3f82);
    assert_eq!(one("cvt.rn.relu.bf16.f32 %h1, %r1; cvt.u32.u16 %r4, %h1;", -1.0), 0);
    assert_eq!(one("cvt.rn.bf16x2.f32 %r4, %r1, 0f40000000;", 1.0), 0x3f80_4000);
    assert_eq!(one("cvt.rn.f16x2.f32 %r4, %r1, 0f40000000;", 1.0), 0x3c00_4000);
    assert_eq!(one("mov.b16 %h1, 0x3C00; cvt.f32.f16 %r4, %h1;", 0.0), 1f32.to_bits());
    assert_eq!(one("mov.b16 %h1, 0xC000; cvt.f32.bf16 %r4, %h1;", 0.0), (-2f32).to_bits());
}

#[test]
fn tensor_floats_round_ties_away() {
    let body = "cvt.rna.tf32.f32 %r4, %r1;";
    let bits = |word: u32| on_words(body, &[[word; 3]])[0];
    assert_eq!(bits(0x3f80_1000), 0x3f80_2000);
    assert_eq!(bits(0x3f80_0fff), 0x3f80_0000);
    assert_eq!(bits(0xbf80_1000), 0xbf80_2000);
    assert_eq!(bits(0x7f80_0000), 0x7f80_0000);
}

#[test]
fn comparisons_with_what_is_no_number() {
    let check = |name: &str, holds: fn(f32, f32) -> bool| {
        check_singles(&format!("setp.{name}.f32 %p1, %r1, %r2; selp.b32 %r4, 1, 0, %p1;"), move |a, b, _| {
            f32::from_bits(u32::from(holds(a, b)))
        });
    };
    check("lt", |a, b| a < b);
    check("ltu", |a, b| a < b || a.is_nan() || b.is_nan());
    check("eq", |a, b| a == b);
    check("ne", |a, b| a != b && !a.is_nan() && !b.is_nan());
    check("neu", |a, b| a != b);
    check("num", |a, b| !a.is_nan() && !b.is_nan());
    check("nan", |a, b| a.is_nan() || b.is_nan());
}

#[test]
fn comparisons_of_halves_that_count_as_zeros() {
    let is_above_zero = |flush: &str, half: u16| {
        let body = format!(
            "mov.b16 %h1, {half}; mov.b16 %h2, 0; setp.gt{flush}.f16 %p1, %h1, %h2; selp.b32 %r4, 1, 0, %p1;"
        );
        on_words(&body, &[[0; 3]])[0] == 1
    };
    assert!(is_above_zero("", 0x03ff) && is_above_zero(".ftz", 0x0400));
    assert!(!is_above_zero(".ftz", 0x03ff));
}

#[test]
fn comparisons_of_whole_numbers_and_of_predicates() {
    check_words("setp.lt.s32 %p1, %r1, %r2; selp.b32 %r4, %r2, %r3, %p1;", |a, b, c| {
        if a.cast_signed() < b.cast_signed() { b } else { c }
    });
    check_words("setp.hi.u32 %p1, %r1, %r2; selp.b32 %r4, 1, 0, %p1;", |a, b, _| u32::from(a > b));
    check_words(
        "setp.lt.u32 %p1, %r1, %r2; setp.eq.or.u32 %p2|%p3, %r1, %r3, !%p1; selp.b32 %r4, 1, 0, %p2; @%p3 add.u32 %r4, %r4, 2;",
        |a, b, c| u32::from(a == c || a >= b) | u32::from(a != c || a >= b) << 1,
    );
    check_words(
        "setp.lt.u32 %p1, %r1, %r2; setp.lt.u32 %p2, %r2, %r3; xor.pred %p3, %p1, %p2; not.pred %p4, %p3; selp.b32 %r4, 1, 0, %p4;",
        |a, b, c| u32::from((a < b) == (b < c)),
    );
    check_words("set.lt.u32.s32 %r4, %r1, %r2;", |a, b, _| {
        if a.cast_signed() < b.cast_signed() { u32::MAX } else { 0 }
    });
    check_words("slct.b32.s32 %r4, %r1, %r2, %r3;", |a, b, c| if c.cast_signed() >= 0 { a } else { b });
}
