//! Comments that silence rules: where they stand, what they cover, and what is wrong with them.
//!
//! `hookgate-ignore: rule-id[, rule-id] reason` at the end of a line covers what begins or ends on it;
//! on a line of its own it covers the next line, past further comments, attributes and decorators.
//! `hookgate-ignore-file: rule-id reason` near the top covers the file.

use std::ops::{Range, RangeInclusive};

use tree_sitter::Node;

use super::Because;
use super::finding::{Finding, Source};
use super::pack::RuleSet;
use super::rule::{Match, Rule, Text};
use crate::change::parse::SyntaxTree;
use crate::change::profile::Profile;
use crate::text::{Lines, one_line};

const NAMELESS: &str = "it names no rule, write `hookgate-ignore: rule-id reason`";

const MARKER: &str = "hookgate-ignore";

/// The last line on which a comment may still speak for its whole file.
const HEAD: u32 = 30;

/// Characters of a reason that are repeated in reports.
const REASON: usize = 120;

/// The comments of one text that silence rules, or were meant to.
#[derive(Default)]
pub(super) struct Comments(Vec<Comment>);

struct Comment {
    /// From the marker to the end of what it says, in bytes.
    range: Range<usize>,
    /// The marker's line.
    line: u32,
    covers: Covers,
    /// What it names, with the place of each name.
    names: Vec<Range<usize>>,
    reason: Option<String>,
}

enum Covers {
    /// The whole file.
    File,
    /// Findings that begin or end on this line, which the comment shares with code.
    Line(u32),
    /// Findings that begin on one of these lines: the comment's own, and those that it stands above.
    Below(RangeInclusive<u32>),
    /// Nothing, for this reason.
    Nothing(&'static str),
}

impl Covers {
    fn has(&self, first: u32, last: u32) -> bool {
        match self {
            Self::File => true,
            Self::Line(line) => first == *line || last == *line,
            Self::Below(lines) => lines.contains(&first),
            Self::Nothing(_) => false,
        }
    }
}

impl Comments {
    /// Whether a text holds what such a comment begins with.
    pub(super) fn may_be_in(text: &str) -> bool {
        text.contains(MARKER)
    }

    /// Reads the comments of a text. In prose only those that its readers do not see count, so that
    /// examples of code do not.
    pub(super) fn of(text: &Text<'_>, is_prose: bool) -> Self {
        if !Self::may_be_in(text.text) {
            return Self::default();
        }
        let lines = Lines::of(text.text);
        let starts = text.text.match_indices(MARKER).map(|(start, _)| start);
        Self(starts.filter_map(|start| Comment::at(start, text, is_prose, &lines)).collect())
    }

