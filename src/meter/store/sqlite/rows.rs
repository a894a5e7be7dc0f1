//! The statements over rows, each part of a caller's transaction.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::meter::price::PriceSource;
use crate::meter::store::{
    Experience, LedgerRow, RecordedUsage, ScopeTotals, Settlement, State, Totals, WindowTotals,
};
use crate::meter::{Attribution, Scope, calendar};
use crate::tokens::{PicoUsd, Usage, UsageSource};

/// A request that is neither finished nor given back.
pub(super) struct Open {
    id: String,
    state: State,
    estimate_input: u64,
    estimate_output: u64,
    cost: Option<PicoUsd>,
}

/// SQLite's integers are signed; no count or time in use comes near the difference.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The reverse of [`signed`].
pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// The state of request `id`.
pub(super) fn state(connection: &Connection, id: &str) -> rusqlite::Result<Option<State>> {
    connection
        .prepare_cached("SELECT state FROM requests WHERE id = ?1")?
        .query_row([id], |row| state_at(row, 0))
        .optional()
}

/// The runs that have open requests, each with the lease that ends first.
pub(super) fn holders(connection: &Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    connection
        .prepare_cached(
            "SELECT run, min(lease) FROM requests WHERE state IN ('reserved', 'dispatched') GROUP BY run",
        )?
        .query_map([], |row| Ok((row.get(0)?, count(row, 1)?)))?
        .collect()
}

/// The open requests of `run` whose lease ends by `time`.
pub(super) fn open(connection: &Connection, run: &str, time: u64) -> rusqlite::Result<Vec<Open>> {
    connection
        .prepare_cached(
            "SELECT id, state, estimate_input, estimate_output, cost FROM requests
             WHERE state IN ('reserved', 'dispatched') AND run = ?1 AND lease <= ?2",
        )?
        .query_map(params![run, signed(time)], |row| {
            Ok(Open {
                id: row.get(0)?,
                state: state_at(row, 1)?,
                estimate_input: count(row, 2)?,
                estimate_output: count(row, 3)?,
                cost: optional(row, 4)?.map(PicoUsd),
            })
        })?
        .collect()
}

/// Releases those of `abandoned` that were not sent, and charges the others in full.
pub(super) fn resolve(connection: &Connection, abandoned: &[Open]) -> rusqlite::Result<()> {
    for row in abandoned {
        if row.state == State::Reserved {
            release(connection, &row.id, "abandoned")?;
        } else {
            let usage = Usage {
                input: row.estimate_input,
                cached_input: 0,
                output: row.estimate_output,
                source: UsageSource::Estimated,
                ..Usage::default()
            };
            let settlement = Settlement {
                full: true,
                usage,
                cost: row.cost,
                energy: None,
                outcome: "abandoned",
                latency: None,
            };
            finish(connection, &row.id, &settlement)?;
        }
    }
    Ok(())
}

/// Gives a request back.
pub(super) fn release(connection: &Connection, id: &str, outcome: &str) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "UPDATE requests SET state = 'released', tokens = 0, cost = cost * 0, outcome = ?2 WHERE id = ?1",
        )?
        .execute(params![id, outcome])
}

/// Charges a request.
pub(super) fn finish(
    connection: &Connection,
    id: &str,
    settlement: &Settlement<'_>,
) -> rusqlite::Result<usize> {
    let Settlement { full, usage, cost, energy, outcome, latency } = *settlement;
    let state = if full { State::ChargedFull } else { State::Settled };
    let latency = latency.map(|latency| i64::try_from(latency.as_millis()).unwrap_or(i64::MAX));
    connection
        .prepare_cached(
            "UPDATE requests SET state = ?2, used_input = ?3, used_cached = ?4, used_output = ?5, usage_source = ?6,
                    tokens = ?7, cost = ?8, outcome = ?9, latency_ms = ?10, used_cache_write = ?11, energy = ?12,
                    price_source = COALESCE(?13, price_source)
             WHERE id = ?1",
        )?
        .execute(params![
            id,
            state.as_str(),
            signed(usage.input),
            signed(usage.cached_input),
            signed(usage.output),
            usage.source.as_str(),
            signed(usage.total()),
            cost.map(|cost| signed(cost.0)),
            outcome,
            latency,
            signed(usage.cache_write),
            energy.map(|energy| signed(energy.0)),
            usage.reported_cost.map(|_| PriceSource::Reported.to_string()),
        ])
}

