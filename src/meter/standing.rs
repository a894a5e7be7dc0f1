//! Where every window stands at one moment.

use super::budget::WindowState;
use super::calendar::resets;
use super::crossing::{Crossing, Largest, Overruns, crossed};
use super::store::{LedgerRow, ScopeTotals, State, WindowTotals};
use super::{Attribution, Limits, Scope, Unit, Window};

/// How far back requests can be open: no lease is nearly as long.
pub(super) const LONGEST_OPEN: u64 = 24 * 60 * 60 * 1000;

/// What the windows of an attribution have used and hold, and what is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The store's time, in ms since the epoch: never before a time that it has seen.
    pub time: u64,
    /// What its clock shows, in ms since the epoch: less, where a clock was ahead once.
    pub clock: u64,
    /// The windows of each scope, with or without a limit.
    pub windows: Vec<WindowState>,
    /// Requests under way, of all runs.
    pub open: u64,
    /// When the oldest of them was reserved, in ms since the epoch; none where there is none.
    pub oldest: Option<u64>,
    /// The limits of days and months that are crossed.
    pub crossed: Vec<Crossing>,
}

impl Standing {
    /// Where a store stands that nobody has used yet.
    #[must_use]
    pub fn unused(time: u64, limits: &Limits, attribution: &Attribution) -> Self {
        let scopes = Scope::ALL.into_iter().filter(|&scope| attribution.scope(scope).is_some());
        let scopes = scopes.map(|scope| (scope, ScopeTotals::default())).collect();
        let totals = WindowTotals { time, scopes, ..WindowTotals::default() };
        Self {
            time,
            clock: time,
            windows: states(&totals, limits),
            open: 0,
            oldest: None,
            crossed: Vec::new(),
        }
    }

    /// Where a store stands, given what its windows count for and its latest requests.
    pub(super) fn of(totals: &WindowTotals, limits: &Limits, latest: &[LedgerRow]) -> Self {
        let is_open = |row: &&LedgerRow| matches!(row.state, State::Reserved | State::Dispatched);
        let open: Vec<_> = latest.iter().filter(is_open).map(|row| row.time).collect();
        Self {
            time: totals.time,
            clock: totals.clock,
            windows: states(totals, limits),
            open: open.len() as u64,
            oldest: open.into_iter().min(),
            crossed: crossed(limits, totals, Largest::default(), &Overruns::default()),
        }
    }
}

/// The windows of a run and of its scopes' days and months, in tokens and in money.
pub(super) fn states(totals: &WindowTotals, limits: &Limits) -> Vec<WindowState> {
    let (tomorrow, next_month) = resets(totals.time);
    let mut states = Vec::new();
    for unit in [Unit::Tokens, Unit::Money] {
        for window in [Window::Hook, Window::Day, Window::Month] {
            for scope in Scope::ALL {
                let Some(totals) = totals.of(window, scope) else { continue };
                let (used, reserved) = match unit {
                    Unit::Tokens => (totals.used, totals.reserved),
                    Unit::Money => (totals.used_cost.0, totals.reserved_cost.0),
                };
                let limit = limits
                    .iter()
                    .find(|limit| (limit.window, limit.scope, limit.unit) == (window, scope, unit));
                states.push(WindowState {
                    window,
                    scope,
                    unit,
                    limit: limit.map(|limit| limit.most),
                    used,
                    reserved,
                    resets_at: match window {
                        Window::Day => tomorrow,
                        Window::Month => next_month,
                        Window::Call | Window::Hook => None,
                    },
                    unpriced: totals.unpriced,
                });
            }
        }
    }
    states
}
