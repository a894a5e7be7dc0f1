//! What a rule can answer: free, at once, and the same every time.

pub mod finding;
pub mod rule;
pub mod pack;
pub mod selection;
mod keyword;
mod regex;
mod ast;
pub mod builtin;
mod syntax;
mod excerpt;
mod introduced;
mod moved;
mod suppress;
mod silence;
pub mod baseline;
pub mod fix;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use rayon::prelude::*;

use crate::change::language::Language;
use crate::change::parse::Syntax;
use crate::change::{ChangeClass, ClassifiedChange, LineRange, ParsedChange, Side, Surroundings};
use crate::git::RepoPath;
use crate::text::Lines;
use builtin::Builtin;
use excerpt::Excerpts;
use finding::{Finding, Source};
use introduced::introduced;
use pack::RuleSet;
use rule::{Body, Match, Rule, Text};
use silence::Silence;
use suppress::Comments;
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
    /// Who said so.
    pub because: Because,
}

/// Who does not want to hear of a finding; displayed in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// A comment in the file.
    Comment {
        /// Its line, from 1.
        line: u32,
        /// What it says beside the rule's id.
        reason: Option<String>,
    },
    /// The configuration, for paths of these globs.
    Configuration(String),
    /// The baseline, which knows it.
    Baseline,
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Comment { line, reason: Some(reason) } => write!(f, "comment on line {line}: {reason}"),
            Self::Comment { line, reason: None } => write!(f, "comment on line {line}"),
            Self::Configuration(globs) => write!(f, "disabled by the configuration for {globs}"),
            Self::Baseline => f.write_str("in the baseline"),
        }
    }
}

/// Runs every rule over the new side of every change, in parallel. Only findings that the change
/// introduces are reported: what the old side had too is none of its author's business, wherever it
/// stands now, in the same file or in another one of the change set. What is found in names, kinds and
/// sizes comes first.
#[must_use]
pub fn check(changes: &[ClassifiedChange], surroundings: &Surroundings, rules: &RuleSet) -> Checked {
    let mut all = silence::survey(builtin::survey(changes, surroundings, rules), changes, rules);
    let mut checked: Vec<_> = changes.par_iter().map(|change| check_change(change, rules)).collect();
    moved::forget(changes, &mut checked, rules);
    for one in checked {
        all.findings.extend(one.findings);
        all.suppressed.extend(one.suppressed);
    }
    all
}

fn check_change(change: &ClassifiedChange, rules: &RuleSet) -> Checked {
    change.parsed.with_new(|syntax| {
        Sides::of(change, syntax).map_or_else(Checked::default, |sides| sides.check(rules))
    })
}

/// What decides which rules read a text.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a RepoPath,
    class: ChangeClass,
}

