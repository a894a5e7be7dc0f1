//! Limits that were crossed all the same. Nothing is reserved beyond a limit, but a request may take
//! more than was reserved for it, and then what it took is what counts.

use std::collections::BTreeMap;
use std::fmt;

use super::price::PriceSource;
use super::store::{LedgerRow, WindowTotals};
use super::{Attribution, Limit, Limits, Scope, Unit, Window, calendar};
use crate::tokens::{Grouped, PicoUsd};

/// A limit of which more is used and held than it allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// The limit.
    pub limit: Limit,
    /// What is used and held, in the limit's unit.
    pub taken: u64,
    /// Who took more than was reserved, as far as that is known.
    pub overruns: Vec<Overrun>,
}

/// A model that took more than was reserved for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overrun {
    /// `provider/model`.
    pub model: String,
    /// By how much its furthest request exceeded the tokens of its reservation, in percent of them,
    /// upwards.
    pub percent: u64,
    /// Whether it has said what a request cost, which need not be what its price says.
    pub reports_cost: bool,
}

impl Crossing {
    /// By how much the limit is crossed.
    #[must_use]
    pub fn excess(&self) -> u64 {
        self.taken.saturating_sub(self.limit.most)
    }
}

impl fmt::Display for Crossing {
    /// `the day's limit of 14,000 tokens is crossed by 10,240: p/m took up to 204 % more than was reserved
    /// for it`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limit { window, scope, unit, most } = self.limit;
        let window = if window == Window::Call { "request" } else { window.as_str() };
        let (limit, excess) = match unit {
            Unit::Tokens => (format!("{} tokens", Grouped(most)), Grouped(self.excess()).to_string()),
            Unit::Money => (PicoUsd(most).to_string(), PicoUsd(self.excess()).to_string()),
        };
        write!(f, "the {window}'s limit of {limit}")?;
        if scope != Scope::User {
            write!(f, " for the {}", scope.as_str())?;
        }
        write!(f, " is crossed by {excess}")?;
        for (index, Overrun { model, percent, .. }) in self.overruns.iter().enumerate() {
            f.write_str(if index == 0 { ": " } else { "; " })?;
            match percent {
                0 => write!(f, "{model} reports what it costs, which may be more than was reserved for it")?,
                _ => write!(f, "{model} took up to {} % more than was reserved for it", Grouped(*percent))?,
            }
        }
        Ok(())
    }
}

/// What requests took beyond their reservations, by `provider/model`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Overruns(BTreeMap<String, Excess>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Excess {
    percent: u64,
    /// Whether what took more tokens costs anything.
    is_priced: bool,
    reports_cost: bool,
}

/// What became of a request.
pub(super) struct Taken {
    /// Tokens that were reserved.
    pub(super) reserved: u64,
    /// Tokens that it took.
    pub(super) used: u64,
    /// What they cost, if that is known.
    pub(super) cost: Option<PicoUsd>,
    /// Whether that is the server's word, and may be more than was reserved.
    pub(super) reports_cost: bool,
}

/// The most that one request took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Largest {
    /// Tokens of one.
    pub(super) tokens: u64,
    /// Cost of one, as far as it is known.
    pub(super) cost: PicoUsd,
}

impl Overruns {
    /// Counts a finished request to `provider/model`.
    pub(super) fn add(&mut self, model: &str, taken: &Taken) {
        let Taken { reserved, used, cost, reports_cost } = *taken;
        let excess = u128::from(used.saturating_sub(reserved)) * 100;
        let percent = u64::try_from(excess.div_ceil(u128::from(reserved.max(1)))).unwrap_or(u64::MAX);
        if percent > 0 || reports_cost {
            let known = self.0.entry(model.to_owned()).or_default();
            known.percent = known.percent.max(percent);
            known.is_priced |= percent > 0 && cost != Some(PicoUsd::ZERO);
            known.reports_cost |= reports_cost;
        }
    }

    /// Those that can have crossed a limit in `unit`: what a request costs is no matter of tokens, nor
    /// are tokens that cost nothing one of money.
    pub(super) fn of(&self, unit: Unit) -> Vec<Overrun> {
        let concerned = |excess: &Excess| match unit {
            Unit::Tokens => excess.percent > 0,
            Unit::Money => excess.is_priced || excess.reports_cost,
        };
        let concerned = self.0.iter().filter(|(_, excess)| concerned(excess));
        let overrun = |(model, &Excess { percent, reports_cost, .. }): (&String, &Excess)| Overrun {
            model: model.clone(),
            percent,
            reports_cost,
        };
        concerned.map(overrun).collect()
    }
}