    /// Those that speak for the whole file.
    pub(super) fn of_file(mut self) -> Self {
        self.0.retain(|comment| matches!(comment.covers, Covers::File));
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a comment names the rule.
    pub(super) fn name(&self, rule: &Rule, text: &Text<'_>) -> bool {
        self.0.iter().any(|comment| comment.names(&rule.id, text.text))
    }

    /// Why a finding is not wanted, if a comment says so.
    pub(super) fn because(&self, finding: &Finding, text: &Text<'_>) -> Option<Because> {
        let is_secret = finding.source == Source::Secret;
        let (first, last) = finding.lines();
        let comment = self.0.iter().find(|comment| {
            comment.names(&finding.rule, text.text)
                && comment.covers.has(first, last)
                && (comment.reason.is_some() || !is_secret)
        })?;
        Some(Because::Comment { line: comment.line, reason: comment.reason.clone() })
    }

    /// What is wrong with the comments, as matches of the rules of the pack `hookgate`. `matches` are
    /// all of the text, also those that it had before; a comment for a rule that is not `judged`, which
    /// has none because it did not run here, is not called unused.
    pub(super) fn problems<'r>(
        &self,
        text: &Text<'_>,
        matches: &[Match<'r>],
        rules: &'r RuleSet,
        judged: impl Fn(&Rule) -> bool,
    ) -> Vec<Match<'r>> {
        let lines = Lines::of(if self.is_empty() { "" } else { text.text });
        let mut problems = Vec::new();
        let mut say = |id: &str, range: &Range<usize>, message: Option<String>| {
            let rule = rules.rule(id);
            problems.extend(rule.map(|rule| Match { rule, range: range.clone(), message, fix: None }));
        };
        for comment in &self.0 {
            // Rules of ast-grep's need no slash in their ids, and neither do reasons.
            let is_reason = comment.names.first().is_some_and(|name| {
                let name = &text.text[name.clone()];
                !name.contains('/') && rules.rule(name).is_none()
            });
            let nothing = match comment.covers {
                Covers::Nothing(why) => Some(why.to_owned()),
                _ if is_reason => Some(nameless(&text.text[comment.names[0].clone()], text, rules)),
                _ => None,
            };
            if let Some(why) = nothing {
                let message = Some(format!("nothing is silenced: {why}"));
                say("hookgate/wrong-suppression", &comment.range, message);
                continue;
            }
            for range in &comment.names {
                let id = &text.text[range.clone()];
                let Some(rule) = rules.rule(id) else {
                    if id.contains('*') {
                        let message =
                            format!("`{id}` is no rule: a comment names each rule that it silences");
                        say("hookgate/wrong-suppression", range, Some(message));
                        continue;
                    }
                    let nearest = rules.nearest(id).map(|id| format!("; did you mean `{id}`?"));
                    let message = format!("no rule is called `{id}`{}", nearest.unwrap_or_default());
                    say("hookgate/wrong-suppression", range, Some(message));
                    continue;
                };
                if rule.is_about_file() && !matches!(comment.covers, Covers::File) {
                    let message =
                        format!("`{id}` is about the whole file: write `hookgate-ignore-file: {id} reason`");
                    say("hookgate/wrong-suppression", range, Some(message));
                    continue;
                }
                if comment.reason.is_none() && rule.secret {
                    let message = "a secret is silenced with a reason only: say why it may be public";
                    say("hookgate/wrong-suppression", range, Some(message.to_owned()));
                    continue;
                }
                let is_used = matches.iter().filter(|found| found.rule.id == rule.id).any(|found| {
                    let (first, last) = lines.span(&found.range);
                    comment.covers.has(first, last)
                });
                if !is_used && judged(rule) {
                    let message = format!("this silences nothing: `{id}` has no finding here");
                    say("hookgate/unused-suppression", range, Some(message));
                } else if comment.reason.is_none() {
                    say("hookgate/suppression-without-reason", &comment.range, None);
                }
            }
        }
        problems
    }
}

/// What to say where a word stands that no rule has for its id: some leave the pack away.
fn nameless(word: &str, text: &Text<'_>, rules: &RuleSet) -> String {
    let is_meant = |rule: &&Rule| {
        let is_read =
            text.language.is_none_or(|it| rule.languages.is_empty() || rule.languages.contains(&it));
        is_read && rule.id.split_once('/').is_some_and(|(_, name)| name == word)
    };
    rules.rules().find(is_meant).map_or_else(
        || NAMELESS.to_owned(),
        |rule| format!("no rule is called `{word}`; did you mean `{}`?", rule.id),
    )
}

impl Comment {
    /// The comment with a marker at this byte, if it is one.
    fn at(start: usize, text: &Text<'_>, is_prose: bool, lines: &Lines<'_>) -> Option<Self> {
        let after = &text.text[start + MARKER.len()..];
        let (is_file, after) = after.strip_prefix("-file").map_or((false, after), |after| (true, after));
        if after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_')) {
            return None;
        }
        let node = match text.tree {
            Some(tree) => Some(comment_node(tree, start)?),
            None => None,
        };
        let (line, column) = lines.position(start);
        let line_start = start + 1 - column as usize;
        let from = node.map_or(line_start, |node| node.start_byte().max(line_start));
        if !is_opened(&text.text[from..start], node.is_some(), is_prose) {
            return None;
        }

        let end = node.map_or(text.text.len(), |node| node.end_byte().max(start));
        let said = text.text[start..end].lines().next().unwrap_or_default();
        let said = said.trim_end_matches(|c: char| c.is_whitespace() || "*/->}#%".contains(c));
        let range = start..start + said.len();
        let body = start + (text.text.len() - start - after.len());
        let (names, reason) = match text.text[..range.end].get(body..).and_then(|body| body.strip_prefix(':'))
        {
            Some(names) => read_names(names, body + 1),
            None => (Vec::new(), None),
        };
        if is_prose && names.is_empty() {
            return None;
        }
        let covers = if names.is_empty() {
            Covers::Nothing(NAMELESS)
        } else if !is_file {
            covered(text, node, (from, start), line, lines)
        } else if line <= HEAD {
            Covers::File
        } else {
            Covers::Nothing("`hookgate-ignore-file` counts only within the first 30 lines")
        };
        Some(Self { range, line, covers, names, reason })
    }

    fn names(&self, id: &str, text: &str) -> bool {
        self.names.iter().any(|name| text.get(name.clone()) == Some(id))
    }
}

/// The names at the start of what a comment says, and the reason after them.
fn read_names(said: &str, offset: usize) -> (Vec<Range<usize>>, Option<String>) {
    let mut names = Vec::new();
    let mut rest = said;
    loop {
        let word = rest.trim_start();
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.' | '*');
        let length = word.find(|c| !is_part(c)).unwrap_or(word.len());
        if length > 0 {
            let start = offset + said.len() - word.len();
            names.push(start..start + length);
        }
        rest = &word[length..];
        match rest.trim_start().strip_prefix(',') {
            Some(next) if length > 0 => rest = next,
            _ => break,
        }
    }
    let reason = rest.trim_matches(|c: char| c.is_whitespace() || "-:–—".contains(c));
    let reason = reason.contains(char::is_alphanumeric).then(|| one_line(reason, REASON));
    (names, reason)
}

