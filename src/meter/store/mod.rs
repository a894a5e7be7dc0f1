//! Where reservations and the ledger are kept.
//!
//! A request is one row from its reservation to its bill, and moves through
//! `reserved → dispatched → settled | charged_full | released` in single atomic steps. What a
//! window has used and holds stands beside the rows: SQLite's triggers change both in one transaction, and so does
//! each of Redis's scripts.

pub mod sqlite;
pub(crate) mod redis;
pub(super) mod turn;
mod patience;
#[cfg(test)]
mod properties;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::budget::Estimate;
use super::denial::Denial;
use super::{Attribution, Limits, Scope, Window};
use crate::tokens::{PicoUsd, Usage};

pub use self::redis::{Address, AddressError, Fault, Made, Namespace, Password, Server};

/// Milliseconds since the Unix epoch, as the wall clock shows them. A store never lets time run
/// backwards, whatever this says.
pub type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

/// Reservations and ledger, shared by all processes that open the same place. One value serves one
/// hook run, whose death frees what it holds.
///
/// Each method is one atomic step: it takes effect as a whole and durably before it returns, or not
/// at all.
pub trait Store: Send + Sync {
    /// Holds `request` in all windows, or in none; a denial is put on the ledger too. What dead
    /// runs held is given back first. A second reservation of a held request holds nothing more.
    ///
    /// # Errors
    /// [`StoreError`]: then nothing is held. [`StoreError::Transition`] for a request that was
    /// denied, sent or given back before.
    fn reserve(&self, request: &Request<'_>, limits: &Limits) -> Result<Admission, StoreError>;

    /// Marks a reserved request as sent, and renews its lease.
    ///
    /// # Errors
    /// [`StoreError::Transition`] where the reservation was given back since; then nothing may be
    /// sent.
    fn dispatch(&self, id: &str, lease: Duration) -> Result<(), StoreError>;

    /// Writes what a sent request took. It replaces the full charge of one that was given up; a
    /// second settlement changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Transition`] for a request that was never sent.
    fn settle(&self, id: &str, settlement: &Settlement<'_>) -> Result<(), StoreError>;

    /// What the store has to be told of a request that it may have lost, to settle it in another
    /// process; none where nothing gets lost.
    fn keepsake(&self, _id: &str) -> Option<String> {
        None
    }

    /// Tells the store what it has to know to settle a request; see [`keepsake`](Self::keepsake).
    fn remind(&self, _id: &str, _keepsake: &str) {}

    /// Gives back a request that was not sent. A second release changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Transition`] for a request that was sent.
    fn release(&self, id: &str) -> Result<(), StoreError>;

    /// Resolves what dead runs and expired leases held: reserved requests are released, dispatched
    /// ones are charged in full, since the provider may bill them. Returns how many there were.
    ///
    /// # Errors
    /// [`StoreError`].
    fn reap(&self) -> Result<u64, StoreError>;

    /// Puts a request on the ledger that is not made, with the code of the reason as its outcome.
    ///
    /// # Errors
    /// [`StoreError`].
    fn refuse(&self, request: &Request<'_>, outcome: &str) -> Result<(), StoreError>;

    /// What this run, and the days and months of its scopes, have used and hold.
    ///
    /// # Errors
    /// [`StoreError`].
    fn totals(&self, attribution: &Attribution) -> Result<WindowTotals, StoreError>;

    /// All requests reserved at or after `since` (ms since the epoch), oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn ledger(&self, since: u64) -> Result<Vec<LedgerRow>, StoreError>;

    /// What the last `most` requests to a model that reported its usage were counted to take, and
    /// took; newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn experience(&self, provider: &str, model: &str, most: usize) -> Result<Vec<Experience>, StoreError>;

    /// Reads, changes and writes a cell, a small text that all processes share, as one step. `change`
    /// is given the store's time (ms since the epoch) and the text, none in a cell that was never
    /// written; what it returns is written, none leaves the cell as it is. It may be called more
    /// than once.
    ///
    /// # Errors
    /// [`StoreError`].
    fn update(
        &self,
        cell: &str,
        change: &mut dyn FnMut(u64, Option<&str>) -> Option<String>,
    ) -> Result<(), StoreError>;

    /// The names and texts of all cells whose name begins with `prefix`, in the order of their names.
    ///
    /// # Errors
    /// [`StoreError`].
    fn cells(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError>;

    /// What a user should know of this store.
    ///
    /// # Errors
    /// [`StoreError`].
    fn about(&self) -> Result<About, StoreError>;
}

/// What a user should know of a store, for `hookgate doctor`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Its path or address, without secrets.
    pub place: String,
    /// What it is and what it promises, a few words each: `SQLite 3.51.3`.
    pub facts: Vec<String>,
    /// What keeps it from its promise, a sentence each, with what to do.
    pub warnings: Vec<String>,
    /// Why it takes no writes now, so that no call is made, with what to do; none where it does.
    pub refusal: Option<String>,
}

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The state directory of the user.
    pub directory: PathBuf,
    /// The server that keeps it instead, shared by many machines. The directory then holds only what
    /// this machine remembers of it.
    pub redis: Option<Server>,
}

impl Place {
    /// How to begin an empty ledger, where the one that is there is of no use.
    #[must_use]
    pub fn begin_anew(&self) -> String {
        match &self.redis {
            Some(_) => "choose another [store] namespace and run `hookgate store init`".to_owned(),
            None => {
                let path = sqlite::SqliteStore::path(&self.directory);
                format!("move {} and the files beside it that begin with its name away", path.display())
            }
        }
    }

    /// Whether there is a store already. What cannot be looked at is there, so that opening it says why
    /// it cannot be; and so is a server, which opening does not make.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.redis.is_some() || sqlite::SqliteStore::path(&self.directory).try_exists().unwrap_or(true)
    }

    /// Opens the store for the hook run `run`, which waits for no step after `until`.
    ///
    /// # Errors
    /// [`StoreError`], with what to do about it.
    pub(super) fn open(
        &self,
        run: &str,
        clock: Clock,
        until: Option<Instant>,
    ) -> Result<Box<dyn Store>, StoreError> {
        match &self.redis {
            // The server's clock counts there, the same for all machines.
            Some(server) => Ok(Box::new(redis::RedisStore::open(&self.directory, server, run, None, until)?)),
            None => Ok(Box::new(sqlite::SqliteStore::open(&self.directory, run, clock, until)?)),
        }
    }

    /// Makes a store on a server on purpose, where there is none; a local one needs no making. What
    /// this machine saw of it and the server has lost is an error, unless `accept_loss`.
    ///
    /// # Errors
    /// [`StoreError`], with what to do about it.
    pub fn init(&self, accept_loss: bool) -> Result<Made, StoreError> {
        match &self.redis {
            Some(server) => redis::RedisStore::init(&self.directory, server, accept_loss, None),
            None => Ok(Made::Kept),
        }
    }
}

/// What one request was counted to take, and took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Experience {
    /// Input tokens as hookgate's own tokenizer counts them, without a margin.
    pub counted: u64,
    /// Input tokens as the provider reported them.
    pub reported: u64,
}

