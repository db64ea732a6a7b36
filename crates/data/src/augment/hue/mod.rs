//! The hue shift: through PIL's 8-bit HSV and back.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;

use super::planes::split_mut;

/// Shifts the hue by a number of turns; torchvision truncates `255 * hue` and lets the byte wrap.
#[inline(always)]
pub(super) fn shift<const AVX2: bool>(planes: &mut [u8], hue: f32) {
    let offset = (f64::from(hue) * 255.0) as i32 as u8;
    let (red, green, blue) = split_mut(planes);
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut, reason = "only AVX2 moves it"))]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if AVX2 {
        // SAFETY: `AVX2` says that the caller enables AVX2 and FMA.
        done = unsafe { avx2::shift(red, green, blue, offset) };
    }
    portable::shift(&mut red[done..], &mut green[done..], &mut blue[done..], offset);
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn avx2_agrees_on_every_color() {
        if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")) {
            // Only the portable path runs on this processor.
            return;
        }
        for red in 0..=255 {
            let mut planes = vec![red; 3 << 16];
            for (i, pair) in (0..1 << 16).enumerate() {
                planes[(1 << 16) + i] = (pair >> 8) as u8;
                planes[(2 << 16) + i] = pair as u8;
            }
            // Another shift for every red: all 256 offsets, all 2^24 colours.
            let hue = (f32::from(red) - 127.5) / 255.0;
            let mut other = planes.clone();
            shift::<false>(&mut planes, hue);
            // SAFETY: the processor has AVX2 and FMA, as was tested above.
            unsafe { shift_avx2(&mut other, hue) };
            assert!(planes == other, "red {red}, hue {hue}");
        }
    }

    #[target_feature(enable = "avx2,fma")]
    fn shift_avx2(planes: &mut [u8], hue: f32) {
        shift::<true>(planes, hue);
    }
}
