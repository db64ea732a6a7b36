//! How fast counted work goes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is longer ago says nothing of the rate now.
const WINDOW: Duration = Duration::from_secs(30);

/// Counts with their times: the rate of late, and the time that is left at the pace of all.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    began: (Instant, u64),
    late: VecDeque<(Instant, u64)>,
}

impl Pace {
    /// Work of which `done` is done before this process takes it up.
    pub(super) fn new(now: Instant, done: u64) -> Self {
        Self { began: (now, done), late: VecDeque::from([(now, done)]) }
    }

    /// `done` in all are done now.
    pub(super) fn count(&mut self, now: Instant, done: u64) {
        self.late.push_back((now, done));
        while self.late.len() > 2 && now.duration_since(self.late[1].0) >= WINDOW {
            self.late.pop_front();
        }
        // A rate needs few of many counts.
        if self.late.len() > 4096 {
            self.late.retain({
                let mut keep = false;
                move |_| {
                    keep = !keep;
                    keep
                }
            });
        }
    }

    /// Units a second of late; none before the second count.
    pub(super) fn rate(&self) -> Option<f64> {
        let ((first, from), (last, to)) = (self.late.front()?, self.late.back()?);
        let time = last.duration_since(*first).as_secs_f64();
        (to > from && time > 0.0).then(|| (to - from) as f64 / time)
    }

    /// Time until `total` are done, from the last count on.
    pub(super) fn left(&self, total: u64) -> Option<Duration> {
        let (last, done) = *self.late.back()?;
        let own = done.checked_sub(self.began.1).filter(|own| *own > 0)?;
        let each = last.duration_since(self.began.0).as_secs_f64() / own as f64;
        Duration::try_from_secs_f64(each * total.saturating_sub(done) as f64).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_late_and_the_rest_that_of_all() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut pace = Pace::new(start, 100);
        assert_eq!((pace.rate(), pace.left(1000)), (None, None));
        for second in 1..=100 {
            pace.count(at(second), 100 + second);
        }
        assert_eq!(pace.left(1000), Some(Duration::from_secs(800)));
        for second in 101..=140 {
            pace.count(at(second), 200 + 10 * (second - 100));
        }
        assert!((pace.rate().unwrap() - 10.0).abs() < 1e-9, "{:?}", pace.rate());
        assert!(pace.late.len() < 40);
        // 500 of 1000 in 140 s.
        assert_eq!(pace.left(1000).unwrap().as_secs(), 112);
        assert_eq!(pace.left(10), Some(Duration::ZERO));
    }

    #[test]
    fn many_counts_take_little_memory() {
        let start = Instant::now();
        let mut pace = Pace::new(start, 0);
        for count in 0..50_000 {
            pace.count(start + Duration::from_micros(count), count);
        }
        assert!(pace.late.len() <= 4096);
        assert!((pace.rate().unwrap() - 1e6).abs() < 1e3, "{:?}", pace.rate());
    }
}
