//! Objects in space, each seen in several views: 3DIEBench, and what renders and files of its kind share.
//!
//! A view is an image and its [`ViewLatents`]: how the object is turned, and the colours of floor and light. [`ObjectSequences`]
//! draws the views of a sequence without replacement from those of one object; [`ThreeDieBench`] reads them from disk,
//! [`RenderedObjects`](crate::render::RenderedObjects) makes them.

mod bench;
mod euler;
mod latents;
mod lists;
mod objects;
mod sequences;

pub use bench::ThreeDieBench;
pub use euler::quaternion_from_euler;
pub use latents::ViewLatents;
pub use sequences::ObjectSequences;

pub(crate) use lists::Lists;
pub(crate) use objects::{MAX_VIEWS, ObjectViews};
