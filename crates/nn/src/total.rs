//! Sums over all values of many tensors on the device.

#[cfg(feature = "cube")]
use burn::backend::tensor::FloatTensor;
#[cfg(feature = "cube")]
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

#[cfg(feature = "cube")]
use crate::floats::Floats;
#[cfg(feature = "cube")]
use crate::own_kernels::serve_on_gpu;

/// What is summed of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Term {
    /// Its square.
    Square,
    /// Nothing times it: 0, but of what is not finite, which is NaN.
    Nothing,
}

/// Elements that are summed at a time. Some backends sum longer tensors in parallel, in an order that varies from run to
/// run; pieces of this size are summed in one order.
const PIECE: usize = 1 << 20;

/// The sum over all values of these tensors, `[1]`, in the same order every time; nothing of none.
pub(crate) fn total(term: Term, tensors: impl IntoIterator<Item = Tensor<1>>) -> Option<Tensor<1>> {
    let tensors: Vec<_> = tensors.into_iter().collect();
    #[cfg(feature = "cube")]
    if tensors.iter().all(serve_on_gpu) {
        return added_there(term, tensors);
    }
    let mut sums: Vec<_> = tensors.iter().map(|tensor| sum(term, tensor)).collect();
    if sums.len() < 2 { sums.pop() } else { Some(Tensor::cat(sums, 0).sum()) }
}

/// The sum over the values of one tensor, `[1]`.
pub(crate) fn sum(term: Term, values: &Tensor<1>) -> Tensor<1> {
    #[cfg(feature = "cube")]
    if serve_on_gpu(values) {
        return added_there(term, vec![values.clone()]).expect("there is one");
    }
    #[cfg(feature = "flex")]
    if term == Term::Square && crate::flex::serves(values) {
        return crate::flex::sum_of_squares(values);
    }
    if term == Term::Nothing {
        return values.clone().mul_scalar(0.0).sum();
    }
    let terms = values.clone().square();
    if terms.dims()[0] <= PIECE {
        return terms.sum();
    }
    let pieces = terms.split(PIECE, 0);
    Tensor::cat(pieces.into_iter().map(Tensor::sum).collect(), 0).sum()
}

/// By partial sums, to which several tensors add in a launch, by as many cubes as there are partial sums. Burn sums a tensor by one cube, of a
/// large one for milliseconds.
#[cfg(feature = "cube")]
fn added_there(term: Term, tensors: Vec<Tensor<1>>) -> Option<Tensor<1>> {
    let device = tensors.first()?.device().inner();
    let tensors = Floats::of(tensors.into_iter().map(Tensor::without_autodiff).collect());
    let sums = Tensor::<1>::zeros([PARTIAL_SUMS], &device).into_dispatch();
    let sums = <Dispatch as AddedTerms>::added_terms(tensors, sums, term);
    Some(Tensor::<1>::from_dispatch(sums).sum())
}

/// Cubes that sum a tensor.
#[cfg(feature = "cube")]
pub(crate) const PARTIAL_SUMS: usize = 256;

#[cfg(feature = "cube")]
#[backend_extension(Cube, Fusion)]
pub(crate) trait AddedTerms: Backend {
    /// The partial sums with what `tensors` add to them.
    #[fusion(meta = |_, sums, _| sums.clone())]
    fn added_terms(
        #[extension_type] tensors: Floats<Self>,
        sums: FloatTensor<Self>,
        term: Term,
    ) -> FloatTensor<Self>;
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::host::read_scalar;

    #[test]
    fn all_values_of_all_tensors_are_summed() {
        let tensors = |last: f32| {
            let device = Device::flex();
            vec![Tensor::<1>::from_floats([1.0, -2.0], &device), Tensor::from_floats([3.0, last], &device)]
        };
        let total = |term, last| total(term, tensors(last)).map(read_scalar).unwrap();
        assert_eq!(total(Term::Square, 4.0), 30.0);
        assert_eq!(total(Term::Nothing, f32::MAX), 0.0);
        for last in [f32::NAN, f32::INFINITY] {
            assert!(total(Term::Nothing, last).is_nan());
        }
        assert!(super::total(Term::Square, []).is_none());
        assert_eq!(read_scalar(sum(Term::Square, &tensors(4.0)[1])), 25.0);
    }
}
