//! Which images a random subset takes.

use crate::error::DataError;
use crate::rng::{KeyedRng, ShuffleKey, Split, below};

/// Keeps these draws apart from an epoch's shuffle with the same seed.
const DOMAIN: u64 = 0x7375_6273_6574_0000;

/// `count` distinct indices below `len`, drawn uniformly and sorted, the same for the same `seed`.
///
/// A Fisher-Yates shuffle of `0..len` driven by the crate's keyed generator, cut after `count` elements: the idea of
/// `torch.randperm(len)[:count]` with bits of its own, the same on every platform. A smaller count with the same
/// seed takes a subset of what a larger one takes, so learning curves over the data size are nested. Sorting keeps
/// the order of the data set; shuffling is the loader's work.
///
/// # Errors
/// [`DataError::InvalidArgument`] when `count` is zero or more than `len`, or `len` does not fit a `u32`.
pub fn subset_indices(len: usize, count: usize, seed: u64) -> Result<Vec<u32>, DataError> {
    let bound =
        u32::try_from(len).map_err(|_| DataError::invalid("data set length", "at most 4294967295", len))?;
    if count == 0 || count > len {
        return Err(DataError::invalid("subset size", format!("1 to {len}"), count));
    }
    let mut order: Vec<u32> = (0..bound).collect();
    shuffle_prefix(&mut order, count, &mut stream(seed));
    order.truncate(count);
    order.sort_unstable();
    Ok(order)
}

/// The random stream of a data set's own `seed`.
pub(crate) fn stream(seed: u64) -> KeyedRng {
    ShuffleKey { seed: seed ^ DOMAIN, split: Split::Train, epoch: 0 }.rng()
}

/// Moves a uniformly drawn sample of `values` to its first `count` places.
pub(crate) fn shuffle_prefix<T>(values: &mut [T], count: usize, rng: &mut KeyedRng) {
    for place in 0..count.min(values.len().saturating_sub(1)) {
        values.swap(place, place + below(rng, values.len() - place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_distinct_sorted_and_repeatable() {
        let first = subset_indices(1000, 300, 7).unwrap();
        assert_eq!(first, subset_indices(1000, 300, 7).unwrap());
        assert_ne!(first, subset_indices(1000, 300, 8).unwrap());
        assert!(first.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(first.len(), 300);
        assert!(first.iter().all(|&index| index < 1000));
    }

    #[test]
    fn smaller_subsets_are_nested_in_larger_ones() {
        let large = subset_indices(500, 200, 3).unwrap();
        for count in [1, 10, 199] {
            assert!(subset_indices(500, count, 3).unwrap().iter().all(|index| large.contains(index)));
        }
        assert_eq!(subset_indices(500, 500, 3).unwrap(), (0..500).collect::<Vec<u32>>());
    }

    #[test]
    fn every_index_is_as_likely_as_any_other() {
        // 4000 draws of 5 out of 20: each index is expected 1000 times, standard deviation 27.
        let mut counts = [0_u32; 20];
        for seed in 0..4000 {
            for index in subset_indices(20, 5, seed).unwrap() {
                counts[index as usize] += 1;
            }
        }
        assert!(counts.iter().all(|&count| (865..=1135).contains(&count)), "{counts:?}");
    }

    #[test]
    fn counts_out_of_range_are_refused() {
        assert!(subset_indices(10, 0, 0).is_err());
        assert!(subset_indices(10, 11, 0).is_err());
    }
}
