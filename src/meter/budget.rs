//! reserve → dispatch → settle: a request is held before it is sent, and charged whatever becomes
//! of it.

mod held;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::calendar::since_epoch;
use super::crossing::{Crossing, Largest, Overruns, Taken, crossed, explain};
use super::denial::Denial;
use super::price::Price;
use super::spool::{Spool, Waiting};
use super::standing::{LONGEST_OPEN, Standing, states};
use super::store::{About, Admission, Experience, LedgerRow, Place, Request, Store, StoreError};
use super::{Attribution, Limit, Limits, Scope, Unit, Window, billed, calendar};
use crate::tokens::PicoUsd;

pub use held::{Charge, Dispatched, Reservation};

/// How long a request may stay open, if nothing else is said: the longest default deadline of a hook
/// and 30 seconds.
const LEASE: Duration = Duration::from_secs(150);

/// How long the store is waited for after the deadline of a run, in all: what was sent is to be settled
/// then, and what it taught of its endpoint to be kept.
const AFTERMATH: Duration = Duration::from_secs(1);

/// The name of a hook run, under which a store adds up what all its requests take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunId(String);

impl RunId {
    /// One that no other run has.
    #[must_use]
    pub fn random() -> Self {
        Self(random_id())
    }
}

/// The limits of one hook run over a store.
///
/// After the first step that the store fails, none is tried any more: each would wait as long, and
/// nothing may be sent that cannot be counted.
pub struct Budget {
    store: Box<dyn Store>,
    limits: Limits,
    attribution: Attribution,
    lease: Duration,
    taken: Mutex<RunTotals>,
    /// None in tests of a store alone.
    spool: Option<Spool>,
    waiting: Option<Waiting>,
    /// Why the store has taken no writes when it was opened to read.
    refusal: Option<String>,
}

/// What one request may take at the most.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// Upper bound of the input tokens.
    pub input: u64,
    /// The most output tokens that the request asks for.
    pub output: u64,
    /// The model's price; none where it is unknown.
    pub price: Option<Price>,
    /// For the ledger.
    pub provider: String,
    /// For the ledger.
    pub model: String,
    /// For the ledger.
    pub tier: String,
    /// Input tokens as counted, without the margin that is in `input`.
    pub counted_input: u64,
    /// Why this endpoint is asked, for the ledger.
    pub because: String,
    /// How the endpoint's breaker stands, for the ledger.
    pub breaker: &'static str,
    /// Tokens of `git diff -U3` of the units in this request, for the ledger. 0 where not counted.
    pub raw_tokens: u64,
    /// Tokens of code in this request, for the ledger.
    pub payload_tokens: u64,
    /// BLAKE3 of the request's body, for the ledger.
    pub payload_hash: String,
}

impl Estimate {
    /// Input and output tokens together, which is what token limits count.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// The most it can cost; none where the price is unknown.
    #[must_use]
    pub fn cost(&self) -> Option<PicoUsd> {
        self.price.map(|price| price.upper_bound(self.input, self.output))
    }
}

/// Why a request may not be sent.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    /// A limit would be crossed: a verdict, not a failure.
    #[error("{0}")]
    Denied(Denial),
    /// The store failed: no limit can be kept, so nothing is sent.
    #[error("no limit can be kept: {0}")]
    Store(String),
}

impl From<StoreError> for BudgetError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

/// What was sent under one budget, as far as the ledger agreed to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunTotals {
    /// Tokens of finished requests.
    pub used: u64,
    /// Tokens held by requests that were sent and are not settled.
    pub reserved: u64,
    /// What all of them cost; none where one is not settled, or its price is unknown.
    pub cost: Option<PicoUsd>,
    /// The first failure of the store.
    pub failure: Option<String>,
    /// The models, as `provider/model`, that count as free and reported a cost.
    pub billed: BTreeSet<String>,
    /// The most that one request took.
    pub(super) largest: Largest,
    /// What requests took beyond their reservations.
    pub(super) overruns: Overruns,
}

