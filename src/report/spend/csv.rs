//! The bill for spreadsheets: RFC 4180, a line a group, every figure exact. There is no line of totals,
//! which whoever adds the lines up would count twice.

use std::borrow::Cow;

use super::Spend;
use crate::text::is_unprintable;
use crate::tokens::PicoUsd;

/// The columns after the keys.
const COLUMNS: [&str; 18] = [
    "requests",
    "ok",
    "denied",
    "failed",
    "open",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reserved_tokens",
    "cost_usd",
    "known_cost_pico_usd",
    "unpriced_requests",
    "energy_pico_usd",
    "latency_p50_ms",
    "latency_p95_ms",
    "avoided_cache_tokens",
    "avoided_diff_tokens",
    "avoided_uncounted_units",
];

pub(super) fn render(spend: &Spend) -> String {
    let keys: Vec<String> = spend.by.iter().map(ToString::to_string).collect();
    let mut out = String::new();
    line(&mut out, keys.iter().map(String::as_str).chain(COLUMNS));
    for (key, sums) in spend.sorted() {
        let figure = |figure: Option<u64>| figure.map_or_else(String::new, |figure| figure.to_string());
        let latency = sums.latency();
        let avoided = spend.tells_avoided().then_some(sums.avoided);
        let figures: [String; COLUMNS.len()] = [
            sums.requests.to_string(),
            sums.ok.to_string(),
            sums.denied.to_string(),
            sums.failed.to_string(),
            sums.open.to_string(),
            sums.input.to_string(),
            sums.cached_input.to_string(),
            sums.output.to_string(),
            sums.reserved.to_string(),
            sums.known_cost().map_or_else(String::new, decimal),
            sums.cost.0.to_string(),
            sums.unpriced.to_string(),
            figure(sums.energy.map(|energy| energy.0)),
            figure(latency.map(|[p50, _]| p50)),
            figure(latency.map(|[_, p95]| p95)),
            figure(avoided.map(|avoided| avoided.cache)),
            figure(avoided.map(|avoided| avoided.diff)),
            figure(avoided.map(|avoided| avoided.uncounted)),
        ];
        let key: Vec<_> = key.iter().map(|value| inert(value.as_deref().unwrap_or_default())).collect();
        line(&mut out, key.iter().map(AsRef::as_ref).chain(figures.iter().map(String::as_str)));
    }
    out
}

/// What a spreadsheet does not take for a formula, which a branch or a label may be: the apostrophe is
/// what OWASP's "CSV Injection" advises.
fn inert(name: &str) -> Cow<'_, str> {
    if name.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{name}").into() } else { name.into() }
}

/// USD with all twelve places.
fn decimal(cost: PicoUsd) -> String {
    const USD: u64 = 1_000_000_000_000;
    format!("{}.{:012}", cost.0 / USD, cost.0 % USD)
}

fn line<'f>(out: &mut String, fields: impl Iterator<Item = &'f str>) {
    for (at, field) in fields.enumerate() {
        if at > 0 {
            out.push(',');
        }
        let is_quoted = field.contains(['"', ',']);
        out.push_str(if is_quoted { "\"" } else { "" });
        for character in field.chars() {
            match character {
                '"' => out.push_str("\"\""),
                // Line breaks among them: what is printed may be a terminal's.
                _ if is_unprintable(character) => out.extend(character.escape_unicode()),
                _ => out.push(character),
            }
        }
        out.push_str(if is_quoted { "\"" } else { "" });
    }
    out.push_str("\r\n");
}
