//! Ledgers that earlier versions of the program made, and what triggers make of any.

use std::collections::BTreeSet;

use super::*;
use crate::meter::store::sqlite::SqliteStore;
use crate::meter::store::{State, Store, Totals};
use crate::meter::{Attribution, Scope};

/// 2026-11-23T12:00Z.
const NOON: u64 = 1_795_435_200_000;

/// Version 1 as it was released, with a settled request, one that was dispatched by a run that died,
/// and one that was denied.
const VERSION_1: &str = "
CREATE TABLE requests (
    id TEXT NOT NULL PRIMARY KEY,
    run TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('reserved', 'dispatched', 'settled', 'charged_full', 'released', 'denied')),
    time INTEGER NOT NULL,
    day TEXT NOT NULL,
    month TEXT NOT NULL,
    lease INTEGER NOT NULL,
    repository TEXT NOT NULL,
    branch TEXT,
    team TEXT,
    hook TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    tier TEXT NOT NULL,
    estimate_input INTEGER NOT NULL,
    estimate_output INTEGER NOT NULL,
    used_input INTEGER,
    used_cached INTEGER,
    used_output INTEGER,
    usage_source TEXT,
    tokens INTEGER NOT NULL,
    cost INTEGER,
    price_source TEXT NOT NULL,
    raw_tokens INTEGER NOT NULL,
    payload_tokens INTEGER NOT NULL,
    payload_hash TEXT NOT NULL,
    latency_ms INTEGER,
    outcome TEXT
) STRICT;
CREATE INDEX requests_time ON requests (time);
CREATE INDEX requests_run ON requests (run, state, tokens, cost);
CREATE INDEX requests_month ON requests (month, day, state, tokens, cost);
CREATE INDEX requests_open ON requests (run) WHERE state IN ('reserved', 'dispatched');
INSERT INTO requests VALUES
    ('b', 'r1', 'settled', 1795435200000, '2026-11-23', '2026-11', 1795435350000, 'Acme/Web', 'main', 'pay', 'pre-commit',
     'openai', 'gpt', 'remote', 900, 100, 700, 50, 60, 'reported', 760, 4200, 'user', 1810, 402, 'hash', 830, 'ok'),
    ('a', 'r2', 'dispatched', 1795435200000, '2026-11-23', '2026-11', 1795435350000, 'web', NULL, NULL, 'pre-push',
     'openai', 'gpt', 'remote', 200, 40, NULL, NULL, NULL, NULL, 240, 1300, 'user', 0, 0, 'hash', NULL, NULL),
    ('c', 'r3', 'denied', 1795435200001, '2026-11-23', '2026-11', 1795435350000, 'web', NULL, NULL, 'pre-push',
     'openai', 'gpt', 'remote', 9000, 40, NULL, NULL, NULL, NULL, 0, NULL, 'unknown', 0, 0, 'hash', NULL, 'budget:day');
PRAGMA application_id = 0x686b6774;
PRAGMA user_version = 1;
";

fn version_1(directory: &Path) {
    Connection::open(directory.join("ledger.sqlite")).unwrap().execute_batch(VERSION_1).unwrap();
}

fn opened(directory: &Path, run: &str) -> SqliteStore {
    SqliteStore::open(directory, run, Box::new(|| NOON), None).unwrap()
}

/// All that the database says of its tables and indices.
fn schema(directory: &Path) -> BTreeSet<String> {
    let connection = Connection::open(directory.join("ledger.sqlite")).unwrap();
    let mut statement = connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").unwrap();
    // SQLite quotes the name of a table that was renamed.
    let sql = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    sql.map(|sql| sql.unwrap().replace('"', "")).collect()
}

