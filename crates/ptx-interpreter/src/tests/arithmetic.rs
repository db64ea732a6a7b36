//! Sums, products, shifts and bits of words, longs and floating point.

use super::{check_singles, check_words, kernel, on_words, pairs};
use crate::Module;

fn signed(value: u32) -> i32 {
    value.cast_signed()
}

#[test]
fn whole_numbers_at_their_ends() {
    check_words("add.s32 %r4, %r1, %r2;", |a, b, _| a.wrapping_add(b));
    check_words("sub.s32 %r4, %r1, %r2;", |a, b, _| a.wrapping_sub(b));
    check_words("mul.lo.s32 %r4, %r1, %r2;", |a, b, _| a.wrapping_mul(b));
    check_words("mul.hi.u32 %r4, %r1, %r2;", |a, b, _| ((u64::from(a) * u64::from(b)) >> 32) as u32);
    check_words("mul.hi.s32 %r4, %r1, %r2;", |a, b, _| {
        ((i64::from(signed(a)) * i64::from(signed(b))) >> 32) as u32
    });
    check_words("mad.lo.s32 %r4, %r1, %r2, %r3;", |a, b, c| a.wrapping_mul(b).wrapping_add(c));
    check_words("div.u32 %r4, %r1, %r2;", |a, b, _| a.checked_div(b).unwrap_or(u32::MAX));
    check_words("div.s32 %r4, %r1, %r2;", |a, b, _| match b {
        0 => u32::MAX,
        _ => signed(a).wrapping_div(signed(b)).cast_unsigned(),
    });
    check_words("rem.s32 %r4, %r1, %r2;", |a, b, _| match b {
        0 => a,
        _ => signed(a).wrapping_rem(signed(b)).cast_unsigned(),
    });
    check_words("min.s32 %r4, %r1, %r2;", |a, b, _| signed(a).min(signed(b)).cast_unsigned());
    check_words("max.u32 %r4, %r1, %r2;", |a, b, _| a.max(b));
    check_words("neg.s32 %r4, %r1;", |a, _, _| a.wrapping_neg());
    check_words("abs.s32 %r4, %r1;", |a, _, _| signed(a).wrapping_abs().cast_unsigned());
    check_words("add.sat.s32 %r4, %r1, %r2;", |a, b, _| signed(a).saturating_add(signed(b)).cast_unsigned());
    check_words("sad.s32 %r4, %r1, %r2, %r3;", |a, b, c| signed(a).abs_diff(signed(b)).wrapping_add(c));
}

#[test]
fn shifts_beyond_the_width() {
    check_words("shl.b32 %r4, %r1, %r2;", |a, b, _| a.checked_shl(b).unwrap_or(0));
    check_words("shr.u32 %r4, %r1, %r2;", |a, b, _| a.checked_shr(b).unwrap_or(0));
    check_words("shr.s32 %r4, %r1, %r2;", |a, b, _| (signed(a) >> b.min(31)).cast_unsigned());
    check_words("shf.l.wrap.b32 %r4, %r1, %r2, %r3;", |a, b, c| {
        let both = u64::from(b) << 32 | u64::from(a);
        (both << (c & 31) >> 32) as u32
    });
    check_words("shf.r.clamp.b32 %r4, %r1, %r2, %r3;", |a, b, c| {
        ((u64::from(b) << 32 | u64::from(a)) >> c.min(32)) as u32
    });
}

#[test]
fn bits() {
    check_words("popc.b32 %r4, %r1;", |a, _, _| a.count_ones());
    check_words("clz.b32 %r4, %r1;", |a, _, _| a.leading_zeros());
    check_words("brev.b32 %r4, %r1;", |a, _, _| a.reverse_bits());
    check_words("bfind.u32 %r4, %r1;", |a, _, _| a.checked_ilog2().unwrap_or(u32::MAX));
    check_words("bfind.s32 %r4, %r1;", |a, _, _| {
        (if signed(a) < 0 { !a } else { a }).checked_ilog2().unwrap_or(u32::MAX)
    });
    check_words("lop3.b32 %r4, %r1, %r2, %r3, 0xE8;", |a, b, c| a & b | a & c | b & c);
    check_words("lop3.b32 %r4, %r1, %r2, %r3, 0x1B;", |a, b, c| {
        (0..32).fold(0, |word, bit| {
            let index = (a >> bit & 1) << 2 | (b >> bit & 1) << 1 | (c >> bit & 1);
            word | (0x1b >> index & 1) << bit
        })
    });
    // The third digit is the sign of the fourth byte, spread.
    check_words("prmt.b32 %r4, %r1, %r2, 0x7B16;", |a, b, _| {
        let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
        u32::from_le_bytes([b[2], a[1], if a[3] >> 7 != 0 { 0xff } else { 0 }, b[3]])
    });
}

