//! What a GPU is asked to run: one launch after the other, each of which costs the host some microseconds and the device a start.

use std::collections::BTreeMap;

/// How often each kernel was launched, by its name without what it was compiled for.
pub type Launches = BTreeMap<String, u64>;

/// The kernels that this process launches during `work`, on any device and thread. None where no GPU backend is compiled in; the
/// processor's backends launch nothing. Waits for nothing: what lies in a queue of Burn's when `work` ends is not counted.
pub fn count_launches<T>(work: impl FnOnce() -> T) -> (T, Launches) {
    #[cfg(feature = "cube")]
    return observed::count(work);
    #[cfg(not(feature = "cube"))]
    (work(), Launches::new())
}

#[cfg(feature = "cube")]
mod observed {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex, PoisonError};

    use burn_cubecl::cubecl::config::{TypeNameFormatLevel, type_name_format};
    use burn_cubecl::cubecl::logging::{LaunchObservation, LaunchObserver};

    use super::Launches;

    #[derive(Default)]
    struct Counter(Mutex<BTreeMap<&'static str, u64>>);

    impl LaunchObserver for Counter {
        fn launched(&self, kernel: &'static str) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kernel).or_default() += 1;
        }
    }

    pub(super) fn count<T>(work: impl FnOnce() -> T) -> (T, Launches) {
        let counter = Arc::new(Counter::default());
        let watching = LaunchObservation::new(counter.clone());
        let done = work();
        drop(watching);
        let mut launches = Launches::new();
        for (kernel, count) in &*counter.0.lock().unwrap_or_else(PoisonError::into_inner) {
            *launches.entry(type_name_format(kernel, TypeNameFormatLevel::Short)).or_default() += count;
        }
        (done, launches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_is_done_and_the_processor_launches_nothing() {
        let (done, launches) = count_launches(|| 7);
        assert_eq!((done, launches), (7, Launches::new()));
    }
}
