//! What a request counts for, and under which keys: the same order of scopes everywhere.

use std::time::Duration;

use super::DAY_MS;
use crate::meter::denial::Denial;
use crate::meter::store::Request;
use crate::meter::{Attribution, Limit, Limits, Scope, Unit, Window, calendar};

/// A UTC day.
pub(super) struct Day {
    id: String,
    month: String,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Day {
    pub(super) fn of(time: u64) -> Self {
        let (id, month) = calendar::window_ids(time);
        let start = time - time % DAY_MS;
        Self { id, month, start, end: start.saturating_add(DAY_MS) }
    }
}

/// What a request counts for, as far as the server's 63 bits reach.
pub(super) struct Asked {
    pub(super) tokens: u64,
    pub(super) cost: Option<u64>,
}

impl Asked {
    pub(super) fn of(request: &Request<'_>) -> Self {
        let cost = request.estimate.cost().map(|cost| most(cost.0));
        Self { tokens: most(request.estimate.tokens()), cost }
    }
}

/// The limits that a request has to be compared with, each with what the script is told of it: the
/// same order as in [`judge`](crate::meter::denial::judge), which the
/// properties hold it to.
pub(super) fn judged(limits: &Limits, attribution: &Attribution, asked: &Asked) -> Vec<(Limit, [String; 4])> {
    let scopes = scopes(attribution);
    let mut judged = Vec::new();
    for limit in limits.iter() {
        let Some(at) = scopes.iter().position(|&(scope, _)| scope == limit.scope) else { continue };
        let bucket = match (limit.unit, asked.cost) {
            (Unit::Money, None) => "-1".to_owned(),
            _ => match limit.window {
                Window::Call => 0,
                Window::Hook => 1,
                Window::Day => 2 + 2 * at,
                Window::Month => 3 + 2 * at,
            }
            .to_string(),
        };
        let field = if limit.unit == Unit::Tokens { "t" } else { "c" };
        let code = denial(limit, asked, "0", 0).code();
        judged.push((*limit, [bucket, field.to_owned(), limit.most.to_string(), code]));
    }
    judged
}

/// How a limit is crossed; `total` is what is used and held of it together, or `unpriced` where
/// `reserved` is the number of finished requests whose price is unknown.
pub(super) fn denial(limit: &Limit, asked: &Asked, total: &str, reserved: u64) -> Denial {
    let Limit { window, scope, unit, most } = *limit;
    if total == "unpriced" {
        return Denial::UnpricedBefore { window, scope, requests: reserved };
    }
    let total = total.parse().unwrap_or(0_u64);
    let asked = match unit {
        Unit::Tokens => asked.tokens,
        Unit::Money => match asked.cost {
            Some(cost) => cost,
            None => return Denial::Unpriced,
        },
    };
    Denial::Limit { window, scope, unit, used: total.saturating_sub(reserved), reserved, asked, limit: most }
}

/// The scopes that a request belongs to, in the order of their buckets.
pub(super) fn scopes(attribution: &Attribution) -> Vec<(Scope, &str)> {
    Scope::ALL.into_iter().filter_map(|scope| Some((scope, attribution.scope(scope)?))).collect()
}

/// The buckets of a request: its run, then day and month of each scope.
pub(super) fn bucket_names(run: &str, attribution: &Attribution, day: &Day) -> Vec<String> {
    let mut names = vec![format!("run:{run}")];
    for (scope, name) in scopes(attribution) {
        let scope = scope.as_str();
        names.push(format!("day:{}:{scope}:{name}", day.id));
        names.push(format!("month:{}:{scope}:{name}", day.month));
    }
    names
}

pub(super) fn request_key(id: &str) -> String {
    format!("request:{id}")
}

/// Where the requests of the day are listed that begins at `day`.
pub(super) fn index_key(day: u64) -> String {
    format!("requests:{}", calendar::window_ids(day).0)
}

/// The length tells where the provider's name ends: both may hold any sign.
pub(super) fn experience_key(provider: &str, model: &str) -> String {
    format!("experience:{}:{provider}/{model}", provider.len())
}

pub(super) fn cell_key(name: &str) -> String {
    format!("cell:{name}")
}

/// The server's integers are signed.
pub(super) fn most(amount: u64) -> u64 {
    amount.min(i64::MAX.unsigned_abs())
}

pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(1 << 50)
}
