//! A pack's rules, tried on their own examples.

use super::{Pack, PackSource, Problem, RuleSet};
use crate::change::language::Language;
use crate::change::parse::{ParseLimits, parse_text};
use crate::check::fix;
use crate::check::rule::{Body, Examples, Match, Rule, Text};
use crate::git::RepoPath;

/// What came of a pack's rules and their examples.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The pack's file.
    pub file: String,
    /// How many rules it has.
    pub rules: usize,
    /// How many texts they were tried on; none of a pack that cannot be used.
    pub examples: usize,
    /// Why it cannot be used at all; if there is anything, no example was tried.
    pub faults: Vec<Problem>,
    /// Examples that went otherwise than the pack says.
    pub failures: Vec<Problem>,
}

impl Trial {
    /// Reads, compiles and tries a pack.
    #[must_use]
    pub fn of(source: PackSource) -> Self {
        let file = source.file.clone();
        match Pack::read(source) {
            Ok(pack) => pack.trial(),
            Err(faults) => Self { file, rules: 0, examples: 0, faults, failures: Vec::new() },
        }
    }
}

impl RuleSet {
    /// Compiles every rule and tries it on its own examples, pack by pack.
    #[must_use]
    pub fn trials(&self) -> Vec<Trial> {
        self.packs.iter().map(Pack::trial).collect()
    }
}

impl Pack {
    /// Everything that is wrong with the rules: what does not compile, and where that is nothing, what
    /// the examples show.
    pub(super) fn verify(&self) -> Vec<Problem> {
        let trial = self.trial();
        [trial.faults, trial.failures].concat()
    }

    fn trial(&self) -> Trial {
        let rules = &self.parsed().rules;
        let mut faults: Vec<_> =
            rules.iter().filter_map(|rule| Some(self.problem(rule, rule.fault()?))).collect();
        for syntax in &self.parsed().syntax {
            faults.extend(syntax.faults(rules).map(|(rule, message)| self.problem(rule, message)));
        }
        faults.sort_by_key(|problem| problem.line);
        faults.dedup();
        let mut failures = Vec::new();
        if faults.is_empty() {
            for rule in rules {
                let examples = rule.tests.iter().flat_map(|examples| self.failures(rule, examples));
                failures.extend(examples.map(|failure| self.problem(rule, failure)));
            }
        }
        let tests = rules.iter().flat_map(|rule| &rule.tests).filter(|_| faults.is_empty());
        let examples = tests.map(|examples| examples.bad.len() + examples.good.len()).sum();
        Trial { file: self.file.clone(), rules: rules.len(), examples, faults, failures }
    }

    fn problem(&self, rule: &Rule, message: String) -> Problem {
        Problem { file: self.file.clone(), line: rule.line, message }
    }

    /// Text rules read examples as text; syntax rules in every language of the rule, or in that of the
    /// examples' path.
    fn failures(&self, rule: &Rule, examples: &Examples) -> Vec<String> {
        let path = examples.path.as_deref().map(RepoPath::new);
        let languages: Vec<_> = match &path {
            Some(path) => vec![Language::detect(path, "")],
            None if rule.languages.is_empty() => vec![None],
            None => rule.languages.iter().copied().map(Some).collect(),
        };
        let mut failures = Vec::new();
        for language in languages {
            let name = language.map_or("any text", Language::as_str);
            for example in &examples.good {
                if !self.matches(rule, path.as_ref(), language, example).is_empty() {
                    failures.push(format!("`{}` matches {example:?} as {name}", rule.id));
                }
            }
            for (index, example) in examples.bad.iter().enumerate() {
                let matches = self.matches(rule, path.as_ref(), language, example);
                if matches.is_empty() {
                    failures.push(format!("`{}` misses {example:?} as {name}", rule.id));
                    continue;
                }
                let Some(expected) = examples.fixed.get(index) else { continue };
                let fixes: Vec<_> = matches.into_iter().filter_map(|found| found.fix).collect();
                let fixed = fix::apply(example, &fixes);
                if fixed != *expected {
                    failures.push(format!("`{}` makes {fixed:?} of {example:?} as {name}", rule.id));
                }
            }
        }
        failures
    }

    fn matches<'r>(
        &'r self,
        rule: &Rule,
        path: Option<&RepoPath>,
        language: Option<Language>,
        example: &str,
    ) -> Vec<Match<'r>> {
        let parse = |language| parse_text(example, language, &ParseLimits::default()).ok();
        let needs_tree = !matches!(rule.body, Body::Text { .. });
        let tree = language.filter(|_| needs_tree).and_then(parse);
        let text = Text { text: example, language, tree: tree.as_ref() };
        let mut matches = Vec::new();
        let is_wanted = |other: &Rule| other.id == rule.id && path.is_none_or(|path| other.reads(path));
        self.find(&text, &is_wanted, &mut matches);
        matches
    }
}
