//! The hue shift: through PIL's 8-bit HSV and back.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

use super::level::Level;
use super::planes::split_mut;

/// Shifts the hue by a number of turns; torchvision truncates `255 * hue` and lets the byte wrap.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "torchvision truncates, and the byte wraps"
)]
pub(super) fn shift<L: Level>(planes: &mut [u8], hue: f32) {
    let offset = (f64::from(hue) * 255.0) as i32 as u8;
    let (red, green, blue) = split_mut(planes);
    #[cfg(target_arch = "x86_64")]
    if L::AVX512 {
        // SAFETY: `L` says that the caller enables AVX-512.
        unsafe { avx512::shift(red, green, blue, offset) };
        return;
    }
    #[cfg(target_arch = "aarch64")]
    if L::NEON {
        // SAFETY: `L` says that the caller enables NEON.
        unsafe { neon::shift(red, green, blue, offset) };
        return;
    }
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut, reason = "only AVX2 moves it"))]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if L::AVX2 {
        // SAFETY: `L` says that the caller enables AVX2 and FMA.
        done = unsafe { avx2::shift(red, green, blue, offset) };
    }
    portable::shift(&mut red[done..], &mut green[done..], &mut blue[done..], offset);
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::*;
    use crate::augment::level::Portable;
    use crate::augment::{InstructionSet, Instructions};

    /// Compares a level with the portable one: all 256 shifts, all 2^24 colours.
    fn compare(shift_fast: fn(&mut [u8], f32)) {
        for red in 0..=255 {
            let mut planes = vec![red; 3 << 16];
            for (i, pair) in (0..1 << 16).enumerate() {
                planes[(1 << 16) + i] = (pair >> 8) as u8;
                planes[(2 << 16) + i] = pair as u8;
            }
            // Another shift for every red.
            let hue = (f32::from(red) - 127.5) / 255.0;
            let mut other = planes.clone();
            shift::<Portable>(&mut planes, hue);
            shift_fast(&mut other, hue);
            assert!(planes == other, "red {red}, hue {hue}");
        }
    }

    #[test]
    fn every_level_agrees_on_every_color() {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn shift_avx2(planes: &mut [u8], hue: f32) {
            shift::<crate::augment::level::Avx2>(planes, hue);
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vnni")]
        fn shift_avx512(planes: &mut [u8], hue: f32) {
            shift::<crate::augment::level::Avx512>(planes, hue);
        }
        #[cfg(target_arch = "aarch64")]
        #[target_feature(enable = "neon")]
        fn shift_neon(planes: &mut [u8], hue: f32) {
            shift::<crate::augment::level::Neon>(planes, hue);
        }
        for instructions in Instructions::available() {
            match instructions.set() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: they are available.
                InstructionSet::Avx2 => compare(|planes, hue| unsafe { shift_avx2(planes, hue) }),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: they are available.
                InstructionSet::Avx512Vbmi => compare(|planes, hue| unsafe { shift_avx512(planes, hue) }),
                #[cfg(target_arch = "aarch64")]
                // SAFETY: they are available.
                InstructionSet::Neon => compare(|planes, hue| unsafe { shift_neon(planes, hue) }),
                // The other sets run the code of one of these.
                _ => {}
            }
        }
    }
}
