//! Endpoints that fail are left alone for a while, by all processes together.
//!
//! A hook lives for seconds, so what it learns of an endpoint is kept in a cell of the store:
//! otherwise every commit would find the same outage out anew, and wait for it. A breaker is closed
//! until requests fail, then open until a span has passed, and then lets one request through to see,
//! its probe. All of this is decided by [`State`], which knows no clock, no store and no chance.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::budget::{Budget, BudgetError};
use super::calendar;
use crate::text::one_line;
use crate::tokens::Count;

/// So many failures in a row open it.
const FAILURES: u32 = 3;

/// A failure that is this old no longer counts. Not the 60 s of breakers in servers: who commits
/// every few minutes would meet three failures within none of them.
const REMEMBERED: u64 = 3_600_000;

/// The first span; each probe that fails doubles it.
const FIRST: u64 = 30_000;

/// The longest span, where the provider names no longer one.
const LONGEST: u64 = 30 * 60_000;

/// How long after nobody listened on this machine: to try costs nothing, and somebody is about to
/// start the server.
const AWAY: u64 = 60_000;

/// The longest that a provider's `Retry-After` is believed. Also how long a key is not tried again
/// that was refused: it may have been allowed since, or the refusal was a proxy's.
const DAY: u64 = 24 * 3_600_000;

/// The longest that a provider's reset of a quota is believed.
const MONTH: u64 = 31 * DAY;

/// Characters of a reason that a message repeats.
const WORDS: usize = 120;

/// What a request that was sent, or could not be, says about its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answered: the endpoint works, whatever the answer is worth.
    Sound,
    /// Nothing: the model is being loaded, the request is too large.
    Unsaid,
    /// Nothing, and every request of this run would be answered alike: the configuration is wrong.
    Misfit,
    /// It did not answer, or not with an answer; and how long it wants to be left alone, if it said
    /// so.
    Failed(Option<Duration>),
    /// It refused the key.
    KeyRefused,
    /// A quota is used up, and when it will be there again, if it said so.
    Exhausted(Option<Duration>),
    /// Nobody listens at an address of this machine.
    Away,
}

/// The time, in ms since the epoch, by two clocks of which neither is trusted alone: the store's
/// stands still after it was once ahead, and that of this machine can be set, and is not that of the
/// others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// As the store tells it.
    pub store: u64,
    /// As this machine tells it.
    pub wall: u64,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Span {
    from: Now,
    ms: u64,
}

impl Span {
    /// What is left of it, by the store's clock, which all machines share; by this machine's only
    /// while the store's stands still, or one machine whose clock is wrong would end what holds for
    /// all. A clock that was set back begins the span anew, so that it ends; a span of a damaged cell
    /// ends, too.
    fn left(&mut self, now: Now) -> u64 {
        self.from.store = self.from.store.min(now.store);
        let mut gone = now.store - self.from.store;
        if gone == 0 {
            self.from.wall = self.from.wall.min(now.wall);
            gone = now.wall - self.from.wall;
        }
        self.ms.min(MONTH).saturating_sub(gone)
    }
}

/// Why a breaker is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Cause {
    Failing,
    Key,
    Quota,
    Away,
}

/// A breaker as it stands: what a cell holds, as JSON. One that cannot be read counts as closed,
/// since the limits hold without it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Failures in a row.
    #[serde(default)]
    failures: u32,
    /// How long they are remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remembered: Option<Span>,
    /// How often it opened since the last success.
    #[serde(default)]
    openings: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open: Option<Open>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    cause: Cause,
    /// What happened, in hookgate's words.
    what: String,
    /// When it opened, in ms since the epoch.
    since: u64,
    span: Span,
    /// The request that finds out, as a lease: a process that dies with it blocks nobody for long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe: Option<Span>,
}

/// Whether a request may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// As usual.
    Closed,
    /// As the one that finds out whether the endpoint works again.
    Probe,
    /// Not now.
    Open(Closure),
}

impl Admission {
    /// The word that the ledger uses.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Probe => "probe",
            Self::Open(_) => "open",
        }
    }
}

/// Since when, why and until when an endpoint is left alone, as a message says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closure {
    cause: Cause,
    what: String,
    failures: u32,
    since: u64,
    now: u64,
    until: u64,
}

impl State {
    /// Reads a cell.
    #[must_use]
    pub fn read(cell: Option<&str>) -> Self {
        cell.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// What a cell is to hold.
    #[must_use]
    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("numbers and strings always serialise")
    }

    /// Whether a request may be sent now. The one that becomes the probe has `lease` to return.
    pub fn admit(&mut self, now: Now, lease: Duration) -> Admission {
        let Some(open) = &mut self.open else { return Admission::Closed };
        let probed = open.probe.as_mut().map_or(0, |probe| probe.left(now));
        let left = open.span.left(now).max(probed);
        if left == 0 {
            open.probe = Some(Span { from: now, ms: ms(lease) });
            return Admission::Probe;
        }
        Admission::Open(Closure {
            cause: open.cause,
            what: open.what.clone(),
            failures: self.failures,
            since: open.since,
            now: now.wall,
            until: now.wall.saturating_add(left),
        })
    }

