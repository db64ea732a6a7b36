//! The font that charts measure their text by; the page shows the reader's own.

use std::sync::Once;

use plotters::style::{FontStyle, register_font};

/// Its name for `plotters`, and in the SVG.
pub(super) const FAMILY: &str = "sans-serif";

/// Latin, Greek and mathematical signs of DejaVu Sans.
const BYTES: &[u8] = include_bytes!("../../assets/DejaVuSans-subset.ttf");

/// Makes the font known to `plotters`, once in a process.
pub(super) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        assert!(register_font(FAMILY, FontStyle::Normal, BYTES).is_ok(), "the font in the program is whole");
    });
}
