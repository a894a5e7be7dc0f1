//! What earlier reviews have saved: hits, misses by cause, and how the share of hits goes over time.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::Path;

use serde::Serialize;

use super::table::{bar, duration};
use super::text::{BOLD, DIM, GREEN};
use crate::meter::cache::{Miss, Period, Statistics};
use crate::tokens::{Count, Grouped};

/// The version of the JSON.
const VERSION: u32 = 1;

/// Up to so many days are shown day by day, and more of them week by week.
const FORTNIGHT: u64 = 14;

/// Characters of a full bar.
const BAR: u64 = 24;

/// Days of one row of the trend over so many days.
#[must_use]
pub fn period(days: u64) -> u64 {
    if days <= FORTNIGHT { 1 } else { 7 }
}

/// Renders for people what the cache at `path`, if there is one, came to in the last `days`.
#[must_use]
pub fn text(path: &Path, statistics: &Statistics, days: u64) -> String {
    let mut out = String::new();
    let written = write_text(&mut out, path, statistics, days);
    debug_assert!(written.is_ok(), "writing to a string does not fail");
    out
}

fn write_text(out: &mut String, path: &Path, statistics: &Statistics, days: u64) -> fmt::Result {
    let total = total(&statistics.periods);
    let entries = Count(usize::try_from(statistics.entries).unwrap_or(usize::MAX), "review");
    let kib = statistics.bytes.div_ceil(1024);
    writeln!(out, "{BOLD}{entries}{BOLD:#} kept, {} KiB in {}", Grouped(kib), path.display())?;
    if lookups(&total) == 0 {
        return writeln!(out, "nothing was looked up in the last {} days", Grouped(days));
    }
    writeln!(
        out,
        "{BOLD}{} of {} units{BOLD:#} answered by an earlier review since {} ({})",
        Grouped(total.hits),
        Grouped(lookups(&total)),
        total.from,
        percent(&total)
    )?;
    if total.shared > 0 {
        writeln!(out, "{} of them by a review that another machine has shared", Grouped(total.shared))?;
    }
    writeln!(
        out,
        "{BOLD}{} tokens{BOLD:#} and {} not spent again",
        Grouped(total.tokens),
        duration(total.millis)
    )?;
    if !total.misses.is_empty() {
        writeln!(out, "\nasked a model, since")?;
        for (miss, units) in &total.misses {
            writeln!(
                out,
                "  {:>7}  {:10}  {DIM}{}{DIM:#}",
                Grouped(*units).to_string(),
                miss.as_str(),
                why(*miss)
            )?;
        }
    }
    let each = if period(days) == 1 { "day" } else { "week" };
    writeln!(out, "\nhits a {each} (UTC)")?;
    for period in &statistics.periods {
        let (hits, lookups) = (period.hits, lookups(period));
        let bar = bar(hits, lookups, BAR);
        match lookups {
            0 => writeln!(out, "  {}  {DIM}nothing looked up{DIM:#}", period.from)?,
            _ => writeln!(
                out,
                "  {}  {GREEN}{bar}{GREEN:#} {:>5}  {DIM}{} of {}{DIM:#}",
                period.from,
                percent(period),
                Grouped(hits),
                Grouped(lookups)
            )?,
        }
    }
    writeln!(
        out,
        "\n{DIM}A hit is a change that comes again: amended, rebased, reformatted, pushed.\n\
         New work cannot be one, so the share falls when more is new, and after a change\n\
         of model, level or hookgate.{DIM:#}"
    )
}

#[derive(Serialize)]
struct Document<'s> {
    version: u32,
    file: String,
    entries: u64,
    bytes: u64,
    days: u64,
    #[serde(flatten)]
    total: Row<'s>,
    period_days: u64,
    trend: Vec<Row<'s>>,
}

#[derive(Serialize)]
struct Row<'s> {
    /// The first day with a lookup that counts, or of the period; none without any.
    from: Option<&'s str>,
    hits: u64,
    /// Those of them that another machine's review was needed for.
    shared_hits: u64,
    lookups: u64,
    /// Hits among lookups, from 0 to 1; none without any.
    hit_rate: Option<f64>,
    misses: BTreeMap<&'static str, u64>,
    tokens_saved: u64,
    seconds_saved: f64,
}

/// Renders the same as one line of JSON.
///
/// # Errors
/// None in practice: every field has a JSON form.
pub fn json(path: &Path, statistics: &Statistics, days: u64) -> Result<String, serde_json::Error> {
    let total = total(&statistics.periods);
    serde_json::to_string(&Document {
        version: VERSION,
        file: path.display().to_string(),
        entries: statistics.entries,
        bytes: statistics.bytes,
        days,
        total: row(&total),
        period_days: period(days),
        trend: statistics.periods.iter().map(row).collect(),
    })
}