/// Whether what stands before the marker opens a comment, so that the comment begins with it: a
/// comment that only mentions the marker silences nothing.
fn is_opened(before: &str, is_comment: bool, is_prose: bool) -> bool {
    /// What comments begin with, in some language or other.
    const SIGNS: &str = "#/*-;%!<'\"(";
    let before = before.trim();
    if is_prose {
        // HTML and Markdown, reStructuredText, TeX.
        return ["<!--", ".."].iter().any(|opening| before.ends_with(opening)) || before == "%";
    }
    let last = before.split_whitespace().last().unwrap_or_default();
    let opening = last.trim_start_matches(|c: char| !SIGNS.contains(c));
    let is_opening = |text: &str| text.chars().all(|c| SIGNS.contains(c) || c == '{');
    match opening {
        _ if !is_comment && (is_remark(before) || last == "{-") => true,
        "" => is_comment && before.is_empty(),
        _ if is_comment => is_opening(last),
        "-" | "/" | "*" | "<" | "!" | "(" => false,
        _ => is_opening(opening),
    }
}

/// Whether a line of a batch file begins with this word for a comment, in place of a sign.
fn is_remark(before: &str) -> bool {
    ["rem", "@rem", "::"].iter().any(|word| before.trim().eq_ignore_ascii_case(word))
}

/// The comment around a byte, if the grammar says that there is one.
fn comment_node(tree: &SyntaxTree, at: usize) -> Option<Node<'_>> {
    let profile = Profile::of(tree.language());
    let is_comment =
        |node: &Node<'_>| profile.map_or(node.kind() == "comment", |it| it.is_comment(node.kind()));
    let innermost = tree.root().descendant_for_byte_range(at, at + MARKER.len())?;
    std::iter::successors(Some(innermost), Node::parent).find(is_comment)
}

/// What a comment covers, by whether it shares its line with code. `opening` is where on the marker's
/// line the comment begins, as far as that is known, and where the marker does.
fn covered(
    text: &Text<'_>,
    node: Option<Node<'_>>,
    opening: (usize, usize),
    line: u32,
    lines: &Lines<'_>,
) -> Covers {
    let source = text.text;
    let (start, end) = match node {
        Some(node) => (node.start_byte(), node.start_byte() + source[node.byte_range()].trim_end().len()),
        None => (opening.0, line_end(source, opening.1)),
    };
    let (first, last) = (lines.position(start).0, lines.position(end.saturating_sub(1).max(start)).0);
    let before = match node {
        Some(_) => &source[lines.start(first).unwrap_or(start)..start],
        None => &source[opening.0..opening.1],
    };
    let is_alone = match node {
        // Braces stand around a comment in JSX.
        Some(_) => {
            matches!(before.trim(), "" | "{") && matches!(source[end..line_end(source, end)].trim(), "" | "}")
        }
        None => !before.contains(char::is_alphanumeric) || is_remark(before),
    };
    if !is_alone {
        return Covers::Line(line);
    }
    let opener = before.trim();
    let mut covered = last;
    while let Some(start) = lines.start(covered + 1) {
        let rest = &source[start..line_end(source, start)];
        if rest.trim().is_empty() {
            break;
        }
        let start = start + rest.len() - rest.trim_start().len();
        let passed = match text.tree {
            Some(tree) => passed_over(tree, start),
            None => {
                (!opener.is_empty() && rest.trim_start().starts_with(opener)).then(|| line_end(source, start))
            }
        };
        let Some(end) = passed else {
            covered += 1;
            break;
        };
        covered = lines.position(end.saturating_sub(1).max(start)).0;
        if !source[end..line_end(source, end)].trim().is_empty() {
            break;
        }
    }
    Covers::Below(first..=covered)
}

/// The end of what stands above a statement and belongs to it, if such begins at this byte: a
/// comment, an attribute, a decorator or an annotation.
fn passed_over(tree: &SyntaxTree, at: usize) -> Option<usize> {
    const ABOVE: [&str; 6] = [
        "annotation",
        "attribute_item",
        "attribute_list",
        "decorator",
        "inner_attribute_item",
        "marker_annotation",
    ];
    let profile = Profile::of(tree.language());
    let is_above = |kind: &str| {
        ABOVE.contains(&kind) || profile.map_or(kind == "comment", |profile| profile.is_comment(kind))
    };
    let innermost = tree.root().descendant_for_byte_range(at, at + 1)?;
    let mut here =
        std::iter::successors(Some(innermost), Node::parent).take_while(|it| it.start_byte() == at);
    let node = here.find(|node| is_above(node.kind()))?;
    Some(at + tree.source()[node.byte_range()].trim_end().len())
}

fn line_end(source: &str, from: usize) -> usize {
    source[from..].find('\n').map_or(source.len(), |newline| from + newline)
}

#[cfg(test)]
mod tests;
