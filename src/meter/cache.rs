//! What reviews have cost once and need not cost again: which definition was reviewed from which
//! text to which, on what terms, and what was said.
//!
//! A cache and no ledger: whatever is lost costs tokens and nothing else. So it is written without
//! waiting for the disk, and every entry carries a seal, since a damaged one must never pass for a
//! review. Like the ledger it is one SQLite file, which many short-lived processes open at once.

mod chain;
mod file;
mod known;
pub mod shared;
mod statistics;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use blake3::Hash;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::calendar;
use known::{Known, cause, chain_on, reviews};
use shared::Fetched;
pub use statistics::{Period, Statistics};

/// Milliseconds of a day.
const DAY: u64 = 86_400_000;
/// Days after which a review that answered nothing is forgotten.
const UNUSED_DAYS: u64 = 90;
/// Days after which the count of lookups is forgotten.
const COUNTED_DAYS: u64 = 400;
/// Reviews that are kept; beyond that, those that were not used for longest go.
const MOST: u64 = 100_000;

/// The reviews of one user on one machine.
pub struct Cache {
    path: PathBuf,
    connection: Connection,
    /// Ms since the epoch.
    now: u64,
    /// Reviews that are kept.
    most: u64,
}

/// On what terms a review was made. It answers only who asks on the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Provider and model.
    pub model: String,
    /// The most that was to be sent of a unit.
    pub level: String,
    /// The version of everything else that the answer depends on.
    pub prompt: Hash,
}

/// A definition that went from one text to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Which definition: path and name.
    pub place: Hash,
    /// What it said; none where it was not there.
    pub old: Option<Hash>,
    /// What it says; none where it is gone.
    pub new: Option<Hash>,
}

/// A review to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Of what.
    pub edge: Edge,
    /// What was said, in words of the reviewer's own.
    pub said: String,
    /// Input and output tokens that it took.
    pub tokens: u64,
    /// Milliseconds that it took.
    pub millis: u64,
}

/// What a lookup came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Everything was reviewed before.
    Hit(Hit),
    /// Something was not.
    Miss(Miss),
}

/// Earlier reviews that together answer for a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What each of them said.
    pub said: Vec<String>,
    /// The UTC day of the last one, `2026-11-23`.
    pub date: String,
    /// Tokens that need not be spent again. Of a chain of reviews the dearest counts, and no other:
    /// one review would have taken the place of all.
    pub tokens: u64,
    /// Milliseconds likewise.
    pub millis: u64,
    used: Vec<i64>,
    /// Those that another machine has made, with their places.
    borrowed: Vec<(Hash, Known)>,
}

impl Hit {
    /// Whether a review that another machine has made was needed for it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        !self.borrowed.is_empty()
    }
}

/// Why earlier reviews do not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Miss {
    /// The definition was never reviewed, or so long ago that it is forgotten.
    New,
    /// It was reviewed, with another text before or after.
    Changed,
    /// The same was reviewed by another model.
    Model,
    /// The same was reviewed by this model at another level.
    Level,
    /// The same was reviewed by this model at this level, under other instructions.
    Prompt,
    /// Nothing says what the unit leads from and to.
    NoSteps,
    /// What was kept cannot be read.
    Unreadable,
}

impl Miss {
    /// All causes, in the order in which they are shown.
    pub const ALL: [Self; 7] =
        [Self::New, Self::Changed, Self::Model, Self::Level, Self::Prompt, Self::NoSteps, Self::Unreadable];

    /// The word that reports use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Model => "model",
            Self::Level => "level",
            Self::Prompt => "prompt",
            Self::NoSteps => "no_steps",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The file is damaged. It was renamed, and the next run begins a new one.
    #[error("{} was damaged, and is now {}; a new one is begun with the next review", path.display(), aside.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its new name.
        aside: PathBuf,
    },
    /// Something else is in its place, and is left alone.
    #[error("{} is not hookgate's; move it away", .0.display())]
    Foreign(PathBuf),
    /// A later hookgate wrote it.
    #[error("{} was written by a newer hookgate; use that, or remove the file", .0.display())]
    Newer(PathBuf),
    /// Another process holds it for too long.
    #[error("{} is locked by another process", .0.display())]
    Locked(PathBuf),
    /// It can be read only.
    #[error("{} cannot be written; make the file and its directory writable for you", .0.display())]
    ReadOnly(PathBuf),
    /// It cannot be made, read or written.
    #[error("{} cannot be used: {reason}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What the system or SQLite says.
        reason: String,
    },
}

