//! The same for eight pixels at once.
//!
//! The arithmetic is not PIL's but gives its bytes; a test compares all 2^24 colours. Three facts shorten it:
//! of a pixel's three distances to its maximum one is 0 and one is 1, so the hue is a whole number plus or
//! minus the third; a product in f32 and its exact error (by FMA) tell whether truncation would cross a whole
//! number; what PIL computes in f64 from f32 values is exact there, so FMA may stand for its steps.

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
        let [nr, ng, nb] = shift_lanes([widen(r), widen(g), widen(b)], offset);
        (*r, *g, *b) = (narrow(nr), narrow(ng), narrow(nb));
    }
    red.len() * LANES
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn widen(bytes: &[u8; LANES]) -> __m256i {
    _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(*bytes)))
}

/// The lowest byte of each lane.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn narrow(lanes: __m256i) -> [u8; LANES] {
    let lowest = _mm256_set1_epi64x(0x0c08_0400);
    let quads = _mm256_shuffle_epi8(lanes, lowest);
    let all = _mm_unpacklo_epi32(_mm256_castsi256_si128(quads), _mm256_extracti128_si256::<1>(quads));
    _mm_cvtsi128_si64(all).to_le_bytes()
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn shift_lanes([r, g, b]: [__m256i; 3], offset: __m256i) -> [__m256i; 3] {
    let one = _mm256_set1_epi32(1);
    let high = _mm256_max_epi32(_mm256_max_epi32(r, g), b);
    let low = _mm256_min_epi32(_mm256_min_epi32(r, g), b);
    let chroma = _mm256_sub_epi32(high, low);
    let sum = _mm256_add_epi32(_mm256_add_epi32(r, g), b);
    let middle = _mm256_sub_epi32(_mm256_sub_epi32(sum, high), low);
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
        _mm256_blendv_epi8(_mm256_set1_epi32(5), _mm256_set1_epi32(4), red_low),
        // Green highest: 1 + d where blue is lowest, else 3 - d.
        _mm256_blendv_epi8(_mm256_set1_epi32(3), _mm256_set1_epi32(2), blue_low),
        green_high,
    );
    // Red highest: 1 - d where blue is lowest, else -1 + d.
    let red_case = _mm256_andnot_si256(blue_low, one);
    let case = _mm256_blendv_epi8(case, red_case, red_high);
    let bases = _mm256_setr_ps(1.0, -1.0, 1.0, 3.0, 3.0, 5.0, 0.0, 0.0);
    let signs = _mm256_setr_ps(-0.0, 0.0, 0.0, -0.0, 0.0, -0.0, 0.0, 0.0);
    let base = _mm256_permutevar8x32_ps(bases, case);
    let sign = _mm256_permutevar8x32_ps(signs, case);
    let sextant = _mm256_add_ps(base, _mm256_xor_ps(distance, sign));
    let turn = join_ps(turn(lower_pd(sextant)), turn(upper_pd(sextant)));
    let hue = _mm256_and_si256(_mm256_add_epi32(times_255(turn), offset), _mm256_set1_epi32(255));
    let ratio = _mm256_div_ps(_mm256_cvtepi32_ps(chroma), _mm256_cvtepi32_ps(_mm256_max_epi32(high, one)));
    to_rgb(hue, times_255(ratio), high)
}

/// Sextants to turns, `fmod(x / 6 + 1, 1)`.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn turn(sextant: __m256d) -> __m256d {
    let shifted = _mm256_fmadd_pd(sextant, _mm256_set1_pd(1.0 / 6.0), _mm256_set1_pd(1.0));
    _mm256_sub_pd(shifted, _mm256_floor_pd(shifted))
}

/// `trunc(255 x)` for `x` in `[0, 1]`, as if the product were exact.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn times_255(x: __m256) -> __m256i {
    let scale = _mm256_set1_ps(255.0);
    let product = _mm256_mul_ps(x, scale);
    let error = _mm256_fmsub_ps(x, scale, product);
    let whole = _mm256_floor_ps(product);
    // The product was rounded up to a whole number: the exact one lies below it.
    let rounded_up = _mm256_and_ps(
        _mm256_cmp_ps::<_CMP_EQ_OQ>(whole, product),
        _mm256_cmp_ps::<_CMP_LT_OQ>(error, _mm256_setzero_ps()),
    );
    _mm256_add_epi32(_mm256_cvttps_epi32(whole), _mm256_castps_si256(rounded_up))
}

