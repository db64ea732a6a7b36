//! Colours by hue.

/// Red, green and blue, 0 to 1.
pub(super) type Color = [f64; 3];

/// A colour by hue, saturation and value, each 0 to 1; hues wrap around. Python's `colorsys.hsv_to_rgb`.
pub(super) fn from_hsv(hue: f64, saturation: f64, value: f64) -> Color {
    let sixths = (hue - hue.floor()) * 6.0;
    let sector = sixths.floor();
    let rest = sixths - sector;
    let low = value * (1.0 - saturation);
    let falling = value * (1.0 - saturation * rest);
    let rising = value * (1.0 - saturation * (1.0 - rest));
    if sector < 1.0 {
        [value, rising, low]
    } else if sector < 2.0 {
        [falling, value, low]
    } else if sector < 3.0 {
        [low, value, rising]
    } else if sector < 4.0 {
        [low, falling, value]
    } else if sector < 5.0 {
        [rising, low, value]
    } else if sector < 6.0 {
        [value, low, falling]
    } else {
        [value, rising, low]
    }
}

/// A byte of an intensity from 0 to 1, clipped.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clipped to the range of a byte")]
pub(super) fn byte(intensity: f64) -> u8 {
    (intensity.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}