impl Place<'_> {
    /// Nobody mends what a program or a stranger wrote, but a secret leaks from there as well, and
    /// ast-grep makes no difference.
    fn is_for_secrets_only(self) -> bool {
        matches!(self.class, ChangeClass::Generated | ChangeClass::Vendored | ChangeClass::Lock)
    }

    fn is_prose(self) -> bool {
        self.class == ChangeClass::Docs
    }

    fn is_read_by(self, rule: &Rule, rules: &RuleSet) -> bool {
        let is_wanted = rule.secret || rule.is_of_ast_grep() || !self.is_for_secrets_only();
        is_wanted && rules.is_enabled(rule)
    }

    /// The matches of the wanted rules, and the comments that silence rules, which are judged by all
    /// matches of the rules that they name.
    fn find<'r>(
        self,
        text: &Text<'_>,
        rules: &'r RuleSet,
        wanted: impl Fn(&Rule) -> bool,
    ) -> (Vec<Match<'r>>, Comments) {
        let comments = Comments::of(text, self.is_prose());
        // What is new of syntax is not found by comparing matches.
        let is_compared = |rule: &Rule| !matches!(rule.body, Body::Builtin(Builtin::SyntaxError));
        let is_read = |rule: &Rule| is_compared(rule) && self.is_read_by(rule, rules);
        if comments.is_empty() {
            return (rules.find(self.path, text, |rule| is_read(rule) && wanted(rule)), comments);
        }
        let is_needed = |rule: &Rule| is_read(rule) && (wanted(rule) || comments.name(rule, text));
        let mut matches = rules.find(self.path, text, is_needed);
        let problems = comments.problems(text, &matches, rules, |rule| {
            is_read(rule) && rule.reads(self.path) && rule.can_read(text)
        });
        matches.extend(problems);
        matches.retain(|found| is_read(found.rule) && wanted(found.rule));
        (matches, comments)
    }
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
    fn of(change: &'a ClassifiedChange, new: Option<&'a Syntax>) -> Option<Self> {
        let parsed = &change.parsed;
        let added = parsed.change.edits.iter().map(|edit| edit.new).filter(|new| new.len > 0);
        Some(Self {
            path: change.path(),
            class: change.class,
            new: text(parsed.change.new.as_ref(), new, parsed.language)?,
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

    fn place(&self) -> Place<'a> {
        Place { path: self.path, class: self.class }
    }

    fn check(&self, rules: &RuleSet) -> Checked {
        let (matches, comments) = self.place().find(&self.new, rules, |_| true);
        let lines = Lines::of(if matches.is_empty() { "" } else { self.new.text });
        let introduced = self.introduced(&matches, &lines, rules);
        let mut excerpts = Excerpts::of(self.new.text, rules);
        let mut silence = Silence::new(self.path, &self.new, self.is_new(), comments, rules);
        if !rules.baseline().is_empty() {
            // The baseline has to answer for what was there before as well.
            let new: HashSet<_> = introduced.iter().map(|found| std::ptr::from_ref(*found)).collect();
            for found in matches.iter().filter(|found| !new.contains(&std::ptr::from_ref(*found))) {
                silence.is_known(&self.finding(rules, found, &lines, &mut excerpts));
            }
        }
        let mut checked = Checked::default();
        let mut take = |finding: Finding, checked: &mut Checked| match silence.because(&finding) {
            Some(because) => checked.suppressed.push(Suppressed { finding, because }),
            None => checked.findings.push(finding),
        };
        for found in introduced {
            take(self.finding(rules, found, &lines, &mut excerpts), &mut checked);
        }
        if let Some(error) = self.syntax_error(rules, &mut excerpts) {
            // A rule that has found something there says more about it than the grammar can, if it says
            // it as loudly: what refuses the commit is not kept quiet for a blank at the end of its line.
            let known = |finding: &Finding| {
                let is_there = finding.line <= error.line && error.line <= finding.end_line;
                is_there && finding.severity >= error.severity
            };
            if !checked.findings.iter().any(known) {
                take(error, &mut checked);
            }
        }
        checked.findings.sort_by(|a, b| (a.line, a.column, &a.rule).cmp(&(b.line, b.column, &b.rule)));
        checked
    }

    /// Those of the matches that the old side has not.
    fn introduced<'m, 'r>(
        &self,
        matches: &'m [Match<'r>],
        lines: &Lines<'_>,
        rules: &'r RuleSet,
    ) -> Vec<&'m Match<'r>> {
        if matches.is_empty() {
            return Vec::new();
        }
        let Some(old) = self.old() else { return matches.iter().collect() };
        let hit: BTreeSet<_> = matches.iter().map(|found| found.rule.id.as_str()).collect();
        let (before, _) = self.place().find(&old, rules, |rule| hit.contains(rule.id.as_str()));
        introduced(matches, &self.new, |found| found.touches(lines, &self.added), &before, &old)
    }

    fn syntax_error(&self, rules: &RuleSet, excerpts: &mut Excerpts<'_>) -> Option<Finding> {
        let language = self.new.tree?.language();
        let reads = |rule: &&Rule| rule.languages.contains(&language) && self.place().is_read_by(rule, rules);
        let rule = rules.bundled_rule(syntax::RULE).filter(reads).filter(|rule| rule.reads(self.path))?;
        let new = syntax::new_error(self)?;
        let SyntaxError { range, message } = new.error;
        let found = Match { rule, range, message: Some(message), fix: None };
        Some(Finding {
            source: Source::Syntax,
            severity: rules.selection().severity(&rule.id, self.path).unwrap_or(new.severity),
            confidence: new.confidence,
            ..self.finding(rules, &found, &Lines::of(self.new.text), excerpts)
        })
    }

    /// The changed lines; none where every line is new.
    fn within(&self) -> Option<&[LineRange]> {
        (!self.is_new()).then_some(&self.added[..])
    }

    fn finding(
        &self,
        rules: &RuleSet,
        found: &Match<'_>,
        lines: &Lines<'_>,
        excerpts: &mut Excerpts<'_>,
    ) -> Finding {
        let rule = found.rule;
        let (line, column) = lines.position(found.range.start);
        let (end_line, end_column) = lines.position(found.range.end);
        let message = found.message.as_deref().and_then(|message| excerpts.message(message));
        Finding {
            path: self.path.clone(),
            line,
            end_line,
            column,
            end_column,
            rule: rule.id.clone(),
            source: if rule.secret { Source::Secret } else { Source::Rule },
            severity: rules.severity(rule, self.path),
            confidence: rule.confidence,
            message: message.unwrap_or_else(|| rule.message.clone()),
            note: rule.note.clone(),
            fix: found.fix.clone(),
            excerpt: excerpts.line(found.range.start + 1 - column as usize),
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
