//! The protocol, as plainly as it can be said: a list of rows, and sums over it.

use super::{LIMITS, Place};
use crate::meter::price::Price;
use crate::meter::store::{State, Totals};
use crate::meter::{Attribution, Limit, Scope, Unit, Window};
use crate::tokens::PicoUsd;

const DAY_MS: u64 = 86_400_000;
pub(super) const LEASE_MS: u64 = 150_000;
/// How far a lease may begin in the future, where the clock was set back.
pub(super) const AHEAD_MS: u64 = 30_000;

/// A request as the model sees it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) run: String,
    pub(super) attribution: Attribution,
    pub(super) state: State,
    pub(super) time: u64,
    /// When its lease began.
    pub(super) begun: u64,
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) price: Option<Price>,
    /// What it counts for now.
    pub(super) tokens: u64,
    pub(super) cost: Option<u64>,
    /// Input and output that it is charged for; none until it is.
    pub(super) charged: Option<(u64, u64)>,
    /// Input and output that the provider served, whether or not anybody heard of it.
    pub(super) served: (u64, u64),
}

impl Row {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Reserved | State::Dispatched)
    }

    fn is_charged(&self) -> bool {
        matches!(self.state, State::Settled | State::ChargedFull)
    }

    pub(super) fn cost_of(&self, input: u64, output: u64) -> Option<u64> {
        cost(self.price, input, output)
    }
}

pub(super) fn cost(price: Option<Price>, input: u64, output: u64) -> Option<u64> {
    price.map(|price| price.input.0 * input + price.output.0 * output)
}

/// The calendar month of a time, counted from the year 0: `civil_from_days` of Howard Hinnant's
/// "chrono-Compatible Low-Level Date Algorithms".
pub(super) fn month(time: u64) -> u64 {
    let day = time / DAY_MS + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // Months from March.
    let month = (5 * of_year + 2) / 153;
    (era * 400 + year) * 12 + month
}

pub(super) struct Model {
    pub(super) rows: Vec<Row>,
    /// The runs whose processes live.
    pub(super) alive: Vec<String>,
    pub(super) clock: u64,
    pub(super) place: Place,
}

impl Model {
    /// Time never runs backwards, whatever the clock says.
    pub(super) fn now(&self) -> u64 {
        self.rows.iter().map(|row| row.time).max().unwrap_or(0).max(self.clock)
    }

    /// What leases begin and end by.
    pub(super) fn lease_clock(&self) -> u64 {
        if self.place.leases_by_clock { self.clock } else { self.now() }
    }

    pub(super) fn is_abandoned(&self, row: &Row) -> bool {
        let is_dead = self.place.notices_death && !self.alive.contains(&row.run);
        let clock = self.lease_clock();
        let is_future = self.place.leases_by_clock && row.begun > clock + AHEAD_MS;
        row.is_open() && (is_dead || is_future || row.begun + LEASE_MS <= clock)
    }

    /// Resolves what is abandoned, and says how much that was.
    pub(super) fn reap(&mut self) -> u64 {
        let abandoned: Vec<bool> = self.rows.iter().map(|row| self.is_abandoned(row)).collect();
        for (row, _) in self.rows.iter_mut().zip(&abandoned).filter(|(_, abandoned)| **abandoned) {
            if row.state == State::Reserved {
                (row.state, row.tokens, row.cost) = (State::Released, 0, row.cost.map(|_| 0));
            } else {
                (row.state, row.charged) = (State::ChargedFull, Some((row.input, row.output)));
            }
        }
        abandoned.into_iter().map(u64::from).sum()
    }

    fn sum(&self, within: impl Fn(&Row) -> bool) -> Totals {
        let mut sum = Totals::default();
        for row in self.rows.iter().filter(|row| within(row)) {
            if row.is_open() {
                sum.reserved += row.tokens;
                sum.reserved_cost += PicoUsd(row.cost.unwrap_or(0));
            } else if row.is_charged() {
                sum.used += row.tokens;
                sum.used_cost += PicoUsd(row.cost.unwrap_or(0));
                sum.unpriced += u64::from(row.cost.is_none() && row.tokens > 0);
            }
        }
        sum
    }

    /// What a window of a scope counts for; none where the run belongs to no such scope.
    pub(super) fn window(&self, run: &str, of: &Attribution, window: Window, scope: Scope) -> Option<Totals> {
        let name = of.scope(scope)?;
        let now = self.now();
        let belongs = |row: &Row| {
            let everybody = scope == Scope::User && !self.place.is_shared;
            everybody || row.attribution.scope(scope) == Some(name)
        };
        Some(match window {
            Window::Call => Totals::default(),
            Window::Hook => self.sum(|row| row.run == run),
            Window::Day => self.sum(|row| belongs(row) && row.time / DAY_MS == now / DAY_MS),
            Window::Month => self.sum(|row| belongs(row) && month(row.time) == month(now)),
        })
    }

    /// Whether all limits let a request through.
    pub(super) fn admits(&self, run: &str, of: &Attribution, tokens: u64, cost: Option<u64>) -> bool {
        limits_of(of).all(|Limit { window, scope, unit, most }| {
            let totals = self.window(run, of, window, scope).unwrap();
            match (unit, cost) {
                (Unit::Tokens, _) => totals.used + totals.reserved + tokens <= most,
                (Unit::Money, None) => false,
                (Unit::Money, Some(cost)) if cost > 0 && totals.unpriced > 0 => false,
                (Unit::Money, Some(cost)) => totals.used_cost.0 + totals.reserved_cost.0 + cost <= most,
            }
        })
    }
}

/// The limits that bind a run: those of all names, and those of its own.
pub(super) fn limits_of(of: &Attribution) -> impl Iterator<Item = Limit> {
    LIMITS.into_iter().filter_map(|(limit, name)| {
        let own = of.scope(limit.scope)?;
        let of_stage = name.split_once(" in ").is_some_and(|(name, stage)| name == own && stage == of.stage);
        (name == "*" || name == own || of_stage).then_some(limit)
    })
}