impl RunTotals {
    /// Counts a finished request to `provider/model`.
    fn add(&mut self, model: &str, taken: &Taken) {
        let Taken { used, cost, .. } = *taken;
        self.used = self.used.saturating_add(used);
        self.cost = self.cost.zip(cost).map(|(all, one)| all + one);
        self.largest.tokens = self.largest.tokens.max(used);
        self.largest.cost = self.largest.cost.max(cost.unwrap_or_default());
        self.overruns.add(model, taken);
    }
}

/// The least that a limit on tokens has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The window whose limit it is.
    pub window: Window,
    /// Whom the limit counts for.
    pub scope: Scope,
    /// What is left, in tokens.
    pub tokens: u64,
}

/// A window as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowState {
    /// Which one.
    pub window: Window,
    /// Whose.
    pub scope: Scope,
    /// What the figures count: tokens or pico-USD.
    pub unit: Unit,
    /// Its limit, if it has one.
    pub limit: Option<u64>,
    /// Used in it.
    pub used: u64,
    /// Held by requests under way.
    pub reserved: u64,
    /// When it begins anew, in ms since the epoch; none for a window without an end.
    pub resets_at: Option<u64>,
    /// How many finished requests in it used tokens of an unknown price.
    pub unpriced: u64,
}

impl Budget {
    /// [`open_to_read`](Self::open_to_read) what is there; none where nothing was ever held, and then
    /// nothing is made.
    ///
    /// # Errors
    /// [`BudgetError::Store`] with what to do about it.
    pub fn existing(
        place: &Place,
        limits: Limits,
        attribution: Attribution,
    ) -> Result<Option<Self>, BudgetError> {
        if place.exists() { Self::open_to_read(place, limits, attribution).map(Some) } else { Ok(None) }
    }

    /// [`open`](Self::open), where nothing is to be held: a store that takes no writes now can be read
    /// all the same. What it could not be told then is [`waiting`](Self::waiting).
    ///
    /// # Errors
    /// [`BudgetError::Store`] with what to do about it.
    pub fn open_to_read(
        place: &Place,
        limits: Limits,
        attribution: Attribution,
    ) -> Result<Self, BudgetError> {
        let store = place.open(&random_id(), Box::new(system_clock), None)?;
        let spool = Spool::of(place);
        let told = spool.replay(&*store).and_then(|()| store.reap());
        let (waiting, refusal) = match told {
            Ok(_) => (None, None),
            Err(error) => match spool.waiting(&error) {
                Ok(waiting) => (waiting, Some(error.to_string())),
                Err(_) => return Err(error.into()),
            },
        };
        Ok(Self { spool: Some(spool), waiting, refusal, ..Self::with(store, limits, attribution) })
    }

    /// Opens the store at `place` (made if it is missing), and resolves what dead processes left.
    ///
    /// # Errors
    /// [`BudgetError::Store`] with what to do about it.
    pub fn open(place: &Place, limits: Limits, attribution: Attribution) -> Result<Self, BudgetError> {
        Self::open_until(&RunId::random(), None, place, limits, attribution)
    }

    /// [`open`](Self::open) for a part of a hook run, whose limits hold for all its parts together.
    /// Parts follow one another: of one run, one budget at a time is open. It has to be over by
    /// `deadline`, and the store makes it later by a second at the most; where it fails and another
    /// process holds the spool, that is waited for as long again.
    ///
    /// # Errors
    /// [`BudgetError::Store`] with what to do about it.
    pub fn open_for(
        run: &RunId,
        deadline: Instant,
        place: &Place,
        limits: Limits,
        attribution: Attribution,
    ) -> Result<Self, BudgetError> {
        Self::open_until(run, deadline.checked_add(AFTERMATH), place, limits, attribution)
    }

    fn open_until(
        run: &RunId,
        until: Option<Instant>,
        place: &Place,
        limits: Limits,
        attribution: Attribution,
    ) -> Result<Self, BudgetError> {
        let store = place.open(&run.0, Box::new(system_clock), until)?;
        let spool = Spool::of(place);
        spool.replay(&*store)?;
        Ok(Self { spool: Some(spool), ..Self::over(store, limits, attribution)? })
    }

    /// [`open`](Self::open) with another clock.
    #[cfg(test)]
    pub(crate) fn open_with_clock(
        place: &Place,
        limits: Limits,
        attribution: Attribution,
        clock: super::store::Clock,
    ) -> Result<Self, BudgetError> {
        Self::over(place.open(&random_id(), clock, None)?, limits, attribution)
    }

