//! Faults of the database file, steps on their own, and a race.

use crate::meter::Attribution;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::meter::budget::{Budget, BudgetError, Charge, Estimate, Room, WindowState};
use crate::meter::denial::Denial;
use crate::meter::price::Price;
use crate::meter::store::Place;
use crate::meter::{Limit, Scope, Unit, Window};
use crate::tokens::{Usage, UsageSource};

/// Longer than a test may take.
const LOCKED_FOR_LONG: Duration = Duration::from_secs(24 * 3600);

/// 2026-11-30T23:59:59.000Z, a second before day and month end.
const LATE: u64 = 1_796_083_199_000;

fn request_of(tokens: u64) -> Estimate {
    Estimate {
        input: tokens,
        output: 0,
        price: None,
        provider: "openai".into(),
        model: "gpt".into(),
        tier: "remote".into(),
        counted_input: tokens,
        because: "first".into(),
        breaker: "closed",
        raw_tokens: 1810,
        payload_tokens: 402,
        payload_hash: "hash".into(),
    }
}

fn limit(window: Window, unit: Unit, most: u64) -> Limit {
    Limit { window, scope: Scope::User, unit, most }
}

fn tokens(window: Window, most: u64) -> Limits {
    Limits::new(vec![limit(window, Unit::Tokens, most)])
}

fn priced(tokens: u64, price: Price) -> Estimate {
    Estimate { price: Some(price), ..request_of(tokens) }
}

fn used(input: u64) -> Charge {
    Charge::Usage(Usage {
        input,
        cached_input: 0,
        output: 0,
        source: UsageSource::Reported,
        ..Usage::default()
    })
}

fn place(directory: &Path) -> Place {
    Place { directory: directory.to_path_buf(), redis: None }
}

fn patient(each: Duration) -> Patience {
    Patience { each, until: None }
}

fn open(directory: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open_waiting(directory, "run", Box::new(|| LATE), patient(Duration::from_millis(20)))
}

fn budget(directory: &Path, limits: Limits) -> Budget {
    Budget::open_with_clock(&place(directory), limits, Attribution::default(), Box::new(|| LATE)).unwrap()
}

fn window(budget: &Budget, window: Window) -> WindowState {
    *budget
        .windows()
        .unwrap()
        .iter()
        .find(|state| state.window == window && state.scope == Scope::User)
        .unwrap()
}

#[cfg(unix)]
#[test]
fn ledger_and_directory_are_for_the_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state").join("hookgate");
    asked(&open(&state).unwrap()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("ledger.sqlite")), 0o600);
    assert_eq!(mode(&state.join("ledger.lock")), 0o600);
    // What was built under another name is gone.
    // The log goes with the last connection.
    let names = fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name());
    let names: std::collections::BTreeSet<_> = names.collect();
    assert_eq!(names, ["ledger.lock", "ledger.sqlite", "runs"].map(Into::into).into());
}

