//! The versioned JSON of `run` and `dry-run`. Fields are added, never renamed.

use serde::Serialize;

use super::Report;
use super::alert::Alert;
use super::crossing::JsonCrossing;
use super::source::{Region, Sources};
use super::turn::{Skipped, Turn};
use crate::change::{LineRange, Unit};
use crate::check::Suppressed;
use crate::check::finding::Finding;
use crate::check::pack::RuleSet;
use crate::meter::price::PriceSource;
use crate::payload::UnitRef;
use crate::payload::route::{Decision, Route, RoutedChange};

/// The version of the format.
pub(super) const VERSION: u32 = 1;

/// Renders a report as one line of JSON.
///
/// # Errors
/// None in practice: every field has a JSON form.
pub fn render(report: &Report, rules: &RuleSet) -> Result<String, serde_json::Error> {
    serde_json::to_string(&document(report, rules))
}

#[derive(Serialize)]
struct Document<'r> {
    version: u32,
    mode: &'static str,
    hook: &'r str,
    repository: &'r str,
    branch: Option<&'r str>,
    team: Option<&'r str>,
    base: Option<String>,
    tip: String,
    outcome: &'static str,
    required: bool,
    limit: Limit,
    model: Option<Model<'r>>,
    turns: Vec<JsonTurn<'r>>,
    standby: JsonStandby<'r>,
    totals: Totals,
    files: Vec<File<'r>>,
    findings: Vec<JsonFinding<'r>>,
    suppressed: Vec<JsonSuppressed<'r>>,
    not_reviewed: Vec<Gap<'r>>,
    alerts: Vec<JsonAlert<'r>>,
    crossed: Vec<JsonCrossing<'r>>,
    notes: &'r [String],
}

#[derive(Serialize)]
struct Limit {
    tokens: Option<u64>,
    reserved: u64,
    used: u64,
}

#[derive(Serialize)]
struct Model<'r> {
    tier: &'r str,
    provider: &'r str,
    name: &'r str,
}

/// Who was asked, and why.
#[derive(Serialize)]
struct JsonTurn<'r> {
    tier: &'r str,
    provider: &'r str,
    name: &'r str,
    because: &'r str,
    requests: usize,
    units: usize,
    reviewed: usize,
    trouble: Option<&'r str>,
}

/// Who is asked only if something goes wrong, or not at all.
#[derive(Serialize)]
struct JsonStandby<'r> {
    next: &'r [String],
    escalate: Option<&'r str>,
    skipped: Vec<JsonSkipped<'r>>,
}

#[derive(Serialize)]
struct JsonSkipped<'r> {
    tier: &'r str,
    because: &'r str,
}

#[derive(Serialize)]
struct Totals {
    files: usize,
    units: usize,
    requests: usize,
    raw_tokens: Option<u64>,
    payload_tokens: u64,
    input_tokens: u64,
    max_output_tokens: u64,
    output_tokens: u64,
    saved_tokens: u64,
    cost_usd: Option<f64>,
    price_source: String,
}

#[derive(Serialize)]
struct File<'r> {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_path: Option<String>,
    language: Option<&'static str>,
    class: &'static str,
    because: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'r str>,
    units: Vec<JsonUnit<'r>>,
}

#[derive(Serialize)]
pub(super) struct JsonUnit<'r> {
    name: &'r str,
    lines: (u32, u32),
    class: &'static str,
    /// Whether a proof drops it.
    proved: bool,
    route: &'static str,
    reason: &'r str,
    level: Option<&'static str>,
    /// Who answered it, or would be asked.
    tier: Option<&'r str>,
    /// The unit's share of `git diff -U3`.
    raw_tokens: Option<u64>,
    tokens: u64,
    added: Vec<(u32, u32)>,
    deleted: Vec<(u32, u32)>,
}

#[derive(Serialize)]
struct JsonFinding<'r> {
    id: String,
    path: String,
    line: u32,
    end_line: u32,
    column: u32,
    end_column: u32,
    rule: &'r str,
    source: &'static str,
    severity: &'static str,
    confidence: &'static str,
    message: &'r str,
    note: Option<&'r str>,
    /// Null also where a secret is on its lines.
    fix: Option<&'r str>,
    /// What the fix replaces, columns in bytes.
    fix_range: Option<Region>,
}

#[derive(Serialize)]
struct JsonSuppressed<'r> {
    #[serde(flatten)]
    finding: JsonFinding<'r>,
    because: String,
}

#[derive(Serialize)]
struct JsonAlert<'r> {
    name: &'r str,
    threshold: f64,
    value: f64,
    message: &'r str,
}

#[derive(Serialize)]
struct Gap<'r> {
    path: String,
    lines: Option<(u32, u32)>,
    reason: &'static str,
    because: &'r str,
}

