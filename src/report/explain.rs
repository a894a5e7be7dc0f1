//! Which stage answered a line, and why.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use super::text::{DIM, Lines};
use super::{Report, json};
use crate::change::{ChangeClass, ClassifiedChange, Unit};
use crate::check::finding::Finding;
use crate::git::RepoPath;
use crate::payload::UnitRef;
use crate::payload::route::{Decision, Route};
use crate::text;
use crate::tokens::Grouped;

/// A place that somebody asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// A path of the change set, before or after the change.
    pub path: RepoPath,
    /// A line, from 1; none for the whole file.
    pub line: Option<u32>,
    /// Whether the line is one of the side before the change.
    pub is_old: bool,
}

/// What there is to say about one unit, or about a file without units.
struct Answer<'r> {
    unit: Option<(UnitRef, &'r Unit)>,
    decision: &'r Decision,
    findings: Vec<&'r Finding>,
}

/// Whether the report knows the path.
#[must_use]
pub fn knows(report: &Report, path: &RepoPath) -> bool {
    change(report, path).is_some()
}

fn change<'r>(report: &'r Report, path: &RepoPath) -> Option<(usize, &'r ClassifiedChange)> {
    let changes = report.changes.iter().map(|routed| &routed.classified).enumerate();
    let is_meant = |change: &ClassifiedChange| {
        let sides = &change.parsed.change;
        [&sides.new, &sides.old].into_iter().flatten().any(|side| side.path == *path)
    };
    changes.into_iter().find(|(_, change)| is_meant(change))
}

/// How many lines the side has that is asked about; none where there is no such side, or no text.
#[must_use]
pub fn line_count(report: &Report, place: &Place) -> Option<u32> {
    let (_, change) = change(report, &place.path)?;
    let sides = &change.parsed.change;
    let side = if place.is_old { &sides.old } else { &sides.new };
    Some(text::to_u32(side.as_ref()?.content.text()?.lines().count()))
}

/// The path by which the change set goes by, which is the new one of a file that was renamed.
fn path<'r>(report: &'r Report, place: &'r Place) -> &'r RepoPath {
    change(report, &place.path).map_or(&place.path, |(_, change)| change.path())
}

/// The units that own the place, or all of the file.
fn answers<'r>(report: &'r Report, place: &Place) -> Vec<Answer<'r>> {
    let Some((index, change)) = change(report, &place.path) else { return Vec::new() };
    let routed = &report.changes[index];
    let owns = |unit: &Unit| {
        let lines = if place.is_old { &unit.deleted } else { &unit.added };
        place.line.is_none_or(|line| lines.iter().any(|range| range.contains(line)))
    };
    let findings = |keep: &dyn Fn(&Finding) -> bool| {
        report.findings.iter().filter(|it| it.path == *change.path() && keep(it)).collect()
    };
    if let Some(decision) = &routed.file {
        return vec![Answer { unit: None, decision, findings: findings(&|_| true) }];
    }
    let units = change.units.iter().zip(&routed.units).enumerate();
    units
        .filter(|(_, (unit, _))| owns(unit))
        .map(|(number, (unit, decision))| Answer {
            unit: Some((UnitRef { change: index, unit: number }, unit)),
            decision,
            findings: findings(&|finding| match place.line {
                Some(line) => !place.is_old && (finding.line..=finding.end_line).contains(&line),
                None => unit.added.iter().any(|range| range.touches(finding.line, finding.end_line)),
            }),
        })
        .collect()
}

/// Says it for people.
#[must_use]
pub fn text(report: &Report, place: &Place) -> String {
    let mut out = String::new();
    let written = write(&mut out, report, place);
    debug_assert!(written.is_ok(), "writing to a string does not fail");
    out
}

fn write(out: &mut String, report: &Report, place: &Place) -> fmt::Result {
    let answers = answers(report, place);
    if answers.is_empty() {
        let line = place.line.unwrap_or_default();
        let path = path(report, place);
        let side = if place.is_old { "old" } else { "new" };
        write!(out, "{path}:{line} did not change; {side} lines that did: ")?;
        return match (changed_lines(report, place), changed_lines(report, &old_side(place))) {
            (Some(ranges), _) => writeln!(out, "{ranges}"),
            (None, Some(ranges)) => writeln!(out, "none; old ones, with --old: {ranges}"),
            (None, None) => writeln!(out, "none"),
        };
    }
    for answer in answers {
        explain(out, report, place, &answer)?;
    }
    Ok(())
}

fn old_side(place: &Place) -> Place {
    Place { is_old: true, ..place.clone() }
}

/// The changed lines of the side that is asked about; none where there are none.
fn changed_lines(report: &Report, place: &Place) -> Option<String> {
    let edits = change(report, &place.path).map_or(&[][..], |(_, change)| &change.parsed.change.edits);
    let ranges = edits.iter().map(|edit| if place.is_old { edit.old } else { edit.new });
    let ranges: Vec<_> = ranges
        .filter(|range| range.len > 0)
        .map(|range| Lines((range.start, range.last())).to_string())
        .collect();
    (!ranges.is_empty()).then(|| ranges.join(", "))
}

