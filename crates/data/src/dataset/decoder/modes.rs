//! Pillow's pixel arithmetic of `convert("RGB")` (`libImaging/Convert.c`, `Unpack.c`).

/// A 16-bit or wider grey value: clipped at 255, not scaled. Pillow's mode `I;16` means numbers, not shares of white.
pub(super) fn clip(value: u32) -> u8 {
    value.min(255) as u8
}

/// A floating-point grey value (mode `F`): clipped to 0 to 255, its fraction cut off.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates; NaN becomes 0")]
pub(super) fn clip_float(value: f32) -> u8 {
    value as u8
}

/// Cyan, magenta, yellow and black as ink, 0 for none.
#[expect(clippy::cast_possible_truncation, reason = "shares of a byte")]
pub(super) fn cmyk([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let light = 255 - u16::from(black);
    // `value * light / 255`, rounded.
    let share = |value: u8| {
        let product = u32::from(value) * u32::from(light) + 128;
        (((product >> 8) + product) >> 8) as u16
    };
    [cyan, magenta, yellow].map(|ink| light.saturating_sub(share(ink)) as u8)
}

/// Samples of fewer than 8 bits in a byte, the first in the highest bits; the last byte may be part empty.
pub(super) fn unpack(row: &[u8], bits: usize, width: usize) -> impl Iterator<Item = u8> {
    let each = 8 / bits;
    let mask = 0xff_u8 >> (8 - bits);
    (0..width).map(move |x| (row[x / each] >> (8 - bits * (x % each + 1))) & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Image.frombytes("CMYK", (1, 1), bytes(ink)).convert("RGB").getpixel((0, 0))
    #[test]
    fn inks_become_light_as_in_pillow() {
        for (ink, expected) in [
            ([0, 0, 0, 0], [255; 3]),
            ([255, 255, 255, 0], [0; 3]),
            ([0, 0, 0, 255], [0; 3]),
            ([10, 100, 200, 50], [197, 125, 44]),
        ] {
            assert_eq!(cmyk(ink), expected, "{ink:?}");
        }
    }

    #[test]
    fn samples_are_unpacked_from_the_left() {
        assert_eq!(
            unpack(&[0b1011_0000, 0b1000_0000], 1, 9).collect::<Vec<_>>(),
            [1, 0, 1, 1, 0, 0, 0, 0, 1]
        );
        assert_eq!(unpack(&[0b1110_0100], 2, 3).collect::<Vec<_>>(), [3, 2, 1]);
        assert_eq!(unpack(&[0xab, 0xc0], 4, 3).collect::<Vec<_>>(), [10, 11, 12]);
    }
}