#[test]
fn a_damaged_ledger_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.sqlite");
    for bytes in [&b""[..], b"not a database, but long enough to be taken for one, if nobody looked"] {
        fs::write(&path, bytes).unwrap();
        let error = open(directory.path()).err().unwrap();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        assert!(error.to_string().contains("ledger.sqlite"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn the_log_of_a_ledger_that_is_gone_is_not_played_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    asked(&store).unwrap();
    // As a killed process leaves them, and a user who removes one of the two.
    let log = directory.path().join("ledger.sqlite-wal");
    let left = fs::read(&log).unwrap();
    drop(store);
    fs::remove_file(directory.path().join("ledger.sqlite")).unwrap();
    fs::write(&log, &left).unwrap();
    let error = open(directory.path()).err().unwrap();
    assert!(matches!(&error, StoreError::Damaged { path, .. } if *path == log), "{error:?}");
    assert_eq!(fs::read(&log).unwrap(), left);
    fs::remove_file(&log).unwrap();
    assert_eq!(open(directory.path()).unwrap().ledger(0).unwrap(), []);
}

#[test]
fn damage_within_the_ledger_stops_the_budget() {
    let directory = tempfile::tempdir().unwrap();
    let limits = tokens(Window::Day, 1000);
    drop(budget(directory.path(), limits.clone()).reserve(&request_of(10)).unwrap());
    let path = directory.path().join("ledger.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    // All but the header and the schema's first page.
    bytes[4096..].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    let opened =
        Budget::open_with_clock(&place(directory.path()), limits, Attribution::default(), Box::new(|| LATE));
    let failed = opened.and_then(|budget| budget.reserve(&request_of(10)).map(drop));
    assert!(matches!(&failed, Err(BudgetError::Store(message)) if message.contains("damaged")), "{failed:?}");
}

#[test]
fn another_programs_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let theirs = Connection::open(directory.path().join("ledger.sqlite")).unwrap();
    theirs.execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(
        matches!(open(directory.path()), Err(StoreError::Damaged { reason, .. }) if reason.contains("another"))
    );
}

#[test]
fn a_newer_ledger_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    store.lock().connection.pragma_update(None, "user_version", schema::VERSION + 1).unwrap();
    assert!(matches!(open(directory.path()), Err(StoreError::Newer { found: 4, known: 3, .. })));
}

#[test]
fn a_locked_ledger_is_waited_for_and_then_named() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let other = Connection::open(directory.path().join("ledger.sqlite")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let request = request_of(1);
    let attribution = Attribution::default();
    let request = Request { id: "a", attribution: &attribution, estimate: &request, lease: BUSY };
    let locked = store.reserve(&request, &Limits::default());
    assert!(matches!(locked, Err(StoreError::Locked { waited_ms: 20, .. })), "{locked:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.reserve(&request, &Limits::default()).unwrap(), Admission::Granted);
}

#[test]
fn a_run_whose_time_is_over_waits_for_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let mut store =
        SqliteStore::open_waiting(directory.path(), "run", Box::new(|| LATE), patient(LOCKED_FOR_LONG))
            .unwrap();
    store.patience.until = Some(Instant::now());
    let other = Connection::open(directory.path().join("ledger.sqlite")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert!(matches!(asked(&store), Err(StoreError::Locked { waited_ms: 0, .. })));
}

#[test]
fn a_directory_that_is_none_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open(&file.join("state")).err().unwrap();
    assert!(matches!(error, StoreError::Directory { .. }), "{error:?}");
    fs::create_dir(directory.path().join("ledger.sqlite")).unwrap();
    let error = open(directory.path()).err().unwrap();
    assert!(error.to_string().contains("ledger.sqlite"), "{error}");
}

/// What a request for one token is told.
fn asked(store: &SqliteStore) -> Result<Admission, StoreError> {
    let estimate = request_of(1);
    let attribution = Attribution::default();
    let request = Request { id: "a", attribution: &attribution, estimate: &estimate, lease: BUSY };
    store.reserve(&request, &Limits::default())
}

#[test]
fn a_full_disk_holds_nothing_and_works_again_once_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let fill = |most: i64| {
        store.lock().connection.pragma_update_and_check(None, "max_page_count", most, |row| row.get(0))
    };
    let pages: i64 = fill(1).unwrap();
    // Labels that take more than the pages that are there already.
    let labels = [("label".to_owned(), "x".repeat(100_000))].into();
    let attribution = Attribution { labels, ..Attribution::default() };
    let estimate = request_of(1);
    let request = Request { id: "b", attribution: &attribution, estimate: &estimate, lease: BUSY };
    let full = store.reserve(&request, &Limits::default());
    assert!(matches!(full, Err(StoreError::Full { .. })), "{full:?}");
    assert_eq!(store.ledger(0).unwrap(), []);
    let _: i64 = fill(pages + 1000).unwrap();
    assert_eq!(store.reserve(&request, &Limits::default()).unwrap(), Admission::Granted);
}

#[test]
fn readers_do_not_wait_for_a_writer_that_stopped() {
    let directory = tempfile::tempdir().unwrap();
    asked(&open(directory.path()).unwrap()).unwrap();
    let _stopped = turn::take(&directory.path().join("ledger.lock"), Duration::ZERO).unwrap();
    let open =
        || SqliteStore::open_waiting(directory.path(), "r", Box::new(|| LATE), patient(Duration::ZERO));
    let store = open().unwrap();
    assert_eq!(store.ledger(0).unwrap().len(), 1);
    assert!(store.totals(&Attribution::default()).is_ok());
    assert!(matches!(asked(&store), Err(StoreError::Locked { .. })));
}