/// What the run and the windows at `time` count for. All rows are the user's.
pub(super) fn totals(
    connection: &Connection,
    time: u64,
    run: &str,
    attribution: &Attribution,
) -> rusqlite::Result<WindowTotals> {
    let mut totals = WindowTotals { time, ..WindowTotals::default() };
    let mut of_run = connection.prepare_cached(&format!(
        "SELECT state, {OF_RUN} FROM requests WHERE run = ?1 AND state NOT IN ('released', 'denied') GROUP BY state"
    ))?;
    let mut rows = of_run.query([run])?;
    while let Some(row) = rows.next()? {
        add(&mut totals.run, row)?;
    }
    let named = Scope::ALL.into_iter().filter_map(|scope| Some((scope, attribution.scope(scope)?)));
    let named: Vec<_> = named.collect();
    totals.scopes = named.iter().map(|&(scope, _)| (scope, ScopeTotals::default())).collect();
    let (today, month) = calendar::window_ids(time);
    let mut of_month = connection.prepare_cached(
        "SELECT state, tokens_high, tokens_low, cost_high, cost_low, unpriced, day, repository, team, stage FROM sums
         WHERE month = ?1",
    )?;
    let mut rows = of_month.query([month])?;
    while let Some(row) = rows.next()? {
        let is_today = row.get_ref("day")?.as_str()? == today;
        for &(scope, name) in &named {
            let belongs = match scope {
                Scope::User => true,
                Scope::Repository => row.get_ref("repository")?.as_str()? == name,
                Scope::Team => row.get_ref("team")?.as_str()? == name,
                Scope::Stage => row.get_ref("stage")?.as_str()? == name,
            };
            let Some(totals) = totals.scopes.get_mut(&scope).filter(|_| belongs) else { continue };
            add(&mut totals.month, row)?;
            if is_today {
                add(&mut totals.day, row)?;
            }
        }
    }
    Ok(totals)
}

/// Sums of a run's rows, of which there are few, as `sums` holds them of all.
const OF_RUN: &str = "sum(tokens >> 32), sum(tokens & 0xFFFFFFFF), sum(cost >> 32), sum(cost & 0xFFFFFFFF),
                    sum(cost IS NULL AND tokens > 0)";

/// Adds a state and its sums. What leaves 64 bits after all stays at their end.
fn add(totals: &mut Totals, row: &Row<'_>) -> rusqlite::Result<()> {
    let sum = |high, low| -> rusqlite::Result<u64> {
        let (high, low) = (optional(row, high)?.unwrap_or(0), optional(row, low)?.unwrap_or(0));
        let sum = (u128::from(high) << 32) + u128::from(low);
        Ok(u64::try_from(sum).unwrap_or(u64::MAX))
    };
    let (tokens, cost) = (sum(1, 2)?, PicoUsd(sum(3, 4)?));
    match state_at(row, 0)? {
        State::Reserved | State::Dispatched => {
            totals.reserved = totals.reserved.saturating_add(tokens);
            totals.reserved_cost += cost;
        }
        State::Settled | State::ChargedFull => {
            totals.used = totals.used.saturating_add(tokens);
            totals.used_cost += cost;
            totals.unpriced += count(row, 5)?;
        }
        State::Released | State::Denied => {}
    }
    Ok(())
}

/// Requests of `since` or later.
pub(super) fn ledger(connection: &Connection, since: u64) -> rusqlite::Result<Vec<LedgerRow>> {
    connection
        .prepare(
            "SELECT id, run, state, time, day, repository, branch, team, hook, user, stage, ci_run, labels,
                    provider, model, tier, estimate_input, estimate_output, usage_source, used_input,
                    used_cached, used_cache_write, used_output, cost, price_source, energy, counted_input,
                    because, breaker, raw_tokens, payload_tokens, payload_hash, latency_ms, outcome
             FROM requests WHERE time >= ?1 ORDER BY time, rowid",
        )?
        .query_map([signed(since)], ledger_row)?
        .collect()
}

