//! Which rules are in force where, and how loudly, as the configuration has it.

use std::collections::BTreeMap;
use std::fmt;

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::finding::Severity;
use super::pack::RuleOptions;
use crate::git::RepoPath;

/// What a configuration says of rules under some paths.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Globs over paths from the top of the work tree, which `*` matches across `/`.
    pub paths: Vec<String>,
    /// Rules whose findings are not wanted there; see [`RuleOptions::disabled`].
    #[serde(default)]
    pub disabled: Vec<String>,
    /// Severities that findings have there; see [`RuleOptions::severity`].
    #[serde(default)]
    pub severity: BTreeMap<String, Severity>,
}

/// The options as they are asked for each rule and each path.
#[derive(Default)]
pub(super) struct Selection {
    everywhere: Choice,
    /// Of several that name a path and a rule, the last one counts.
    overrides: Vec<(GlobSet, Vec<String>, Choice)>,
}

#[derive(Default)]
struct Choice {
    disabled: Vec<Selector>,
    severity: Vec<(Selector, Severity)>,
}

/// One rule or several, as a configuration names them: `python/breakpoint`, `python/*`, or `*` for
/// all but the secrets. The more exact one counts, and so it is the greater one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Selector {
    All,
    Pack(String),
    Rule(String),
}

impl Selector {
    fn new(written: &str) -> Self {
        match written.strip_suffix("/*") {
            _ if written == "*" => Self::All,
            Some(pack) => Self::Pack(pack.to_owned()),
            None => Self::Rule(written.to_owned()),
        }
    }

    /// Whether a rule of this id is meant.
    pub(super) fn has(&self, id: &str) -> bool {
        match self {
            Self::All => !id.starts_with("secrets/"),
            Self::Pack(pack) => id.strip_prefix(pack.as_str()).is_some_and(|rest| rest.starts_with('/')),
            Self::Rule(rule) => rule == id,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Pack(pack) => write!(f, "{pack}/*"),
            Self::Rule(rule) => f.write_str(rule),
        }
    }
}

impl Choice {
    fn new(disabled: &[String], severity: &BTreeMap<String, Severity>) -> Self {
        Self {
            disabled: disabled.iter().map(|id| Selector::new(id)).collect(),
            severity: severity.iter().map(|(id, severity)| (Selector::new(id), *severity)).collect(),
        }
    }

    fn disables(&self, id: &str) -> bool {
        self.disabled.iter().any(|selector| selector.has(id))
    }

    fn severity(&self, id: &str) -> Option<Severity> {
        let named = self.severity.iter().filter(|(selector, _)| selector.has(id));
        named.max_by_key(|(selector, _)| selector).map(|(_, severity)| *severity)
    }

    fn selectors(&self) -> impl Iterator<Item = &Selector> {
        self.disabled.iter().chain(self.severity.iter().map(|(selector, _)| selector))
    }
}

impl Selection {
    /// # Errors
    /// A glob that cannot be read.
    pub(super) fn new(options: &RuleOptions) -> Result<Self, globset::Error> {
        let mut overrides = Vec::new();
        for written in &options.overrides {
            let mut globs = GlobSetBuilder::new();
            for glob in &written.paths {
                globs.add(Glob::new(glob)?);
            }
            let choice = Choice::new(&written.disabled, &written.severity);
            overrides.push((globs.build()?, written.paths.clone(), choice));
        }
        Ok(Self { everywhere: Choice::new(&options.disabled, &options.severity), overrides })
    }

    /// Everything by which rules are named, each as often as it is.
    pub(super) fn selectors(&self) -> impl Iterator<Item = &Selector> {
        let overrides = self.overrides.iter().flat_map(|(_, _, choice)| choice.selectors());
        self.everywhere.selectors().chain(overrides)
    }

    /// Whether the rule runs at all.
    pub(super) fn is_enabled(&self, id: &str) -> bool {
        !self.everywhere.disables(id)
    }

    /// The severity that the rule's findings have where no path says otherwise, if the options do.
    pub(super) fn usual_severity(&self, id: &str) -> Option<Severity> {
        self.everywhere.severity(id)
    }

