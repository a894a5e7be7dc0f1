//! The versioned JSON of `audit`. Fields are added, never renamed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Applied, Audit, Candidate, ChangedLines, NoModel, PerCommit, Tokens};
use crate::meter::price::PriceSource;
use crate::tokens::PicoUsd;

/// The version of the format.
const VERSION: u32 = 1;

pub(super) fn render(audit: &Audit) -> Result<String, serde_json::Error> {
    serde_json::to_string(&document(audit))
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    repository: &'a str,
    hook: &'a str,
    commits: usize,
    /// Oldest and newest.
    range: Option<[String; 2]>,
    skipped: Vec<Skipped<'a>>,
    asked_commits: usize,
    no_model_commits: usize,
    no_model_by: NoModel,
    not_reviewed_commits: usize,
    by_class: BTreeMap<&'static str, u64>,
    tokens: Tokens,
    ratios: BTreeMap<&'static str, Option<f64>>,
    requests: usize,
    max_output_tokens: u64,
    one_request_tokens: u64,
    per_commit: Commits,
    larger: Vec<String>,
    proposed_limit: Option<Proposed>,
    limits: &'a [Candidate],
    changed_lines: ChangedLines,
    /// The same figure as in `changed_lines`: it must be 0.
    uncovered: u64,
    model: Option<Model<'a>>,
    price_source: String,
    cost_usd: Cost,
    applied: Option<&'a Applied>,
    elapsed_ms: u64,
}

#[derive(Serialize)]
struct Skipped<'a> {
    commit: String,
    reason: &'a str,
}

#[derive(Serialize)]
struct Commits {
    #[serde(flatten)]
    tokens: PerCommit,
    larger_than_diff_u3: usize,
}

#[derive(Serialize)]
struct Proposed {
    tokens: u64,
    would_have_denied: usize,
}

#[derive(Serialize)]
struct Model<'a> {
    tier: &'a str,
    provider: &'a str,
    name: &'a str,
}

/// Null where the price is unknown.
#[derive(Serialize)]
struct Cost {
    diff_u3: Option<f64>,
    full_files: Option<f64>,
    hookgate: Option<f64>,
}

fn document(audit: &Audit) -> Document<'_> {
    let tokens = audit.tokens;
    let ratio = |(name, _, count)| (name, tokens.ratio(count).map(|ratio| (ratio * 100.0).round() / 100.0));
    let cost = |of: fn(&super::Cost) -> PicoUsd| audit.cost.as_ref().map(|cost| of(cost).as_usd());
    Document {
        version: VERSION,
        repository: &audit.repository,
        hook: &audit.hook,
        commits: audit.commits,
        range: audit.range.map(|(oldest, newest)| [oldest.to_string(), newest.to_string()]),
        skipped: audit
            .skipped
            .iter()
            .map(|skipped| Skipped { commit: skipped.commit.to_string(), reason: &skipped.reason })
            .collect(),
        asked_commits: audit.asked,
        no_model_commits: audit.no_model.total(),
        no_model_by: audit.no_model,
        not_reviewed_commits: audit.not_reviewed,
        by_class: audit.by_class.iter().map(|(class, &units)| (class.as_str(), units)).collect(),
        tokens,
        ratios: tokens.baselines().into_iter().map(ratio).collect(),
        requests: audit.requests,
        max_output_tokens: audit.max_output_tokens,
        one_request_tokens: audit.one_request_tokens,
        per_commit: Commits {
            tokens: audit.per_commit.unwrap_or_default(),
            larger_than_diff_u3: audit.larger.len(),
        },
        larger: audit.larger.iter().map(ToString::to_string).collect(),
        proposed_limit: audit
            .limits
            .first()
            .map(|limit| Proposed { tokens: limit.tokens, would_have_denied: limit.denied }),
        limits: &audit.limits,
        changed_lines: audit.changed_lines,
        uncovered: audit.changed_lines.uncovered,
        model: audit.model.as_ref().map(|model| Model {
            tier: &model.tier,
            provider: &model.provider,
            name: &model.name,
        }),
        price_source: PriceSource::words(audit.price_source),
        cost_usd: Cost {
            diff_u3: cost(|cost| cost.diff_u3),
            full_files: cost(|cost| cost.full_files),
            hookgate: cost(|cost| cost.hookgate),
        },
        applied: audit.applied.as_ref(),
        elapsed_ms: u64::try_from(audit.elapsed.as_millis()).unwrap_or(u64::MAX),
    }
}
