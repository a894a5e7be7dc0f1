//! SARIF 2.1.0, <https://docs.oasis-open.org/sarif/sarif/v2.1.0/>: what code scanning services and
//! editors read. However many ranges a push has, they are one document with one run, since GitHub
//! takes one run a tool and category.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::source::{Region, Sources};
use super::text::Lines;
use super::{Mode, Report};
use crate::check::finding::{Confidence, Finding, Severity};
use crate::check::pack::RuleSet;
use crate::check::rule::Rule;
use crate::check::{Because, Suppressed};
use crate::git::RepoPath;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What paths are relative to. GitHub and most viewers know the name.
const ROOT: &str = "%SRCROOT%";

/// Bytes of the longest line that is repeated in the document; a longer one is minified code.
const LONGEST_SNIPPET: usize = 400;

/// Renders all reports of a hook run as one document. It says of each rule that has found something
/// what its pack says.
///
/// # Errors
/// None in practice: every field has a JSON form.
pub fn render(reports: &[Report], rules: &RuleSet) -> Result<String, serde_json::Error> {
    let ids: BTreeMap<&str, &Finding> =
        reports.iter().flat_map(all).map(|it| (it.rule.as_str(), it)).collect();
    let index = |id: &str| ids.keys().position(|known| *known == id);
    let results: Vec<_> = reports.iter().flat_map(|report| results(report, rules, &index)).collect();
    let ranges = reports.iter().map(|report| {
        let base = report.base.map(|id| id.to_string());
        json!({ "base": base, "tip": report.tip.to_string(), "outcome": report.outcome().as_str() })
    });
    let document = Document {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: json!({ "driver": {
                "name": env!("CARGO_PKG_NAME"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": ids.values().map(|finding| descriptor(finding, rules)).collect::<Vec<_>>(),
            } }),
            invocations: [json!({
                // Refusing a commit is what it is for, not a failure.
                "executionSuccessful": true,
                "toolExecutionNotifications": reports.iter().flat_map(notifications).collect::<Vec<_>>(),
            })],
            original_uri_base_ids: json!({
                ROOT: { "description": { "text": "The root of the repository's work tree." } },
            }),
            column_kind: "utf16CodeUnits",
            results,
            properties: json!({ "ranges": ranges.collect::<Vec<_>>() }),
        }],
    };
    serde_json::to_string(&document)
}

#[derive(Serialize)]
struct Document {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Value,
    invocations: [Value; 1],
    original_uri_base_ids: Value,
    column_kind: &'static str,
    results: Vec<SarifResult>,
    properties: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: String,
    rule_index: Option<usize>,
    level: &'static str,
    message: Value,
    locations: [Value; 1],
    partial_fingerprints: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Value>,
    /// GitHub and others take a result as open where there are none.
    suppressions: Vec<Value>,
    properties: Value,
}

/// Findings, also the suppressed ones.
fn all(report: &Report) -> impl Iterator<Item = &Finding> {
    report.findings.iter().chain(report.suppressed.iter().map(|suppressed| &suppressed.finding))
}

fn results(report: &Report, rules: &RuleSet, index: &impl Fn(&str) -> Option<usize>) -> Vec<SarifResult> {
    let sources = Sources::of(report);
    let result = |finding: &Finding, suppressions| SarifResult {
        rule_id: finding.rule.clone(),
        rule_index: index(&finding.rule),
        level: level(finding.severity),
        message: json!({ "text": finding.message }),
        locations: [location(finding, &sources)],
        partial_fingerprints: json!({ "hookgateFinding/v1": finding.id() }),
        fixes: fix(finding, &sources, rules).into_iter().collect(),
        suppressions,
        properties: json!({
            "confidence": finding.confidence.as_str(),
            "source": finding.source.as_str(),
            "note": finding.note,
        }),
    };
    let open = report.findings.iter().map(|finding| result(finding, Vec::new()));
    let suppressed = report.suppressed.iter().map(|it| result(&it.finding, vec![suppression(it)]));
    open.chain(suppressed).collect()
}

/// Either a comment in the file says so, or something outside of it does.
fn suppression(suppressed: &Suppressed) -> Value {
    let kind = match suppressed.because {
        Because::Comment { .. } => "inSource",
        Because::Configuration(_) | Because::Baseline => "external",
    };
    json!({ "kind": kind, "justification": suppressed.because.to_string() })
}