    /// The severity that the rule's findings have in this file, where the options say.
    pub(super) fn severity(&self, id: &str, path: &RepoPath) -> Option<Severity> {
        let here = self.here(path).filter_map(|(_, choice)| choice.severity(id)).last();
        here.or_else(|| self.usual_severity(id))
    }

    /// The globs of the table that disables the rule in this file.
    pub(super) fn disabled_by(&self, id: &str, path: &RepoPath) -> Option<String> {
        let mut here = self.here(path);
        here.find(|(_, choice)| choice.disables(id)).map(|(globs, _)| globs.join(", "))
    }

    fn here(&self, path: &RepoPath) -> impl Iterator<Item = (&[String], &Choice)> {
        let path = (!self.overrides.is_empty()).then(|| path.to_path());
        let is_here = move |globs: &GlobSet| path.as_ref().is_some_and(|path| globs.is_match(path));
        let here = self.overrides.iter().filter(move |(globs, _, _)| is_here(globs));
        here.map(|(_, written, choice)| (&written[..], choice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Surroundings, sample};
    use crate::check::check;
    use crate::check::pack::RuleSet;

    fn told(disabled: &[&str], severity: &[(&str, Severity)]) -> (Vec<String>, BTreeMap<String, Severity>) {
        let severity = severity.iter().map(|&(id, severity)| (id.to_owned(), severity));
        (disabled.iter().map(|&id| id.to_owned()).collect(), severity.collect())
    }

    fn below(glob: &str, (disabled, severity): (Vec<String>, BTreeMap<String, Severity>)) -> Override {
        Override { paths: vec![glob.to_owned()], disabled, severity }
    }

    #[test]
    fn groups_paths_and_rules() {
        let (disabled, severity) = told(&["go/*"], &[("python/*", Severity::Info)]);
        let overrides = vec![
            below("tests/**", told(&["python/breakpoint"], &[("python/*", Severity::Warning)])),
            below("tests/deep/**", told(&[], &[("python/debugger-import", Severity::Error)])),
        ];
        let options = RuleOptions { disabled, severity, overrides, ..RuleOptions::default() };
        let selection = Selection::new(&options).unwrap();
        assert!(!selection.is_enabled("go/anything") && selection.is_enabled("gopher/anything"));
        let severity = |id, path: &str| selection.severity(id, &RepoPath::new(path));
        assert_eq!(severity("python/debugger-import", "a.py"), Some(Severity::Info));
        assert_eq!(severity("python/debugger-import", "tests/a.py"), Some(Severity::Warning));
        assert_eq!(severity("python/debugger-import", "tests/deep/a.py"), Some(Severity::Error));
        assert_eq!(severity("python/breakpoint", "tests/deep/a.py"), Some(Severity::Warning));
        assert_eq!(severity("rust/dbg-macro", "tests/a.py"), None);
        let by = selection.disabled_by("python/breakpoint", &RepoPath::new("tests/a.py"));
        assert_eq!(by.as_deref(), Some("tests/**"));
    }

    #[test]
    fn all_rules_are_all_but_the_secrets() {
        let key = ["AKIA", "Z7QX2LMN4PRSTUVW"].concat();
        let text = format!("breakpoint()\nx = '{key}'\ny = = 1\n");
        let overrides = vec![below("legacy/**", told(&["*"], &[]))];
        let rules = RuleSet::new(RuleOptions { overrides, ..RuleOptions::default() }).unwrap();
        let checked =
            check(&[sample::classified("legacy/a.py", None, Some(&text))], &Surroundings::default(), &rules);
        let left: Vec<_> = checked.findings.iter().map(|finding| finding.rule.as_str()).collect();
        assert_eq!(left, ["secrets/aws-access-key-id"]);
        let because: Vec<_> = checked.suppressed.iter().map(|it| it.because.to_string()).collect();
        assert_eq!(because, ["disabled by the configuration for legacy/**"; 2]);
    }

    #[test]
    fn unknown_names_are_refused_with_the_nearest() {
        let overrides = vec![below("**", told(&["pyton/*", "syntax/error", "secrets/*", "none/*"], &[]))];
        let error = RuleSet::new(RuleOptions { overrides, ..RuleOptions::default() }).err().unwrap();
        insta::assert_snapshot!(error, @r"
        no rule is called `pyton/*`; did you mean `python/*`?
        no rule is called `none/*`
        ");
    }
}
