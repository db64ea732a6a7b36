//! What a chart is drawn on: the page, whose style gives it colours and size, or a bitmap, which has its own.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::font;
use super::svg::Ink;

/// Somewhere to draw.
pub(super) type Area<B> = DrawingArea<B, Shift>;
/// What may go wrong there; in memory nothing does.
pub(super) type Failure<B> = DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>;

/// How large a chart is drawn, and in which colours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Medium {
    /// Pixels for one of the page.
    scale: u32,
    colour: fn(Ink) -> RGBColor,
}

impl Medium {
    pub(super) const PAGE: Self = Self { scale: 1, colour: Ink::mark };
    pub(super) const BITMAP: Self = Self { scale: 2, colour: Ink::colour };

    pub(super) fn pixels(self, of_page: u32) -> u32 {
        of_page * self.scale
    }

    pub(super) fn colour(self, ink: Ink) -> RGBColor {
        (self.colour)(ink)
    }

    /// Letters as charts have them.
    pub(super) fn letters(self) -> TextStyle<'static> {
        font::register();
        (font::FAMILY, self.pixels(12)).into_font().color(&self.colour(Ink::Text))
    }
}
