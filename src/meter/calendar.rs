//! Days and months in UTC, as windows count them. Times are ms since the epoch.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The UTC day and month of `time`, as `2026-11-23` and `2026-11`.
pub(super) fn window_ids(time: u64) -> (String, String) {
    let date = date(time);
    let month = format!("{:04}-{:02}", date.year(), date.month());
    (format!("{month}-{:02}", date.day()), month)
}

/// When the day and the month of `time` end; none at the end of the calendar.
pub(super) fn resets(time: u64) -> (Option<u64>, Option<u64>) {
    let today = date(time);
    let start = |date: Date| -> Option<u64> {
        let midnight = date.to_zoned_datetime(TimeZone::UTC).ok()?;
        u64::try_from(midnight.timestamp().as_millisecond()).ok()
    };
    (today.tomorrow().ok().and_then(start), today.last_of_month().tomorrow().ok().and_then(start))
}

/// A time beyond the calendar falls on its last day.
fn date(time: u64) -> Date {
    let timestamp = i64::try_from(time).ok().and_then(|time| Timestamp::from_millisecond(time).ok());
    timestamp.unwrap_or(Timestamp::MAX).to_zoned_datetime(TimeZone::UTC).date()
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
    }
}