impl Cache {
    /// The file within the state directory.
    pub const FILE: &str = "reviews.sqlite3";

    /// Opens the cache in `directory`, and makes both where they are missing, for this user alone.
    /// `now` is in ms since the epoch.
    ///
    /// # Errors
    /// [`CacheError`]; then nothing was reviewed before.
    pub fn open(directory: &Path, now: u64) -> Result<Self, CacheError> {
        let path = directory.join(Self::FILE);
        file::create(directory, &path)?;
        Self::at(path, now)
    }

    /// Opens the cache in `directory` if there is one, and leaves no trace where there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn existing(directory: &Path, now: u64) -> Result<Option<Self>, CacheError> {
        let path = directory.join(Self::FILE);
        // Where that cannot be said, opening it says why.
        if path.try_exists().unwrap_or(true) { Self::at(path, now).map(Some) } else { Ok(None) }
    }

    /// A cache that is kept nowhere, to look up in it what other machines share.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn passing(now: u64) -> Result<Self, CacheError> {
        let connection = file::passing()?;
        Ok(Self { path: PathBuf::new(), connection, now, most: MOST })
    }

    fn at(path: PathBuf, now: u64) -> Result<Self, CacheError> {
        let connection = file::connect(&path)?;
        Ok(Self { path, connection, now, most: MOST })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs one step as a whole.
    fn step<T>(
        &mut self,
        behavior: TransactionBehavior,
        step: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, CacheError> {
        let run = || {
            let transaction = self.connection.transaction_with_behavior(behavior)?;
            let value = step(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(|error| file::explain(&self.path, &error))
    }

    /// Whether each of `edges` was reviewed on these terms, at once or in a chain of reviews, here or
    /// on the machines from which `fetched` comes. An edge
    /// that leads from a text to itself needs none, but where there is no other, nothing says what
    /// was reviewed. A chain does not lead over the absence of a definition: one that is gone and
    /// comes again has been seen with nothing to compare.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn find(
        &mut self,
        terms: &Terms,
        repository: &str,
        edges: &[Edge],
        fetched: &Fetched,
    ) -> Result<Lookup, CacheError> {
        let mut hit = Hit {
            said: Vec::new(),
            date: String::new(),
            tokens: 0,
            millis: 0,
            used: Vec::new(),
            borrowed: Vec::new(),
        };
        let mut latest = 0;
        for edge in edges.iter().filter(|edge| edge.old != edge.new) {
            let mut known =
                self.step(TransactionBehavior::Deferred, |transaction| reviews(transaction, edge.place))?;
            known.extend(fetched.known.get(&edge.place).into_iter().flatten().cloned());
            let Some(chain) = chain_on(&known, terms, edge) else {
                return Ok(Lookup::Miss(cause(&known, terms, repository, edge)));
            };
            hit.tokens += chain.iter().map(|known| known.tokens).max().unwrap_or(0);
            hit.millis += chain.iter().map(|known| known.millis).max().unwrap_or(0);
            for known in chain {
                latest = latest.max(known.time);
                hit.said.push(known.said.clone());
                match known.id {
                    0 => hit.borrowed.push((edge.place, known.clone())),
                    id => hit.used.push(id),
                }
            }
        }
        if hit.said.is_empty() {
            return Ok(Lookup::Miss(Miss::NoSteps));
        }
        hit.date = calendar::window_ids(latest).0;
        Ok(Lookup::Hit(hit))
    }

    /// Keeps reviews, each in place of one of the same edge on the same terms. Once a day, what is
    /// too old or too much goes.
    ///
    /// # Errors
    /// [`CacheError`]: then none is kept.
    pub fn store(&mut self, terms: &Terms, repository: &str, reviews: &[Review]) -> Result<(), CacheError> {
        let (now, today, most) = (self.now, self.now / DAY, self.most);
        self.step(TransactionBehavior::Immediate, |transaction| {
            for review in reviews {
                let known = Known::of(review, terms, repository, now);
                known.keep(transaction, review.edge.place, today)?;
            }
            sweep(transaction, today, most)
        })
    }

    /// Counts what the lookups of a run came to, notes which reviews are still of use, and keeps those
    /// that another machine has made.
    ///
    /// # Errors
    /// [`CacheError`]: then nothing is counted.
    pub fn record(&mut self, hits: &[Hit], misses: &[Miss]) -> Result<(), CacheError> {
        let mut counts: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
        for hit in hits {
            let count = counts.entry(if hit.is_shared() { SHARED_HIT } else { HIT }).or_default();
            *count = [count[0] + 1, count[1] + hit.tokens, count[2] + hit.millis];
        }
        for miss in misses {
            counts.entry(miss.as_str()).or_default()[0] += 1;
        }
        let now_day = self.now / DAY;
        let today = signed(now_day);
        self.step(TransactionBehavior::Immediate, |transaction| {
            for id in hits.iter().flat_map(|hit| &hit.used) {
                transaction
                    .prepare_cached("UPDATE reviews SET used = ?2 WHERE id = ?1 AND used < ?2")?
                    .execute([*id, today])?;
            }
            for (place, known) in hits.iter().flat_map(|hit| &hit.borrowed) {
                known.keep(transaction, *place, now_day)?;
            }
            for (outcome, [units, tokens, millis]) in counts {
                transaction
                    .prepare_cached(
                        "INSERT INTO lookups (day, outcome, units, tokens, millis) VALUES (?1, ?2, ?3, ?4, ?5)
                         ON CONFLICT (day, outcome) DO UPDATE SET units = units + excluded.units,
                         tokens = tokens + excluded.tokens, millis = millis + excluded.millis",
                    )?
                    .execute(params![today, outcome, signed(units), signed(tokens), signed(millis)])?;
            }
            Ok(())
        })
    }

    /// What is kept, and what the lookups of the last `days` came to, in periods of `length` days; the
    /// last of both is today.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn statistics(&mut self, days: u64, length: u64) -> Result<Statistics, CacheError> {
        let bytes = std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        let today = self.now / DAY;
        self.step(TransactionBehavior::Deferred, |transaction| {
            let entries = transaction.query_row("SELECT count(*) FROM reviews", [], |row| row.get(0))?;
            let periods = statistics::periods(transaction, today, days, length.max(1))?;
            Ok(Statistics { entries: unsigned(entries), bytes, periods })
        })
    }

    /// Forgets everything, counts too; gives how many reviews that were.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn clear(&mut self) -> Result<u64, CacheError> {
        let cleared = self.step(TransactionBehavior::Immediate, |transaction| {
            transaction.execute("DELETE FROM lookups", [])?;
            transaction.execute("DELETE FROM reviews", [])
        })?;
        // What was said is to be gone from the disk, and not only from the tables.
        self.connection.execute_batch("VACUUM").map_err(|error| file::explain(&self.path, &error))?;
        Ok(cleared as u64)
    }
}

/// The outcome of a lookup that answers.
const HIT: &str = "hit";
/// The same with the help of another machine.
const SHARED_HIT: &str = "shared";

/// Once a day, forgets what is too old or too much.
fn sweep(transaction: &Transaction<'_>, today: u64, most: u64) -> rusqlite::Result<()> {
    let swept: Option<i64> =
        transaction.query_row("SELECT max(day) FROM sweeps", [], |row| row.get(0)).optional()?.flatten();
    if swept == Some(signed(today)) {
        return Ok(());
    }
    let before = |days| signed(today.saturating_sub(days));
    transaction.execute("DELETE FROM reviews WHERE used < ?1", [before(UNUSED_DAYS)])?;
    transaction.execute("DELETE FROM lookups WHERE day < ?1", [before(COUNTED_DAYS)])?;
    transaction.execute(
        "DELETE FROM reviews WHERE id IN (SELECT id FROM reviews ORDER BY used DESC, id DESC LIMIT -1 OFFSET ?1)",
        [signed(most)],
    )?;
    transaction.execute("DELETE FROM sweeps", [])?;
    transaction.execute("INSERT INTO sweeps (day) VALUES (?1)", [signed(today)])?;
    Ok(())
}

/// As SQLite keeps a count.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
