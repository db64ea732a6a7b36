//! Charts as SVG: `plotters` draws, styles come from the page, values for a pointer or the keyboard lie beside.

mod dots;
mod font;
mod line;
mod matrix;
mod svg;

pub(crate) use dots::{Dot, DotChart};
pub(crate) use line::{LineChart, Series};
pub(crate) use matrix::{Matrix, matrix};
