//! One rule: how a pack writes it, and what is made of that.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::OnceLock;

use ::regex::{Regex, RegexBuilder};
use ast_grep_config::{SerializableRule, SerializableRuleCore};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::finding::{Confidence, Severity};
use super::pack::Problem;
use crate::change::language::Language;
use crate::change::parse::SyntaxTree;
use crate::git::RepoPath;

/// Most bytes a compiled regular expression may take.
const REGEX_SIZE_LIMIT: usize = 1 << 20;

/// One rule of a pack.
pub struct Rule {
    /// Stable id, `python/breakpoint`.
    pub id: String,
    /// Harm if a match is what it seems; the pack's word, which options may overrule.
    pub severity: Severity,
    /// Chance that a match is what it seems.
    pub confidence: Confidence,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it, in one line.
    pub note: Option<String>,
    /// Languages it reads; empty for any text.
    pub languages: Vec<Language>,
    /// Texts in which it must match.
    pub bad: Vec<String>,
    /// Texts in which it must not match.
    pub good: Vec<String>,
    /// Whether its matches are secrets.
    pub secret: bool,
    /// Line of the rule in its file, from 1.
    pub(super) line: usize,
    /// Texts of which a file must hold one for the rule to be tried; empty for any file.
    pub(super) keywords: Vec<String>,
    pub(super) body: Body,
    pub(super) fix: Option<String>,
    files: Option<LazyGlobs>,
    ignores: Option<LazyGlobs>,
}

/// What a rule looks for.
pub(super) enum Body {
    /// A syntax, compiled for each language apart.
    Syntax(Box<SerializableRuleCore>),
    /// A text.
    Text { pattern: LazyRegex, except: Option<LazyRegex> },
}

/// Where to look: a text, and its syntax if it has one.
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    pub(super) language: Option<Language>,
    pub(super) tree: Option<&'a SyntaxTree>,
}

/// A rule's match, in bytes of the text.
pub(super) struct Match<'r> {
    pub(super) rule: &'r Rule,
    pub(super) range: Range<usize>,
    pub(super) fix: Option<String>,
}

impl Rule {
    /// Whether the rule reads files of this path.
    pub(super) fn reads(&self, path: &RepoPath) -> bool {
        self.files.as_ref().is_none_or(|globs| globs.has(path))
            && !self.ignores.as_ref().is_some_and(|globs| globs.has(path))
    }

    /// What is wrong with regular expressions and globs, which are otherwise compiled when needed.
    pub(super) fn fault(&self) -> Option<String> {
        let globs = [&self.files, &self.ignores].into_iter().flatten();
        if let Some(error) = globs.filter_map(|globs| globs.build().err()).next() {
            let glob = error.glob().unwrap_or_default();
            return Some(format!("rule `{}` has a wrong glob `{glob}`: {}", self.id, error.kind()));
        }
        let Body::Text { pattern, except } = &self.body else { return None };
        let error = [Some(pattern), except.as_ref()].into_iter().flatten().find_map(|p| p.build().err())?;
        // The last line says what is wrong, those above draw where.
        let error = error.to_string();
        let error = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        Some(format!("rule `{}` has a wrong regular expression: {error}", self.id))
    }

    /// The compiled pattern of a text rule.
    pub(super) fn regex(&self) -> Option<&Regex> {
        match &self.body {
            Body::Text { pattern, .. } => pattern.get(),
            Body::Syntax(_) => None,
        }
    }
}

/// A regular expression that is compiled when it is first needed. `^` and `$` match at lines.
pub(super) struct LazyRegex {
    pattern: String,
    compiled: OnceLock<Option<Regex>>,
}

impl LazyRegex {
    fn new(pattern: String) -> Self {
        Self { pattern, compiled: OnceLock::new() }
    }

    fn build(&self) -> Result<Regex, ::regex::Error> {
        RegexBuilder::new(&self.pattern).multi_line(true).crlf(true).size_limit(REGEX_SIZE_LIMIT).build()
    }

    /// None for a pattern that does not compile, which loading its pack has refused.
    pub(super) fn get(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| self.build().ok()).as_ref()
    }
}

/// Globs that are compiled when a path is first tried. `*` does not match `/`.
struct LazyGlobs {
    globs: Vec<String>,
    compiled: OnceLock<GlobSet>,
}

impl LazyGlobs {
    fn new(globs: Vec<String>) -> Self {
        Self { globs, compiled: OnceLock::new() }
    }

    fn build(&self) -> Result<GlobSet, globset::Error> {
        let mut set = GlobSetBuilder::new();
        for glob in &self.globs {
            set.add(GlobBuilder::new(glob).literal_separator(true).build()?);
        }
        set.build()
    }

    /// Globs that do not compile, which loading their pack has refused, match nothing.
    fn has(&self, path: &RepoPath) -> bool {
        self.compiled.get_or_init(|| self.build().unwrap_or_default()).is_match(path.to_path())
    }
}

