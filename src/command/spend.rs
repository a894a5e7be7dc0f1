//! `hookgate spend`: the ledger, as a bill.

use std::io::Write;
use std::time::SystemTime;

use jiff::Span;
use jiff::civil::Date;

use crate::cli::{By, Since, Spend as Arguments};
use crate::config::{Environment, UserConfig};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::meter::budget::Budget;
use crate::meter::{Limits, calendar, units};
use crate::report::spend::{Period, Spend};

/// Reads the ledger of all repositories, and writes nothing.
///
/// # Errors
/// A wrong configuration, or a ledger that cannot be read.
pub(super) fn execute(
    args: &Arguments,
    environment: &Environment,
    out: &mut dyn Write,
) -> Result<ExitStatus, Error> {
    let user = UserConfig::load(environment)?;
    let now = calendar::since_epoch(SystemTime::now());
    let period = period(args.since, args.until, calendar::date(now))?;
    let mut by: Vec<By> = Vec::new();
    for key in &args.by {
        if !by.contains(key) {
            by.push(key.clone());
        }
    }
    let mut spend = Spend::new(by, period);
    if let Some(budget) = Budget::existing(&user.store(), Limits::default(), user.attribution("spend"))? {
        budget.ledger(period.since)?.iter().for_each(|row| spend.request(row));
        spend.notes.extend(budget.waiting().map(|waiting| {
            let because = &waiting.because;
            format!(
                "{waiting} wait for the ledger, and are billed once it takes them, or in full where it gave them up: \
                 {because}"
            )
        }));
    }
    // What was avoided stands beside the bill, and a bill is worth having without it.
    let file = user.state_directory.join(units::FILE);
    match units::read(&user.state_directory, |units| spend.units(&units)) {
        Ok(0) => {}
        Ok(lines) => spend.notes.push(format!(
            "lines of {} that cannot be read, such as a killed process leaves: {lines}, not counted",
            file.display()
        )),
        Err(error) => spend
            .notes
            .push(format!("what was avoided is not counted: {} cannot be read: {error}", file.display())),
    }
    spend.write(args.format, environment.columns, out)?;
    Ok(ExitStatus::Allowed)
}

/// The UTC days that count.
fn period(since: Option<Since>, until: Option<Date>, today: Date) -> Result<Period, Error> {
    let since = match since {
        Some(Since::Day(day)) => day,
        // More days than the calendar has are all of them.
        Some(Since::Days(days)) => {
            let others = Span::new().try_days(i64::from(days) - 1);
            others.and_then(|others| today.checked_sub(others)).unwrap_or(Date::constant(1970, 1, 1))
        }
        None => today.first_of_month(),
    };
    if let Some(until) = until.filter(|until| *until < since) {
        return Err(Error::Refused(format!("--until {until} is before the first day that counts, {since}")));
    }
    let until = until.map(|until| until.tomorrow().map_or(u64::MAX, calendar::start));
    Ok(Period { since: calendar::start(since), until })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_with_today() {
        let today = Date::constant(2026, 3, 1);
        let at = |since, until: Option<&str>| {
            let since = Option::map(since, |since: &str| since.parse().unwrap());
            period(since, until.map(|until| until.parse().unwrap()), today)
                .map(|period| (calendar::written(period.since), period.until.map(calendar::written)))
        };
        let day = |day: &str| format!("{day}T00:00:00Z");
        assert_eq!(at(None, None).unwrap(), (day("2026-03-01"), None));
        assert_eq!(at(Some("1d"), None).unwrap().0, day("2026-03-01"));
        assert_eq!(at(Some("30d"), None).unwrap().0, day("2026-01-31"));
        for all in ["4294967295d", "99999999999999999999d"] {
            assert_eq!(at(Some(all), None).unwrap().0, day("1970-01-01"));
        }
        // A day that no clock will show is not the first of all.
        assert!(at(Some("9999-12-31"), None).unwrap().0.starts_with("9999-"));
        let february = at(Some("2026-02-01"), Some("2026-02-28")).unwrap();
        assert_eq!(february, (day("2026-02-01"), Some(day("2026-03-01"))));
        assert!(at(None, Some("2026-02-28")).is_err());
        for wrong in ["0d", "00d", "+1d", "d", "30", "2026-02-30", "-1d", "2026-2-1"] {
            assert!(wrong.parse::<Since>().is_err(), "{wrong}");
        }
    }
}
