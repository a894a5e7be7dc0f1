//! A pack's rules, tried on their own examples.

use super::{Pack, Problem};
use crate::change::language::Language;
use crate::change::parse::{ParseLimits, parse_text};
use crate::check::fix;
use crate::check::rule::{Body, Examples, Match, Rule, Text};
use crate::git::RepoPath;

impl Pack {
    /// Everything that is wrong with the rules: what does not compile, and of the others what their
    /// examples show.
    pub(super) fn verify(&self) -> Vec<Problem> {
        let rules = &self.parsed().rules;
        let mut faults: Vec<_> = rules.iter().filter_map(|rule| Some((rule, rule.fault()?))).collect();
        for syntax in &self.parsed().syntax {
            faults.extend(syntax.faults(rules));
        }
        let is_wrong = |rule: &Rule| faults.iter().any(|(wrong, _)| wrong.id == rule.id);
        let right: Vec<_> = rules.iter().filter(|rule| !is_wrong(rule)).collect();
        for rule in right {
            let failures = rule.tests.iter().flat_map(|examples| self.failures(rule, examples));
            faults.extend(failures.map(|failure| (rule, failure)));
        }
        let mut problems: Vec<_> =
            faults.into_iter().map(|(rule, message)| self.problem(rule, message)).collect();
        problems.sort_by_key(|problem| problem.line);
        problems.dedup();
        problems
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
