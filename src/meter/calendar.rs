//! Days and months in UTC, as windows and reports count them. Times are ms since the epoch.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A time of the system in ms since the epoch; 0 for one before it.
#[must_use]
pub fn since_epoch(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The UTC day and month of `time`, as `2026-11-23` and `2026-11`.
#[must_use]
pub fn window_ids(time: u64) -> (String, String) {
    let date = date(time);
    let month = format!("{:04}-{:02}", date.year(), date.month());
    (format!("{month}-{:02}", date.day()), month)
}

/// When the day and the month of `time` end; none at the end of the calendar.
pub(super) fn resets(time: u64) -> (Option<u64>, Option<u64>) {
    let today = date(time);
    (today.tomorrow().ok().map(start), today.last_of_month().tomorrow().ok().map(start))
}

/// When a UTC day begins; 0 for days before the epoch, and the end of time for a day that no clock shows.
#[must_use]
pub fn start(day: Date) -> u64 {
    match day.to_zoned_datetime(TimeZone::UTC) {
        Ok(midnight) => u64::try_from(midnight.timestamp().as_millisecond()).unwrap_or(0),
        Err(_) if day < Date::constant(1970, 1, 1) => 0,
        Err(_) => u64::MAX,
    }
}

/// `time` as RFC 3339 has it, in UTC and to the second: `2026-11-23T22:40:05Z`.
#[must_use]
pub fn written(time: u64) -> String {
    timestamp(time).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time beyond the calendar falls on its last day.
#[must_use]
pub fn date(time: u64) -> Date {
    timestamp(time).to_zoned_datetime(TimeZone::UTC).date()
}

fn timestamp(time: u64) -> Timestamp {
    let timestamp = i64::try_from(time).ok().and_then(|time| Timestamp::from_millisecond(time).ok());
    timestamp.unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_day_ends_its_month() {
        // Both from `date -u -d`.
        let (leap_day, march) = (1_835_437_200_000, 1_835_481_600_000);
        assert_eq!(window_ids(leap_day), ("2028-02-29".to_owned(), "2028-02".to_owned()));
        assert_eq!(resets(leap_day), (Some(march), Some(march)));
    }

    #[test]
    fn no_time_is_beyond_the_calendar() {
        assert_eq!(window_ids(0).0, "1970-01-01");
        assert_eq!(window_ids(u64::MAX).0, "9999-12-30");
        assert_eq!(resets(u64::MAX).1, None);
        assert_eq!([start(Date::MIN), start(Date::MAX)], [0, u64::MAX]);
        assert_eq!(start(Date::constant(1969, 12, 31)), 0);
    }
}
