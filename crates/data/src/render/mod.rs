//! A small software renderer, and the data set that it makes: a stand-in for 3DIEBench that needs no files.
//!
//! Solids of flat triangles are turned, projected by a perspective camera and drawn through a depth buffer, nine samples a pixel,
//! shaded by Lambert's law under a white light from above and one coloured light; what they do not cover shows the floor. All
//! arithmetic is IEEE 754's own in f64, with sines and cosines of the crate `libm`: the same bytes on every platform.

mod camera;
mod color;
mod folder;
mod objects;
mod raster;
mod scene;
mod shapes;
mod solid;
mod vector;

pub use objects::RenderedObjects;
