//! Published figures, and what keeps a figure from being compared with them.

mod beside;
mod differences;
mod networks;
mod table;

pub(crate) use beside::{Conditions, published_figure};
pub(crate) use differences::plain;
pub(crate) use networks::published_network;
pub(crate) use table::{OnlineReference, grid, online_references};
