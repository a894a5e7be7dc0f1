//! Rule packs: the bundled ones, others that the user names, and which of their rules are in force.
//!
//! A pack is a TOML file. Its header says which languages its rules read, or none for rules that
//! read any text; each `[[rule]]` looks for either a syntax (`ast`, an ast-grep rule object) or a
//! text (`regex`). It is tried only on files that hold one of its `keywords`, if it has some; a
//! `regex` must have some:
//!
//! ```toml
//! languages = ["python"]
//!
//! [[rule]]
//! id = "python/breakpoint"
//! severity = "error"                  # info, warning, error: only errors block
//! confidence = "high"                 # low, medium, high
//! message = "a debugger call stops the program here"
//! note = "remove the call"
//! keywords = ["breakpoint", "set_trace"]
//! ast = { any = [{ pattern = "breakpoint($$$)" }, { pattern = "pdb.set_trace($$$)" }] }
//!
//! [[rule.tests]]
//! bad = ["breakpoint()", "if x:\n    pdb.set_trace()\n"]   # each must match
//! good = ["breakpoints()", "# breakpoint()"]               # none may
//! ```
//!
//! Also: `why`, some sentences for `hookgate rules explain`; `constraints`, `utils` and `transform` as
//! in ast-grep, beside `ast`; `except`, a regular expression for matches that are none, beside `regex`;
//! `fix`, the text that would replace the match (for `ast`, any fix of ast-grep's); `files` and
//! `ignores`, globs for the path. A table of `tests` may have a `path`, where its code would stand, and
//! `fixed`, what the fixes make of each `bad` text. Packs are not loaded unless all their tests pass.
//! A pack with `secrets = true` lists secrets: its matches are masked in reports and taken out of
//! payloads, and it reads generated and vendored files as well.

mod verify;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::OnceLock;

use ::regex::Regex;

use super::ast::SyntaxRules;
use super::builtin;
use super::finding::Severity;
use super::keyword::Keywords;
use super::regex;
use super::rule::{Match, Rule, Text};
use crate::change::language::Language;

/// Why rule packs cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Everything that is wrong with the packs, in the order of the files.
    #[error("{}", Lines(.0))]
    Invalid(Vec<Problem>),
    /// Options that name rules which no pack has.
    #[error("{}", Lines(.0))]
    UnknownRules(Vec<UnknownRule>),
}

/// One thing that is wrong with a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The pack's file.
    pub file: String,
    /// Line of the rule or of the wrong text, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// A rule id that no pack has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRule {
    /// The id as given.
    pub id: String,
    /// The most similar id there is.
    pub nearest: Option<String>,
}

impl fmt::Display for UnknownRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no rule is called `{}`", self.id)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}

struct Lines<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Lines<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.0.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{line}")?;
        }
        Ok(())
    }
}

/// What the user changes about the rules.
#[derive(Clone, Debug, Default)]
pub struct RuleOptions {
    /// Ids of rules whose findings are not wanted.
    pub disabled: Vec<String>,
    /// Severities other than the packs' own, by rule id.
    pub severity: BTreeMap<String, Severity>,
    /// Packs to run beside the bundled ones.
    pub packs: Vec<PackSource>,
}