#[test]
fn fields_of_bits() {
    let field = |value: u64, position: u32, length: u32| -> u32 {
        (0..32)
            .filter(|bit| *bit < length.min(32) && position + bit < 32)
            .fold(0, |word, bit| word | ((value >> (position + bit) & 1) as u32) << bit)
    };
    for (position, length) in [(0, 32), (4, 8), (31, 1), (16, 32), (0, 0), (40, 3), (255, 255)] {
        check_words(&format!("bfe.u32 %r4, %r1, {position}, {length};"), |a, _, _| {
            field(a.into(), position, length)
        });
        check_words(&format!("bfe.s32 %r4, %r1, {position}, {length};"), |a, _, _| {
            if length == 0 {
                return 0;
            }
            let sign = a >> (position + length - 1).min(31) & 1;
            let present = length.min(32u32.saturating_sub(position));
            let fill = if sign == 0 || present == 32 { 0 } else { !0 << present };
            field(a.into(), position, length) | fill
        });
        check_words(&format!("bfi.b32 %r4, %r1, %r2, {position}, {length};"), |a, b, _| {
            (0..32).fold(0, |word, bit| {
                let from_field = bit >= position && bit - position < length;
                word | (if from_field { a >> (bit - position) & 1 } else { b >> bit & 1 }) << bit
            })
        });
    }
}

#[test]
fn longs() {
    let long = "mov.b64 %d11, {%r1, %r2}; mov.b64 %d12, {%r2, %r3};";
    let check = |instruction: &str, expected: fn(u64, u64) -> u64| {
        for (half, shift) in [("{%r4, _}", 0), ("{_, %r4}", 32)] {
            check_words(&format!("{long} {instruction} mov.b64 {half}, %d13;"), move |a, b, c| {
                let first = u64::from(b) << 32 | u64::from(a);
                let second = u64::from(c) << 32 | u64::from(b);
                (expected(first, second) >> shift) as u32
            });
        }
    };
    check("add.s64 %d13, %d11, %d12;", u64::wrapping_add);
    check("mul.lo.s64 %d13, %d11, %d12;", u64::wrapping_mul);
    check("mul.hi.u64 %d13, %d11, %d12;", |a, b| ((u128::from(a) * u128::from(b)) >> 64) as u64);
    check("mul.hi.s64 %d13, %d11, %d12;", |a, b| {
        ((i128::from(a.cast_signed()) * i128::from(b.cast_signed())) >> 64) as u64
    });
    check("div.s64 %d13, %d11, %d12;", |a, b| match b {
        0 => u64::MAX,
        _ => a.cast_signed().wrapping_div(b.cast_signed()).cast_unsigned(),
    });
    check("min.s64 %d13, %d11, %d12;", |a, b| a.cast_signed().min(b.cast_signed()).cast_unsigned());
    check("shr.s64 %d13, %d11, 40;", |a, _| (a.cast_signed() >> 40).cast_unsigned());
    check("shl.b64 %d13, %d11, 70;", |_, _| 0);
    check_words("mul.wide.s32 %d13, %r1, %r2; mov.b64 {_, %r4}, %d13;", |a, b, _| {
        ((i64::from(signed(a)) * i64::from(signed(b))) >> 32) as u32
    });
    check_words("mov.b64 %d12, 7; mad.wide.u32 %d13, %r1, %r2, %d12; mov.b64 {_, %r4}, %d13;", |a, b, _| {
        ((u64::from(a) * u64::from(b)).wrapping_add(7) >> 32) as u32
    });
}