fn row(period: &Period) -> Row<'_> {
    let lookups = lookups(period);
    let count = |miss: Miss| (miss.as_str(), period.misses.get(&miss).copied().unwrap_or(0));
    Row {
        from: (!period.from.is_empty()).then_some(&period.from),
        hits: period.hits,
        shared_hits: period.shared,
        lookups,
        hit_rate: (lookups > 0).then(|| period.hits as f64 / lookups as f64),
        misses: Miss::ALL.into_iter().map(count).collect(),
        tokens_saved: period.tokens,
        seconds_saved: period.millis as f64 / 1000.0,
    }
}

/// All periods as one.
fn total(periods: &[Period]) -> Period {
    let mut total = Period::default();
    for period in periods {
        if total.from.is_empty() {
            total.from.clone_from(&period.from);
        }
        total.hits += period.hits;
        total.shared += period.shared;
        total.tokens += period.tokens;
        total.millis += period.millis;
        for (miss, units) in &period.misses {
            *total.misses.entry(*miss).or_default() += units;
        }
    }
    total
}

fn lookups(period: &Period) -> u64 {
    period.hits + period.misses.values().sum::<u64>()
}

/// `75 %`.
fn percent(period: &Period) -> String {
    let rate = (period.hits * 100).checked_div(lookups(period));
    rate.map_or_else(String::new, |rate| format!("{rate} %"))
}

fn why(miss: Miss) -> &'static str {
    match miss {
        Miss::New => "this definition was not reviewed before",
        Miss::Changed => "it was reviewed before and has changed since",
        Miss::Model => "another model has reviewed the same",
        Miss::Level => "the same was reviewed at another level",
        Miss::Prompt => "the same was reviewed under other instructions",
        Miss::NoSteps => "nothing tells such a change from others",
        Miss::Unreadable => "what was kept could not be read",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics() -> Statistics {
        let period = |from: &str, hits, misses: &[(Miss, u64)], tokens, millis| Period {
            from: from.to_owned(),
            hits,
            shared: hits / 2,
            misses: misses.iter().copied().collect(),
            tokens,
            millis,
        };
        Statistics {
            entries: 1204,
            bytes: 512_001,
            periods: vec![
                period("2026-11-03", 60, &[(Miss::New, 12), (Miss::Changed, 8)], 30_400, 95_000),
                period("2026-11-10", 0, &[], 0, 0),
                period("2026-11-17", 1, &[(Miss::Changed, 2)], 512, 1_500),
            ],
        }
    }

    #[test]
    fn people_read_this() {
        let text = anstream::adapter::strip_str(&text(Path::new("/s/reviews.sqlite3"), &statistics(), 90))
            .to_string();
        insta::assert_snapshot!(text, @r"
        1,204 reviews kept, 501 KiB in /s/reviews.sqlite3
        61 of 83 units answered by an earlier review since 2026-11-03 (73 %)
        30 of them by a review that another machine has shared
        30,912 tokens and 96 s not spent again

        asked a model, since
               12  new         this definition was not reviewed before
               10  changed     it was reviewed before and has changed since

        hits a week (UTC)
          2026-11-03  ██████████████████░░░░░░  75 %  60 of 80
          2026-11-10  nothing looked up
          2026-11-17  ████████░░░░░░░░░░░░░░░░  33 %  1 of 3

        A hit is a change that comes again: amended, rebased, reformatted, pushed.
        New work cannot be one, so the share falls when more is new, and after a change
        of model, level or hookgate.
        ");
    }

    #[test]
    fn nothing_divides_by_nothing() {
        let none = Statistics::default();
        assert!(text(Path::new("x"), &none, 7).ends_with("nothing was looked up in the last 7 days\n"));
        let value: serde_json::Value =
            serde_json::from_str(&json(Path::new("x"), &none, 7).unwrap()).unwrap();
        assert_eq!((&value["hit_rate"], &value["from"]), (&().into(), &().into()));
        assert_eq!((&value["misses"]["new"], &value["period_days"]), (&0.into(), &1.into()));
    }

    #[test]
    fn programs_read_the_same_figures() {
        let text = json(Path::new("x"), &statistics(), 90).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&value["hits"], &value["lookups"]), (&61.into(), &83.into()));
        assert_eq!((&value["tokens_saved"], &value["seconds_saved"]), (&30_912.into(), &96.5.into()));
        assert_eq!(value["trend"][2]["misses"]["changed"], 2);
        assert_eq!(value["trend"][1]["hit_rate"], serde_json::Value::Null);
    }
}
