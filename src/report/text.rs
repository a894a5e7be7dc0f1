//! The report for people: findings with their excerpt, what was not reviewed, and one line of spend.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use anstyle::{AnsiColor, Effects, Style};

use super::alert::Alert;
use super::excerpt::findings;
use super::{Mode, NotReviewed, Outcome, Report, turn};
use crate::check::Suppressed;
use crate::check::finding::Severity;
use crate::check::pack::RuleSet;
use crate::payload::UnitRef;
use crate::payload::route::{Reason, Route};
use crate::text::one_line;
use crate::tokens::{Count, Grouped};

pub(super) const BOLD: Style = Style::new().effects(Effects::BOLD);
pub(super) const DIM: Style = Style::new().effects(Effects::DIMMED);
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default().effects(Effects::BOLD);
pub(super) const RED: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

/// Characters that are shown of a branch or a repository.
const WORDS: usize = 120;

/// Places that are named of those that were not reviewed for one reason.
const GAPS: usize = 20;

/// Renders a report with ANSI styles; the stream it is written to takes them off where they are
/// not wanted. A review that has nothing to say is empty.
#[must_use]
pub fn render(report: &Report, rules: &RuleSet, verbose: bool) -> String {
    let mut out = String::new();
    let written = match report.mode {
        Mode::Review => review(&mut out, report, rules, verbose),
        Mode::Preview => preview(&mut out, report, rules, verbose),
    };
    debug_assert!(written.is_ok(), "writing to a string does not fail");
    out
}

fn review(out: &mut String, report: &Report, rules: &RuleSet, verbose: bool) -> fmt::Result {
    if verbose {
        receipt(out, report)?;
    }
    findings(out, report, rules, verbose)?;
    if verbose {
        suppressed(out, report)?;
    }
    if !report.is_blocked() {
        gaps(out, report, verbose)?;
    }
    turn::lines(out, report)?;
    notes(out, report)?;
    if !report.placements.is_empty() {
        writeln!(out, "hookgate: {}", spend(report))?;
    }
    verdict(out, report)
}

fn preview(out: &mut String, report: &Report, rules: &RuleSet, verbose: bool) -> fmt::Result {
    let attribution = &report.attribution;
    let branch = one_line(attribution.branch.as_deref().unwrap_or("detached HEAD"), WORDS);
    let repository = one_line(&attribution.repository, WORDS);
    let (files, units) = (Count(report.changes.len(), "file"), Count(report.unit_count(), "unit"));
    writeln!(out, "{BOLD}{}{BOLD:#} of {repository} on {branch}: {files}, {units}", attribution.hook)?;
    receipt(out, report)?;
    findings(out, report, rules, verbose)?;
    if verbose {
        suppressed(out, report)?;
    }
    if !report.is_blocked() {
        gaps(out, report, verbose)?;
    }
    turn::lines(out, report)?;
    notes(out, report)?;
    if report.changes.is_empty() {
        writeln!(out, "hookgate: nothing to check")?;
    } else if report.is_blocked() {
        writeln!(out, "hookgate: nothing would be sent of what a rule refuses")?;
    } else if !report.placements.is_empty() {
        writeln!(out, "hookgate: {}", spend(report))?;
    } else if report.not_reviewed().next().is_none() {
        writeln!(out, "hookgate: nothing to ask a model: 0 tokens")?;
    }
    verdict(out, report)
}