#[test]
fn a_carry_goes_from_one_word_to_the_next() {
    // (r1, r2) + (r3, r1), of which the upper word is stored.
    check_words("add.cc.u32 %r5, %r1, %r3; addc.u32 %r4, %r2, %r1;", |a, b, c| {
        let (first, second) = (u64::from(b) << 32 | u64::from(a), u64::from(a) << 32 | u64::from(c));
        (first.wrapping_add(second) >> 32) as u32
    });
    check_words("sub.cc.u32 %r5, %r1, %r3; subc.u32 %r4, %r2, %r1;", |a, b, c| {
        let (first, second) = (u64::from(b) << 32 | u64::from(a), u64::from(a) << 32 | u64::from(c));
        (first.wrapping_sub(second) >> 32) as u32
    });
}

#[test]
fn short_numbers_stay_short() {
    check_words(
        "cvt.u16.u32 %h1, %r1; cvt.u16.u32 %h2, %r2; add.s16 %h3, %h1, %h2; cvt.u32.u16 %r4, %h3;",
        |a, b, _| u32::from((a as u16).wrapping_add(b as u16)),
    );
    check_words("cvt.u16.u32 %h1, %r1; shr.s16 %h3, %h1, 3; cvt.u32.u16 %r4, %h3;", |a, _, _| {
        u32::from(((a as i16) >> 3).cast_unsigned())
    });
    check_words("cvt.u16.u32 %h1, %r1; mul.wide.s16 %r4, %h1, -3;", |a, _, _| {
        (i32::from(a as i16) * -3).cast_unsigned()
    });
}

#[test]
fn singles() {
    check_singles("add.f32 %r4, %r1, %r2;", |a, b, _| a + b);
    check_singles("sub.rn.f32 %r4, %r1, %r2;", |a, b, _| a - b);
    check_singles("mul.f32 %r4, %r1, %r2;", |a, b, _| a * b);
    check_singles("div.rn.f32 %r4, %r1, %r2;", |a, b, _| a / b);
    check_singles("fma.rn.f32 %r4, %r1, %r2, %r3;", f32::mul_add);
    check_singles("neg.f32 %r4, %r1;", |a, _, _| -a);
    check_singles("sqrt.rn.f32 %r4, %r1;", |a, _, _| a.sqrt());
    check_singles("copysign.f32 %r4, %r1, %r2;", |a, b, _| b.copysign(a));
    check_singles("ex2.approx.f32 %r4, %r1;", |a, _, _| a.exp2());
    check_singles("add.sat.f32 %r4, %r1, %r2;", |a, b, _| if a + b > 0.0 { (a + b).min(1.0) } else { 0.0 });
    let of_zeros =
        |a: f32, c: f32| on_words("fma.rm.f32 %r4, %r1, %r2, %r3;", &[[a, 1.0, c].map(f32::to_bits)])[0];
    assert_eq!([of_zeros(0.0, -0.0), of_zeros(-0.0, 0.0), of_zeros(0.0, 0.0)], [1 << 31, 1 << 31, 0]);
    let flush = |value: f32| if value.is_subnormal() { 0f32.copysign(value) } else { value };
    check_singles("mul.ftz.f32 %r4, %r1, %r2;", |a, b, _| flush(flush(a) * flush(b)));
    check_singles("min.f32 %r4, %r1, %r2;", |a, b, _| match (a.is_nan(), b.is_nan()) {
        (true, _) => b,
        (_, true) => a,
        _ if a == b => {
            if a.is_sign_negative() {
                a
            } else {
                b
            }
        }
        _ => {
            if a < b {
                a
            } else {
                b
            }
        }
    });
    check_singles("max.NaN.f32 %r4, %r1, %r2;", |a, b, _| match a.is_nan() || b.is_nan() {
        true => f32::NAN,
        false if a == b => {
            if a.is_sign_positive() {
                a
            } else {
                b
            }
        }
        false => {
            if a > b {
                a
            } else {
                b
            }
        }
    });
}