/// A request to hold.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// 128 random bits in hexadecimal, new for each attempt.
    pub id: &'a str,
    /// Whom it is charged to.
    pub attribution: &'a Attribution,
    /// What it may take.
    pub estimate: &'a Estimate,
    /// How long it may stay open before it counts as abandoned.
    pub lease: Duration,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Held in all windows.
    Granted,
    /// Held in none.
    Denied(Denial),
}

/// The end of a request that was sent.
#[derive(Clone, Copy, Debug)]
pub struct Settlement<'a> {
    /// Whether the truth is unknown, so that the whole reservation is charged:
    /// [`State::ChargedFull`].
    pub full: bool,
    /// What it took, or the whole estimate.
    pub usage: Usage,
    /// What that costs; none where the price is unknown.
    pub cost: Option<PicoUsd>,
    /// What the electricity cost; none where that is not known.
    pub energy: Option<PicoUsd>,
    /// `ok` or the code of a reason.
    pub outcome: &'a str,
    /// From dispatch to settlement.
    pub latency: Option<Duration>,
}

/// What a set of requests counts for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Tokens of finished requests.
    pub used: u64,
    /// Tokens held by requests under way.
    pub reserved: u64,
    /// Cost of finished requests, as far as their price is known.
    pub used_cost: PicoUsd,
    /// Cost held by requests under way, as far as their price is known.
    pub reserved_cost: PicoUsd,
    /// How many finished requests used tokens of an unknown price.
    pub unpriced: u64,
}