#[cfg(unix)]
#[test]
fn a_ledger_that_cannot_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()).unwrap());
    let path = directory.path().join("ledger.sqlite");
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    allow(&path, 0o400);
    // Permissions do not bind the superuser.
    if fs::OpenOptions::new().write(true).open(&path).is_err() {
        let error = open(directory.path()).err().unwrap();
        assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
        allow(&path, 0o600);
        // The journal needs the directory.
        allow(directory.path(), 0o500);
        let error = open(directory.path()).and_then(|store| asked(&store)).unwrap_err();
        assert!(error.to_string().contains("write"), "{error}");
        allow(directory.path(), 0o700);
    }
    allow(&path, 0o600);
    let store = open(directory.path()).unwrap();
    store.lock().connection.pragma_update(None, "query_only", true).unwrap();
    let refused = asked(&store);
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })), "{refused:?}");
}

/// What SQLite calls an unable open or an I/O error, whatever is behind it.
#[cfg(unix)]
#[test]
fn what_is_in_the_way_of_the_ledger_is_named() {
    let told = |obstruct: &dyn Fn(&Path)| {
        let directory = tempfile::tempdir().unwrap();
        drop(open(directory.path()).unwrap());
        obstruct(directory.path());
        let error = open(directory.path()).and_then(|store| asked(&store)).unwrap_err();
        error.to_string().replace(&directory.path().display().to_string(), "")
    };
    let instead = |name: &'static str, make: fn(&Path)| {
        move |directory: &Path| {
            let _ = fs::remove_file(directory.join(name));
            make(&directory.join(name));
        }
    };
    let directory = |path: &Path| fs::create_dir(path).unwrap();
    let nowhere = |path: &Path| std::os::unix::fs::symlink(path, path).unwrap();
    let gone = |path: &Path| std::os::unix::fs::symlink(path.with_extension("gone"), path).unwrap();
    for (name, make, cause) in [
        ("ledger.sqlite", directory as fn(&Path), "/ledger.sqlite cannot be used (is a directory); "),
        ("ledger.sqlite", nowhere, "/ledger.sqlite cannot be used (Too many levels of symbolic links"),
        ("ledger.sqlite", gone, "/ledger.sqlite cannot be used (No such file or directory"),
        ("ledger.sqlite-wal", directory, "/ledger.sqlite-wal cannot be used (is a directory); "),
        ("ledger.sqlite-shm", directory, "/ledger.sqlite-shm cannot be used (is a directory); "),
        ("ledger.lock", nowhere, "/ledger.lock cannot be used (Too many levels of symbolic links"),
    ] {
        let said = told(&instead(name, make));
        assert!(said.starts_with(cause), "{name}: {said}");
    }
}

#[test]
fn a_failing_disk_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()).unwrap());
    let path = directory.path().join("ledger.sqlite");
    let explained =
        |code| explain(&path, BUSY, rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
    assert!(matches!(explained(rusqlite::ffi::SQLITE_READONLY_DIRECTORY), StoreError::ReadOnly { .. }));
    assert!(matches!(explained(rusqlite::ffi::SQLITE_FULL), StoreError::Full { .. }));
    assert!(matches!(explained(rusqlite::ffi::SQLITE_IOERR_FSYNC), StoreError::Other { .. }));
    assert!(explained(rusqlite::ffi::SQLITE_IOERR_FSYNC).to_string().contains("(SQLite's code 1034)"));
}

