//! Numbers and lines for people.

use std::time::Duration;

/// As `0:01:05`.
pub(super) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds / 3600 {
        hours @ 0..48 => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
        hours => format!("{} days {} h", hours / 24, hours % 24),
    }
}

/// A rate with about three digits.
pub(super) fn rate(rate: f64, unit: &str) -> String {
    let digits = match rate {
        rate if rate >= 100.0 => 0,
        rate if rate >= 10.0 => 1,
        _ => 2,
    };
    format!("{rate:.digits$} {unit}/s")
}

/// A share of time.
pub(super) fn share(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_they_are_worth() {
        let clocks = [5, 65, 3_605, 100_000, 300_000].map(|seconds| clock(Duration::from_secs(seconds)));
        assert_eq!(clocks, ["0:00:05", "0:01:05", "1:00:05", "27:46:40", "3 days 11 h"]);
        assert_eq!(
            [1234.5, 56.78, 0.123].map(|value| rate(value, "images")),
            ["1234 images/s", "56.8 images/s", "0.12 images/s"]
        );
        assert_eq!(share(0.034), "3 %");
    }
}