/// What the windows at `time` count for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowTotals {
    /// Now, in ms since the epoch; never before a time seen earlier.
    pub time: u64,
    /// What the store's clock shows, which may be before that.
    pub clock: u64,
    /// This hook run.
    pub run: Totals,
    /// The scopes that it belongs to.
    pub scopes: BTreeMap<Scope, ScopeTotals>,
}

/// What a scope's day and month count for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeTotals {
    /// The UTC day.
    pub day: Totals,
    /// The UTC month.
    pub month: Totals,
}

impl WindowTotals {
    /// What a window counts for; none where the run belongs to no such scope.
    #[must_use]
    pub fn of(&self, window: Window, scope: Scope) -> Option<Totals> {
        let scope = self.scopes.get(&scope)?;
        Some(match window {
            Window::Call => Totals::default(),
            Window::Hook => self.run,
            Window::Day => scope.day,
            Window::Month => scope.month,
        })
    }
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Held, not sent.
    Reserved,
    /// Held, and perhaps sent.
    Dispatched,
    /// Sent, and charged as used.
    Settled,
    /// Sent, and charged in full since its use is unknown.
    ChargedFull,
    /// Never sent, and given back.
    Released,
    /// Never held.
    Denied,
}

impl State {
    /// All states.
    const ALL: [Self; 6] =
        [Self::Reserved, Self::Dispatched, Self::Settled, Self::ChargedFull, Self::Released, Self::Denied];

    /// The word that the ledger uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Dispatched => "dispatched",
            Self::Settled => "settled",
            Self::ChargedFull => "charged_full",
            Self::Released => "released",
            Self::Denied => "denied",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// One request of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// Its id.
    pub id: String,
    /// The hook run that made it.
    pub run: String,
    /// Where it stands.
    pub state: State,
    /// When it was reserved or denied, in ms since the epoch.
    pub time: u64,
    /// The UTC day that it is charged to: `2026-11-23`.
    pub day: String,
    /// Whom it is charged to.
    pub attribution: Attribution,
    /// The provider asked.
    pub provider: String,
    /// The model asked.
    pub model: String,
    /// The tier that led there.
    pub tier: String,
    /// Input tokens reserved.
    pub estimate_input: u64,
    /// Output tokens reserved.
    pub estimate_output: u64,
    /// What it took; none before it is finished, or where it was never sent.
    pub usage: Option<RecordedUsage>,
    /// Its cost, or while it is open the most it can cost; none where the price is unknown.
    pub cost: Option<PicoUsd>,
    /// Where the price comes from, with the table's date where it is from a table: `user`, `local`,
    /// `unknown`, `reported`, `embedded 2026-11-01`.
    pub price_source: String,
    /// What the electricity of a model on this machine cost; none where the user's file does not say.
    pub energy: Option<PicoUsd>,
    /// Input tokens as counted, without the margin that is reserved.
    pub counted_input: u64,
    /// Why this endpoint was asked: `first`, `retry:unreachable`, `failover:local:breaker`,
    /// `escalated:local,retry:rejected`.
    pub because: String,
    /// How the endpoint's breaker stood: `closed`, `open`, `probe`.
    pub breaker: String,
    /// Tokens of the plain diff of its units; 0 where not counted.
    pub raw_tokens: u64,
    /// Tokens of the code in it.
    pub payload_tokens: u64,
    /// BLAKE3 of its body.
    pub payload_hash: String,
    /// From dispatch to settlement, in ms.
    pub latency_ms: Option<u64>,
    /// `ok`, or the code of a reason; none while it is open.
    pub outcome: Option<String>,
}

