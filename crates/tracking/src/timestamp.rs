use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

use crate::wandb::message::ProtoTimestamp;

/// A moment, to the nanosecond, from 1970 (UTC) on.
///
/// Every call that writes one takes it as an argument: the crate reads no clock, so that the same calls write the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp(Duration);

impl Timestamp {
    /// So many seconds, and nanoseconds below a second, after the start of 1970 (UTC). Times after the year 9999, which no format
    /// here can hold, become its end.
    #[must_use]
    pub fn new(seconds: u64, nanoseconds: u32) -> Self {
        const LAST: u64 = 253_402_300_799;
        Self(Duration::new(seconds.min(LAST), nanoseconds.min(999_999_999)))
    }

    /// Now, by the system's clock.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn as_seconds(self) -> f64 {
        self.0.as_secs_f64()
    }

    /// Seconds from an earlier moment; 0 if that is later.
    #[must_use]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0).as_secs_f64()
    }

    pub(crate) fn whole_seconds(self) -> u64 {
        self.0.as_secs()
    }

    pub(crate) fn to_proto(self) -> ProtoTimestamp {
        let seconds = i64::try_from(self.0.as_secs()).unwrap_or(i64::MAX);
        let nanos = i32::try_from(self.0.subsec_nanos()).unwrap_or(0);
        ProtoTimestamp { seconds, nanos }
    }

    pub(crate) fn from_proto(proto: &ProtoTimestamp) -> Self {
        Self::new(u64::try_from(proto.seconds).unwrap_or(0), u32::try_from(proto.nanos).unwrap_or(0))
    }

    /// Date and time of day as `YYYYMMDD_HHMMSS` (UTC).
    pub(crate) fn compact(self) -> String {
        let date = self.date();
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        let (hour, minute, second) = (date.hour(), date.minute(), date.second());
        format!("{year:04}{month:02}{day:02}_{hour:02}{minute:02}{second:02}")
    }

    /// Date and time of day as `YYYY-MM-DDTHH:MM:SS.uuuuuuZ`.
    pub(crate) fn rfc3339(self) -> String {
        let date = self.date();
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        let (hour, minute, second, micro) =
            (date.hour(), date.minute(), date.second(), self.0.subsec_micros());
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}Z")
    }

    fn date(self) -> OffsetDateTime {
        let seconds = i64::try_from(self.0.as_secs()).unwrap_or(0);
        OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl From<SystemTime> for Timestamp {
    /// Times before 1970 become its start.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::new(since.as_secs(), since.subsec_nanos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, compact) in [
            (0, "19700101_000000"),
            (951_782_400, "20000229_000000"),
            (1_795_914_083, "20261129_010123"),
            (u64::MAX, "99991231_235959"),
        ] {
            assert_eq!(Timestamp::new(seconds, 0).compact(), compact);
        }
        assert_eq!(Timestamp::new(1, 5_000).rfc3339(), "1970-01-01T00:00:01.000005Z");
        assert_eq!(Timestamp::new(1, u32::MAX), Timestamp::new(1, 999_999_999));
        assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_secs(5)), Timestamp::default());
    }

    #[test]
    fn time_does_not_run_backwards() {
        let (early, late) = (Timestamp::new(1, 0), Timestamp::new(2, 500_000_000));
        assert_eq!((late.seconds_since(early), early.seconds_since(late)), (1.5, 0.0));
    }
}