fn document<'r>(report: &'r Report, rules: &RuleSet) -> Document<'r> {
    let totals = &report.totals;
    let sources = Sources::of(report);
    let finding = |it| finding(it, &sources, rules);
    let suppressed = |it: &'r Suppressed| JsonSuppressed {
        finding: finding(&it.finding),
        because: it.because.to_string(),
    };
    Document {
        version: VERSION,
        mode: match report.mode {
            super::Mode::Review => "run",
            super::Mode::Preview => "dry-run",
        },
        hook: &report.attribution.hook,
        repository: &report.attribution.repository,
        branch: report.attribution.branch.as_deref(),
        team: report.attribution.team.as_deref(),
        base: report.base.map(|id| id.to_string()),
        tip: report.tip.to_string(),
        outcome: report.outcome().as_str(),
        required: report.required,
        limit: Limit { tokens: report.limit, reserved: totals.reserved_tokens, used: totals.used_tokens },
        model: report.model.as_ref().map(|model| Model {
            tier: &model.tier,
            provider: &model.provider,
            name: &model.name,
        }),
        turns: report.turns.iter().map(turn).collect(),
        standby: JsonStandby {
            next: &report.standby.next,
            escalate: report.standby.escalation.as_deref(),
            skipped: report
                .standby
                .skipped
                .iter()
                .map(|Skipped { tier, because }| JsonSkipped { tier, because })
                .collect(),
        },
        totals: Totals {
            files: report.changes.len(),
            units: report.unit_count(),
            requests: report.requests.len(),
            raw_tokens: totals.raw_tokens,
            payload_tokens: totals.payload_tokens,
            input_tokens: totals.input_tokens,
            max_output_tokens: totals.max_output_tokens,
            output_tokens: totals.output_tokens,
            saved_tokens: report.saved.values().sum(),
            cost_usd: totals.cost.map(|cost| cost.as_usd()),
            price_source: PriceSource::words(totals.price_source),
        },
        files: report
            .changes
            .iter()
            .enumerate()
            .map(|(change, routed)| file(report, change, routed))
            .collect(),
        findings: report.findings.iter().map(finding).collect(),
        suppressed: report.suppressed.iter().map(suppressed).collect(),
        not_reviewed: report
            .not_reviewed()
            .map(|gap| Gap {
                path: gap.path.to_text(),
                lines: gap.lines,
                reason: gap.reason.as_str(),
                because: gap.because,
            })
            .collect(),
        alerts: report
            .alerts
            .iter()
            .map(|Alert { name, threshold, value, message }| JsonAlert {
                name,
                threshold: *threshold,
                value: *value,
                message,
            })
            .collect(),
        crossed: report.crossed.iter().map(JsonCrossing::from).collect(),
        notes: &report.notes,
    }
}

fn turn(turn: &Turn) -> JsonTurn<'_> {
    JsonTurn {
        tier: &turn.model.tier,
        provider: &turn.model.provider,
        name: &turn.model.name,
        because: &turn.because,
        requests: turn.requests,
        units: turn.units,
        reviewed: turn.reviewed,
        trouble: turn.trouble.as_deref(),
    }
}

fn file<'r>(report: &'r Report, change: usize, routed: &'r RoutedChange) -> File<'r> {
    let classified = &routed.classified;
    let sides = &classified.parsed.change;
    let old_path = match (&sides.old, &sides.new) {
        (Some(old), Some(new)) if old.path != new.path => Some(old.path.to_text()),
        _ => None,
    };
    let units = classified.units.iter().zip(&routed.units).enumerate();
    File {
        path: classified.path().to_text(),
        old_path,
        language: classified.parsed.language.map(|language| language.as_str()),
        class: classified.class.as_str(),
        because: &classified.because,
        route: routed.file.as_ref().map(|decision| decision.route.as_str()),
        reason: routed.file.as_ref().map(reason),
        units: units
            .map(|(index, (unit, decision))| {
                json_unit(report, UnitRef { change, unit: index }, unit, decision)
            })
            .collect(),
    }
}

/// A unit as `files[].units[]` has it.
pub(super) fn json_unit<'r>(
    report: &'r Report,
    place: UnitRef,
    unit: &'r Unit,
    decision: &'r Decision,
) -> JsonUnit<'r> {
    let placement = report.placements.get(&place);
    let ranges = |ranges: &[LineRange]| ranges.iter().map(|range| (range.start, range.last())).collect();
    JsonUnit {
        name: &unit.name,
        lines: unit.span(),
        class: unit.class.as_str(),
        proved: unit.proved,
        route: decision.route.as_str(),
        reason: reason(decision),
        level: placement.map(|placement| placement.level.as_str()),
        tier: report.tier(place),
        raw_tokens: report.raw_tokens.get(&place).copied(),
        tokens: placement.map_or(0, |placement| placement.tokens),
        added: ranges(&unit.added),
        deleted: ranges(&unit.deleted),
    }
}

/// The code where there is one, the sentence otherwise.
fn reason(decision: &Decision) -> &str {
    match decision.route {
        Route::NotReviewed(reason) => reason.as_str(),
        _ => &decision.because,
    }
}

fn finding<'r>(finding: &'r Finding, sources: &Sources<'_>, rules: &RuleSet) -> JsonFinding<'r> {
    let (fix, fix_range) = sources.fix(finding, rules).unzip();
    JsonFinding {
        id: finding.id(),
        path: finding.path.to_text(),
        line: finding.line,
        end_line: finding.end_line,
        column: finding.column,
        end_column: finding.end_column,
        rule: &finding.rule,
        source: finding.source.as_str(),
        severity: finding.severity.as_str(),
        confidence: finding.confidence.as_str(),
        message: &finding.message,
        note: finding.note.as_deref(),
        fix: fix.map(|fix| fix.text.as_str()),
        fix_range,
    }
}
