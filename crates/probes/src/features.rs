//! Borrowed rows of features: what every function of this crate that needs no tensors reads.

use crate::error::{InputError, check_finite, check_size};

/// Features `[samples, width]` on the host, borrowed, row-major, all finite.
///
/// Several representations of the same samples can stand [beside](Self::beside) each other, as
/// z_1 and z_2, without a copy.
///
/// ```
/// use seqjepa_probes::Features;
///
/// let first = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let second = [0.1, 0.2, 0.3];
/// let pair = Features::new(&first, 2)?.beside(&second, 1)?;
/// assert_eq!((pair.samples(), pair.width()), (3, 3));
/// # Ok::<(), seqjepa_probes::InputError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Features<'a> {
    samples: usize,
    parts: Vec<Part<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Part<'a> {
    values: &'a [f32],
    width: usize,
}

impl<'a> Features<'a> {
    /// Rows of `width` values; there may be none.
    ///
    /// # Errors
    ///
    /// If the width is 0, the number of values is not a multiple of it, or a value is NaN or infinite.
    pub fn new(values: &'a [f32], width: usize) -> Result<Self, InputError> {
        if width == 0 || !values.len().is_multiple_of(width) {
            let expected = "above 0 and a divisor of the number of values";
            return Err(InputError::setting(
                "features' width",
                expected,
                format!("{width} for {} values", values.len()),
            ));
        }
        check_finite("features", values)?;
        Ok(Self::of_checked(values, width))
    }

    /// As [`new`](Self::new), of values that are known to be finite and a multiple of `width`.
    pub(crate) fn of_checked(values: &'a [f32], width: usize) -> Self {
        Self { samples: values.len() / width, parts: vec![Part { values, width }] }
    }

    /// The same samples with `width` more columns on the right.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), or if `values` has another number of rows.
    pub fn beside(self, values: &'a [f32], width: usize) -> Result<Self, InputError> {
        let other = Self::new(values, width)?;
        check_size("samples of the features beside", self.samples, other.samples)?;
        Ok(self.beside_checked(&other))
    }

    pub(crate) fn beside_checked(mut self, other: &Self) -> Self {
        self.parts.extend_from_slice(&other.parts);
        self
    }

    /// Number of rows.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Number of columns, at least 1.
    #[must_use]
    pub fn width(&self) -> usize {
        self.parts.iter().map(|part| part.width).sum()
    }

    /// The values of one row.
    pub(crate) fn row(&self, row: usize) -> impl Iterator<Item = f32> + '_ {
        self.parts
            .iter()
            .flat_map(move |part| &part.values[row * part.width..(row + 1) * part.width])
            .copied()
    }

    /// Copies one row into `out`, which has the features' width, through `map(column, value)`.
    pub(crate) fn copy_row<T: From<f32>>(
        &self,
        row: usize,
        out: &mut [T],
        mut map: impl FnMut(usize, T) -> T,
    ) {
        let mut column = 0;
        for part in &self.parts {
            let values = &part.values[row * part.width..(row + 1) * part.width];
            for (out, value) in out[column..column + part.width].iter_mut().zip(values) {
                *out = map(column, T::from(*value));
                column += 1;
            }
        }
    }
}

/// Features with the samples' classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled<'a> {
    features: Features<'a>,
    labels: &'a [u32],
}

impl<'a> Labelled<'a> {
    /// `labels` has one class for each row of `features`.
    ///
    /// # Errors
    ///
    /// If the number of labels is not that of the rows.
    pub fn new(features: Features<'a>, labels: &'a [u32]) -> Result<Self, InputError> {
        check_size("labels", features.samples(), labels.len())?;
        Ok(Self { features, labels })
    }

    /// The features.
    #[must_use]
    pub fn features(&self) -> &Features<'a> {
        &self.features
    }

    /// The samples' classes.
    #[must_use]
    pub fn labels(&self) -> &'a [u32] {
        self.labels
    }
}

/// Features with the values that a regression shall predict.
#[derive(Clone, Debug, PartialEq)]
pub struct Targeted<'a> {
    features: Features<'a>,
    targets: &'a [f32],
    outputs: usize,
}

impl<'a> Targeted<'a> {
    /// `targets` is `[features.samples(), outputs]`, row-major.
    ///
    /// # Errors
    ///
    /// If its length differs, `outputs` is 0, or a target is NaN or infinite.
    pub fn new(features: Features<'a>, targets: &'a [f32], outputs: usize) -> Result<Self, InputError> {
        if outputs == 0 {
            return Err(InputError::setting("outputs", "above 0", outputs));
        }
        check_size("targets", features.samples() * outputs, targets.len())?;
        check_finite("targets", targets)?;
        Ok(Self { features, targets, outputs })
    }

    /// The features.
    #[must_use]
    pub fn features(&self) -> &Features<'a> {
        &self.features
    }

    /// The targets, `[samples, outputs]`.
    #[must_use]
    pub fn targets(&self) -> &'a [f32] {
        self.targets
    }

    /// Number of values to predict for each sample.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_side_by_side() {
        let pair = Features::new(&[1.0, 2.0, 3.0, 4.0], 2).unwrap().beside(&[5.0, 6.0], 1).unwrap();
        assert_eq!(pair.row(1).collect::<Vec<_>>(), [3.0, 4.0, 6.0]);
        let mut row = [0.0; 3];
        pair.copy_row(0, &mut row, |column, value| value + column as f64);
        assert_eq!(row, [1.0, 3.0, 7.0]);
    }

    #[test]
    fn bad_features_are_refused() {
        assert!(matches!(Features::new(&[1.0; 3], 2), Err(InputError::Setting { .. })));
        assert!(matches!(Features::new(&[], 0), Err(InputError::Setting { .. })));
        assert!(matches!(Features::new(&[0.0, f32::NAN], 2), Err(InputError::NonFinite { index: 1, .. })));
        assert!(matches!(Features::new(&[f32::INFINITY], 1), Err(InputError::NonFinite { .. })));
        let one = Features::new(&[1.0, 2.0], 2).unwrap();
        assert!(matches!(one.clone().beside(&[1.0, 2.0], 1), Err(InputError::Size { .. })));
        assert!(matches!(Labelled::new(one.clone(), &[]), Err(InputError::Size { .. })));
        assert!(matches!(Targeted::new(one.clone(), &[], 0), Err(InputError::Setting { .. })));
        assert!(matches!(Targeted::new(one.clone(), &[1.0], 2), Err(InputError::Size { .. })));
        assert!(matches!(Targeted::new(one, &[f32::NAN], 1), Err(InputError::NonFinite { .. })));
    }

    #[test]
    fn there_may_be_no_rows() {
        assert_eq!(Features::new(&[], 3).unwrap().samples(), 0);
    }
}
