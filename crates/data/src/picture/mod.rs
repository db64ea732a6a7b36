//! Pictures of images with captions: what a person looks at to check views and their actions (feature `picture`).

mod sequences;
mod text;
mod tiles;
mod views;

pub use sequences::{DrawnSequence, SheetRows, augmented_sheet, sequence_sheet, sequence_views};
pub use text::FONT;
pub use tiles::{Tile, contact_sheet};
pub use views::{ViewRow, view_sheet};
