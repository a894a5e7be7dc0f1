//! Whether a request fits its limits, and the words for it where it does not.

use std::fmt;

use super::budget::Estimate;
use super::store::WindowTotals;
use super::{Limit, Limits, Scope, Unit, Window};
use crate::tokens::{Grouped, PicoUsd};

/// Why a request was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A limit would be crossed.
    Limit {
        /// The window whose limit it is.
        window: Window,
        /// Whom the limit counts for.
        scope: Scope,
        /// What the figures count.
        unit: Unit,
        /// Used in the window.
        used: u64,
        /// Held by requests under way.
        reserved: u64,
        /// Wanted on top.
        asked: u64,
        /// The limit.
        limit: u64,
    },
    /// A limit in money is set and the request has no price.
    Unpriced,
    /// A limit in money is set, and what its window has used of it is unknown.
    UnpricedBefore {
        /// The window whose limit it is.
        window: Window,
        /// Whom the limit counts for.
        scope: Scope,
        /// How many finished requests of the window have no price.
        requests: u64,
    },
}

impl Denial {
    /// The code that the ledger keeps as the request's outcome.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            Self::Limit { window, scope, .. } => code(*window, *scope),
            Self::Unpriced | Self::UnpricedBefore { .. } => "unpriced".to_owned(),
        }
    }
}

/// The code that the ledger keeps where a limit has no room: `budget:day`, `budget:day:team`.
#[must_use]
pub fn code(window: Window, scope: Scope) -> String {
    match scope {
        Scope::User => format!("budget:{}", window.as_str()),
        _ => format!("budget:{}:{}", window.as_str(), scope.as_str()),
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let for_whom = |scope: Scope| {
            if scope == Scope::User { String::new() } else { format!(" for the {}", scope.as_str()) }
        };
        let (window, scope, unit, used, reserved, asked, limit) = match *self {
            Self::Limit { window, scope, unit, used, reserved, asked, limit } => {
                (window, scope, unit, used, reserved, asked, limit)
            }
            Self::Unpriced => {
                return f.write_str(
                    "a limit in money is set, and the price of the model is unknown: give its price, as `hookgate prices` says, or limit tokens alone",
                );
            }
            Self::UnpricedBefore { window, scope, requests } => {
                let (window, of) = (window.as_str(), for_whom(scope));
                let whose = if requests == 1 { "request" } else { "requests" };
                return write!(
                    f,
                    "the {window}'s limit in money{of} cannot be kept, since the price of {requests} {whose} in it is \
                     unknown: until the {window} ends, ask a model that costs nothing, or limit tokens alone"
                );
            }
        };
        let amount = |figure| match unit {
            Unit::Tokens => Grouped(figure).to_string(),
            Unit::Money => PicoUsd(figure).to_string(),
        };
        let whose = match window {
            Window::Call => "request",
            other => other.as_str(),
        };
        let tokens = if unit == Unit::Tokens { " tokens" } else { "" };
        let of = for_whom(scope);
        write!(f, "the {whose}'s limit of {}{tokens}{of} would be crossed: ", amount(limit))?;
        if window != Window::Call {
            write!(f, "{} used, {} reserved, ", amount(used), amount(reserved))?;
        }
        let more = if window == Window::Call { "" } else { "more " };
        write!(f, "{} {more}asked for", amount(asked))
    }
}

/// Judges a request against what its windows count for. The first limit that would be crossed is
/// named. A store that sums up elsewhere judges there, by the same rules: `redis/reserve.lua`, which
/// the properties compare with the same model.
pub(super) fn judge(estimate: &Estimate, limits: &Limits, totals: &WindowTotals) -> Option<Denial> {
    for &Limit { window, scope, unit, most: limit } in limits.iter() {
        let Some(totals) = totals.of(window, scope) else { continue };
        let (used, reserved, asked) = match unit {
            Unit::Tokens => (totals.used, totals.reserved, estimate.tokens()),
            Unit::Money => match estimate.cost() {
                None => return Some(Denial::Unpriced),
                // What costs nothing crosses no limit in money, not even one that is crossed already.
                Some(PicoUsd::ZERO) => continue,
                // An unknown cost is not zero: the limit may be crossed already.
                Some(_) if totals.unpriced > 0 => {
                    return Some(Denial::UnpricedBefore { window, scope, requests: totals.unpriced });
                }
                Some(cost) => (totals.used_cost.0, totals.reserved_cost.0, cost.0),
            },
        };
        if used.saturating_add(reserved).saturating_add(asked) > limit {
            return Some(Denial::Limit { window, scope, unit, used, reserved, asked, limit });
        }
    }
    None
}
