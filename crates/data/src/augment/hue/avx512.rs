//! The hue shift of 64 pixels at once, in bytes where bytes are enough and in f32 where they are not.
//!
//! The arithmetic is not PIL's but gives its bytes; tests compare all 2^24 colours and all 256 shifts. These facts
//! shorten it:
//! - in the sextant `k` (0 to 5) of a colour its hue is `k + e / chroma` sextants of 42.5 bytes, where `e` is how far
//!   the middle channel is from the lowest (`k` even) or from the highest (`k` odd);
//! - that is a whole number of bytes or at least 1 / 510 away from one, so f32 truncates as exact arithmetic does, but
//!   for the whole ones. There PIL's roundings decide, in the same way for every colour of that hue: a table says which
//!   way they went. The same holds for the saturation, `255 chroma / highest`;
//! - backwards, a colour has the value, `value (1 - s)` and one mixture between them, `value (1 - s m)`, where `m` is the
//!   distance in sextants from the sextant's full end: multiples of 1 / 255 and 1 / 21675, never halves, and far enough
//!   from them for f32.

use std::arch::x86_64::*;
use std::sync::LazyLock;

use super::portable;
use crate::augment::avx512::{BYTES, ByteTable, load, narrow, store, widen};

/// What PIL makes of hues and saturations that are whole numbers before it truncates them.
struct Exact {
    hue: [u8; 256],
    saturation: [u8; 256],
}

#[expect(clippy::cast_possible_truncation, reason = "every number is below 256")]
static EXACT: LazyLock<Exact> = LazyLock::new(|| Exact {
    hue: std::array::from_fn(|hue| {
        // The colour of chroma 85 with this hue; 255, a whole turn, is 0.
        let (sextant, part) = ((2 * hue / 85 % 6) as u8, (2 * hue % 85) as u8);
        let color = match sextant {
            0 => [85, part, 0],
            1 => [85 - part, 85, 0],
            2 => [0, 85, part],
            3 => [0, 85 - part, 85],
            4 => [part, 0, 85],
            _ => [85, 0, 85 - part],
        };
        portable::to_hsv(color)[0]
    }),
    saturation: std::array::from_fn(|chroma| portable::to_hsv([255, 255 - chroma as u8, 255])[1]),
});

/// Far less than hues and saturations are from whole numbers, far more than f32 rounds them by.
const MARGIN: f32 = 1.0 / 2048.0;

/// Shifts the hue of every pixel.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
pub(super) fn shift(red: &mut [u8], green: &mut [u8], blue: &mut [u8], offset: u8) {
    let exact = &*EXACT;
    let tables = [ByteTable::new(&exact.hue), ByteTable::new(&exact.saturation)];
    let offset = _mm512_set1_epi8(offset.cast_signed());
    for ((r, g), b) in red.chunks_mut(BYTES).zip(green.chunks_mut(BYTES)).zip(blue.chunks_mut(BYTES)) {
        let [h, s, v] = to_hsv([load(r), load(g), load(b)], tables);
        let rgb = to_rgb([_mm512_add_epi8(h, offset), s, v]);
        for (plane, bytes) in [r, g, b].into_iter().zip(rgb) {
            store(plane, bytes);
        }
    }
}