/// One line a unit: route, place, name, level and tokens, and why.
fn receipt(out: &mut String, report: &Report) -> fmt::Result {
    let mut rows = Vec::new();
    for (change, routed) in report.changes.iter().enumerate() {
        let path = routed.classified.path();
        if let Some(decision) = &routed.file {
            rows.push([
                decision.route.as_str().into(),
                path.to_string(),
                String::new(),
                decision.because.clone(),
            ]);
        }
        for (index, (unit, decision)) in routed.classified.units.iter().zip(&routed.units).enumerate() {
            let placement = report.placements.get(&UnitRef { change, unit: index });
            let because = match placement {
                Some(placement) if decision.route == Route::Model => {
                    let (level, tokens) = (placement.level.as_str(), Grouped(placement.tokens));
                    format!("{}; {level}, {tokens} tokens", decision.because)
                }
                _ => decision.because.clone(),
            };
            let place = format!("{path}:{}", Lines(unit.span()));
            rows.push([decision.route.as_str().into(), place, unit.name.clone(), because]);
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (routes, places, names) = (width(0), width(1).min(48), width(2).min(40));
    for [route, place, name, because] in &rows {
        let style = match route.as_str() {
            "drop" | "rules" | "cache" => GREEN,
            "model" => BOLD,
            _ => YELLOW,
        };
        writeln!(
            out,
            "  {style}{route:routes$}{style:#}  {place:places$}  {name:names$}  {DIM}{because}{DIM:#}"
        )?;
    }
    Ok(())
}

/// What was found and is not wanted: one line each to those who ask for more.
fn suppressed(out: &mut String, report: &Report) -> fmt::Result {
    let rows: Vec<_> = report
        .suppressed
        .iter()
        .map(|Suppressed { finding, because }| {
            (format!("{}:{}:{}", finding.path, finding.line, finding.column), &finding.rule, because)
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let places = rows.iter().map(|(place, ..)| place.chars().count()).max().unwrap_or(0).min(48);
    let rules = rows.iter().map(|(_, rule, _)| rule.chars().count()).max().unwrap_or(0).min(40);
    for (place, rule, because) in &rows {
        writeln!(out, "  {GREEN}suppressed{GREEN:#}  {place:places$}  {rule:rules$}  {DIM}{because}{DIM:#}")?;
    }
    writeln!(out, "hookgate: {} suppressed", Count(rows.len(), "finding"))
}

/// What nobody reviewed, gathered by reason.
fn gaps(out: &mut String, report: &Report, verbose: bool) -> fmt::Result {
    let mut by_reason: BTreeMap<(Reason, &str), Vec<NotReviewed<'_>>> = BTreeMap::new();
    for gap in report.not_reviewed() {
        by_reason.entry((gap.reason, gap.because)).or_default().push(gap);
    }
    for ((reason, because), gaps) in by_reason {
        let units = Count(gaps.len(), "unit");
        writeln!(out, "{YELLOW}NOT REVIEWED{YELLOW:#} ({units}): {because} [{}]", reason.as_str())?;
        let shown = if verbose { gaps.len() } else { GAPS };
        for gap in gaps.iter().take(shown) {
            match gap.lines {
                Some(lines) => writeln!(out, "  {}:{}", gap.path, Lines(lines))?,
                None => writeln!(out, "  {}", gap.path)?,
            }
        }
        if let Some(more) = gaps.len().checked_sub(shown + 1) {
            writeln!(
                out,
                "  … and {} more, all of them with --verbose or --format json",
                Grouped(more as u64 + 1)
            )?;
        }
    }
    Ok(())
}

fn notes(out: &mut String, report: &Report) -> fmt::Result {
    for Alert { name, message, .. } in &report.alerts {
        writeln!(out, "hookgate: {YELLOW}alert{YELLOW:#}: {message} ([alerts] {name})")?;
    }
    report.notes.iter().try_for_each(|note| writeln!(out, "hookgate: note: {note}"))
}

/// `sent 402 of 1,810 tokens (−78 %) in 1 request, 731 with instructions, limit 4,000, $0.0003`.
fn spend(report: &Report) -> String {
    let totals = &report.totals;
    let is_sent = report.mode == Mode::Review && report.barrier.is_none();
    let verb = match (is_sent, totals.used_tokens) {
        (false, _) => "would send",
        (true, 0) => "tried to send",
        (true, _) => "sent",
    };
    let mut line = format!("{verb} {}", Grouped(totals.payload_tokens));
    if let Some(raw) = totals.raw_tokens.filter(|&raw| raw > 0) {
        let percent = totals.payload_tokens as f64 / raw as f64 * 100.0 - 100.0;
        let sign = if percent < 0.0 { "−" } else { "+" };
        // Only nothing is a hundred per cent less.
        let places = usize::from(percent < -99.0);
        let _ = write!(line, " of {} tokens ({sign}{:.places$} %)", Grouped(raw), percent.abs());
    } else {
        line.push_str(" tokens");
    }
    let requests = Count(report.requests.len(), "request");
    let _ = write!(line, " in {requests}, {} with instructions", Grouped(totals.input_tokens));
    if is_sent {
        let _ = write!(line, ", {} charged", Grouped(totals.used_tokens));
    }
    if let Some(limit) = report.limit {
        let _ = write!(line, ", limit {}", Grouped(limit));
    }
    if !report.saved.is_empty() {
        let _ = write!(line, ", {} answered by earlier reviews", Count(report.saved.len(), "unit"));
    }
    match totals.cost {
        Some(cost) if is_sent => _ = write!(line, ", {cost}"),
        Some(cost) => _ = write!(line, ", at most {cost}"),
        None if report.model.is_some() => line.push_str(", price unknown"),
        None => {}
    }
    for model in report.reviewers() {
        let _ = write!(line, ", {} {}", model.provider, model.name);
    }
    line
}

pub(super) fn verdict(out: &mut String, report: &Report) -> fmt::Result {
    match report.outcome() {
        Outcome::Allowed => Ok(()),
        Outcome::Blocked => {
            let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
            let errors = Count(errors, "error");
            let what = match report.attribution.hook.as_str() {
                "pre-commit" => "commit",
                "pre-push" => "push",
                _ => "change",
            };
            let refused = match report.mode {
                Mode::Review => "refused",
                Mode::Preview => "would be refused",
            };
            writeln!(out, "hookgate: {RED}{what} {refused}{RED:#}: {errors}")
        }
        Outcome::Undecided => {
            let missing = Count(report.not_reviewed().count(), "unit");
            writeln!(out, "hookgate: {RED}undecided{RED:#}: a review is required, and {missing} had none")
        }
    }
}

/// `12` or `12-15`.
pub(super) struct Lines(pub(super) (u32, u32));

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            (first, last) if first == last => write!(f, "{first}"),
            (first, last) => write!(f, "{first}-{last}"),
        }
    }
}
