//! RGB triples in `[0, 1]` of a wanted brightness.

/// Red, green, blue in `[0, 1]`.
pub(super) type Color = [f32; 3];

/// A colour of this hue, in turns from red over green and blue, and about this saturation in `[0, 1]`, whose luma is
/// exactly `luma`.
pub(super) fn with_luma(luma: f32, hue: f32, saturation: f32) -> Color {
    let sixths = 6.0 * (hue - hue.floor());
    let vivid = [0.0, 4.0, 2.0].map(|shift| {
        let place = (sixths + shift) % 6.0;
        let pure = ((place - 3.0).abs() - 1.0).clamp(0.0, 1.0);
        1.0 - saturation * (1.0 - pure)
    });
    let own = luma_of(vivid);
    if luma <= own {
        vivid.map(|value| value * luma / own)
    } else {
        mix(vivid, [1.0; 3], (luma - own) / (1.0 - own))
    }
}

/// `first` at 0, `second` at 1.
pub(super) fn mix(first: Color, second: Color, amount: f32) -> Color {
    [0, 1, 2].map(|channel| first[channel] + (second[channel] - first[channel]) * amount)
}

/// ITU-R BT.601 luma, the weights of PIL's grey conversion.
fn luma_of([red, green, blue]: Color) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_have_the_asked_luma_and_stay_in_range() {
        for step in 0..=100 {
            let luma = step as f32 / 100.0;
            for (hue, saturation) in [(-0.2, 0.3), (0.1, 0.5), (0.33, 0.9), (0.7, 0.6), (1.4, 0.0)] {
                let color = with_luma(luma, hue, saturation);
                assert!((luma_of(color) - luma).abs() < 1e-5, "{luma} {color:?}");
                assert!(color.iter().all(|value| (-1e-6..=1.000_001).contains(value)), "{color:?}");
            }
        }
    }

    #[test]
    fn hues_are_turns() {
        for (hue, pure) in
            [(0.0, [1.0, 0.0, 0.0]), (1.0 / 3.0, [0.0, 1.0, 0.0]), (2.0 / 3.0, [0.0, 0.0, 1.0])]
        {
            let color = with_luma(luma_of(pure), hue, 1.0);
            assert!((0..3).all(|channel| (color[channel] - pure[channel]).abs() < 1e-5), "{color:?}");
        }
    }
}