/// Reads the columns in the order in which they were asked for. To look each one up by its name would
/// take a third of the time of reading a long ledger.
fn ledger_row(row: &Row<'_>) -> rusqlite::Result<LedgerRow> {
    let mut column = 0;
    let mut next = || {
        column += 1;
        column - 1
    };
    Ok(LedgerRow {
        id: row.get(next())?,
        run: row.get(next())?,
        state: state_at(row, next())?,
        time: count(row, next())?,
        day: row.get(next())?,
        attribution: Attribution {
            repository: row.get(next())?,
            branch: row.get(next())?,
            team: row.get(next())?,
            hook: row.get(next())?,
            user: row.get(next())?,
            stage: row.get(next())?,
            ci_run: row.get(next())?,
            labels: serde_json::from_str(row.get_ref(next())?.as_str()?).unwrap_or_default(),
        },
        provider: row.get(next())?,
        model: row.get(next())?,
        tier: row.get(next())?,
        estimate_input: count(row, next())?,
        estimate_output: count(row, next())?,
        usage: {
            let source: Option<String> = row.get(next())?;
            let mut tokens = || Ok::<_, rusqlite::Error>(optional(row, next())?.unwrap_or(0));
            let (input, cached_input, cache_write, output) = (tokens()?, tokens()?, tokens()?, tokens()?);
            source.map(|source| RecordedUsage { input, cached_input, cache_write, output, source })
        },
        cost: optional(row, next())?.map(PicoUsd),
        price_source: row.get(next())?,
        energy: optional(row, next())?.map(PicoUsd),
        counted_input: count(row, next())?,
        because: row.get(next())?,
        breaker: row.get(next())?,
        raw_tokens: count(row, next())?,
        payload_tokens: count(row, next())?,
        payload_hash: row.get(next())?,
        latency_ms: optional(row, next())?,
        outcome: row.get(next())?,
    })
}

/// See [`Store::experience`](crate::meter::store::Store::experience).
pub(super) fn experience(
    connection: &Connection,
    provider: &str,
    model: &str,
    most: usize,
) -> rusqlite::Result<Vec<Experience>> {
    connection
        .prepare_cached(
            "SELECT counted_input, used_input FROM requests
             WHERE provider = ?1 AND model = ?2 AND usage_source = 'reported' AND used_input > 0
                   AND counted_input > 0 AND outcome <> 'short_read'
             ORDER BY time DESC, rowid DESC LIMIT ?3",
        )?
        .query_map(params![provider, model, signed(most as u64)], |row| {
            Ok(Experience { counted: count(row, 0)?, reported: count(row, 1)? })
        })?
        .collect()
}

/// The text of a cell.
pub(super) fn cell(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT text FROM cells WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// Writes a cell.
pub(super) fn write_cell(connection: &Connection, name: &str, text: &str) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO cells (name, text) VALUES (?1, ?2)")?
        .execute([name, text])
}

/// See [`Store::cells`](crate::meter::store::Store::cells).
pub(super) fn cells(connection: &Connection, prefix: &str) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare_cached("SELECT name, text FROM cells WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name")?
        .query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn count(row: &Row<'_>, column: impl rusqlite::RowIndex) -> rusqlite::Result<u64> {
    row.get(column).map(unsigned)
}

fn optional(row: &Row<'_>, column: impl rusqlite::RowIndex) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(unsigned))
}

fn state_at(row: &Row<'_>, column: usize) -> rusqlite::Result<State> {
    let word = row.get_ref(column)?.as_str()?;
    State::from_word(word).ok_or_else(|| {
        // The table's own check lets no other word in, so the file was written by something else.
        rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some(format!("a request is in the unknown state {word:?}")),
        )
    })
}