    /// A budget over a store that was opened for this hook run alone.
    ///
    /// # Errors
    /// [`BudgetError::Store`] with what to do about it.
    pub(super) fn over(
        store: Box<dyn Store>,
        limits: Limits,
        attribution: Attribution,
    ) -> Result<Self, BudgetError> {
        store.reap()?;
        Ok(Self::with(store, limits, attribution))
    }

    fn with(store: Box<dyn Store>, limits: Limits, attribution: Attribution) -> Self {
        let taken = RunTotals {
            used: 0,
            reserved: 0,
            cost: Some(PicoUsd::ZERO),
            failure: None,
            billed: BTreeSet::new(),
            largest: Largest::default(),
            overruns: Overruns::default(),
        };
        let taken = Mutex::new(taken);
        Self { store, limits, attribution, lease: LEASE, taken, spool: None, waiting: None, refusal: None }
    }

    /// What waits for a store that takes no writes now; none where it does, or nothing waits.
    #[must_use]
    pub fn waiting(&self) -> Option<&Waiting> {
        self.waiting.as_ref()
    }

    /// Sets how long a request may stay open before other processes take it for abandoned: the
    /// deadline of the hook and some seconds. It matters only while this process is alive and
    /// stuck, since its death is noticed at once.
    #[must_use]
    pub fn with_lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// Holds the estimate in all windows, or in none. The price of a model that counts as free is
    /// unknown where it has [reported a cost](Self::has_billed).
    ///
    /// # Errors
    /// See [`BudgetError`].
    pub fn reserve(&self, estimate: &Estimate) -> Result<Reservation<'_>, BudgetError> {
        let Estimate { provider, model, price, .. } = estimate;
        let is_free = price.is_some_and(|price| price.is_free());
        let is_billed = is_free && self.has_billed(provider, model)?;
        let unpriced = is_billed.then(|| Estimate { price: None, ..estimate.clone() });
        let estimate = unpriced.as_ref().unwrap_or(estimate);
        let id = random_id();
        let request = Request { id: &id, attribution: &self.attribution, estimate, lease: self.lease };
        match self.step(|store| store.reserve(&request, &self.limits))? {
            Admission::Denied(Denial::Unpriced) if is_billed => Err(BudgetError::Denied(Denial::Billed)),
            Admission::Denied(denial) => Err(BudgetError::Denied(denial)),
            Admission::Granted => Ok(Reservation::new(self, id, estimate)),
        }
    }

    /// Whether a model that counts as free has reported this month what a request cost.
    ///
    /// # Errors
    /// [`BudgetError::Store`].
    pub fn has_billed(&self, provider: &str, model: &str) -> Result<bool, BudgetError> {
        self.step(|store| billed::is_billed(store, &format!("{provider}/{model}")))
    }

    /// The limits of which more is used and held than they allow, of one request those of this run's.
    ///
    /// # Errors
    /// [`BudgetError::Store`].
    pub fn crossed(&self) -> Result<Vec<Crossing>, BudgetError> {
        let totals = self.step(|store| store.totals(&self.attribution))?;
        let taken = self.taken();
        Ok(crossed(&self.limits, &totals, taken.largest, &taken.overruns))
    }

    /// Tokens that requests together could still take, over all windows that outlast a request; none
    /// where nothing limits them.
    ///
    /// # Errors
    /// [`BudgetError::Store`].
    pub fn headroom(&self) -> Result<Option<Room>, BudgetError> {
        let totals = self.step(|store| store.totals(&self.attribution))?;
        let lasting = |limit: &&Limit| limit.unit == Unit::Tokens && limit.window != Window::Call;
        let left = self.limits.iter().filter(lasting).filter_map(|limit| {
            let totals = totals.of(limit.window, limit.scope)?;
            let tokens = limit.most.saturating_sub(totals.used).saturating_sub(totals.reserved);
            Some(Room { window: limit.window, scope: limit.scope, tokens })
        });
        Ok(left.min_by_key(|room| room.tokens))
    }

    /// What was sent under this budget. It is known here, also where the store does not answer.
    #[must_use]
    pub fn taken(&self) -> RunTotals {
        self.tally().clone()
    }

    fn tally(&self) -> MutexGuard<'_, RunTotals> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a step of the store, unless an earlier one failed.
    fn step<T>(&self, step: impl FnOnce(&dyn Store) -> Result<T, StoreError>) -> Result<T, BudgetError> {
        if let Some(failure) = &self.tally().failure {
            return Err(BudgetError::Store(failure.clone()));
        }
        step(&*self.store).map_err(|error| {
            // A step that does not lead on from where a request stands says nothing of the store.
            if !matches!(error, StoreError::Transition { .. }) {
                self.tally().failure = Some(error.to_string());
            }
            error.into()
        })
    }

    /// The windows of this run and of its scopes' days and months, in tokens and in money, with or
    /// without a limit.
    ///
    /// # Errors
    /// [`BudgetError::Store`].
    pub fn windows(&self) -> Result<Vec<WindowState>, BudgetError> {
        let totals = self.step(|store| store.totals(&self.attribution))?;
        Ok(states(&totals, &self.limits))
    }

    /// Where the windows stand, and what is under way.
    ///
    /// # Errors
    /// [`BudgetError::Store`].
    pub fn standing(&self) -> Result<Standing, BudgetError> {
        let totals = self.step(|store| store.totals(&self.attribution))?;
        let latest = self.step(|store| store.ledger(totals.time.saturating_sub(LONGEST_OPEN)))?;
        let mut standing = Standing::of(&totals, &self.limits, &latest);
        if !standing.crossed.is_empty() {
            let month = calendar::start(calendar::date(totals.time).first_of_month());
            let rows = self.step(|store| store.ledger(month))?;
            explain(&mut standing.crossed, &rows, &self.attribution, totals.time);
        }
        Ok(standing)
    }

    /// Puts a request on the ledger that is not made, with the code of the reason.
    ///
    /// # Errors
    /// [`BudgetError::Store`].
    pub fn refuse(&self, estimate: &Estimate, outcome: &str) -> Result<(), BudgetError> {
        let id = random_id();
        let request = Request { id: &id, attribution: &self.attribution, estimate, lease: self.lease };
        self.step(|store| store.refuse(&request, outcome))
    }

    /// See [`Store::experience`].
    ///
    /// # Errors
    /// [`BudgetError::Store`].
    pub fn experience(
        &self,
        provider: &str,
        model: &str,
        most: usize,
    ) -> Result<Vec<Experience>, BudgetError> {
        self.step(|store| store.experience(provider, model, most))
    }

    /// See [`Store::update`].
    ///
    /// # Errors
    /// [`BudgetError::Store`].
    pub fn update(
        &self,
        cell: &str,
        change: &mut dyn FnMut(u64, Option<&str>) -> Option<String>,
    ) -> Result<(), BudgetError> {
        self.step(|store| store.update(cell, change))
    }

    /// See [`Store::cells`].
    ///
    /// # Errors
    /// [`BudgetError::Store`].
    pub fn cells(&self, prefix: &str) -> Result<Vec<(String, String)>, BudgetError> {
        self.step(|store| store.cells(prefix))
    }

    /// See [`Store::about`].
    ///
    /// # Errors
    /// [`BudgetError::Store`].
    pub fn about(&self) -> Result<About, BudgetError> {
        let about = self.step(|store| store.about())?;
        Ok(About { refusal: about.refusal.or_else(|| self.refusal.clone()), ..about })
    }

    /// All requests of `since` (ms since the epoch) or later, of all runs, oldest first.
    ///
    /// # Errors
    /// [`BudgetError::Store`].
    pub fn ledger(&self, since: u64) -> Result<Vec<LedgerRow>, BudgetError> {
        self.step(|store| store.ledger(since))
    }
}

/// 128 random bits in hexadecimal. The standard library seeds each thread's hashers with random
/// bits of the system and gives every hasher a key of its own, so two keyed hashes are as random as
/// that seed.
fn random_id() -> String {
    format!("{:016x}{:016x}", RandomState::new().hash_one(0u8), RandomState::new().hash_one(1u8))
}

fn system_clock() -> u64 {
    since_epoch(SystemTime::now())
}

#[cfg(test)]
mod tests;