#[test]
fn a_ledger_of_version_1_keeps_its_rows_and_its_totals() {
    let directory = tempfile::tempdir().unwrap();
    version_1(directory.path());
    let store = opened(directory.path(), "run");
    let rows = store.ledger(0).unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.id.as_str(), row.state)).collect();
    assert_eq!(told, [("b", State::Settled), ("a", State::Dispatched), ("c", State::Denied)]);
    let usage = rows[0].usage.clone().unwrap();
    assert_eq!((usage.input, usage.cached_input, usage.cache_write, usage.output), (700, 50, 0, 60));
    assert_eq!(rows[0].cost.map(|cost| cost.0), Some(4200));
    assert_eq!(rows[0].attribution.team.as_deref(), Some("pay"));
    assert_eq!(rows[0].attribution.repository, "acme/web");
    assert_eq!(rows[2].outcome.as_deref(), Some("budget:day"));
    // What it took counts on, and what was held is resolved as ever.
    assert_eq!(store.reap().unwrap(), 1);
    let totals = store.totals(&Attribution::default()).unwrap();
    assert_eq!(totals.scopes[&Scope::User].day.used, 760 + 240);
    // Estimates of that time hold their margin, so that they teach nothing of it.
    assert_eq!(store.experience("openai", "gpt", 10).unwrap(), []);
}

#[test]
fn a_ledger_of_version_1_becomes_what_a_new_one_is() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    version_1(old.path());
    opened(old.path(), "run");
    opened(new.path(), "run");
    assert_eq!(schema(old.path()), schema(new.path()));
    assert!(schema(new.path()).len() > 5);
}

#[test]
fn processes_that_open_a_ledger_of_version_1_at_once_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    version_1(directory.path());
    std::thread::scope(|scope| {
        for number in 0..8 {
            let directory = directory.path();
            scope.spawn(move || {
                assert_eq!(opened(directory, &format!("run{number}")).ledger(0).unwrap().len(), 3)
            });
        }
    });
}

/// Makes a ledger one of version 2, which had an index where this one has sums.
const BACK_TO_2: &str = "
DROP TRIGGER request_made; DROP TRIGGER request_changes; DROP TRIGGER request_changed; DROP TRIGGER request_removed;
DROP VIEW amounts; DROP TABLE sums;
CREATE INDEX requests_month ON requests (month, day, repository, team, stage, state, tokens, cost)
    WHERE state NOT IN ('released', 'denied');
PRAGMA user_version = 2;
";

#[test]
fn a_ledger_of_version_2_becomes_what_a_new_one_is() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    opened(new.path(), "run");
    // Rows of which no two halves are zero, and of which none can be summed in 64 bits.
    version_1(old.path());
    drop(opened(old.path(), "run"));
    let connection = Connection::open(old.path().join("ledger.sqlite")).unwrap();
    connection.execute("UPDATE requests SET tokens = ?1, cost = ?1 WHERE id <> 'c'", [i64::MAX]).unwrap();
    connection.execute_batch(BACK_TO_2).unwrap();
    drop(connection);
    let store = opened(old.path(), "run");
    assert_eq!(schema(old.path()), schema(new.path()));
    let attribution = Attribution { team: Some("pay".into()), ..Attribution::default() };
    let scopes = store.totals(&attribution).unwrap().scopes;
    let (all, team) = (scopes[&Scope::User].month, scopes[&Scope::Team].day);
    let most = i64::MAX.unsigned_abs();
    assert_eq!((all.used, all.reserved, all.used_cost.0), (most, most, most));
    assert_eq!((team.used, team.reserved), (most, 0));
    assert_eq!(store.reap().unwrap(), 1);
    assert_eq!(store.totals(&attribution).unwrap().scopes[&Scope::User].day.used, most + 240);
    // Whoever changes the rows.
    let connection = Connection::open(old.path().join("ledger.sqlite")).unwrap();
    connection.execute_batch("UPDATE requests SET team = NULL; DELETE FROM requests WHERE id = 'b'").unwrap();
    let scopes = store.totals(&attribution).unwrap().scopes;
    assert_eq!((scopes[&Scope::User].day.used, scopes[&Scope::Team].day), (240, Totals::default()));
}