    /// Learns what came of a request; `random` is evenly distributed.
    pub fn record(&mut self, health: Health, what: &str, was_probe: bool, now: Now, random: u64) {
        match health {
            Health::Sound => *self = Self::default(),
            Health::Unsaid | Health::Misfit => {
                if let Some(open) = self.open.as_mut().filter(|_| was_probe) {
                    open.probe = None;
                }
            }
            Health::Failed(wait) => self.fail(wait, what, was_probe, now, random),
            Health::KeyRefused => self.open(Cause::Key, what, DAY, now),
            Health::Exhausted(wait) => {
                let month = || {
                    let (_, next) = calendar::resets(now.store);
                    next.map_or(MONTH, |next| next.saturating_sub(now.store))
                };
                self.open(Cause::Quota, what, wait.map_or_else(month, ms).min(MONTH), now);
            }
            // What was sent before it opened tells nothing new.
            Health::Away if self.open.is_some() && !was_probe => {}
            Health::Away => self.open(Cause::Away, what, AWAY, now),
        }
    }

    fn fail(&mut self, wait: Option<Duration>, what: &str, was_probe: bool, now: Now, random: u64) {
        // What was sent before it opened tells nothing new.
        if self.open.is_some() && !was_probe {
            return;
        }
        let is_fresh = self.remembered.as_mut().is_some_and(|span| span.left(now) > 0);
        self.failures = if is_fresh { self.failures.saturating_add(1) } else { 1 };
        self.remembered = Some(Span { from: now, ms: REMEMBERED });
        let is_outage = self.open.is_some() || self.failures >= FAILURES;
        if !is_outage && wait.is_none() {
            return;
        }
        // Full jitter, so that the processes that met the outage together do not return together. A
        // provider's own word is kept to the moment: there is one probe only.
        let most = (FIRST << self.openings.min(16)).min(LONGEST);
        let backoff = if is_outage { random % (most + 1) } else { 0 };
        self.open(Cause::Failing, what, backoff.max(wait.map_or(0, ms).min(DAY)), now);
        self.openings = self.openings.saturating_add(1);
    }

    fn open(&mut self, cause: Cause, what: &str, ms: u64, now: Now) {
        let since = match &self.open {
            Some(open) if open.cause == cause => open.since,
            _ => now.wall,
        };
        self.open =
            Some(Open { cause, what: what.to_owned(), since, span: Span { from: now, ms }, probe: None });
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Display for Closure {
    /// What follows "is open".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "since {}, ", moment(self.since, self.now))?;
        match self.cause {
            Cause::Failing => {
                write!(f, "after {} in a row, the last: ", Count(self.failures as usize, "failure"))?;
            }
            Cause::Key => f.write_str("when the key was refused: ")?,
            Cause::Quota => f.write_str("when a quota was used up: ")?,
            Cause::Away => f.write_str("when nobody listened there: ")?,
        }
        // What a cell holds may be another's writing.
        f.write_str(&one_line(&self.what, WORDS))?;
        f.write_str(match self.cause {
            Cause::Failing | Cause::Away => "; it is asked again ",
            Cause::Key => "; set another key, or it is asked again ",
            Cause::Quota => {
                "; once there is more, `hookgate models test` lets it be asked; else it is asked again "
            }
        })?;
        write!(f, "from {} on", moment(self.until, self.now))
    }
}

/// A time as a reader of today needs it.
fn moment(time: u64, now: u64) -> String {
    let at = |time: u64| {
        let time = i64::try_from(time).ok().and_then(|time| Timestamp::from_millisecond(time).ok());
        time.unwrap_or(Timestamp::MAX).to_zoned_datetime(TimeZone::UTC)
    };
    let (time, now) = (at(time), at(now));
    let clock = format!("{:02}:{:02}:{:02} UTC", time.hour(), time.minute(), time.second());
    if time.date() == now.date() { clock } else { format!("{} {clock}", time.date()) }
}

/// One endpoint's breaker in the store.
pub struct Breaker<'b> {
    budget: &'b Budget,
    cell: String,
}

impl<'b> Breaker<'b> {
    /// The breaker that `cell` holds.
    #[must_use]
    pub fn new(budget: &'b Budget, cell: String) -> Self {
        Self { budget, cell }
    }

    /// Whether a request may be sent; see [`State::admit`]. `wall` is the time of this machine, in ms
    /// since the epoch.
    ///
    /// # Errors
    /// [`BudgetError::Store`]: then nothing is known, and nothing may be sent.
    pub fn admit(&self, wall: u64, lease: Duration) -> Result<Admission, BudgetError> {
        let mut admission = Admission::Closed;
        self.change(wall, |state, now| admission = state.admit(now, lease))?;
        Ok(admission)
    }

    /// Learns what came of a request that was admitted so; see [`State::record`].
    ///
    /// # Errors
    /// [`BudgetError::Store`].
    pub fn record(
        &self,
        health: Health,
        what: &str,
        admission: &Admission,
        wall: u64,
    ) -> Result<(), BudgetError> {
        let random = RandomState::new().hash_one(wall);
        let was_probe = *admission == Admission::Probe;
        self.change(wall, |state, now| state.record(health, what, was_probe, now, random))
    }

    /// Writes only what has changed: most requests meet a breaker that is closed and stays so.
    fn change(&self, wall: u64, mut change: impl FnMut(&mut State, Now)) -> Result<(), BudgetError> {
        self.budget.update(&self.cell, &mut |store, cell| {
            let before = State::read(cell);
            let mut state = before.clone();
            change(&mut state, Now { store, wall });
            (state != before).then(|| state.write())
        })
    }
}

#[cfg(test)]
mod tests;
