//! The hue shift of eight pixels at once, in f32.
//!
//! The arithmetic is not PIL's but gives its bytes; tests compare all 2^24 colours, and all 2^24 triples of hue,
//! saturation and value. These facts shorten it:
//! - of a pixel's three distances to its maximum one is 0 and one is 1, so the hue is a whole number plus or
//!   minus the third;
//! - 255 times an f32 is a whole number only for 0 and 1, and the sign of an exact remainder (by FMA) tells on
//!   which side of a whole number the product lies;
//! - a hue byte is `85 sextant + rest`, halved, so its fraction of a sextant is a multiple of 1 / 85 and the three
//!   mixtures are multiples of 1 / 21675 before they are rounded. No multiple is a half, and the nearest are far
//!   enough from one that f32 decides as PIL's f64 does.

use std::arch::x86_64::*;

/// Pixels per step.
const LANES: usize = 8;

/// Shifts the hue of whole groups of eight pixels; returns how many pixels those are.
#[target_feature(enable = "avx2,fma")]
pub(super) fn shift(red: &mut [u8], green: &mut [u8], blue: &mut [u8], offset: u8) -> usize {
    let (red, green, blue) =
        (red.as_chunks_mut::<LANES>().0, green.as_chunks_mut::<LANES>().0, blue.as_chunks_mut::<LANES>().0);
    let offset = _mm256_set1_epi32(i32::from(offset));
    for ((r, g), b) in red.iter_mut().zip(&mut *green).zip(&mut *blue) {
        let (h, s, v) = to_hsv([widen(r), widen(g), widen(b)]);
        let h = _mm256_and_si256(_mm256_add_epi32(h, offset), _mm256_set1_epi32(255));
        [*r, *g, *b] = to_rgb(h, s, v);
    }
    red.len() * LANES
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn widen(bytes: &[u8; LANES]) -> __m256i {
    _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(*bytes)))
}

/// Bytes of hue (with higher bits that mean nothing), of saturation and of value, in 32-bit lanes.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn to_hsv([r, g, b]: [__m256i; 3]) -> (__m256i, __m256i, __m256i) {
    let one = _mm256_set1_epi32(1);
    let (higher, lower) = (_mm256_max_epi32(r, g), _mm256_min_epi32(r, g));
    let (high, low) = (_mm256_max_epi32(higher, b), _mm256_min_epi32(lower, b));
    let middle = _mm256_max_epi32(lower, _mm256_min_epi32(higher, b));
    let chroma = _mm256_sub_epi32(high, low);
    let distance = _mm256_div_ps(
        _mm256_cvtepi32_ps(_mm256_sub_epi32(high, middle)),
        _mm256_cvtepi32_ps(_mm256_max_epi32(chroma, one)),
    );

    // Which channel is highest and which lowest select `base` and the sign of `distance`.
    let red_high = _mm256_cmpeq_epi32(r, high);
    let green_high = _mm256_cmpeq_epi32(g, high);
    let blue_low = _mm256_cmpeq_epi32(b, low);
    let red_low = _mm256_cmpeq_epi32(r, low);
    let case = _mm256_blendv_epi8(
        // Blue highest: 3 + d where red is lowest, else 5 - d.
        _mm256_add_epi32(_mm256_set1_epi32(5), red_low),
        // Green highest: 1 + d where blue is lowest, else 3 - d.
        _mm256_add_epi32(_mm256_set1_epi32(3), blue_low),
        green_high,
    );
    // Red highest: 1 - d where blue is lowest, else -1 + d.
    let red_case = _mm256_add_epi32(one, blue_low);
    let case = _mm256_blendv_epi8(case, red_case, red_high);
    let bases = _mm256_setr_ps(1.0, -1.0, 1.0, 3.0, 3.0, 5.0, 0.0, 0.0);
    let signs = _mm256_setr_ps(-1.0, 1.0, 1.0, -1.0, 1.0, -1.0, 0.0, 0.0);
    let base = _mm256_permutevar8x32_ps(bases, case);
    let sign = _mm256_permutevar8x32_ps(signs, case);
    let hue = times_255(turn(_mm256_fmadd_ps(distance, sign, base)));
    let ratio = _mm256_div_ps(_mm256_cvtepi32_ps(chroma), _mm256_cvtepi32_ps(_mm256_max_epi32(high, one)));
    let saturation = _mm256_and_si256(times_255(ratio), _mm256_set1_epi32(255));
    (hue, saturation, high)
}

/// Sextants in [-1, 5] to turns, `fmod(x / 6 + 1, 1)` rounded to f32.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn turn(sextant: __m256) -> __m256 {
    let sixth = _mm256_set1_ps(1.0 / 6.0);
    let quotient = _mm256_mul_ps(sextant, sixth);
    let remainder = _mm256_fnmadd_ps(quotient, _mm256_set1_ps(6.0), sextant);
    let quotient = _mm256_fmadd_ps(remainder, sixth, quotient);
    let wrapped = _mm256_fmadd_ps(sextant, sixth, _mm256_set1_ps(1.0));
    // The blend looks at the sign of `sextant` only.
    _mm256_blendv_ps(quotient, wrapped, sextant)
}

