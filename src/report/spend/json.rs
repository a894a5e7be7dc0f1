//! The bill for programs. Fields are added, never renamed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Spend, Sums};
use crate::meter::calendar::written;

/// The version of the JSON.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'s> {
    version: u32,
    /// RFC 3339, UTC.
    since: String,
    /// The first moment that does not count; null where all that follows does.
    until: Option<String>,
    by: Vec<String>,
    groups: Vec<Group<'s>>,
    total: Figures,
    notes: &'s [String],
}

#[derive(Serialize)]
struct Group<'s> {
    key: BTreeMap<String, Option<&'s str>>,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Serialize)]
struct Figures {
    requests: u64,
    ok: u64,
    denied: u64,
    failed: u64,
    open: u64,
    input_tokens: u64,
    cached_input_tokens: u64,
    output_tokens: u64,
    reserved_tokens: u64,
    /// Null where a part of it is unknown.
    cost_usd: Option<f64>,
    known_cost_pico_usd: u64,
    unpriced_requests: u64,
    energy_usd: Option<f64>,
    latency_ms: Option<Latency>,
    avoided: Option<AvoidedTokens>,
}

#[derive(Serialize)]
struct Latency {
    p50: u64,
    p95: u64,
}

#[derive(Serialize)]
struct AvoidedTokens {
    cache_tokens: u64,
    diff_tokens: u64,
    uncounted_units: u64,
}

pub(super) fn render(spend: &Spend) -> serde_json::Result<String> {
    let names: Vec<_> = spend.by.iter().map(ToString::to_string).collect();
    let groups = spend.sorted().into_iter().map(|(key, sums)| Group {
        key: names.iter().cloned().zip(key.iter().map(Option::as_deref)).collect(),
        figures: figures(sums, spend.tells_avoided()),
    });
    serde_json::to_string(&Document {
        version: VERSION,
        since: written(spend.period.since),
        until: spend.period.until.map(written),
        groups: groups.collect(),
        by: names,
        total: figures(&spend.total, true),
        notes: &spend.notes,
    })
}

fn figures(sums: &Sums, tells_avoided: bool) -> Figures {
    Figures {
        requests: sums.requests,
        ok: sums.ok,
        denied: sums.denied,
        failed: sums.failed,
        open: sums.open,
        input_tokens: sums.input,
        cached_input_tokens: sums.cached_input,
        output_tokens: sums.output,
        reserved_tokens: sums.reserved,
        cost_usd: sums.known_cost().map(|cost| cost.as_usd()),
        known_cost_pico_usd: sums.cost.0,
        unpriced_requests: sums.unpriced,
        energy_usd: sums.energy.map(|energy| energy.as_usd()),
        latency_ms: sums.latency().map(|[p50, p95]| Latency { p50, p95 }),
        avoided: tells_avoided.then_some(AvoidedTokens {
            cache_tokens: sums.avoided.cache,
            diff_tokens: sums.avoided.diff,
            uncounted_units: sums.avoided.uncounted,
        }),
    }
}