#[test]
fn racing_runs_never_overspend() {
    const THREADS: u64 = 16;
    const LIMIT: u64 = 1_600;
    let directory = tempfile::tempdir().unwrap();
    let sent = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let limits = tokens(Window::Day, LIMIT);
                // SQLite's waiting is not fair: on a slow disk a thread may lose more often than 5
                // seconds allow.
                let patience = Duration::from_secs(120);
                let run = format!("{:?}", std::thread::current().id());
                let store =
                    SqliteStore::open_waiting(directory.path(), &run, Box::new(|| LATE), patient(patience))
                        .unwrap();
                let budget = Budget::over(Box::new(store), limits, Attribution::default()).unwrap();
                // Ten times the limit over all threads; each request takes exactly what it asks for.
                for _ in 0..10 {
                    match budget.reserve(&request_of(100)) {
                        Ok(reservation) => {
                            let dispatched = reservation.dispatch().unwrap();
                            sent.fetch_add(100, Ordering::SeqCst);
                            dispatched.settle(used(100), "ok", Duration::ZERO).unwrap();
                        }
                        Err(BudgetError::Denied(Denial::Limit { window: Window::Day, .. })) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    assert_eq!(sent.load(Ordering::SeqCst), LIMIT);
    let day = window(&budget(directory.path(), Limits::default()), Window::Day);
    assert_eq!((day.used, day.reserved), (LIMIT, 0));
}

#[test]
fn midnight_does_not_move_a_charge() {
    let directory = tempfile::tempdir().unwrap();
    let time = Arc::new(AtomicU64::new(LATE));
    let clock = {
        let time = Arc::clone(&time);
        Box::new(move || time.load(Ordering::SeqCst))
    };
    let limits =
        Limits::new(vec![limit(Window::Day, Unit::Tokens, 100), limit(Window::Month, Unit::Tokens, 100)]);
    let budget =
        Budget::open_with_clock(&place(directory.path()), limits, Attribution::default(), clock).unwrap();
    let dispatched = budget.reserve(&request_of(100)).unwrap().dispatch().unwrap();
    assert_eq!(window(&budget, Window::Day).resets_at, Some(LATE + 1000));
    assert_eq!(window(&budget, Window::Month).resets_at, Some(LATE + 1000));
    time.store(LATE + 5000, Ordering::SeqCst);
    dispatched.settle(used(90), "ok", Duration::from_millis(40)).unwrap();
    assert_eq!(
        budget.headroom().unwrap(),
        Some(Room { window: Window::Day, scope: Scope::User, tokens: 100 })
    );
    let row = budget.ledger(0).unwrap().remove(0);
    assert_eq!((row.day.as_str(), row.latency_ms), ("2026-11-30", Some(40)));
    // Set back, the clock does not open the new windows a second time.
    let second = budget.reserve(&request_of(100)).unwrap().dispatch().unwrap();
    second.settle(used(100), "ok", Duration::ZERO).unwrap();
    time.store(LATE, Ordering::SeqCst);
    assert!(matches!(
        budget.reserve(&request_of(1)),
        Err(BudgetError::Denied(Denial::Limit { window: Window::Day, .. }))
    ));
}

#[test]
fn a_clock_that_was_ahead_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let open =
        |clock: u64| SqliteStore::open(directory.path(), "run", Box::new(move || clock), None).unwrap();
    asked(&open(LATE)).unwrap();
    assert!(open(LATE - 60_000).about().unwrap().warnings.is_empty());
    let warnings = open(LATE - 50 * 3_600_000).about().unwrap().warnings;
    assert!(matches!(&warnings[..], [warning] if warning.contains("50 hours ahead")), "{warnings:?}");
}

#[test]
fn money_is_a_limit_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits::new(vec![limit(Window::Day, Unit::Money, PicoUsd::from_usd(0.01).0)]);
    let budget = budget(directory.path(), limits);
    let dear = Price::per_million(100.0, None, None, 100.0).unwrap();
    let dispatched = budget.reserve(&priced(100, dear)).unwrap().dispatch().unwrap();
    let cost = dispatched.settle(used(200), "ok", Duration::ZERO).unwrap();
    assert_eq!(cost, Some(PicoUsd::from_usd(0.02)));
    let denied = budget.reserve(&priced(1, dear)).err().unwrap();
    assert_eq!(
        denied.to_string(),
        "the day's limit of $0.01 would be crossed: $0.02 used, $0 reserved, $0.00010 more asked for"
    );
    assert!(matches!(denied, BudgetError::Denied(Denial::Limit { unit: Unit::Money, .. })));
    assert!(matches!(budget.reserve(&request_of(1)), Err(BudgetError::Denied(Denial::Unpriced))));
    // What counts as free may cost something all the same, and nothing is left for it.
    let denied = budget.reserve(&priced(100_000, Price::local())).err().unwrap();
    assert_eq!(denied.to_string(), "the day's limit of $0.01 is crossed already: $0.02 used, $0 reserved");
    let outcomes: Vec<_> = budget.ledger(0).unwrap().into_iter().map(|row| row.outcome).collect();
    let told = ["ok", "budget:day", "unpriced", "budget:day"].map(|outcome| Some(outcome.to_owned()));
    assert_eq!(outcomes, told);
}