/// The tokens of a finished request, as the ledger keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedUsage {
    /// All input tokens.
    pub input: u64,
    /// The part of them that the provider read from its cache.
    pub cached_input: u64,
    /// The part of them that the provider wrote to its cache.
    pub cache_write: u64,
    /// All output tokens.
    pub output: u64,
    /// Who says so: `reported`, `counted`, `estimated`.
    pub source: String,
}

/// Why the store cannot answer. No limit can be kept then, so nothing may be sent.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory or a file in it cannot be made or listed.
    #[error("cannot use the state directory at {path}: {reason}; make it a directory that you may write to", path = path.display())]
    Directory {
        /// The path that failed.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file holds something else, or is damaged. It is left as it is: a fresh one would forget
    /// what was used.
    #[error("{path} is damaged or not a hookgate ledger ({reason}); restore it, or move it away to begin an empty one", path = path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What gave it away.
        reason: String,
    },
    /// A later hookgate wrote it.
    #[error("{path} has schema {found}, and this hookgate knows none after {known}; use the newer hookgate that wrote it", path = path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version this program writes.
        known: i64,
    },
    /// Another process holds it for too long.
    #[error("{path} is locked by another process, and stayed so for {waited_ms} ms; end that process, or try again", path = path.display())]
    Locked {
        /// The database.
        path: PathBuf,
        /// For how long it was waited for, in ms.
        waited_ms: u128,
    },
    /// Locks cannot be trusted where it is.
    #[error(
        "{path} is on a network file system ({kind}), where locks cannot be trusted; \
         set `[state] directory` in your configuration to a directory on a disk of this machine",
        path = path.display()
    )]
    Network {
        /// The database.
        path: PathBuf,
        /// Which kind.
        kind: String,
    },
    /// It can be read only.
    #[error("{path} cannot be written ({reason}); make the file and its directory writable for you", path = path.display())]
    ReadOnly {
        /// The database, or what is in its way.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Something else than a file that can be opened is there.
    #[error(
        "{path} cannot be used ({reason}); see that it is there, a file of yours, and on a disk that works; \
         moved away, it makes room for an empty ledger",
        path = path.display()
    )]
    Unusable {
        /// The database, or what is in its way.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// No room is left.
    #[error("the disk of {path} is full; make room", path = path.display())]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// The SQLite library may corrupt a database that several processes write.
    #[error(
        "SQLite {found} is too old for a ledger that several processes write; build hookgate with 3.51.3 or later"
    )]
    OldSqlite {
        /// Its version.
        found: &'static str,
    },
    /// The request is not in a state from which this step leads on.
    #[error("request {id} is {state}, so it cannot be {step}")]
    Transition {
        /// The request.
        id: String,
        /// Its state, or `unknown`.
        state: &'static str,
        /// The step asked for.
        step: &'static str,
    },
    /// The server does not keep limits now.
    #[error("the store at {place}: {fault}")]
    Redis {
        /// Its address, without a password.
        place: String,
        /// What is wrong with it, and what to do.
        fault: Fault,
    },
    /// Anything else that the database reports.
    #[error("{path}: {reason}", path = path.display())]
    Other {
        /// The database.
        path: PathBuf,
        /// What the library said.
        reason: String,
    },
}
#[cfg(test)]
#[path = "../../../tests/integration/harness/redis.rs"]
pub(crate) mod redis_server;
