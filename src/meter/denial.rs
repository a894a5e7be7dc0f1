//! Whether a request fits its limits, and the words for it where it does not.

use std::fmt;

use super::budget::Estimate;
use super::store::{Totals, WindowTotals};
use super::{Limits, Unit, Window};
use crate::tokens::{Grouped, PicoUsd};

/// Why a request was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A limit would be crossed.
    Limit {
        /// The window whose limit it is.
        window: Window,
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
}

impl Denial {
    /// The code that the ledger keeps as the request's outcome.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            Self::Limit { window, .. } => format!("budget:{}", window.as_str()),
            Self::Unpriced => "unpriced".to_owned(),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Limit { window, unit, used, reserved, asked, limit } = *self else {
            return f.write_str(
                "a limit in money is set, and the price of the model is unknown: give its price, or limit tokens alone",
            );
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
        write!(f, "the {whose}'s limit of {}{tokens} would be crossed: ", amount(limit))?;
        if window != Window::Call {
            write!(f, "{} used, {} reserved, ", amount(used), amount(reserved))?;
        }
        let more = if window == Window::Call { "" } else { "more " };
        write!(f, "{} {more}asked for", amount(asked))
    }
}

/// Judges a request against what its windows count for: the one place where a limit is compared.
/// The narrowest window that would be crossed is named, tokens before money.
pub(super) fn judge(estimate: &Estimate, limits: &Limits, totals: &WindowTotals) -> Option<Denial> {
    let asked = estimate.tokens();
    let tokens = [
        (Window::Call, limits.call, Totals::default()),
        (Window::Hook, limits.hook, totals.run),
        (Window::Day, limits.day, totals.day),
        (Window::Month, limits.month, totals.month),
    ];
    for (window, limit, Totals { used, reserved, .. }) in tokens {
        if let Some(limit) = limit
            && used.saturating_add(reserved).saturating_add(asked) > limit
        {
            return Some(Denial::Limit { window, unit: Unit::Tokens, used, reserved, asked, limit });
        }
    }
    let money = [(Window::Day, limits.day_usd, totals.day), (Window::Month, limits.month_usd, totals.month)];
    for (window, limit, totals) in money {
        let Some(limit) = limit else { continue };
        let Some(asked) = estimate.cost() else { return Some(Denial::Unpriced) };
        // What costs nothing crosses no limit in money, not even one that is crossed already.
        if asked > PicoUsd::ZERO && totals.used_cost + totals.reserved_cost + asked > limit {
            return Some(Denial::Limit {
                window,
                unit: Unit::Money,
                used: totals.used_cost.0,
                reserved: totals.reserved_cost.0,
                asked: asked.0,
                limit: limit.0,
            });
        }
    }
    None
}