#[test]
fn modifiers_that_would_be_dropped_are_refused() {
    for (body, named) in [
        ("mad.hi.sat.s32 %r4, %r1, %r2, %r3;", ".sat"),
        ("mad.lo.cc.u32 %r4, %r1, %r2, %r3;", ".cc"),
        ("mad.hi.cc.u32 %r4, %r1, %r2, %r3;", ".cc"),
        ("mul.lo.sat.s32 %r4, %r1, %r2;", ".sat"),
        ("add.sat.u32 %r4, %r1, %r2;", ".sat"),
        ("add.sat.cc.s32 %r4, %r1, %r2;", ".sat"),
        ("add.lo.s32 %r4, %r1, %r2;", ".lo"),
        ("add.sat.f64 %d1, %d2, %d3;", ".sat"),
        ("add.ftz.f64 %d1, %d2, %d3;", ".ftz"),
        ("fma.rn.relu.f64 %d1, %d2, %d3, %d4;", ".relu"),
        ("add.NaN.f32 %r4, %r1, %r2;", ".NaN"),
        ("min.rm.f32 %r4, %r1, %r2;", "rounding"),
        ("cvt.rna.satfinite.tf32.f32 %r4, %r1;", ".satfinite"),
        ("cvt.rn.satfinite.f16x2.f32 %r4, %r1, %r2;", ".satfinite"),
        ("cvt.rn.ftz.f16x2.f32 %r4, %r1, %r2;", ".ftz"),
        ("cvt.rna.sat.tf32.f32 %r4, %r1;", ".sat"),
        ("cvt.rm.f64.s64 %d1, %d2;", ".rm"),
        ("setp.lt.ftz.f64 %p1, %d1, %d2;", ".ftz"),
        ("setp.lt.f16x2 %p1|%p2, %r1, %r2;", "setp.lt.f16x2"),
        ("slct.ftz.f32.f32 %r4, %r1, %r2, %r3;", ".ftz"),
    ] {
        let error = Module::parse(&kernel(0, body)).unwrap_err().to_string();
        assert!(error.contains(named), "{body}: {error}");
    }
    // What the library of device functions has.
    assert!(Module::parse(&kernel(0, "rcp.approx.ftz.f64 %d1, %d2;")).is_ok());
}

#[test]
fn a_fused_product_rounds_once() {
    let (a, c) = (1.0 + f32::EPSILON, -1.0 - 2.0 * f32::EPSILON);
    let result = on_words("fma.rn.f32 %r4, %r1, %r2, %r3;", &[[a, a, c].map(f32::to_bits)]);
    assert_eq!(f32::from_bits(result[0]), f32::EPSILON * f32::EPSILON);
}

#[test]
fn doubles() {
    let body = "cvt.f64.f32 %d11, %r1; cvt.f64.f32 %d12, %r2; cvt.f64.f32 %d13, %r3;\n\
                fma.rn.f64 %d14, %d11, %d12, %d13; cvt.rn.f32.f64 %r4, %d14;";
    check_singles(body, |a, b, c| f64::from(a).mul_add(b.into(), c.into()) as f32);
}

#[test]
fn halves_in_pairs() {
    // 1.5 and -2 in half precision, by 2 and 0.5.
    let inputs = [[0xc000_3e00, 0x3800_4000, 0x3c00_3c00]];
    assert_eq!(on_words("mul.f16x2 %r4, %r1, %r2;", &inputs), [0xbc00_4200]);
    assert_eq!(on_words("fma.rn.f16x2 %r4, %r1, %r2, %r3;", &inputs), [0x0000_4400]);
    assert_eq!(on_words("neg.f16x2 %r4, %r1;", &inputs), [0x4000_be00]);
    // The same in bfloat16.
    let inputs = [[0xc000_3fc0, 0x3f00_4000, 0x3f80_3f80]];
    assert_eq!(on_words("fma.rn.bf16x2 %r4, %r1, %r2, %r3;", &inputs), [0x0000_4080]);
    assert_eq!(on_words("max.bf16x2 %r4, %r1, %r2;", &inputs), [0x3f00_4000]);
}

#[test]
fn all_of_a_vector_and_the_rest_of_it() {
    // More inputs than a warp has lanes, so that the last one has lanes that are off.
    let inputs = pairs(&[1, 2, 3, 4, 5, 6]);
    let results = on_words("xor.b32 %r4, %r1, %r2;", &inputs);
    assert!(inputs.iter().zip(&results).all(|([a, b, _], result)| a ^ b == *result));
}
