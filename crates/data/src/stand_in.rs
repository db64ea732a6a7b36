//! Temporary: removed as soon as `image.rs` and `rng.rs` are there.
#[derive(Clone, Copy, Debug)]
pub struct ImageView<'a> {
    pixels: &'a [u8],
    width: usize,
    height: usize,
}
impl<'a> ImageView<'a> {
    pub fn new(pixels: &'a [u8], height: usize, width: usize) -> Result<Self, String> {
        Ok(Self { pixels, width, height })
    }
    pub fn width(&self) -> usize { self.width }
    pub fn height(&self) -> usize { self.height }
    pub fn pixels(&self) -> &'a [u8] {
        self.pixels
    }
}