/// `trunc(255 x)` for `x` in `[0, 1]`, as if the product were exact; only the lowest byte of a lane counts.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn times_255(x: __m256) -> __m256i {
    let scale = _mm256_set1_ps(255.0);
    // The nearest whole number, in the low bits of a float that has no fraction.
    let magic = _mm256_set1_ps(8_388_608.0);
    let shifted = _mm256_fmadd_ps(x, scale, magic);
    let error = _mm256_fmsub_ps(x, scale, _mm256_sub_ps(shifted, magic));
    // One less where the product lies below it: an arithmetic shift spreads the error's sign.
    let below = _mm256_srai_epi32::<31>(_mm256_castps_si256(error));
    _mm256_add_epi32(_mm256_castps_si256(shifted), below)
}

/// HSV bytes in 32-bit lanes to RGB bytes.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn to_rgb(h: __m256i, s: __m256i, v: __m256i) -> [[u8; LANES]; 3] {
    // Six sixths of a turn are 255: 2 h = 85 sextant + rest. 1543 / 65536 is just above 2 / 85.
    let sextant = _mm256_mulhi_epu16(h, _mm256_set1_epi32(1543));
    let whole = _mm256_mullo_epi16(sextant, _mm256_set1_epi32(85));
    let rest = _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_add_epi32(h, h), whole));

    // v (1 - s), v (1 - s f) and v (1 - s (1 - f)), plus a half; truncation rounds them.
    let value = _mm256_cvtepi32_ps(v);
    let start = _mm256_add_ps(value, _mm256_set1_ps(0.5));
    let product = _mm256_mul_ps(value, _mm256_cvtepi32_ps(s));
    let slope = _mm256_mul_ps(product, _mm256_set1_ps(1.0 / 21675.0));
    let lowest = _mm256_fnmadd_ps(product, _mm256_set1_ps(1.0 / 255.0), start);
    let q = _mm256_cvttps_epi32(_mm256_fnmadd_ps(slope, rest, start));
    let t = _mm256_cvttps_epi32(_mm256_fmadd_ps(slope, rest, lowest));
    let p = _mm256_cvttps_epi32(lowest);

    // Each half now holds 4 bytes each of v, q, p and t. By its sextant, a pixel takes one for each channel.
    const V: i32 = 0;
    const Q: i32 = 4;
    const P: i32 = 8;
    const T: i32 = 12;
    const fn rgb(r: i32, g: i32, b: i32) -> i32 {
        r | g << 8 | b << 16
    }
    let candidates = _mm256_packus_epi16(_mm256_packs_epi32(v, q), _mm256_packs_epi32(p, t));
    // Hue 255 is sextant 6, where the first begins again.
    let choices = _mm256_setr_epi32(
        rgb(V, T, P),
        rgb(Q, V, P),
        rgb(P, V, T),
        rgb(P, Q, V),
        rgb(T, P, V),
        rgb(V, P, Q),
        rgb(V, T, P),
        0,
    );
    let pixel = _mm256_setr_epi32(0, 0x01_0101, 0x02_0202, 0x03_0303, 0, 0x01_0101, 0x02_0202, 0x03_0303);
    let choice = _mm256_add_epi32(_mm256_permutevar8x32_epi32(choices, sextant), pixel);
    let pixels = _mm256_shuffle_epi8(candidates, choice);

    // From pixels to channels, within the halves and then across them.
    let deal = _mm256_setr_epi8(
        0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, -1, -1, -1, -1, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, -1,
        -1, -1, -1,
    );
    let halves = _mm256_shuffle_epi8(pixels, deal);
    let channels = _mm256_permutevar8x32_epi32(halves, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    let (first, last) = (_mm256_castsi256_si128(channels), _mm256_extracti128_si256::<1>(channels));
    [_mm_cvtsi128_si64(first), _mm_extract_epi64::<1>(first), _mm_cvtsi128_si64(last)].map(i64::to_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::super::portable;
    use super::*;

    #[test]
    fn every_hsv_triple_becomes_pils_color() {
        if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")) {
            // Only the portable path runs on this processor.
            return;
        }
        for h in 0..=255_u8 {
            for s in 0..=255_u8 {
                for first in (0..=255_u8).step_by(LANES) {
                    let values: [u8; LANES] = std::array::from_fn(|lane| first + lane as u8);
                    // SAFETY: the processor has AVX2 and FMA, as was tested above.
                    let found = unsafe { to_rgb(widen(&[h; LANES]), widen(&[s; LANES]), widen(&values)) };
                    for (lane, v) in values.into_iter().enumerate() {
                        let expected = portable::to_rgb([h, s, v]);
                        assert_eq!(found.map(|channel| channel[lane]), expected, "{h}, {s}, {v}");
                    }
                }
            }
        }
    }
}
