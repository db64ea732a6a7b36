//! Which training images are held out for validation.

use std::collections::BTreeMap;

use super::subset::{shuffle_prefix, stream};
use crate::error::DataError;

/// Keeps these draws apart from those of subsets with the same seed.
const DOMAIN: u64 = 0x6865_6c64_5f6f_7574;

/// A split in two parts that have no sample in common and together have all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldOut {
    /// Indices of the samples to train on, sorted.
    pub train: Vec<u32>,
    /// Indices of the samples that are held out, sorted.
    pub validation: Vec<u32>,
}

impl HeldOut {
    /// Holds out `count` of the samples with these labels, the same for the same `seed`: as many of each class as of any other, as
    /// far as there are so many. Every class keeps a sample to train on. Samples without a label are a class of their own.
    ///
    /// A smaller count holds out a part of what a larger one does.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] when `count` is zero or more than can be held out, or there are more samples than a `u32`
    /// counts.
    pub fn draw(labels: &[Option<u32>], count: usize, seed: u64) -> Result<Self, DataError> {
        let samples = u32::try_from(labels.len())
            .map_err(|_| DataError::invalid("data set length", "at most 4294967295", labels.len()))?;
        let mut classes: BTreeMap<Option<u32>, Vec<u32>> = BTreeMap::new();
        for (sample, label) in (0..samples).zip(labels) {
            classes.entry(*label).or_default().push(sample);
        }
        let mut classes: Vec<Vec<u32>> = classes.into_values().collect();
        let most = labels.len() - classes.len();
        if count == 0 || count > most {
            let expected = format!("1 to {most}, so that every class keeps a training sample");
            return Err(DataError::invalid("samples held out", expected, count));
        }
        let mut rng = stream(seed ^ DOMAIN);
        // Whole shuffles: which samples of a class come first does not depend on how many are taken.
        for class in &mut classes {
            let all = class.len();
            shuffle_prefix(class, all, &mut rng);
        }
        // Those that come first have one sample more where the count does not divide.
        let all = classes.len();
        shuffle_prefix(&mut classes, all, &mut rng);
        let room: Vec<usize> = classes.iter().map(|class| class.len() - 1).collect();
        let shares = shares(&room, count);
        let mut parts = Self { train: Vec::new(), validation: Vec::new() };
        for (class, share) in classes.iter().zip(shares) {
            let (held, kept) = class.split_at(share);
            parts.validation.extend_from_slice(held);
            parts.train.extend_from_slice(kept);
        }
        parts.train.sort_unstable();
        parts.validation.sort_unstable();
        Ok(parts)
    }
}

/// `count` in shares that are as equal as the room of each allows, the first ones larger by one where it does not divide. There is room
/// for `count` in all.
fn shares(room: &[usize], count: usize) -> Vec<usize> {
    let mut shares = vec![0; room.len()];
    let mut left = count;
    while left > 0 {
        let open = shares.iter().zip(room).filter(|(share, room)| share < room).count();
        let each = (left / open).max(1);
        for (share, room) in shares.iter_mut().zip(room) {
            let more = each.min(room - *share).min(left);
            *share += more;
            left -= more;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn per_class(labels: &[Option<u32>], part: &[u32]) -> BTreeMap<Option<u32>, usize> {
        let mut counts = BTreeMap::new();
        part.iter().for_each(|sample| *counts.entry(labels[*sample as usize]).or_default() += 1);
        counts
    }

    #[test]
    fn classes_are_held_out_alike() {
        let labels: Vec<_> = (0..100_u32).map(|sample| Some(sample % 7)).collect();
        let parts = HeldOut::draw(&labels, 30, 3).unwrap();
        let counts: Vec<usize> = per_class(&labels, &parts.validation).into_values().collect();
        assert_eq!((counts.len(), counts.iter().min(), counts.iter().max()), (7, Some(&4), Some(&5)));
        assert_ne!(parts, HeldOut::draw(&labels, 30, 4).unwrap());
        // Classes of 1, 3 and 96: the small ones give what they have but one.
        let labels: Vec<_> = (0..100_u32).map(|sample| Some(sample.min(4) / 2)).collect();
        let parts = HeldOut::draw(&labels, 20, 3).unwrap();
        assert_eq!(per_class(&labels, &parts.validation), [(Some(0), 1), (Some(1), 1), (Some(2), 18)].into());
        let unlabelled = HeldOut::draw(&[None; 10], 9, 3).unwrap();
        assert_eq!((unlabelled.validation.len(), unlabelled.train.len()), (9, 1));
    }

    #[test]
    fn counts_out_of_range_are_refused() {
        let labels = [Some(0), Some(0), Some(1), None];
        for count in [0, 2, 4, usize::MAX] {
            let message = HeldOut::draw(&labels, count, 0).unwrap_err().to_string();
            assert!(message.contains("1 to 1"), "{message}");
        }
        assert_eq!(HeldOut::draw(&labels, 1, 0).unwrap().validation.len(), 1);
        assert!(HeldOut::draw(&[], 1, 0).is_err());
    }

    proptest! {
        #[test]
        fn the_parts_are_disjoint_balanced_and_whole(
            labels in prop::collection::vec(prop::option::of(0..5_u32), 2..200), share in 0.0..1.0, seed: u64,
        ) {
            let classes = per_class(&labels, &(0..labels.len() as u32).collect::<Vec<_>>());
            let most = labels.len() - classes.len();
            prop_assume!(most > 0);
            let count = 1 + (share * (most - 1) as f64) as usize;
            let parts = HeldOut::draw(&labels, count, seed).unwrap();
            prop_assert_eq!(parts.validation.len(), count);
            let mut all = [parts.train.clone(), parts.validation.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len() as u32).collect::<Vec<_>>());
            // No class has two more than another that could have given one.
            let held = per_class(&labels, &parts.validation);
            let held = |class: &Option<u32>| held.get(class).copied().unwrap_or(0);
            for (class, size) in &classes {
                prop_assert!(held(class) < *size);
                let open = held(class) + 1 < *size;
                prop_assert!(!open || classes.keys().all(|other| held(other) <= held(class) + 1));
            }
            if count > 1 {
                let fewer = HeldOut::draw(&labels, count - 1, seed).unwrap();
                prop_assert!(fewer.validation.iter().all(|sample| parts.validation.contains(sample)));
            }
        }
    }
}
