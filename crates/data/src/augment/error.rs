/// What can be wrong with an image, a policy or the parameters of a view.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AugmentError {
    /// A side is zero.
    #[error("the {what} is {height} x {width} pixels; both sides must be at least 1")]
    ZeroSize {
        /// Which rectangle.
        what: &'static str,
        /// Rows of the rectangle.
        height: usize,
        /// Columns of the rectangle.
        width: usize,
    },
    /// A side is longer than the engine takes.
    #[error("the {what} is {height} x {width} pixels; both sides must be at most {most}")]
    TooLarge {
        /// Which rectangle.
        what: &'static str,
        /// Rows of the rectangle.
        height: usize,
        /// Columns of the rectangle.
        width: usize,
        /// Most rows or columns.
        most: usize,
    },
    /// The bytes of an image do not fit its size.
    #[error("the image has {found} bytes; its size and format ask for {expected}")]
    PixelCount {
        /// Bytes that the size and format ask for.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
    /// The crop reaches outside the image.
    #[error(
        "the crop (top {top}, left {left}, {height} x {width} pixels) reaches outside the image of \
         {image_height} x {image_width} pixels"
    )]
    CropOutside {
        /// First row of the crop.
        top: usize,
        /// First column of the crop.
        left: usize,
        /// Rows of the crop.
        height: usize,
        /// Columns of the crop.
        width: usize,
        /// Rows of the image.
        image_height: usize,
        /// Columns of the image.
        image_width: usize,
    },
    /// The destination has the wrong length.
    #[error("the output has {found} elements; a view of this size needs {expected}")]
    OutputLength {
        /// Elements that the view needs.
        expected: usize,
        /// Elements that were given.
        found: usize,
    },
    /// A number is outside what its operator accepts.
    #[error("{name} is {value}; it must be {expected}")]
    Factor {
        /// What the number is.
        name: &'static str,
        /// The value given.
        value: f32,
        /// What is accepted.
        expected: &'static str,
    },
    /// A sampling range is reversed or outside what its operator accepts.
    #[error("the range of {name} is [{low}, {high}]; it must be ordered and lie in {expected}")]
    Range {
        /// What is drawn from the range.
        name: &'static str,
        /// Lower end.
        low: f32,
        /// Upper end.
        high: f32,
        /// What is accepted.
        expected: &'static str,
    },
    /// A probability is outside [0, 1].
    #[error("the probability of {name} is {value}; it must lie in [0, 1]")]
    Probability {
        /// The step.
        name: &'static str,
        /// The probability given.
        value: f64,
    },
    /// A blur kernel is even or empty.
    #[error("the blur kernel has size {size}; it must be odd")]
    KernelSize {
        /// The size given.
        size: usize,
    },
    /// A blur kernel reaches further than reflection can fill.
    #[error(
        "the blur kernel has size {size}; half of it must be less than both sides of the view, \
         {height} x {width} pixels"
    )]
    KernelTooLarge {
        /// The kernel's size.
        size: usize,
        /// Rows of the view.
        height: usize,
        /// Columns of the view.
        width: usize,
    },
    /// The four jitter steps are not each named once.
    #[error("the order of the colour jitter names a step twice")]
    JitterOrder,
}