fn explain(out: &mut String, report: &Report, place: &Place, answer: &Answer<'_>) -> fmt::Result {
    let route = answer.decision.route.as_str();
    let path = path(report, place);
    match answer.unit {
        Some((_, unit)) => write!(out, "{path}:{}  {}", Lines(unit.span()), unit.name)?,
        None => write!(out, "{path}")?,
    }
    match *path == place.path {
        true => writeln!(out)?,
        false => writeln!(out, "  {DIM}(was {}){DIM:#}", place.path)?,
    }
    if let Some((_, unit)) = answer.unit {
        writeln!(out, "  class    {}: {}", unit.class.as_str(), unit.because)?;
        writeln!(out, "  {DIM}         {}{DIM:#}", meaning(unit.class, unit.proved))?;
    }
    let because = &answer.decision.because;
    match answer.unit {
        Some((_, unit)) if unit.because == *because => writeln!(out, "  route    {route}")?,
        _ => writeln!(out, "  route    {route}: {because}")?,
    }
    if let Some((unit, _)) = answer.unit
        && let Some(placement) = report.placements.get(&unit)
    {
        let (level, tokens) = (placement.level.as_str(), Grouped(placement.tokens));
        write!(out, "  payload  {level}, {tokens} tokens")?;
        match report.raw_tokens.get(&unit) {
            Some(raw) => writeln!(out, ", of {} in `git diff -U3`", Grouped(*raw))?,
            None => writeln!(out)?,
        }
    }
    for finding in &answer.findings {
        let Finding { line, severity, rule, message, .. } = finding;
        writeln!(out, "  finding  {} {rule} at line {line}: {message}", severity.as_str())?;
    }
    Ok(())
}

/// The same as JSON: what `run` says of the file, cut down to the place.
///
/// # Errors
/// None in practice: every field has a JSON form.
pub fn value(report: &Report, place: &Place) -> Result<Value, serde_json::Error> {
    let units = answers(report, place).into_iter().map(|answer| {
        let mut value = match answer.unit {
            Some((place, unit)) => {
                let mut value = serde_json::to_value(json::json_unit(report, place, unit, answer.decision))?;
                value["because"] = unit.because.clone().into();
                value["meaning"] = meaning(unit.class, unit.proved).into();
                value
            }
            None => json!({ "route": answer.decision.route.as_str() }),
        };
        value["reason"] = match answer.decision.route {
            Route::NotReviewed(reason) => reason.as_str().into(),
            _ => answer.decision.because.clone().into(),
        };
        let findings = answer.findings.iter().map(|finding| {
            json!({
                "line": finding.line,
                "rule": finding.rule,
                "severity": finding.severity.as_str(),
                "message": finding.message,
            })
        });
        value["findings"] = findings.collect();
        Ok(value)
    });
    let mut value = json!({
        "version": json::VERSION,
        "base": report.base.map(|id| id.to_string()),
        "tip": report.tip.to_string(),
        "path": path(report, place).to_text(),
        "line": place.line,
        "side": if place.is_old { "old" } else { "new" },
        "units": units.collect::<Result<Vec<_>, serde_json::Error>>()?,
    });
    if *path(report, place) != place.path {
        value["old_path"] = place.path.to_text().into();
    }
    Ok(value)
}

/// What a class says about a change, in a sentence for whoever has not met it.
fn meaning(class: ChangeClass, proved: bool) -> &'static str {
    match class {
        ChangeClass::Whitespace => "both sides have the same syntax tree and the same comments",
        ChangeClass::Comment => "both sides have the same syntax tree; only plain comments differ",
        ChangeClass::Metadata => "no line differs",
        ChangeClass::ImportOrder if proved => "the same imports, whose order means nothing in this language",
        ChangeClass::ImportOrder => "the same imports in another order, in which this language runs them",
        ChangeClass::Import if proved => "imports that nothing in the file uses, and that run nothing",
        ChangeClass::Import => "all else has the same syntax tree without its imports",
        ChangeClass::Move if proved => "the same definition at another place, whose order means nothing here",
        ChangeClass::Move => "the same definition at another place, where its names may mean other things",
        ChangeClass::Rename if proved => "local names, exchanged one for one, with nothing captured",
        ChangeClass::Rename => "names exchanged one for one, which others may know too",
        ChangeClass::Directive => "the same syntax tree; a comment that speaks to a tool differs",
        ChangeClass::Documentation => "the same syntax tree; documentation differs",
        ChangeClass::Literal => "the same syntax tree, but for its literals",
        ChangeClass::Generated => "a program wrote this file, and its header said so before this change",
        ChangeClass::Lock => "a package manager wrote this file",
        ChangeClass::Vendored => "third-party code, or excluded by the configuration",
        ChangeClass::Docs => "prose, in which rules look for secrets and broken text",
        ChangeClass::Data => "configuration or data, which rules parse and check",
        ChangeClass::Test => "code that only tests run; nothing is proved about it",
        ChangeClass::Opaque => "there are no lines to look at",
        ChangeClass::Real => "nothing is proved, so that somebody has to look at it",
    }
}
