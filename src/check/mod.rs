//! What a rule can answer: free, at once, and the same every time.

pub mod finding;
pub mod rule;
pub mod pack;
mod keyword;
mod regex;
mod ast;
mod builtin;
mod syntax;
mod fix;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use rayon::prelude::*;

use crate::change::language::Language;
use crate::change::parse::Syntax;
use crate::change::{ChangeClass, ClassifiedChange, LineRange, ParsedChange, Side};
use crate::git::RepoPath;
use builtin::Builtin;
use finding::{Finding, Source};
use pack::RuleSet;
use rule::{Body, Match, Rule, Text};
use syntax::SyntaxError;

/// What the rules say of a change set.
#[derive(Debug, Default)]
pub struct Checked {
    /// What was found, in the order of the changes, and within one in the order of the lines.
    pub findings: Vec<Finding>,
    /// What was found and is not wanted.
    pub suppressed: Vec<Suppressed>,
}

/// A finding that somebody does not want to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppressed {
    /// What was found.
    pub finding: Finding,
    /// Who said so, in one line: the comment with its reason, the baseline, the path.
    pub because: String,
}

/// Runs every rule over the new side of every change, in parallel. Only findings that the change
/// introduces are reported: what the old side had too is none of its author's business, wherever it
/// stands now.
#[must_use]
pub fn check(changes: &[ClassifiedChange], rules: &RuleSet) -> Checked {
    let findings = changes.par_iter().flat_map_iter(|change| check_change(change, rules)).collect();
    Checked { findings, suppressed: Vec::new() }
}

fn check_change(change: &ClassifiedChange, rules: &RuleSet) -> Vec<Finding> {
    Sides::of(change).map_or_else(Vec::new, |sides| sides.findings(rules))
}

/// A change as rules see it.
struct Sides<'a> {
    path: &'a RepoPath,
    class: ChangeClass,
    new: Text<'a>,
    added: Vec<LineRange>,
    parsed: &'a ParsedChange,
}

impl<'a> Sides<'a> {
    /// None where the new side has no text.
    fn of(change: &'a ClassifiedChange) -> Option<Self> {
        let parsed = &change.parsed;
        let added = parsed.change.edits.iter().map(|edit| edit.new).filter(|new| new.len > 0);
        Some(Self {
            path: change.path(),
            class: change.class,
            new: text(parsed.change.new.as_ref(), parsed.new.as_ref(), parsed.language)?,
            added: added.collect(),
            parsed,
        })
    }

    /// Whether every line is new: there was no text before.
    fn is_new(&self) -> bool {
        let old = &self.parsed.change.old;
        old.as_ref().is_none_or(|side| side.content.text().is_none())
    }

    /// What stood there before, parsed when something was found that it may have had too.
    fn old(&self) -> Option<Text<'a>> {
        text(self.parsed.change.old.as_ref(), self.parsed.old(), self.parsed.language)
    }

    fn findings(&self, rules: &RuleSet) -> Vec<Finding> {
        // Nobody mends what a program or a stranger wrote, but a secret leaks from there as well.
        let secrets_only =
            matches!(self.class, ChangeClass::Generated | ChangeClass::Vendored | ChangeClass::Lock);
        let wanted =
            |rule: &Rule| (rule.secret || !secrets_only) && rules.is_enabled(rule) && rule.reads(self.path);
        // What is new of syntax is not found by comparing matches.
        let is_compared = |rule: &Rule| !matches!(rule.body, Body::Builtin(Builtin::SyntaxError));
        let mut matches = rules.find(&self.new, |rule| is_compared(rule) && wanted(rule));
        let lines = if matches.is_empty() { Lines::default() } else { Lines::of(self.new.text) };
        if !matches.is_empty()
            && let Some(old) = self.old()
        {
            let is_changed = |found: &Match<'_>| lines.touch(found, &self.added);
            matches = introduced(matches, is_changed, &old, &self.new, rules);
        }
        let mut findings: Vec<_> = matches.iter().map(|found| self.finding(rules, found, &lines)).collect();
        if let Some(error) = self.syntax_error(rules, wanted) {
            // A rule that has found something there says more about it than the grammar can.
            let known = |finding: &Finding| finding.line <= error.line && error.line <= finding.end_line;
            if !findings.iter().any(known) {
                findings.push(error);
            }
        }
        findings.sort_by(|a, b| (a.line, a.column, &a.rule).cmp(&(b.line, b.column, &b.rule)));
        findings
    }

    fn syntax_error(&self, rules: &RuleSet, wanted: impl Fn(&Rule) -> bool) -> Option<Finding> {
        let language = self.new.tree?.language();
        let reads = |rule: &&Rule| rule.languages.contains(&language) && wanted(rule);
        let rule = rules.rule(syntax::RULE).filter(reads)?;
        let new = syntax::new_error(self)?;
        let SyntaxError { range, message } = new.error;
        let found = Match { rule, range, message: Some(message), fix: None };
        Some(Finding {
            source: Source::Syntax,
            severity: rules.overruled(rule).unwrap_or(new.severity),
            confidence: new.confidence,
            ..self.finding(rules, &found, &Lines::of(self.new.text))
        })
    }

    /// The changed lines; none where every line is new.
    fn within(&self) -> Option<&[LineRange]> {
        (!self.is_new()).then_some(&self.added[..])
    }

    fn finding(&self, rules: &RuleSet, found: &Match<'_>, lines: &Lines) -> Finding {
        let rule = found.rule;
        let text = self.new.text;
        let (line, column) = lines.position(found.range.start);
        let (end_line, end_column) = lines.position(found.range.end);
        let before = column as usize - 1;
        let first_line = text[found.range.start - before..].lines().next().unwrap_or_default();
        let own = rule.secret.then(|| before..before + found.range.len());
        Finding {
            path: self.path.clone(),
            line,
            end_line,
            column,
            end_column,
            rule: rule.id.clone(),
            source: if rule.secret { Source::Secret } else { Source::Rule },
            severity: rules.severity(rule),
            confidence: rule.confidence,
            message: found.message.clone().unwrap_or_else(|| rule.message.clone()),
            note: rule.note.clone(),
            fix: found.fix.clone(),
            excerpt: excerpt(first_line, own, rules),
        }
    }
}

