//! PIL's conversions, one pixel at a time.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "where PIL truncates to bytes and rounds to f32, so does this"
)]

/// Shifts the hue byte of every pixel.
#[inline(always)]
pub(super) fn shift(red: &mut [u8], green: &mut [u8], blue: &mut [u8], offset: u8) {
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        let [h, s, v] = to_hsv([*r, *g, *b]);
        [*r, *g, *b] = to_rgb([h.wrapping_add(offset), s, v]);
    }
}

/// RGB to 8-bit HSV. Where PIL mixes f32 and f64, so does this: the roundings decide the bytes.
pub(super) fn to_hsv([r, g, b]: [u8; 3]) -> [u8; 3] {
    let (high, low) = (r.max(g).max(b), r.min(g).min(b));
    if high == low {
        return [0, 0, high];
    }
    let chroma = f32::from(high - low);
    let distance = |x: u8| f32::from(high - x) / chroma;
    let (rc, gc, bc) = (distance(r), distance(g), distance(b));
    let sextant = if r == high {
        bc - gc
    } else if g == high {
        (2.0 + f64::from(rc) - f64::from(bc)) as f32
    } else {
        (4.0 + f64::from(gc) - f64::from(rc)) as f32
    };
    // PIL's `fmod(x, 1)` of a number in [5 / 6, 2); the mathematics library's is slow.
    let shifted = f64::from(sextant) / 6.0 + 1.0;
    let turn = (if shifted >= 1.0 { shifted - 1.0 } else { shifted }) as f32;
    let saturation = chroma / f32::from(high);
    [(f64::from(turn) * 255.0) as u8, (f64::from(saturation) * 255.0) as u8, high]
}

/// 8-bit HSV to RGB.
pub(super) fn to_rgb([h, s, v]: [u8; 3]) -> [u8; 3] {
    if s == 0 {
        return [v; 3];
    }
    let sixths = f64::from(h) * 6.0 / 255.0;
    let sextant = sixths as u8;
    let fraction = f64::from((sixths - f64::from(sextant)) as f32);
    let saturation = f64::from(f32::from(s) / 255.0);
    let value = f64::from(v);
    // PIL rounds an f32, halves up; adding the half in f64 is exact.
    let byte = |x: f64| (f64::from(x as f32) + 0.5) as u8;
    let p = byte(value * (1.0 - saturation));
    let q = byte(value * (1.0 - saturation * fraction));
    let t = byte(value * (1.0 - saturation * (1.0 - fraction)));
    match sextant % 6 {
        0 => [v, t, p],
        1 => [q, v, p],
        2 => [p, v, t],
        3 => [p, q, v],
        4 => [t, p, v],
        _ => [v, p, q],
    }
}
