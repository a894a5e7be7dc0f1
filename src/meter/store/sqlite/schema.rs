//! Opening the database: making it, and refusing what is not ours.

#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, MAIN_DB, OpenFlags, TransactionBehavior};

use super::{cause, explain, filesystem, not_our_turn, turn};
use crate::meter::store::StoreError;

/// Marks a SQLite file as hookgate's: `hkgt` in ASCII.
const APPLICATION: i64 = 0x686b_6774;

/// The version that this program reads and writes.
pub(super) const VERSION: i64 = 3;

/// The first SQLite without the WAL-reset bug, which corrupts databases that several processes
/// write.
const OLDEST_SQLITE: i32 = 3_051_003;

// What it is built against. What it runs with is asked when a ledger is opened.
const _: () =
    assert!(rusqlite::ffi::SQLITE_VERSION_NUMBER >= OLDEST_SQLITE, "SQLite 3.51.3 or later is needed");

const SCHEMA: &str = "
CREATE TABLE requests (
    id TEXT NOT NULL PRIMARY KEY,
    run TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('reserved', 'dispatched', 'settled', 'charged_full', 'released', 'denied')),
    time INTEGER NOT NULL,              -- ms since the epoch, of the reservation
    day TEXT NOT NULL,                  -- 2026-11-23, frozen at the reservation
    month TEXT NOT NULL,                -- 2026-11, likewise
    lease INTEGER NOT NULL,             -- ms since the epoch, after which an open request is abandoned
    repository TEXT NOT NULL,
    branch TEXT,
    team TEXT,
    hook TEXT NOT NULL,
    user TEXT NOT NULL,
    stage TEXT NOT NULL,
    ci_run TEXT,
    labels TEXT NOT NULL,               -- a JSON object of strings
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    tier TEXT NOT NULL,
    estimate_input INTEGER NOT NULL,
    estimate_output INTEGER NOT NULL,
    used_input INTEGER,
    used_cached INTEGER,                -- part of used_input
    used_output INTEGER,
    usage_source TEXT,
    tokens INTEGER NOT NULL,            -- what the request counts for in its windows now
    cost INTEGER,                       -- pico-USD likewise; null where the price is unknown
    price_source TEXT NOT NULL,
    raw_tokens INTEGER NOT NULL,
    payload_tokens INTEGER NOT NULL,
    payload_hash TEXT NOT NULL,
    latency_ms INTEGER,
    outcome TEXT,
    counted_input INTEGER NOT NULL,     -- estimate_input without its margin
    because TEXT NOT NULL,              -- why this endpoint
    breaker TEXT NOT NULL,
    used_cache_write INTEGER,           -- part of used_input
    energy INTEGER                      -- pico-USD of electricity
) STRICT;
CREATE INDEX requests_time ON requests (time);
CREATE INDEX requests_run ON requests (run, state, tokens, cost) WHERE state NOT IN ('released', 'denied');
CREATE INDEX requests_open ON requests (run, lease, state) WHERE state IN ('reserved', 'dispatched');
CREATE INDEX requests_model ON requests (provider, model, time) WHERE usage_source = 'reported';
CREATE TABLE cells (name TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// What the requests of each day count for, by all that a scope or a total tells apart: a month of rows is too
/// long to be summed by every request. An amount is kept in two halves of 32 bits, since SQLite's sums of whole
/// ones fail where they leave 64 bits.
const SUMS: &str = "
CREATE TABLE sums (
    month TEXT NOT NULL,
    day TEXT NOT NULL,
    repository TEXT NOT NULL,
    team TEXT NOT NULL,                 -- empty for none
    stage TEXT NOT NULL,
    state TEXT NOT NULL,
    tokens_high INTEGER NOT NULL,
    tokens_low INTEGER NOT NULL,
    cost_high INTEGER NOT NULL,
    cost_low INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,          -- requests of tokens whose price is unknown
    PRIMARY KEY (month, day, repository, team, stage, state)
) STRICT, WITHOUT ROWID;
CREATE VIEW amounts AS SELECT
    id, month, day, repository, ifnull(team, '') AS team, stage, state,
    tokens >> 32 AS tokens_high, tokens & 0xFFFFFFFF AS tokens_low,
    ifnull(cost >> 32, 0) AS cost_high, ifnull(cost & 0xFFFFFFFF, 0) AS cost_low,
    cost IS NULL AND tokens > 0 AS unpriced
    FROM requests WHERE state NOT IN ('released', 'denied');
";

/// Adds the request `new` to its sums.
const COUNT: &str = "
    INSERT INTO sums
        SELECT month, day, repository, team, stage, state, tokens_high, tokens_low, cost_high, cost_low, unpriced
        FROM amounts WHERE id = new.id
        ON CONFLICT DO UPDATE SET
            tokens_high = tokens_high + excluded.tokens_high, tokens_low = tokens_low + excluded.tokens_low,
            cost_high = cost_high + excluded.cost_high, cost_low = cost_low + excluded.cost_low,
            unpriced = unpriced + excluded.unpriced;
";

/// Takes the request `old` out of its sums.
const DISCOUNT: &str = "
    UPDATE sums SET
        tokens_high = sums.tokens_high - amounts.tokens_high, tokens_low = sums.tokens_low - amounts.tokens_low,
        cost_high = sums.cost_high - amounts.cost_high, cost_low = sums.cost_low - amounts.cost_low,
        unpriced = sums.unpriced - amounts.unpriced
        FROM amounts
        WHERE amounts.id = old.id AND sums.month = amounts.month AND sums.day = amounts.day
              AND sums.repository = amounts.repository AND sums.team = amounts.team
              AND sums.stage = amounts.stage AND sums.state = amounts.state;
";

/// Makes the sums of the requests that are there. From then on the database itself keeps them in step with the
/// rows, in the same transaction and whoever changes them, an earlier version of this program too.
fn sum_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(SUMS)?;
    connection.execute_batch(
        "INSERT INTO sums
         SELECT month, day, repository, team, stage, state, sum(tokens_high), sum(tokens_low),
                sum(cost_high), sum(cost_low), sum(unpriced)
         FROM amounts GROUP BY month, day, repository, team, stage, state;",
    )?;
    connection.execute_batch(&format!(
        "CREATE TRIGGER request_made AFTER INSERT ON requests BEGIN {COUNT} END;
         CREATE TRIGGER request_changes BEFORE UPDATE ON requests BEGIN {DISCOUNT} END;
         CREATE TRIGGER request_changed AFTER UPDATE ON requests BEGIN {COUNT} END;
         CREATE TRIGGER request_removed BEFORE DELETE ON requests BEGIN {DISCOUNT} END;"
    ))
}