fn text<'a>(
    side: Option<&'a Side>,
    syntax: Option<&'a Syntax>,
    language: Option<Language>,
) -> Option<Text<'a>> {
    let text = side?.content.text()?;
    Some(match syntax {
        Some(Syntax::Tree(tree)) => Text { text, language: Some(tree.language()), tree: Some(tree) },
        _ => Text { text, language, tree: None },
    })
}

/// Those of the matches that make the new side have more of their kind than the old one: the same
/// rule, and the same text but for white space. Code that moved within its file, or was indented,
/// introduces nothing. Where some of a kind are new, it is those on changed lines.
fn introduced<'r>(
    matches: Vec<Match<'r>>,
    is_changed: impl Fn(&Match<'_>) -> bool,
    old: &Text<'_>,
    new: &Text<'_>,
    rules: &'r RuleSet,
) -> Vec<Match<'r>> {
    let hit: BTreeSet<_> = matches.iter().map(|found| found.rule.id.as_str()).collect();
    let mut surplus: HashMap<_, i64> = HashMap::new();
    for found in &matches {
        *surplus.entry(kind_of(found, new)).or_default() += 1;
    }
    for found in rules.find(old, |rule| hit.contains(rule.id.as_str())) {
        *surplus.entry(kind_of(&found, old)).or_default() -= 1;
    }
    let (changed, elsewhere): (Vec<_>, Vec<_>) = matches.into_iter().partition(is_changed);
    let mut introduced: Vec<_> = changed.into_iter().chain(elsewhere).collect();
    introduced.retain(|found| {
        let left = surplus.entry(kind_of(found, new)).or_default();
        *left -= 1;
        *left >= 0
    });
    introduced
}

/// What makes two matches the same.
fn kind_of<'r>(found: &Match<'r>, text: &Text<'_>) -> (&'r str, String) {
    let words: Vec<_> = text.text[found.range.clone()].split_whitespace().collect();
    (&found.rule.id, words.join(" "))
}

/// Where the lines of a text begin, but for the first.
#[derive(Default)]
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at + 1).collect())
    }

    /// Line and column of a byte, from 1.
    fn position(&self, offset: usize) -> (u32, u32) {
        let before = self.0.partition_point(|&start| start <= offset);
        let start = before.checked_sub(1).map_or(0, |last| self.0[last]);
        (to_u32(before + 1), to_u32(offset - start + 1))
    }

    fn touch(&self, found: &Match<'_>, added: &[LineRange]) -> bool {
        // The last byte counts, not the one after it, which may stand on the next line.
        let last = self.position(found.range.end.saturating_sub(1).max(found.range.start)).0;
        let first = self.position(found.range.start).0;
        added.iter().any(|range| range.touches(first, last))
    }
}

/// A line as a report may show it: whatever its finding is about, no secret on it is readable. A
/// secret finding's `own` range may be one that no pattern finds within a single line.
fn excerpt(line: &str, own: Option<Range<usize>>, rules: &RuleSet) -> String {
    let found =
        |(_, pattern): (_, &::regex::Regex)| pattern.find_iter(line).map(|it| it.range()).collect::<Vec<_>>();
    let secrets: Vec<_> = rules.secret_patterns().flat_map(found).chain(own).collect();
    mask(line, &secrets)
}

/// A line with these bytes as asterisks, except for the first four of each range, which say what
/// kind of secret it is. Columns stay as they were.
fn mask(line: &str, secrets: &[Range<usize>]) -> String {
    let is_hidden = |offset| secrets.iter().any(|secret| secret.start + 4 <= offset && offset < secret.end);
    let mut masked = String::with_capacity(line.len());
    for (offset, character) in line.char_indices() {
        if is_hidden(offset) {
            masked.extend(std::iter::repeat_n('*', character.len_utf8()));
        } else {
            masked.push(character);
        }
    }
    masked
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