/// A pack as it was read.
#[derive(Clone, Debug)]
pub struct PackSource {
    /// What messages call the file.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// Rules ready to run: packs are parsed, and their rules compiled, when a file first needs them.
pub struct RuleSet {
    packs: Vec<Pack>,
    disabled: BTreeSet<String>,
    severity: BTreeMap<String, Severity>,
}

struct Pack {
    file: String,
    text: std::borrow::Cow<'static, str>,
    /// Languages that its rules read; empty for any text.
    languages: Vec<Language>,
    parsed: OnceLock<Parsed>,
}

/// A pack's rules, and what is compiled of them.
struct Parsed {
    rules: Vec<Rule>,
    keywords: Keywords,
    /// One entry for each of the pack's languages.
    syntax: Vec<SyntaxRules>,
}

/// Packs that come with hookgate, with the languages of their headers: repeated here so that a pack
/// is parsed only when a file is in one of them.
const BUNDLED: &[(&str, &[&str], &str)] = &[
    ("rules/text.toml", &[], include_str!("../../rules/text.toml")),
    ("rules/secrets.toml", &[], include_str!("../../rules/secrets.toml")),
    ("rules/bash.toml", &["bash"], include_str!("../../rules/bash.toml")),
    ("rules/c.toml", &["c", "cpp"], include_str!("../../rules/c.toml")),
    ("rules/csharp.toml", &["csharp"], include_str!("../../rules/csharp.toml")),
    ("rules/go.toml", &["go"], include_str!("../../rules/go.toml")),
    ("rules/java.toml", &["java"], include_str!("../../rules/java.toml")),
    (
        "rules/javascript.toml",
        &["javascript", "typescript", "tsx"],
        include_str!("../../rules/javascript.toml"),
    ),
    ("rules/kotlin.toml", &["kotlin"], include_str!("../../rules/kotlin.toml")),
    ("rules/php.toml", &["php"], include_str!("../../rules/php.toml")),
    ("rules/python.toml", &["python"], include_str!("../../rules/python.toml")),
    ("rules/ruby.toml", &["ruby"], include_str!("../../rules/ruby.toml")),
    ("rules/rust.toml", &["rust"], include_str!("../../rules/rust.toml")),
    (
        "rules/syntax.toml",
        &[
            "rust",
            "python",
            "javascript",
            "typescript",
            "tsx",
            "go",
            "java",
            "c",
            "cpp",
            "csharp",
            "ruby",
            "php",
            "kotlin",
            "bash",
            "html",
            "css",
        ],
        include_str!("../../rules/syntax.toml"),
    ),
];

impl RuleSet {
    /// The packs that come with hookgate, for tests.
    #[cfg(test)]
    pub(crate) fn bundled() -> Self {
        Self::new(RuleOptions::default()).unwrap()
    }

    /// The bundled packs and the user's, as the options change them.
    ///
    /// # Errors
    /// All problems of the user's packs together, or all unknown ids in the options.
    pub fn new(options: RuleOptions) -> Result<Self, PackError> {
        let mut problems = Vec::new();
        let mut packs: Vec<_> = BUNDLED
            .iter()
            .map(|&(file, languages, text)| Pack {
                file: file.to_owned(),
                text: text.into(),
                languages: languages.iter().filter_map(|name| name.parse().ok()).collect(),
                parsed: OnceLock::new(),
            })
            .collect();
        for source in options.packs {
            match Pack::load(source) {
                Ok(pack) => packs.push(pack),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(PackError::Invalid(problems));
        }
        let set =
            Self { packs, disabled: options.disabled.into_iter().collect(), severity: options.severity };
        let named = set.disabled.iter().chain(set.severity.keys());
        let unknown: Vec<_> = named.filter(|id| set.rule(id).is_none()).collect();
        if unknown.is_empty() {
            return Ok(set);
        }
        let unknown =
            unknown.into_iter().map(|id| UnknownRule { id: id.clone(), nearest: set.nearest(id) }).collect();
        Err(PackError::UnknownRules(unknown))
    }

    /// All rules, also disabled ones, pack by pack. Parses every pack.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.packs.iter().flat_map(|pack| &pack.parsed().rules)
    }

    /// The rule of this id. Parses no pack but those that could have it.
    pub(super) fn rule(&self, id: &str) -> Option<&Rule> {
        self.packs
            .iter()
            .filter(|pack| pack.may_have(id))
            .flat_map(|pack| &pack.parsed().rules)
            .find(|rule| rule.id == id)
    }

    /// The severity that findings of the rule have.
    #[must_use]
    pub fn severity(&self, rule: &Rule) -> Severity {
        self.severity.get(&rule.id).copied().unwrap_or(rule.severity)
    }

    /// The severity that the options give the rule.
    pub(super) fn overruled(&self, rule: &Rule) -> Option<Severity> {
        self.severity.get(&rule.id).copied()
    }

    /// Whether findings of the rule are reported.
    pub(super) fn is_enabled(&self, rule: &Rule) -> bool {
        !self.disabled.contains(&rule.id)
    }

    /// Ids and patterns of what counts as a secret, whether or not its findings are reported: no
    /// option takes one away.
    pub fn secret_patterns(&self) -> impl Iterator<Item = (&str, &Regex)> {
        self.packs
            .iter()
            .filter(|pack| pack.languages.is_empty())
            .flat_map(|pack| &pack.parsed().rules)
            .filter(|rule| rule.secret)
            .filter_map(|rule| Some((rule.id.as_str(), rule.regex()?)))
    }

