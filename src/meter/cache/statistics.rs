//! What the cache was good for, day by day and in longer periods.

use std::collections::BTreeMap;

use rusqlite::Transaction;

use super::{DAY, HIT, Miss, SHARED_HIT, signed, unsigned};
use crate::meter::calendar;

/// What the cache holds and what it was good for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Reviews that are kept.
    pub entries: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Periods of equal length, from the first in which something was looked up to the one that ends
    /// today.
    pub periods: Vec<Period>,
}

/// The lookups of some days on end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// The first day (UTC), `2026-11-23`.
    pub from: String,
    /// Units that were answered.
    pub hits: u64,
    /// Those of them that were with the help of another machine's review.
    pub shared: u64,
    /// Units that were not, by cause.
    pub misses: BTreeMap<Miss, u64>,
    /// Tokens that the hits saved.
    pub tokens: u64,
    /// Milliseconds that the hits saved.
    pub millis: u64,
}

/// The lookups of the last `days` in periods of `length` days, of which the last ends on `today`.
pub(super) fn periods(
    transaction: &Transaction<'_>,
    today: u64,
    days: u64,
    length: u64,
) -> rusqlite::Result<Vec<Period>> {
    let since = (today + 1).saturating_sub(days);
    // By how many periods ago they were; what a clock that was set back has counted is of today.
    let mut periods: BTreeMap<u64, Period> = BTreeMap::new();
    let mut query =
        transaction.prepare("SELECT day, outcome, units, tokens, millis FROM lookups WHERE day >= ?1")?;
    let mut rows = query.query([signed(since)])?;
    while let Some(row) = rows.next()? {
        let ago = today.saturating_sub(unsigned(row.get(0)?)) / length;
        let period = periods.entry(ago).or_default();
        let outcome: String = row.get(1)?;
        let units = unsigned(row.get(2)?);
        if outcome == HIT || outcome == SHARED_HIT {
            period.hits += units;
            period.shared += if outcome == SHARED_HIT { units } else { 0 };
            period.tokens += unsigned(row.get(3)?);
            period.millis += unsigned(row.get(4)?);
        } else if let Some(miss) = Miss::ALL.into_iter().find(|miss| miss.as_str() == outcome) {
            *period.misses.entry(miss).or_default() += units;
        }
    }
    let count = periods.keys().max().map_or(0, |oldest| oldest + 1);
    let period = |ago: u64| {
        let first = (today + 1).saturating_sub(ago.saturating_add(1).saturating_mul(length)).max(since);
        let from = calendar::window_ids(first.saturating_mul(DAY)).0;
        Period { from, ..periods.remove(&ago).unwrap_or_default() }
    };
    Ok((0..count).rev().map(period).collect())
}
