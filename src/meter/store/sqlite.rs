//! The store of one machine: a SQLite database in the user's state directory.
//!
//! Each step is one transaction, synchronised in full. What writes begins with `BEGIN IMMEDIATE`, as a
//! deferred transaction that turns into a writer would fail at once instead of waiting, and stands in
//! line. A write-ahead log takes one synchronisation a step where a rollback journal takes four: a
//! hook alone does not notice, and 64 of them do (`cargo bench --bench meter -- journal`).

mod cause;
mod filesystem;
mod presence;
mod schema;
mod rows;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, named_params, params};

use self::presence::Presence;
use super::patience::Patience;
use super::{
    About, Admission, Clock, Experience, LedgerRow, Request, Settlement, State, Store, StoreError,
    WindowTotals, turn,
};
use crate::meter::calendar;
use crate::meter::denial::judge;
use crate::meter::price::PriceSource;
use crate::meter::{Attribution, Limits};
use crate::tokens::PicoUsd;

/// How long a step waits for other processes' steps.
const BUSY: Duration = Duration::from_secs(5);

/// Reservations and ledger in `ledger.sqlite`.
pub struct SqliteStore {
    path: PathBuf,
    runs: PathBuf,
    run: String,
    clock: Clock,
    patience: Patience,
    inner: Mutex<Inner>,
}

struct Inner {
    connection: Connection,
    /// Announced when the run first holds something, so that reading leaves no trace.
    presence: Option<Presence>,
}

impl SqliteStore {
    /// Where the database of `directory` is.
    pub(super) fn path(directory: &Path) -> PathBuf {
        directory.join("ledger.sqlite")
    }

    /// Opens the database in `directory` for the hook run `run`; makes directory and database where
    /// they are missing, for this user alone. No step waits for others after `until`.
    ///
    /// # Errors
    /// [`StoreError`], with the path and what to do.
    pub fn open(
        directory: &Path,
        run: &str,
        clock: Clock,
        until: Option<Instant>,
    ) -> Result<Self, StoreError> {
        Self::open_waiting(directory, run, clock, Patience { each: BUSY, until })
    }