/// The limits that are crossed, where the largest request took `largest`.
pub(super) fn crossed(
    limits: &Limits,
    totals: &WindowTotals,
    largest: Largest,
    overruns: &Overruns,
) -> Vec<Crossing> {
    let taken = |limit: &Limit| {
        let totals = totals.of(limit.window, limit.scope)?;
        Some(match (limit.window, limit.unit) {
            (Window::Call, Unit::Tokens) => largest.tokens,
            (Window::Call, Unit::Money) => largest.cost.0,
            (_, Unit::Tokens) => totals.used.saturating_add(totals.reserved),
            (_, Unit::Money) => (totals.used_cost + totals.reserved_cost).0,
        })
    };
    let crossing = |limit: &Limit| {
        let taken = taken(limit).filter(|&taken| taken > limit.most)?;
        Some(Crossing { limit: *limit, taken, overruns: overruns.of(limit.unit) })
    };
    limits.iter().filter_map(crossing).collect()
}

/// Names for each crossed limit the models whose requests among `rows`, which are this month's, took more
/// than was reserved for them. What was reserved of money is not on the ledger.
pub(super) fn explain(crossed: &mut [Crossing], rows: &[LedgerRow], attribution: &Attribution, now: u64) {
    let today = calendar::window_ids(now).0;
    let reported = PriceSource::Reported.to_string();
    for Crossing { limit, overruns, .. } in crossed {
        let whose = attribution.scope(limit.scope);
        let mut found = Overruns::default();
        for row in rows {
            let Some(usage) = row.usage.as_ref().filter(|_| {
                row.attribution.scope(limit.scope) == whose
                    && (limit.window != Window::Day || row.day == today)
            }) else {
                continue;
            };
            let taken = Taken {
                reserved: row.estimate_input.saturating_add(row.estimate_output),
                used: usage.input.saturating_add(usage.output),
                cost: row.cost,
                reports_cost: row.price_source == reported,
            };
            found.add(&format!("{}/{}", row.provider, row.model), &taken);
        }
        *overruns = found.of(limit.unit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::store::Totals;

    fn taken(reserved: u64, used: u64) -> Taken {
        Taken { reserved, used, cost: None, reports_cost: false }
    }

    fn crossings(unit: Unit, most: u64, overruns: &Overruns) -> Vec<String> {
        let limit = |window| Limit { window, scope: Scope::User, unit, most };
        let run = Totals { used: 90, reserved: 20, used_cost: PicoUsd(110), ..Totals::default() };
        let scopes = [(Scope::User, Default::default())].into();
        let totals = WindowTotals { run, scopes, ..WindowTotals::default() };
        let limits = Limits::new([Window::Call, Window::Hook, Window::Day].map(limit).to_vec());
        let largest = Largest { tokens: 80, cost: PicoUsd(80) };
        crossed(&limits, &totals, largest, overruns).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_limit_is_crossed_by_what_is_above_it() {
        let mut overruns = Overruns::default();
        overruns.add("p/exact", &taken(100, 100));
        overruns.add("p/m", &taken(100, 101));
        overruns.add("p/m", &taken(1_000, 3_001));
        overruns.add("p/free", &Taken { cost: Some(PicoUsd::ZERO), ..taken(10, 11) });
        overruns.add("p/bills", &Taken { reports_cost: true, ..taken(100, 50) });
        assert_eq!(crossings(Unit::Tokens, 110, &overruns), [""; 0]);
        assert_eq!(
            crossings(Unit::Tokens, 79, &overruns),
            [
                "the request's limit of 79 tokens is crossed by 1: p/free took up to 10 % more than was reserved for it; p/m took up to 201 % more than was reserved for it",
                "the hook's limit of 79 tokens is crossed by 31: p/free took up to 10 % more than was reserved for it; p/m took up to 201 % more than was reserved for it",
            ]
        );
        let money = crossings(Unit::Money, 109, &overruns);
        assert_eq!(money.len(), 1, "{money:?}");
        assert!(
            money[0].contains(": p/bills reports what it costs")
                && money[0].contains("; p/m took")
                && !money[0].contains("p/free"),
            "{money:?}"
        );
    }

    #[test]
    fn no_figure_is_too_much() {
        let mut overruns = Overruns::default();
        overruns.add("p/m", &taken(0, u64::MAX));
        overruns.add("p/m", &taken(u64::MAX, 0));
        assert_eq!(overruns.of(Unit::Tokens)[0].percent, u64::MAX);
    }
}