/// Opens the database at `path` in `directory`, and makes both where they are missing.
pub(super) fn open(directory: &Path, path: &Path, busy: Duration) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreError::OldSqlite { found: rusqlite::version() });
    }
    if let Some(kind) = filesystem::network(path) {
        return Err(StoreError::Network { path: path.to_path_buf(), kind });
    }
    let in_directory = |error: std::io::Error| StoreError::Directory {
        path: directory.to_path_buf(),
        reason: error.to_string(),
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(directory, path, busy)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Err(in_directory(error)),
        Err(error) => return Err(cause::said(path, &error)),
        Ok(metadata) if metadata.is_file() && metadata.len() == 0 => {
            // SQLite would take it for a new database. Ours is never seen unfinished, so this one
            // has lost its rows.
            return Err(StoreError::Damaged { path: path.to_path_buf(), reason: "it is empty".to_owned() });
        }
        Ok(_) => {}
    }
    let failed = |error| explain(path, busy, error);
    let mut connection = connect(path, busy).map_err(failed)?;
    if connection.is_readonly(MAIN_DB).map_err(failed)? {
        let reason = || "SQLite opens it to read only".to_owned();
        let unknown = || StoreError::ReadOnly { path: path.to_path_buf(), reason: reason() };
        return Err(cause::of(path).unwrap_or_else(unknown));
    }
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if number("application_id").map_err(failed)? != APPLICATION {
        let reason = "another program's database".to_owned();
        return Err(StoreError::Damaged { path: path.to_path_buf(), reason });
    }
    match number("user_version").map_err(failed)? {
        VERSION => Ok(connection),
        1 | 2 => {
            let _turn = turn::take(&path.with_extension("lock"), busy)
                .map_err(|error| not_our_turn(path, busy, &error))?;
            take_over(&mut connection).map_err(failed)?;
            // Where an older program has the file open, it keeps its journal, which is as safe.
            let _ = keep_log(&connection);
            Ok(connection)
        }
        found if found > VERSION => {
            Err(StoreError::Newer { path: path.to_path_buf(), found, known: VERSION })
        }
        found => Err(StoreError::Damaged {
            path: path.to_path_buf(),
            reason: format!("schema {found} never existed"),
        }),
    }
}

