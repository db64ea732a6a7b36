//! Charts: as SVG, drawn by `plotters`, with styles that come from the page and values for a pointer or the keyboard beside it; and as
//! bitmaps for whoever takes no page.

mod bitmap;
mod dots;
mod font;
mod line;
mod matrix;
mod medium;
mod scatter;
mod svg;

pub(crate) use bitmap::{Entry, Shape};
pub(crate) use dots::{Dot, DotChart};
pub(crate) use line::{LineChart, Series};
pub(crate) use matrix::Matrix;
pub(crate) use scatter::{Panel, Scatter, placed};
pub(crate) use svg::by_day;
