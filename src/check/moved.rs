//! Findings that went from one file of a change set to another. They are none of its author's business
//! either; but whoever removes a breakpoint here and adds one there has added one. So a finding has
//! moved only if it did not move alone: it takes several lines, or the line before or after it went
//! the same way.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::finding::{Finding, Source};
use super::introduced::{introduced, kind_of};
use super::pack::RuleSet;
use super::rule::{Match, Text};
use super::{Checked, Place, text};
use crate::change::{ClassifiedChange, LineRange};
use crate::text::Lines;

/// What is found where lines were added, or was where they were deleted.
struct Trace {
    rule: String,
    words: String,
    /// Whether the words stand on more than one line.
    is_block: bool,
    /// The line before and the line after, if they were added or deleted as well.
    neighbours: [Option<String>; 2],
}

impl Trace {
    fn is_of_same_move(&self, other: &Self) -> bool {
        let along = |(one, other): (&Option<String>, &Option<String>)| one.is_some() && one == other;
        self.rule == other.rule
            && self.words == other.words
            && (self.is_block || self.neighbours.iter().zip(&other.neighbours).any(along))
    }
}

/// Takes out the findings that other files of the change set lost. Where nothing was found, or nothing
/// deleted, it looks at no text.
pub(super) fn forget(changes: &[ClassifiedChange], checked: &mut [Checked], rules: &RuleSet) {
    let found = checked.iter().flat_map(|checked| &checked.findings).filter(|finding| is_of_rule(finding));
    let hit: BTreeSet<_> = found.map(|finding| finding.rule.clone()).collect();
    if hit.is_empty() || changes.len() < 2 {
        return;
    }
    let mut lost: Vec<_> = changes.par_iter().flat_map_iter(|change| lost(change, &hit, rules)).collect();
    for (change, checked) in changes.iter().zip(checked) {
        let side = change.parsed.change.new.as_ref();
        if lost.is_empty() || checked.findings.is_empty() {
            continue;
        }
        let Some(new) = side.and_then(|side| side.content.text()) else { continue };
        let (lines, added) = (Lines::of(new), ranges(change, |edit| edit.new));
        checked.findings.retain(|finding| {
            let trace = is_of_rule(finding).then(|| of_finding(finding, &lines, &added)).flatten();
            let origin = trace.and_then(|trace| lost.iter().position(|lost| lost.is_of_same_move(&trace)));
            origin.map(|index| lost.swap_remove(index)).is_none()
        });
    }
}

fn is_of_rule(finding: &Finding) -> bool {
    matches!(finding.source, Source::Rule | Source::Secret)
}

/// What a file had on lines that were deleted, and has no more.
fn lost(change: &ClassifiedChange, hit: &BTreeSet<String>, rules: &RuleSet) -> Vec<Trace> {
    let parsed = &change.parsed;
    let deleted = ranges(change, |edit| edit.old);
    let Some(side) = parsed.change.old.as_ref().filter(|_| !deleted.is_empty()) else { return Vec::new() };
    let Some(old) = text(Some(side), parsed.old(), parsed.language) else { return Vec::new() };
    let find = |text: &Text<'_>, path| {
        let place = Place { path, class: change.class };
        place.find(text, rules, |rule| hit.contains(&rule.id)).0
    };
    let before = find(&old, &side.path);
    if before.is_empty() {
        return Vec::new();
    }
    let lines = Lines::of(old.text);
    let trace = |found: &Match<'_>| {
        let (rule, words) = kind_of(found, &old);
        of_words(rule, words, lines.span(&found.range), &lines, &deleted)
    };
    let is_deleted = |found: &Match<'_>| found.touches(&lines, &deleted);
    let new = text(parsed.change.new.as_ref(), parsed.new(), parsed.language);
    match new {
        Some(new) => {
            let after = find(&new, change.path());
            introduced(&before, &old, is_deleted, &after, &new).into_iter().filter_map(trace).collect()
        }
        None => before.iter().filter_map(trace).collect(),
    }
}

fn of_finding(finding: &Finding, lines: &Lines<'_>, added: &[LineRange]) -> Option<Trace> {
    let offset = |line, column: u32| Some(lines.start(line)? + column as usize - 1);
    let range = offset(finding.line, finding.column)?..offset(finding.end_line, finding.end_column)?;
    let words: Vec<_> = lines.text().get(range)?.split_whitespace().collect();
    of_words(&finding.rule, words.join(" "), finding.lines(), lines, added)
}

/// None where the words do not stand on a changed line.
fn of_words(
    rule: &str,
    words: String,
    (first, last): (u32, u32),
    lines: &Lines<'_>,
    changed: &[LineRange],
) -> Option<Trace> {
    let is_changed = |line| changed.iter().any(|range| range.contains(line));
    let line = |number: u32| {
        lines.start(number)?;
        Some((number, lines.text()[lines.range(number)].trim()))
    };
    // Braces stand beside everything.
    let says_something = |(_, line): &(u32, &str)| line.contains(char::is_alphanumeric);
    let along = |found: Option<(u32, &str)>| {
        found.filter(|(number, _)| is_changed(*number)).map(|(_, line)| line.to_owned())
    };
    let before = (1..first).rev().map_while(line).find(says_something);
    let after = (last + 1..).map_while(line).find(says_something);
    is_changed(first).then(|| Trace {
        rule: rule.to_owned(),
        words,
        is_block: first < last,
        neighbours: [along(before), along(after)],
    })
}

fn ranges(change: &ClassifiedChange, side: fn(&crate::change::Edit) -> LineRange) -> Vec<LineRange> {
    change.parsed.change.edits.iter().map(side).filter(|range| range.len > 0).collect()
}

#[cfg(test)]
mod tests;