    fn open_waiting(
        directory: &Path,
        run: &str,
        clock: Clock,
        patience: Patience,
    ) -> Result<Self, StoreError> {
        let path = Self::path(directory);
        let connection = schema::open(directory, &path, patience.left())?;
        Ok(Self {
            path,
            runs: directory.join("runs"),
            run: run.to_owned(),
            clock,
            patience,
            inner: Mutex::new(Inner { connection, presence: None }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic within a step has rolled its transaction back.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one step as a whole.
    fn step<T>(
        &self,
        inner: &mut Inner,
        behavior: TransactionBehavior,
        step: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let patience = self.patience.left();
        // Readers wait for no writer: they see the log as it was before it.
        let _turn = match behavior {
            TransactionBehavior::Deferred => None,
            _ => Some(
                turn::take(&self.path.with_extension("lock"), patience)
                    .map_err(|error| not_our_turn(&self.path, patience, &error))?,
            ),
        };
        let run = || {
            inner.connection.busy_timeout(self.patience.left())?;
            let transaction = inner.connection.transaction_with_behavior(behavior)?;
            let value = step(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(|error| explain(&self.path, patience, error))
    }

    /// One transition: `change` if the state is in `from`, nothing if it is in `done`, else an error.
    fn transition(
        &self,
        id: &str,
        name: &'static str,
        from: &[State],
        done: &[State],
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<usize>,
    ) -> Result<(), StoreError> {
        let state = self.step(&mut self.lock(), TransactionBehavior::Immediate, |transaction| {
            let state = rows::state(transaction, id)?;
            if state.is_some_and(|state| from.contains(&state)) {
                change(transaction)?;
                return Ok(None);
            }
            Ok(Some(state))
        })?;
        match state {
            None => Ok(()),
            Some(Some(state)) if done.contains(&state) => Ok(()),
            Some(state) => Err(StoreError::Transition {
                id: id.to_owned(),
                state: state.map_or("unknown", State::as_str),
                step: name,
            }),
        }
    }

    /// Now, or the latest time on the ledger where the clock was set back: windows never open twice.
    fn now(&self, connection: &Connection) -> rusqlite::Result<u64> {
        let latest: Option<i64> =
            connection.prepare_cached("SELECT max(time) FROM requests")?.query_row([], |row| row.get(0))?;
        Ok((self.clock)().max(latest.map_or(0, rows::unsigned)))
    }

    /// The open requests that nobody will finish: those of dead runs, and those whose lease has ended.
    fn abandoned(&self, connection: &Connection) -> rusqlite::Result<Vec<rows::Open>> {
        let now = self.now(connection)?;
        let mut abandoned = Vec::new();
        for (run, lease) in rows::holders(connection)? {
            if run != self.run && !presence::is_alive(&self.runs, &run) {
                abandoned.extend(rows::open(connection, &run, u64::MAX)?);
            } else if lease <= now {
                abandoned.extend(rows::open(connection, &run, now)?);
            }
        }
        Ok(abandoned)
    }

    fn sweep(&self) -> Result<(), StoreError> {
        presence::sweep(&self.runs)
            .map_err(|error| StoreError::Directory { path: self.runs.clone(), reason: error.to_string() })
    }

    fn insert(
        &self,
        connection: &Connection,
        time: u64,
        request: &Request<'_>,
        denied: Option<&str>,
    ) -> rusqlite::Result<()> {
        let Request { id, attribution, estimate, lease } = *request;
        let (day, month) = calendar::window_ids(time);
        let state = if denied.is_some() { State::Denied } else { State::Reserved };
        let (tokens, cost) = match denied {
            Some(_) => (0, estimate.cost().map(|_| PicoUsd::ZERO)),
            None => (estimate.tokens(), estimate.cost()),
        };
        connection
            .prepare_cached(
                "INSERT INTO requests
                 (id, run, state, time, day, month, lease, repository, branch, team, hook, user, stage, ci_run,
                  labels, counted_input, because, breaker, provider, model, tier, estimate_input, estimate_output, tokens, cost, price_source, raw_tokens, payload_tokens,
                  payload_hash, outcome)
                 VALUES
                 (:id, :run, :state, :time, :day, :month, :lease, :repository, :branch, :team, :hook, :user,
                  :stage, :ci_run, :labels, :counted_input, :because, :breaker, :provider, :model, :tier, :estimate_input, :estimate_output, :tokens, :cost, :price_source, :raw_tokens,
                  :payload_tokens, :payload_hash, :outcome)",
            )?
            .execute(named_params! {
                ":id": id,
                ":run": self.run,
                ":state": state.as_str(),
                ":time": rows::signed(time),
                ":day": day,
                ":month": month,
                ":lease": rows::signed(after(time, lease)),
                ":repository": attribution.repository,
                ":branch": attribution.branch,
                ":team": attribution.team,
                ":hook": attribution.hook,
                ":user": attribution.user,
                ":stage": attribution.stage,
                ":ci_run": attribution.ci_run,
                ":labels": serde_json::to_string(&attribution.labels).unwrap_or_default(),
                ":counted_input": rows::signed(estimate.counted_input),
                ":because": estimate.because,
                ":breaker": estimate.breaker,
                ":provider": estimate.provider,
                ":model": estimate.model,
                ":tier": estimate.tier,
                ":estimate_input": rows::signed(estimate.input),
                ":estimate_output": rows::signed(estimate.output),
                ":tokens": rows::signed(tokens),
                ":cost": cost.map(|cost| rows::signed(cost.0)),
                ":price_source": PriceSource::of(estimate.price.as_ref()),
                ":raw_tokens": rows::signed(estimate.raw_tokens),
                ":payload_tokens": rows::signed(estimate.payload_tokens),
                ":payload_hash": estimate.payload_hash,
                ":outcome": denied,
            })?;
        Ok(())
    }
}

impl Store for SqliteStore {
    fn reserve(&self, request: &Request<'_>, limits: &Limits) -> Result<Admission, StoreError> {
        let mut inner = self.lock();
        if inner.presence.is_none() {
            let presence =
                Presence::announce(&self.runs, &self.run, self.patience.left()).map_err(|error| {
                    StoreError::Directory { path: self.runs.clone(), reason: error.to_string() }
                })?;
            inner.presence = Some(presence);
        }
        self.sweep()?;
        let known = self.step(&mut inner, TransactionBehavior::Immediate, |transaction| {
            let abandoned = self.abandoned(transaction)?;
            rows::resolve(transaction, &abandoned)?;
            if let Some(state) = rows::state(transaction, request.id)? {
                return Ok(Err(state));
            }
            let totals = rows::totals(transaction, self.now(transaction)?, &self.run, request.attribution)?;
            let denial = judge(request.estimate, limits, &totals);
            let code = denial.map(|denial| denial.code());
            self.insert(transaction, totals.time, request, code.as_deref())?;
            Ok(Ok(denial.map_or(Admission::Granted, Admission::Denied)))
        })?;
        known.or_else(|state| match state {
            State::Reserved => Ok(Admission::Granted),
            ended => Err(StoreError::Transition {
                id: request.id.to_owned(),
                state: ended.as_str(),
                step: "reserved",
            }),
        })
    }

    fn dispatch(&self, id: &str, lease: Duration) -> Result<(), StoreError> {
        self.transition(id, "dispatched", &[State::Reserved], &[], |transaction| {
            let lease = after(self.now(transaction)?, lease);
            transaction
                .prepare_cached("UPDATE requests SET state = 'dispatched', lease = ?2 WHERE id = ?1")?
                .execute(params![id, rows::signed(lease)])
        })
    }

    fn settle(&self, id: &str, settlement: &Settlement<'_>) -> Result<(), StoreError> {
        // A full charge says that nothing is known, so it replaces nothing.
        let (from, done): (&[State], &[State]) = if settlement.full {
            (&[State::Dispatched], &[State::Settled, State::ChargedFull])
        } else {
            (&[State::Dispatched, State::ChargedFull], &[State::Settled])
        };
        self.transition(id, "settled", from, done, |transaction| rows::finish(transaction, id, settlement))
    }

    fn release(&self, id: &str) -> Result<(), StoreError> {
        self.transition(id, "released", &[State::Reserved], &[State::Released], |transaction| {
            rows::release(transaction, id, "released")
        })
    }

    fn reap(&self) -> Result<u64, StoreError> {
        self.sweep()?;
        let mut inner = self.lock();
        // Most runs find nothing, and need not write to learn it.
        let any = self.step(&mut inner, TransactionBehavior::Deferred, |transaction| {
            Ok(!self.abandoned(transaction)?.is_empty())
        })?;
        if !any {
            return Ok(0);
        }
        self.step(&mut inner, TransactionBehavior::Immediate, |transaction| {
            let abandoned = self.abandoned(transaction)?;
            rows::resolve(transaction, &abandoned)?;
            Ok(abandoned.len() as u64)
        })
    }

    fn refuse(&self, request: &Request<'_>, outcome: &str) -> Result<(), StoreError> {
        self.step(&mut self.lock(), TransactionBehavior::Immediate, |transaction| {
            self.insert(transaction, self.now(transaction)?, request, Some(outcome))
        })
    }

    fn totals(&self, attribution: &Attribution) -> Result<WindowTotals, StoreError> {
        self.step(&mut self.lock(), TransactionBehavior::Deferred, |transaction| {
            let totals = rows::totals(transaction, self.now(transaction)?, &self.run, attribution)?;
            Ok(WindowTotals { clock: (self.clock)(), ..totals })
        })
    }

    fn ledger(&self, since: u64) -> Result<Vec<LedgerRow>, StoreError> {
        self.step(&mut self.lock(), TransactionBehavior::Deferred, |transaction| {
            rows::ledger(transaction, since)
        })
    }

    fn experience(&self, provider: &str, model: &str, most: usize) -> Result<Vec<Experience>, StoreError> {
        self.step(&mut self.lock(), TransactionBehavior::Deferred, |transaction| {
            rows::experience(transaction, provider, model, most)
        })
    }

    fn update(
        &self,
        cell: &str,
        change: &mut dyn FnMut(u64, Option<&str>) -> Option<String>,
    ) -> Result<(), StoreError> {
        let mut changed = |transaction: &Transaction<'_>| {
            let text = rows::cell(transaction, cell)?;
            Ok(change(self.now(transaction)?, text.as_deref()))
        };
        let mut inner = self.lock();
        // Most cells stay as they are, and to see that waits for no other process.
        if self.step(&mut inner, TransactionBehavior::Deferred, &mut changed)?.is_none() {
            return Ok(());
        }
        self.step(&mut inner, TransactionBehavior::Immediate, |transaction| {
            if let Some(text) = changed(transaction)? {
                rows::write_cell(transaction, cell, &text)?;
            }
            Ok(())
        })
    }

    fn cells(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.step(&mut self.lock(), TransactionBehavior::Deferred, |transaction| {
            rows::cells(transaction, prefix)
        })
    }

    fn about(&self) -> Result<About, StoreError> {
        let (journal, time) = self.step(&mut self.lock(), TransactionBehavior::Deferred, |transaction| {
            let journal: String = transaction.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
            Ok((journal, self.now(transaction)?))
        })?;
        let facts = vec![format!("SQLite {}", rusqlite::version()), format!("journal mode {journal}")];
        let ahead = time.saturating_sub((self.clock)()) / 3_600_000;
        let warnings = (ahead > 0).then(|| {
            format!(
                "a request was made when a clock was {ahead} hours ahead of this machine's: its day and its month \
                 last until then, and what is used counts for them"
            )
        });
        let refusal = self.step(&mut self.lock(), TransactionBehavior::Immediate, |_| Ok(())).err();
        Ok(About {
            place: self.path.display().to_string(),
            facts,
            warnings: warnings.into_iter().collect(),
            refusal: refusal.map(|error| error.to_string()),
        })
    }
}

/// `time` plus `lease`, in ms.
fn after(time: u64, lease: Duration) -> u64 {
    time.saturating_add(u64::try_from(lease.as_millis()).unwrap_or(u64::MAX))
}

/// What a failed wait means to the user.
fn not_our_turn(path: &Path, busy: Duration, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::TimedOut => {
            StoreError::Locked { path: path.to_path_buf(), waited_ms: busy.as_millis() }
        }
        _ => cause::said(&path.with_extension("lock"), error),
    }
}

/// What a database error means to the user.
fn explain(path: &Path, busy: Duration, error: rusqlite::Error) -> StoreError {
    let cause = match error.sqlite_error_code() {
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::SystemIoFailure
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied,
        ) => cause::of(path),
        _ => None,
    };
    if let Some(cause) = cause {
        return cause;
    }
    let path = path.to_path_buf();
    let reason = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Locked { path, waited_ms: busy.as_millis() }
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Damaged { path, reason },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::ReadOnly { path, reason },
        Some(ErrorCode::DiskFull) => StoreError::Full { path },
        // Which read or write failed is in SQLite's longer code, and nowhere in its words.
        _ => match error.sqlite_error() {
            Some(failure) => {
                let code = failure.extended_code;
                StoreError::Other {
                    path,
                    reason: format!("{reason} (SQLite's code {code}); see the system's log"),
                }
            }
            None => StoreError::Other { path, reason },
        },
    }
}