fn location(finding: &Finding, sources: &Sources<'_>) -> Value {
    let mut place = json!({
        "artifactLocation": artifact(&finding.path),
        "region": region(sources.utf16_region(finding)),
    });
    if !finding.excerpt.is_empty() && finding.excerpt.len() <= LONGEST_SNIPPET {
        let line = finding.line.max(1);
        place["contextRegion"] =
            json!({ "startLine": line, "endLine": line, "snippet": { "text": &*finding.excerpt } });
    }
    json!({ "physicalLocation": place })
}

fn fix(finding: &Finding, sources: &Sources<'_>, rules: &RuleSet) -> Option<Value> {
    let (fix, place) = sources.fix(finding, rules)?;
    let deleted = region(sources.of_finding(finding)?.to_utf16(place));
    let mut value = json!({ "artifactChanges": [{
        "artifactLocation": artifact(&finding.path),
        "replacements": [{ "deletedRegion": deleted, "insertedContent": { "text": fix.text } }],
    }] });
    if let Some(note) = &finding.note {
        value["description"] = json!({ "text": note });
    }
    Some(value)
}

/// SARIF knows no line 0, which a finding about a whole file might have.
fn region(region: Region) -> Value {
    json!({
        "startLine": region.line.max(1),
        "startColumn": region.column.max(1),
        "endLine": region.end_line.max(1),
        "endColumn": region.end_column.max(1),
    })
}

fn artifact(path: &RepoPath) -> Value {
    json!({ "uri": uri(path), "uriBaseId": ROOT })
}

/// A path as a relative reference, RFC 3986: of its bytes, only unreserved characters and slashes
/// stand as they are.
fn uri(path: &RepoPath) -> String {
    let mut uri = String::new();
    for &byte in path.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

/// What is known of a rule: its pack's words, or for what no pack has, those of the finding.
fn descriptor(finding: &Finding, rules: &RuleSet) -> Value {
    let Ok(rule) = rules.get(&finding.rule) else {
        return json!({ "id": finding.rule, "shortDescription": { "text": finding.rule } });
    };
    let why = rule.why.as_ref().unwrap_or(&rule.message);
    let mut tags: Vec<_> = rule.languages.iter().map(|language| language.as_str()).collect();
    tags.extend(rule.secret.then_some("security"));
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.message },
        "fullDescription": { "text": why },
        "help": { "text": help(rule) },
        "defaultConfiguration": { "level": level(rule.severity) },
        // Names that GitHub reads.
        "properties": {
            "tags": tags,
            "precision": match rule.confidence {
                Confidence::High => "high",
                Confidence::Medium => "medium",
                Confidence::Low => "low",
            },
            "problem.severity": match rule.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "recommendation",
            },
        },
    })
}

fn help(rule: &Rule) -> String {
    let explain =
        format!("`hookgate rules explain {}` shows examples, and how to silence the rule.", rule.id);
    let parts = [rule.why.as_deref(), rule.remedy(), Some(&explain)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// What nobody reviewed, and what went wrong on the way: about the run, not about the code.
fn notifications(report: &Report) -> Vec<Value> {
    let level = if report.required && report.mode == Mode::Review { "error" } else { "note" };
    let gaps = report.not_reviewed().map(|gap| {
        let lines = gap.lines.map_or_else(String::new, |lines| format!(" (lines {})", Lines(lines)));
        json!({
            "descriptor": { "id": format!("not-reviewed/{}", gap.reason.as_str()) },
            "level": level,
            "message": { "text": format!("NOT REVIEWED{lines}: {}", gap.because) },
            "locations": [{ "physicalLocation": { "artifactLocation": artifact(gap.path) } }],
        })
    });
    let notes = report.notes.iter().map(|note| json!({ "level": "note", "message": { "text": note } }));
    let alerts = report.alerts.iter().map(|alert| {
        json!({
            "descriptor": { "id": format!("alert/{}", alert.name) },
            "level": "warning",
            "message": { "text": alert.message },
        })
    });
    gaps.chain(alerts).chain(notes).collect()
}