/// A pack as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPack {
    #[serde(default)]
    languages: Vec<Spanned<String>>,
    #[serde(default)]
    secrets: bool,
    rule: Vec<Spanned<WrittenRule>>,
}

/// A rule as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    id: String,
    severity: Severity,
    confidence: Confidence,
    message: String,
    note: Option<String>,
    ast: Option<SerializableRule>,
    constraints: Option<HashMap<String, SerializableRule>>,
    utils: Option<HashMap<String, SerializableRule>>,
    regex: Option<String>,
    #[serde(default)]
    keywords: Vec<String>,
    except: Option<String>,
    fix: Option<String>,
    files: Option<Vec<String>>,
    ignores: Option<Vec<String>>,
    #[serde(default)]
    bad: Vec<String>,
    #[serde(default)]
    good: Vec<String>,
}

/// Reads a pack: its languages and its rules, or everything that is wrong with it. What TOML or a
/// field's type refuses ends the reading, so that such a problem comes alone.
pub(super) fn parse(file: &str, text: &str) -> Result<(Vec<Language>, Vec<Rule>), Vec<Problem>> {
    let problem = |offset: usize, message: String| Problem {
        file: file.to_owned(),
        line: line_at(text, offset),
        message,
    };
    let written: WrittenPack = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        vec![problem(offset, error.message().to_owned())]
    })?;

    let mut problems = Vec::new();
    let mut languages = Vec::new();
    for name in &written.languages {
        match name.get_ref().parse() {
            Ok(language) => languages.push(language),
            Err(_) => problems
                .push(problem(name.span().start, format!("no language is called `{}`", name.get_ref()))),
        }
    }
    if written.secrets && !written.languages.is_empty() {
        problems.push(problem(0, "a pack of secrets reads any text: remove `languages`".to_owned()));
    }
    let mut ids = HashSet::new();
    let mut rules = Vec::new();
    for rule in written.rule {
        let start = rule.span().start;
        let (mut rule, mut faults) = build(rule.into_inner());
        if !ids.insert(rule.id.clone()) {
            faults.push("is not the first of this id".to_owned());
        }
        problems.extend(faults.iter().map(|fault| problem(start, format!("rule `{}` {fault}", rule.id))));
        rule.languages.clone_from(&languages);
        rule.secret = written.secrets;
        rule.line = line_at(text, start);
        if languages.is_empty() && matches!(rule.body, Body::Syntax(_)) {
            problems.push(problem(
                start,
                format!("rule `{}` has `ast`, but its pack has no `languages`", rule.id),
            ));
        }
        rules.push(rule);
    }
    if problems.is_empty() { Ok((languages, rules)) } else { Err(problems) }
}

/// Makes a rule of what is written, with all that is wrong with it.
fn build(written: WrittenRule) -> (Rule, Vec<String>) {
    let mut faults = Vec::new();
    let kebab = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    if !written.id.split_once('/').is_some_and(|(pack, name)| kebab(pack) && kebab(name)) {
        faults.push("needs an id like `pack/kebab-name`".to_owned());
    }
    if written.bad.is_empty() || written.good.is_empty() {
        faults.push("needs examples: at least one `bad` and one `good`".to_owned());
    }
    if written.ast.is_some() == written.regex.is_some() {
        faults.push("needs either `ast` or `regex`".to_owned());
    }
    let of_syntax = written.constraints.is_some() || written.utils.is_some();
    if written.regex.is_some() && of_syntax {
        faults.push("has `constraints` or `utils`, which belong to `ast`".to_owned());
    }
    if written.ast.is_some() && written.except.is_some() {
        faults.push("has `except`, which belongs to `regex`".to_owned());
    }
    if written.regex.is_some() && written.keywords.is_empty() {
        faults.push("needs `keywords`: texts of which a match holds at least one".to_owned());
    }
    if written.keywords.iter().any(String::is_empty) {
        faults.push("has an empty keyword".to_owned());
    }
    let body = match written.ast {
        Some(rule) => Body::Syntax(Box::new(SerializableRuleCore {
            rule,
            constraints: written.constraints,
            utils: written.utils,
            transform: None,
        })),
        None => Body::Text {
            pattern: LazyRegex::new(written.regex.unwrap_or_default()),
            except: written.except.map(LazyRegex::new),
        },
    };
    let rule = Rule {
        id: written.id,
        severity: written.severity,
        confidence: written.confidence,
        message: written.message,
        note: written.note,
        languages: Vec::new(),
        bad: written.bad,
        good: written.good,
        secret: false,
        line: 0,
        keywords: written.keywords,
        body,
        fix: written.fix,
        files: written.files.map(LazyGlobs::new),
        ignores: written.ignores.map(LazyGlobs::new),
    };
    (rule, faults)
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}