#[test]
fn what_was_used_at_an_unknown_price_is_not_taken_for_nothing() {
    let directory = tempfile::tempdir().unwrap();
    // Before the user thought of a limit in money.
    let earlier = budget(directory.path(), tokens(Window::Day, 1000));
    earlier.reserve(&request_of(100)).unwrap().dispatch().unwrap();
    let budget = budget(
        directory.path(),
        Limits::new(vec![limit(Window::Day, Unit::Money, PicoUsd::from_usd(9.0).0)]),
    );
    let denied = budget.reserve(&priced(1, Price::per_million(1.0, None, None, 1.0).unwrap())).err().unwrap();
    assert_eq!(
        denied.to_string(),
        "the day's limit in money cannot be kept, since the price of 1 request in it is unknown: until the day ends, \
         ask a model that costs nothing, or limit tokens alone"
    );
    assert!(budget.reserve(&priced(1, Price::local())).is_ok());
    let outcomes: Vec<_> = budget.ledger(0).unwrap().into_iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes[1].as_deref(), Some("unpriced"));
}

#[test]
fn what_is_dropped_is_resolved_by_its_state() {
    let directory = tempfile::tempdir().unwrap();
    let budget = budget(directory.path(), tokens(Window::Hook, 4000));
    drop(budget.reserve(&request_of(1000)).unwrap());
    assert_eq!(
        budget.headroom().unwrap(),
        Some(Room { window: Window::Hook, scope: Scope::User, tokens: 4000 })
    );
    drop(budget.reserve(&request_of(1000)).unwrap().dispatch().unwrap());
    assert_eq!(
        budget.headroom().unwrap(),
        Some(Room { window: Window::Hook, scope: Scope::User, tokens: 3000 })
    );
    let nothing = budget.reserve(&request_of(1000)).unwrap().dispatch().unwrap();
    assert_eq!(nothing.settle(Charge::Nothing, "unreachable", Duration::ZERO).unwrap(), Some(PicoUsd::ZERO));
    assert_eq!(
        budget.headroom().unwrap(),
        Some(Room { window: Window::Hook, scope: Scope::User, tokens: 3000 })
    );
    let held = budget.reserve(&request_of(200)).unwrap();
    let denied = budget.reserve(&request_of(2801)).err().unwrap();
    assert_eq!(
        denied.to_string(),
        "the hook's limit of 4,000 tokens would be crossed: 1,000 used, 200 reserved, 2,801 more asked for"
    );
    drop(held);
    let totals = budget.taken();
    assert_eq!((totals.used, totals.reserved, totals.cost), (1000, 0, None));
}

#[test]
fn a_late_settlement_replaces_a_full_charge_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let estimate = request_of(1000);
    let attribution = Attribution::default();
    let request = Request { id: "a", attribution: &attribution, estimate: &estimate, lease: Duration::ZERO };
    store.reserve(&request, &Limits::default()).unwrap();
    store.dispatch("a", Duration::ZERO).unwrap();
    assert_eq!(store.reap().unwrap(), 1);
    assert_eq!(store.totals(&attribution).unwrap().scopes[&Scope::User].day.used, 1000);
    let settlement = |input| Settlement {
        full: false,
        usage: Usage { input, cached_input: 0, output: 0, source: UsageSource::Reported, ..Usage::default() },
        cost: None,
        energy: None,
        outcome: "ok",
        latency: None,
    };
    store.settle("a", &settlement(1200)).unwrap();
    store.settle("a", &settlement(1)).unwrap();
    assert_eq!(store.totals(&attribution).unwrap().scopes[&Scope::User].day.used, 1200);
    assert!(matches!(store.release("a"), Err(StoreError::Transition { state: "settled", .. })));
    assert!(matches!(store.dispatch("b", BUSY), Err(StoreError::Transition { state: "unknown", .. })));
}

#[test]
fn a_call_above_its_limit_is_denied_whatever_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let estimate = request_of(501);
    let attribution = Attribution::default();
    let request = Request { id: "a", attribution: &attribution, estimate: &estimate, lease: BUSY };
    let limits = tokens(Window::Call, 500);
    let denial = store.reserve(&request, &limits).unwrap();
    let Admission::Denied(denial @ Denial::Limit { asked: 501, .. }) = denial else { panic!("{denial:?}") };
    assert_eq!(denial.code(), "budget:call");
    let said = BudgetError::Denied(denial).to_string();
    assert_eq!(said, "the request's limit of 500 tokens would be crossed: 501 asked for");
}