fn connect(path: &Path, busy: Duration) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(busy)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // On macOS, fsync leaves what is written in the disk's own cache; elsewhere this changes nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    Ok(connection)
}

/// Gives the file a write-ahead log, which it remembers.
fn keep_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
}

/// Makes a ledger of an earlier version one of this. A process that was faster has done it.
fn take_over(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found == 1 {
        // It knew no users, stages, CI runs, labels, nor why an endpoint was asked. What it did not know is
        // empty, and 0 for what was counted.
        transaction.execute_batch(
            "DROP INDEX requests_time; DROP INDEX requests_run; DROP INDEX requests_month; DROP INDEX requests_open;
             ALTER TABLE requests RENAME TO requests_1;",
        )?;
        transaction.execute_batch(SCHEMA)?;
        transaction.execute_batch(
            "INSERT INTO requests
             SELECT id, run, state, time, day, month, lease, repository, branch, team, hook, '', '', NULL, '{}',
                    provider, model, tier, estimate_input, estimate_output, used_input, used_cached,
                    used_output, usage_source, tokens, cost, price_source, raw_tokens, payload_tokens,
                    payload_hash, latency_ms, outcome, 0, '', '', NULL, NULL
             FROM requests_1 ORDER BY rowid;
             DROP TABLE requests_1;",
        )?;
    } else if found == 2 {
        transaction.execute_batch("DROP INDEX requests_month;")?;
    }
    if found < VERSION {
        // As names are written now.
        transaction.execute_batch("UPDATE requests SET repository = lower(repository);")?;
        sum_up(&transaction)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}

/// Builds the database under another name, for this user alone, and moves it into place whole.
/// Where another process was faster, its database stands.
fn create(directory: &Path, path: &Path, busy: Duration) -> Result<(), StoreError> {
    let in_directory = |error: std::io::Error| StoreError::Directory {
        path: directory.to_path_buf(),
        reason: error.to_string(),
    };
    crate::meter::make_private(directory).map_err(in_directory)?;
    // SQLite would play them back into the new ledger.
    for ending in ["-wal", "-journal"] {
        let mut left = path.as_os_str().to_owned();
        left.push(ending);
        // Where another process has just made the ledger, they are that one's.
        if Path::new(&left).exists() && !path.exists() {
            let reason = "the ledger that it belongs to is gone".to_owned();
            return Err(StoreError::Damaged { path: left.into(), reason });
        }
    }

    // Its mode is 0600, and the journal takes its mode from the database.
    let unfinished = tempfile::Builder::new()
        .prefix("ledger-")
        .suffix(".new")
        .tempfile_in(directory)
        .map_err(in_directory)?
        .into_temp_path();
    let build = || -> rusqlite::Result<()> {
        let mut connection = connect(&unfinished, busy)?;
        keep_log(&connection)?;
        let transaction = connection.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        sum_up(&transaction)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()
    };
    build().map_err(|error| explain(&unfinished, busy, error))?;
    match unfinished.persist_noclobber(path) {
        Err(failed) if failed.error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(in_directory(failed.error))
        }
        _ => Ok(()),
    }
}