/// HSV bytes to RGB bytes, in 32-bit lanes.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn to_rgb(h: __m256i, s: __m256i, v: __m256i) -> [__m256i; 3] {
    // Six sixths of a turn are 255: h * 6 = 255 * sextant + rest. 257 / 65536 is just above 1 / 255.
    let sixths = _mm256_add_epi32(_mm256_slli_epi32::<2>(h), _mm256_slli_epi32::<1>(h));
    let plus_one = _mm256_add_epi32(sixths, _mm256_set1_epi32(1));
    let sextant = _mm256_srli_epi32::<16>(_mm256_add_epi32(_mm256_slli_epi32::<8>(plus_one), plus_one));
    let whole = _mm256_sub_epi32(_mm256_slli_epi32::<8>(sextant), sextant);
    let fraction = over_255(_mm256_sub_epi32(sixths, whole));
    let saturation = over_255(s);
    let value = _mm256_cvtepi32_ps(v);
    let [p0, q0, t0] = mixtures(lower_pd(value), lower_pd(saturation), lower_pd(fraction));
    let [p1, q1, t1] = mixtures(upper_pd(value), upper_pd(saturation), upper_pd(fraction));
    let (p, q, t) = (join_epi32(p0, p1), join_epi32(q0, q1), join_epi32(t0, t1));

    // The four candidates of a pixel share a lane; its sextant says by how much to shift for each channel.
    let low = _mm256_or_si256(v, _mm256_slli_epi32::<8>(q));
    let high = _mm256_or_si256(_mm256_slli_epi32::<16>(p), _mm256_slli_epi32::<24>(t));
    let candidates = _mm256_or_si256(low, high);
    let gray = _mm256_cmpeq_epi32(s, _mm256_setzero_si256());
    let sextant = _mm256_or_si256(sextant, gray);
    const V: i32 = 0;
    const Q: i32 = 8;
    const P: i32 = 16;
    const T: i32 = 24;
    // Entry 6 is hue 255, where sextant 0 begins again; entry 7 (all ones, taken modulo 8) is grey.
    let tables = [
        _mm256_setr_epi32(V, Q, P, P, T, V, V, V),
        _mm256_setr_epi32(T, V, V, Q, P, P, T, V),
        _mm256_setr_epi32(P, P, T, V, V, Q, P, V),
    ];
    tables.map(|table| _mm256_srlv_epi32(candidates, _mm256_permutevar8x32_epi32(table, sextant)))
}

/// `v (1 - s)`, `v (1 - s f)` and `v (1 - s (1 - f))`, rounded half up.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn mixtures(v: __m256d, s: __m256d, f: __m256d) -> [__m128i; 3] {
    let one = _mm256_set1_pd(1.0);
    let start = _mm256_add_pd(v, _mm256_set1_pd(0.5));
    let rest = _mm256_mul_pd(s, _mm256_sub_pd(one, f));
    [
        _mm256_cvttpd_epi32(_mm256_fnmadd_pd(v, s, start)),
        _mm256_cvttpd_epi32(_mm256_fnmadd_pd(v, _mm256_mul_pd(s, f), start)),
        _mm256_cvttpd_epi32(_mm256_fnmadd_pd(v, rest, start)),
    ]
}

/// `x / 255` rounded to f32, for bytes: a product with the reciprocal, corrected by its exact remainder.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn over_255(bytes: __m256i) -> __m256 {
    let x = _mm256_cvtepi32_ps(bytes);
    let reciprocal = _mm256_set1_ps(1.0 / 255.0);
    let quotient = _mm256_mul_ps(x, reciprocal);
    let remainder = _mm256_fnmadd_ps(quotient, _mm256_set1_ps(255.0), x);
    _mm256_fmadd_ps(remainder, reciprocal, quotient)
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn lower_pd(x: __m256) -> __m256d {
    _mm256_cvtps_pd(_mm256_castps256_ps128(x))
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn upper_pd(x: __m256) -> __m256d {
    _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(x))
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn join_ps(low: __m256d, high: __m256d) -> __m256 {
    _mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low))
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn join_epi32(low: __m128i, high: __m128i) -> __m256i {
    _mm256_set_m128i(high, low)
}
