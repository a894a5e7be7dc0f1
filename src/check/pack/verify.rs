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
    /// How many texts they were tried on.
    pub examples: usize,
    /// Why it cannot be used at all.
    pub faults: Vec<Problem>,
    /// Examples that went otherwise than the pack says.
    pub failures: Vec<Problem>,
}

impl Trial {
    /// Reads, compiles and tries a pack.
    #[must_use]
    pub fn of(source: PackSource) -> Self {
        let (pack, problems) = Pack::read(source);
        let mut trial = pack.trial();
        trial.faults.splice(..0, problems);
        trial
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
    /// Everything that is wrong with the rules: what does not compile, and of the others what their
    /// examples show.
    pub(super) fn verify(&self) -> Vec<Problem> {
        let trial = self.trial();
        let mut problems = [trial.faults, trial.failures].concat();
        problems.sort_by_key(|problem| problem.line);
        problems
    }

    fn trial(&self) -> Trial {
        let rules = &self.parsed().rules;
        let mut wrong: Vec<_> = rules.iter().filter_map(|rule| Some((rule, rule.fault()?))).collect();
        for syntax in &self.parsed().syntax {
            wrong.extend(syntax.faults(rules));
        }
        let is_wrong = |rule: &&Rule| wrong.iter().any(|(wrong, _)| wrong.id == rule.id);
        let right: Vec<_> = rules.iter().filter(|rule| !is_wrong(rule)).collect();
        let tests = || right.iter().flat_map(|rule| rule.tests.iter().map(move |examples| (*rule, examples)));
        let failures = tests().flat_map(|(rule, examples)| {
            self.failures(rule, examples).into_iter().map(|failure| self.problem(rule, failure))
        });
        let failures = failures.collect();
        let examples = tests().map(|(_, examples)| examples.bad.len() + examples.good.len()).sum();
        let mut faults: Vec<_> =
            wrong.into_iter().map(|(rule, message)| self.problem(rule, message)).collect();
        faults.sort_by_key(|problem| problem.line);
        faults.dedup();
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
                    failures.push(format!(
                        "`{}` makes {fixed:?} of {example:?} as {name}, and not {expected:?}",
                        rule.id
                    ));
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