    /// Compiles every rule and runs it over its own examples; gives what did not go as the pack says.
    #[must_use]
    pub fn verify(&self) -> Vec<Problem> {
        self.packs.iter().flat_map(Pack::verify).collect()
    }

    /// Languages for which a rule has been compiled.
    #[cfg(test)]
    pub(super) fn compiled_languages(&self) -> Vec<Language> {
        let parsed = self.packs.iter().filter_map(|pack| Some((pack, pack.parsed.get()?)));
        let syntax = parsed.flat_map(|(pack, parsed)| pack.languages.iter().zip(&parsed.syntax));
        syntax.filter(|(_, syntax)| syntax.is_in_use()).map(|(&language, _)| language).collect()
    }

    /// Files of the packs that have been parsed.
    #[cfg(test)]
    pub(super) fn parsed_packs(&self) -> Vec<&str> {
        let parsed = self.packs.iter().filter(|pack| pack.parsed.get().is_some());
        parsed.map(|pack| pack.file.as_str()).collect()
    }

    /// Matches of the wanted rules in a text, pack by pack.
    pub(super) fn find<'r>(&'r self, text: &Text<'_>, wanted: impl Fn(&Rule) -> bool) -> Vec<Match<'r>> {
        let mut matches = Vec::new();
        for pack in &self.packs {
            pack.find(text, &wanted, &mut matches);
        }
        matches
    }

    fn nearest(&self, id: &str) -> Option<String> {
        self.rules()
            .map(|rule| (strsim::jaro_winkler(&rule.id, id), &rule.id))
            .filter(|(similarity, _)| *similarity > 0.7)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, id)| id.clone())
    }
}

impl Pack {
    /// Parses, compiles and tries all of a user's pack at once, so that nothing is left to fail later.
    fn load(source: PackSource) -> Result<Self, Vec<Problem>> {
        let (languages, rules) = written::parse(&source.file, &source.text)?;
        let parsed = Parsed::new(rules, &languages);
        let pack = Self { file: source.file, text: source.text.into(), languages, parsed: parsed.into() };
        let problems = pack.verify();
        if problems.is_empty() { Ok(pack) } else { Err(problems) }
    }

    /// In bundled packs, ids start with the name of the file.
    fn may_have(&self, id: &str) -> bool {
        if self.parsed.get().is_some() {
            return true;
        }
        let name = self.file.rsplit('/').next().unwrap_or(&self.file);
        let name = name.strip_suffix(".toml").unwrap_or(name);
        id.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'))
    }

    fn parsed(&self) -> &Parsed {
        self.parsed.get_or_init(|| {
            // Only bundled packs are parsed late, and a test parses each of them.
            let (_, rules) = written::parse(&self.file, &self.text).unwrap_or_default();
            Parsed::new(rules, &self.languages)
        })
    }

    fn find<'r>(&'r self, text: &Text<'_>, wanted: &impl Fn(&Rule) -> bool, matches: &mut Vec<Match<'r>>) {
        let index = self.languages.iter().position(|&own| Some(own) == text.language);
        if index.is_none() && !self.languages.is_empty() {
            return;
        }
        let parsed = self.parsed();
        let mut candidates = parsed.keywords.candidates(text.text);
        for (candidate, rule) in candidates.iter_mut().zip(&parsed.rules) {
            *candidate = *candidate && wanted(rule);
            if *candidate {
                regex::find(rule, text.text, matches);
                builtin::find(rule, text, matches);
            }
        }
        if let (Some(index), Some(tree)) = (index, text.tree) {
            parsed.syntax[index].find(&parsed.rules, tree, &candidates, matches);
        }
    }
}

impl Parsed {
    fn new(rules: Vec<Rule>, languages: &[Language]) -> Self {
        let syntax = languages.iter().map(|&language| SyntaxRules::new(language, &rules)).collect();
        Self { keywords: Keywords::new(&rules), rules, syntax }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_rule_matches_its_bad_examples_and_none_of_its_good_ones() {
        let problems = RuleSet::bundled().verify();
        assert!(problems.is_empty(), "{}", Lines(&problems));
    }
}
