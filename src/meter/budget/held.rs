//! A request under a budget, from its reservation to its settlement.

use std::time::Duration;

use super::{Attribution, Budget, BudgetError, Estimate};
use crate::meter::billed;
use crate::meter::crossing::Taken;
use crate::meter::price::Price;
use crate::meter::store::Settlement;
use crate::tokens::{PicoUsd, Usage, UsageSource};

/// Tokens held for one request. Dropping it gives them back.
pub struct Reservation<'b> {
    open: Open<'b>,
}

/// A request that may be on its way. Dropping it charges the reservation in full.
pub struct Dispatched<'b> {
    open: Open<'b>,
}

/// A request in the store, and what becomes of it if its holder is dropped.
struct Open<'b> {
    budget: &'b Budget,
    id: String,
    /// `provider/model`.
    model: String,
    input: u64,
    output: u64,
    price: Option<Price>,
    on_drop: OnDrop,
}

#[derive(Clone, Copy)]
enum OnDrop {
    Release,
    ChargeInFull,
    Nothing,
}

/// What a finished request is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// What was used.
    Usage(Usage),
    /// Nothing: no byte of the request was accepted, or the provider says it is not billed.
    Nothing,
    /// The whole reservation: the truth cannot be learned.
    Full,
}

impl<'b> Reservation<'b> {
    /// Of what the store holds already.
    pub(super) fn new(budget: &'b Budget, id: String, estimate: &Estimate) -> Self {
        let Estimate { provider, model, input, output, price, .. } = estimate;
        let model = format!("{provider}/{model}");
        let (input, output, price) = (*input, *output, *price);
        Self { open: Open { budget, id, model, input, output, price, on_drop: OnDrop::Release } }
    }

    /// Marks the request as sent, durably, before its first byte is.
    ///
    /// # Errors
    /// [`BudgetError::Store`]: then nothing may be sent.
    pub fn dispatch(self) -> Result<Dispatched<'b>, BudgetError> {
        let mut open = self.open;
        // A step that fails may have been taken all the same, and then the reaper charges it: the
        // dear side is safe.
        open.budget.step(|store| store.dispatch(&open.id, open.budget.lease))?;
        open.on_drop = OnDrop::ChargeInFull;
        let mut taken = open.budget.tally();
        taken.reserved = taken.reserved.saturating_add(open.tokens());
        drop(taken);
        Ok(Dispatched { open })
    }
}

impl Dispatched<'_> {
    /// Whom the request is charged to.
    #[must_use]
    pub fn attribution(&self) -> &Attribution {
        &self.open.budget.attribution
    }

    /// Replaces the reservation by what the request truly took; returns its cost, if known.
    /// `outcome` is `ok` or the code of a reason.
    ///
    /// # Errors
    /// [`BudgetError::Store`]; the reservation then stays charged in full.
    pub fn settle(
        self,
        charge: Charge,
        outcome: &str,
        latency: Duration,
    ) -> Result<Option<PicoUsd>, BudgetError> {
        self.open.settle(charge, outcome, Some(latency))
    }
}

impl Open<'_> {
    fn settle(
        mut self,
        charge: Charge,
        outcome: &str,
        latency: Option<Duration>,
    ) -> Result<Option<PicoUsd>, BudgetError> {
        // A settlement that fails leaves the request dispatched, and the reaper charges it in full
        // until the spool is read: trying again here would only wait for the same lock a second time.
        self.on_drop = OnDrop::Nothing;
        self.charge(charge, outcome, latency)
    }

    fn charge(
        &self,
        charge: Charge,
        outcome: &str,
        latency: Option<Duration>,
    ) -> Result<Option<PicoUsd>, BudgetError> {
        let (usage, cost) = match charge {
            // What the provider says that it cost is the truth, whatever the price lists say.
            Charge::Usage(usage) => {
                (usage, usage.reported_cost.or_else(|| self.price.map(|price| price.cost(&usage))))
            }
            Charge::Nothing => {
                (Usage { source: UsageSource::Reported, ..Usage::default() }, Some(PicoUsd::ZERO))
            }
            Charge::Full => (
                Usage { input: self.input, output: self.output, ..Usage::default() },
                self.price.map(|price| price.upper_bound(self.input, self.output)),
            ),
        };
        let energy = latency.and_then(|latency| self.price?.energy_for(latency));
        let settlement = Settlement { full: charge == Charge::Full, usage, cost, energy, outcome, latency };
        let is_free = self.price.is_some_and(|price| price.is_free());
        let billed = usage.reported_cost.filter(|_| is_free).map(|_| &*self.model);
        let settled = self.budget.step(|store| store.settle(&self.id, &settlement));
        let mut taken = self.budget.tally();
        if let Err(error) = settled {
            taken.cost = None;
            drop(taken);
            self.keep(&settlement, billed, &error);
            return Err(error);
        }
        taken.reserved = taken.reserved.saturating_sub(self.tokens());
        let reserved_cost = self.price.map(|price| price.upper_bound(self.input, self.output));
        taken.add(
            &self.model,
            &Taken {
                reserved: self.tokens(),
                used: usage.total(),
                cost,
                reports_cost: usage.reported_cost > reserved_cost,
            },
        );
        if let Some(model) = billed {
            taken.billed.insert(model.to_owned());
            drop(taken);
            // Settled it is; and a store that fails now lets nothing more be sent.
            let _ = self.budget.step(|store| billed::mark(store, model));
        }
        Ok(cost)
    }

    /// Has the next process charge it. Where that fails, too, the reservation is what stays charged.
    fn keep(&self, settlement: &Settlement<'_>, billed: Option<&str>, error: &BudgetError) {
        if let (Some(spool), BudgetError::Store(_)) = (&self.budget.spool, error)
            && let Err(error) = spool.keep(&*self.budget.store, &self.id, settlement, billed)
            && let Some(failure) = &mut self.budget.tally().failure
        {
            failure.push_str(&format!("; nor could it be written down: {error}"));
        }
    }

    fn tokens(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        // Where this fails, the request stays open and the reaper resolves it the same way.
        match self.on_drop {
            OnDrop::Release => drop(self.budget.step(|store| store.release(&self.id))),
            OnDrop::ChargeInFull => drop(self.charge(Charge::Full, "abandoned", None)),
            OnDrop::Nothing => {}
        }
    }
}
