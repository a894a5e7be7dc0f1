//! A request as the server keeps it: what does not change is one JSON text, which no script reads.

use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

use crate::meter::price::PriceSource;
use crate::meter::store::{LedgerRow, RecordedUsage, Request, Settlement, State};
use crate::meter::{Attribution, calendar};
use crate::tokens::PicoUsd;

/// A request of this run.
#[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize)]
pub(super) struct Held {
    pub(super) is_sent: bool,
    pub(super) time: u64,
    pub(super) row: String,
    pub(super) buckets: Vec<String>,
}

/// What of a request does not change.
pub(super) fn written(run: &str, request: &Request<'_>) -> String {
    let Request { attribution, estimate, .. } = *request;
    let Attribution { user, repository, branch, team, hook, stage, ci_run, labels } = attribution;
    json!({
        "run": run,
        "user": user,
        "repository": repository,
        "branch": branch,
        "team": team,
        "hook": hook,
        "stage": stage,
        "ci_run": ci_run,
        "labels": labels,
        "provider": estimate.provider,
        "model": estimate.model,
        "tier": estimate.tier,
        "input": estimate.input,
        "output": estimate.output,
        "counted": estimate.counted_input,
        "because": estimate.because,
        "breaker": estimate.breaker,
        "price_source": PriceSource::of(estimate.price.as_ref()),
        "raw_tokens": estimate.raw_tokens,
        "payload_tokens": estimate.payload_tokens,
        "payload_hash": estimate.payload_hash,
    })
    .to_string()
}

/// The usage of a settlement.
pub(super) fn usage(settlement: &Settlement<'_>) -> String {
    let usage = settlement.usage;
    let source = usage.source.as_str();
    let is_cost_reported = usage.reported_cost.is_some();
    json!([usage.input, usage.cached_input, usage.cache_write, usage.output, source, is_cost_reported])
        .to_string()
}

/// The text of a written row: a field of it, as a string.
pub(super) struct Written(Value);

impl Written {
    /// Reads what [`written`] wrote; none where it was not that.
    pub(super) fn read(text: &str) -> Option<Self> {
        Some(Self(serde_json::from_str(text).ok()?))
    }

    fn text(&self, field: &str) -> String {
        self.optional(field).unwrap_or_default()
    }

    fn optional(&self, field: &str) -> Option<String> {
        self.0.get(field).and_then(Value::as_str).map(str::to_owned)
    }

    fn number(&self, field: &str) -> u64 {
        self.0.get(field).and_then(Value::as_u64).unwrap_or(0)
    }

    /// The provider, the model, and the input tokens as counted.
    pub(super) fn counted(&self) -> (String, String, u64) {
        (self.text("provider"), self.text("model"), self.number("counted"))
    }
}

/// A row of the ledger out of the hash of request `id`; none where it is not one of ours.
pub(super) fn ledger_row(id: &str, hash: &HashMap<String, String>) -> Option<LedgerRow> {
    let field = |name: &str| hash.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let written = Written::read(field("row")?)?;
    let state = State::from_word(field("state")?)?;
    let time = field("time")?.parse().ok()?;
    let mut price_source = written.text("price_source");
    let usage = match field("usage").map(serde_json::from_str::<(u64, u64, u64, u64, String, bool)>) {
        Some(Ok((input, cached_input, cache_write, output, source, is_cost_reported))) => {
            if is_cost_reported {
                price_source = PriceSource::Reported.to_string();
            }
            Some(RecordedUsage { input, cached_input, cache_write, output, source })
        }
        Some(Err(_)) => return None,
        // What nobody settled is charged as estimated.
        None => (state == State::ChargedFull).then(|| RecordedUsage {
            input: written.number("input"),
            cached_input: 0,
            cache_write: 0,
            output: written.number("output"),
            source: "estimated".to_owned(),
        }),
    };
    let amount = |name| field(name).and_then(|text| text.parse().ok());
    let labels: Option<BTreeMap<String, String>> =
        written.0.get("labels").and_then(|labels| serde_json::from_value(labels.clone()).ok());
    Some(LedgerRow {
        id: id.to_owned(),
        run: written.text("run"),
        state,
        time,
        day: calendar::window_ids(time).0,
        attribution: Attribution {
            user: written.text("user"),
            repository: written.text("repository"),
            branch: written.optional("branch"),
            team: written.optional("team"),
            hook: written.text("hook"),
            stage: written.text("stage"),
            ci_run: written.optional("ci_run"),
            labels: labels.unwrap_or_default(),
        },
        provider: written.text("provider"),
        model: written.text("model"),
        tier: written.text("tier"),
        estimate_input: written.number("input"),
        estimate_output: written.number("output"),
        usage,
        cost: amount("cost").map(PicoUsd),
        price_source,
        energy: amount("energy").map(PicoUsd),
        counted_input: written.number("counted"),
        because: written.text("because"),
        breaker: written.text("breaker"),
        raw_tokens: written.number("raw_tokens"),
        payload_tokens: written.number("payload_tokens"),
        payload_hash: written.text("payload_hash"),
        latency_ms: amount("latency"),
        outcome: field("outcome").map(str::to_owned),
    })
}

/// The answers of a pipeline of HGETALL.
pub(super) type Hashes = Vec<HashMap<String, String>>;