/// Bytes of red, green and blue to bytes of hue, saturation and value.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn to_hsv([r, g, b]: [__m512i; 3], [hues, saturations]: [ByteTable; 2]) -> [__m512i; 3] {
    let one = _mm512_set1_epi8(1);
    let (higher, lower) = (_mm512_max_epu8(r, g), _mm512_min_epu8(r, g));
    let (high, low) = (_mm512_max_epu8(higher, b), _mm512_min_epu8(lower, b));
    let middle = _mm512_max_epu8(lower, _mm512_min_epu8(higher, b));
    let chroma = _mm512_sub_epi8(high, low);

    let red_high = _mm512_cmpeq_epi8_mask(r, high);
    let green_high = _mm512_cmpeq_epi8_mask(g, high) & !red_high;
    let blue_low = _mm512_cmpeq_epi8_mask(b, low);
    let red_low = _mm512_cmpeq_epi8_mask(r, low);
    // Red, green or blue is highest; of the two sextants beside it, which one?
    let sextant = _mm512_mask_blend_epi8(red_low, _mm512_set1_epi8(4), _mm512_set1_epi8(3));
    let sextant = _mm512_mask_blend_epi8(
        green_high,
        sextant,
        _mm512_mask_blend_epi8(blue_low, _mm512_set1_epi8(2), one),
    );
    let sextant = _mm512_mask_blend_epi8(
        red_high,
        sextant,
        _mm512_mask_blend_epi8(blue_low, _mm512_set1_epi8(5), _mm512_setzero_si512()),
    );
    let odd = _mm512_test_epi8_mask(sextant, one);
    let part = _mm512_mask_sub_epi8(_mm512_sub_epi8(middle, low), odd, high, middle);

    let divisors = widen(_mm512_max_epu8(chroma, one));
    let maxima = widen(_mm512_max_epu8(high, one));
    let (parts, chromas, sextants) = (widen(part), widen(chroma), widen(sextant));
    let margins = [_mm512_set1_ps(MARGIN), _mm512_set1_ps(-MARGIN)];
    let (mut hue, mut saturation) = ([[_mm512_setzero_si512(); 4]; 2], [[_mm512_setzero_si512(); 4]; 2]);
    for i in 0..4 {
        let rest = _mm512_div_ps(_mm512_cvtepi32_ps(parts[i]), _mm512_cvtepi32_ps(divisors[i]));
        let turn = _mm512_add_ps(_mm512_cvtepi32_ps(sextants[i]), rest);
        let ratio = _mm512_div_ps(_mm512_cvtepi32_ps(chromas[i]), _mm512_cvtepi32_ps(maxima[i]));
        for way in 0..2 {
            let scaled = |x, scale| _mm512_fmadd_ps(x, _mm512_set1_ps(scale), margins[way]);
            hue[way][i] = _mm512_cvttps_epi32(scaled(turn, 42.5));
            saturation[way][i] = _mm512_cvttps_epi32(scaled(ratio, 255.0));
        }
    }
    // Where adding and subtracting the margin truncate to different numbers, the larger one is exact.
    let decided = |[up, down]: [[__m512i; 4]; 2], table: ByteTable| {
        let (up, down) = (narrow(up), narrow(down));
        _mm512_mask_blend_epi8(_mm512_cmpeq_epi8_mask(up, down), table.get(up), down)
    };
    [decided(hue, hues), decided(saturation, saturations), high]
}

/// A number modulo 256.
fn low_byte(value: u16) -> i8 {
    ((value & 0xff) as u8).cast_signed()
}

/// Bytes of hue, saturation and value to bytes of red, green and blue.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn to_rgb([h, s, v]: [__m512i; 3]) -> [__m512i; 3] {
    // Six sextants are 255: 2 h = 85 sextant + rest. A hue of 255 begins again.
    let last = _mm512_cmpeq_epi8_mask(h, _mm512_set1_epi8(-1));
    let mut from = [0; 5];
    for (from, limit) in from.iter_mut().zip([43, 85, 128, 170, 213_u8]) {
        *from = _mm512_cmpge_epu8_mask(h, _mm512_set1_epi8(limit.cast_signed()));
    }
    let in_sextant = [
        !from[0] | last,
        from[0] & !from[1],
        from[1] & !from[2],
        from[2] & !from[3],
        from[3] & !from[4],
        from[4] & !last,
    ];
    let odd = in_sextant[1] | in_sextant[3] | in_sextant[5];
    let double = _mm512_add_epi8(h, h);
    // `rest` of odd sextants, `85 - rest` of even ones, in arithmetic modulo 256.
    let mut end = _mm512_set1_epi8(85);
    for (sextant, ends) in [(1, 85), (2, 255), (3, 255), (4, 425), (5, 425_u16)] {
        end = _mm512_mask_mov_epi8(end, in_sextant[sextant], _mm512_set1_epi8(low_byte(ends)));
    }
    // Of a hue of 255, 510 are exactly six sextants.
    end = _mm512_mask_mov_epi8(end, last, _mm512_set1_epi8(low_byte(595)));
    let part = _mm512_mask_sub_epi8(_mm512_sub_epi8(end, double), odd, double, end);

    let (parts, saturations, values) = (widen(part), widen(s), widen(v));
    let (mut mixed, mut lowest) = ([_mm512_setzero_si512(); 4], [_mm512_setzero_si512(); 4]);
    for i in 0..4 {
        let value = _mm512_cvtepi32_ps(values[i]);
        // Plus a half: truncation then rounds.
        let start = _mm512_add_ps(value, _mm512_set1_ps(0.5));
        let product = _mm512_mul_ps(value, _mm512_cvtepi32_ps(saturations[i]));
        let slope = _mm512_mul_ps(product, _mm512_set1_ps(1.0 / 21675.0));
        let mixture = _mm512_fnmadd_ps(slope, _mm512_cvtepi32_ps(parts[i]), start);
        mixed[i] = _mm512_cvttps_epi32(mixture);
        lowest[i] = _mm512_cvttps_epi32(_mm512_fnmadd_ps(product, _mm512_set1_ps(1.0 / 255.0), start));
    }
    let (mixed, lowest) = (narrow(mixed), narrow(lowest));
    let [zero, one, two, three, four, five] = in_sextant;
    let channel = |full: __mmask64, middle: __mmask64| {
        _mm512_mask_mov_epi8(_mm512_mask_mov_epi8(lowest, middle, mixed), full, v)
    };
    [channel(zero | five, one | four), channel(one | two, zero | three), channel(three | four, two | five)]
}
