//! People's ast-grep rules: read as `ast-grep scan` reads them, and run by ast-grep's own engine, so
//! that they find the same.
//!
//! What ast-grep has its own mind about is left to it: the language of a path, globs (`*` matches `/`
//! too, and paths begin at the project), `ast-grep-ignore` comments, scripts and styles within HTML.
//! Files are passed over that are hidden, or that hookgate does not parse: larger than 1 MiB or nested
//! deeper than 1,000 levels.

mod language;
mod read;
mod yaml;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use ast_grep_config::{CombinedScan, RuleConfig, Severity as TheirSeverity};
use ast_grep_core::matcher::MatcherExt;
use ast_grep_core::tree_sitter::StrDoc;
use ast_grep_core::{AstGrep, Matcher};
use globset::GlobSet;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{PackSource, Problem};
use crate::change::language::Language;
use crate::change::parse::{ParseLimits, parse_text};
use crate::check::ast::{each_node, matched};
use crate::check::rule::{Match, Rule, Text};
use crate::git::RepoPath;
use language::Languages;

/// Settings and rules of an ast-grep project, or rules without settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AstGrepProject {
    /// Directories of rule files, from that of the settings.
    pub rule_dirs: Vec<String>,
    /// Directories of files with one utility rule each.
    pub util_dirs: Option<Vec<String>>,
    language_globs: Option<BTreeMap<String, Vec<String>>>,
    custom_languages: Option<BTreeMap<String, CustomLanguage>>,
    language_injections: Vec<IgnoredAny>,
    #[serde(skip)]
    settings: PackSource,
    /// The files in `rule_dirs`.
    #[serde(skip)]
    pub rules: Vec<PackSource>,
    /// The files in `util_dirs`.
    #[serde(skip)]
    pub utils: Vec<PackSource>,
}

/// A language for which the project brings a parser.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct CustomLanguage {
    extensions: Vec<String>,
}

impl AstGrepProject {
    /// Rule files that no settings speak of.
    #[must_use]
    pub fn without_settings(rules: Vec<PackSource>) -> Self {
        Self { rules, ..Self::default() }
    }

    /// Reads the settings, `sgconfig.yml`. Keys that ast-grep does not know it passes over.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(settings: PackSource) -> Result<Self, Problem> {
        match yaml::Document::whole(&settings.text).read::<Self>() {
            Ok(project) => Ok(Self { settings, ..project }),
            Err((line, message)) => Err(settings.problem(line, message)),
        }
    }

    /// The directory of the settings, from the top of the work tree.
    fn root(&self) -> &str {
        Path::new(&self.settings.file).parent().and_then(Path::to_str).unwrap_or_default()
    }

    /// What is wrong with a key of the settings.
    #[must_use]
    pub fn problem(&self, key: &str, message: &str) -> Problem {
        let line = yaml::Document::whole(&self.settings.text).line_of(key).unwrap_or_default();
        self.settings.problem(line, format!("`{key}`: {message}"))
    }
}

impl PackSource {
    fn problem(&self, line: usize, message: String) -> Problem {
        Problem { file: self.file.clone(), line, message }
    }
}

/// The rules of all projects.
#[derive(Default)]
pub(super) struct AstGrepRules {
    /// Those of the files, and the one that reports `ast-grep-ignore` comments without effect.
    rules: Vec<Rule>,
    /// Each rule compiled, at the same index.
    configs: Vec<RuleConfig<Language>>,
    by_id: HashMap<String, usize>,
    /// The rules that run, by language.
    running: BTreeMap<Language, Running>,
    /// Index of the rule about comments without effect.
    unused: Option<usize>,
    languages: Languages,
    excluded: GlobSet,
    unsupported: Vec<Problem>,
}

impl AstGrepRules {
    /// Reads and compiles the rules; those without effect (`severity: off`) are kept, and do not run
    /// unless `is_switched_on`.
    pub(super) fn load(
        projects: &[AstGrepProject],
        excluded: GlobSet,
        is_switched_on: impl Fn(&str) -> bool,
    ) -> (Self, Vec<Problem>) {
        let mut set = Self { excluded, ..Self::default() };
        let mut problems = Vec::new();
        for project in projects {
            problems.extend(set.languages.add(project));
            let read = read::project(project);
            problems.extend(read.problems);
            set.unsupported.extend(read.unsupported);
            for (rule, config) in read.rules {
                if config.severity != TheirSeverity::Off || is_switched_on(&config.id) {
                    set.running.entry(config.language).or_default().push(set.rules.len(), &config);
                }
                set.push(rule, config);
            }
        }
        if !set.running.is_empty() {
            set.unused = Some(set.rules.len());
            let config = CombinedScan::unused_config(TheirSeverity::Hint, Language::Rust);
            set.push(read::unused_suppression(&config), config);
        }
        (set, problems)
    }

    fn push(&mut self, rule: Rule, config: RuleConfig<Language>) {
        self.by_id.insert(config.id.clone(), self.rules.len());
        self.rules.push(rule);
        self.configs.push(config);
    }

    pub(super) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(super) fn unsupported(&self) -> &[Problem] {
        &self.unsupported
    }

    /// Adds the matches of the wanted rules.
    pub(super) fn find<'r>(
        &'r self,
        path: &RepoPath,
        text: &Text<'_>,
        wanted: &impl Fn(&Rule) -> bool,
        matches: &mut Vec<Match<'r>>,
    ) {
        if self.running.is_empty() || text.text.is_empty() || self.excluded.is_match(path.to_path()) {
            return;
        }
        let Some(language) = self.languages.of(path) else { return };
        let embedded = if language == Language::Html { &EMBEDDED[..] } else { &[] };
        if !std::iter::once(&language).chain(embedded).any(|language| self.running.contains_key(language)) {
            return;
        }
        let parsed;
        let tree = match text.tree {
            Some(tree) if tree.language() == language => tree,
            // What could not be parsed as its own language is not tried as another one.
            None if text.language.is_some() => return,
            _ => match parse_text(text.text, language, &ParseLimits::default()) {
                Ok(tree) => {
                    parsed = tree;
                    &parsed
                }
                Err(_) => return,
            },
        };
        let first = matches.len();
        self.scan(path, tree.ast(), wanted, matches);
        if language == Language::Html {
            for part in tree.ast().get_injections(|name| name.parse().ok()) {
                self.scan(path, &part, wanted, matches);
            }
        }
        // ast-grep gives them in no order, and of several that are alike the first is said to be old.
        matches[first..].sort_by(|a, b| (a.range.start, &a.rule.id).cmp(&(b.range.start, &b.rule.id)));
    }

    fn scan<'r>(
        &'r self,
        path: &RepoPath,
        tree: &AstGrep<StrDoc<Language>>,
        wanted: &impl Fn(&Rule) -> bool,
        matches: &mut Vec<Match<'r>>,
    ) {
        let nothing = Running::default();
        let running = self.running.get(tree.lang()).unwrap_or(&nothing);
        // ast-grep looks for its comments at every node, and few files have one. Where one is, all
        // rules run even if few are wanted: whether it is without effect depends on all of them.
        if !tree.source().contains("ast-grep-ignore") {
            let mut is_tried = vec![false; self.rules.len()];
            for &index in &running.rules {
                is_tried[index] = self.rules[index].reads(path) && wanted(&self.rules[index]);
            }
            each_node(tree, |node| {
                let kind = usize::from(node.kind_id());
                for &index in running.by_kind.get(kind).map_or(&[][..], Vec::as_slice) {
                    let (rule, config) = (&self.rules[index], &self.configs[index]);
                    if is_tried[index]
                        && let Some(found) = config.matcher.match_node(tree.adopt(node))
                    {
                        matches.push(matched(rule, config, &found));
                    }
                }
            });
            return;
        }
        let here = running.rules.iter().filter(|&&index| self.rules[index].reads(path));
        let mut scan = CombinedScan::new(here.map(|&index| &self.configs[index]).collect());
        if let Some(unused) = self.unused {
            scan.set_unused_suppression_rule(&self.configs[unused]);
        }
        for (config, found) in scan.scan(tree, false).matches {
            let Some(rule) = self.by_id.get(&config.id).map(|&index| &self.rules[index]) else { continue };
            if wanted(rule) {
                matches.extend(found.iter().map(|found| matched(rule, config, found)));
            }
        }
    }
}

/// The rules that run in a language.
#[derive(Default)]
struct Running {
    /// Their indices.
    rules: Vec<usize>,
    /// The same by the kind of node that they can match.
    by_kind: Vec<Vec<usize>>,
}

impl Running {
    fn push(&mut self, index: usize, config: &RuleConfig<Language>) {
        self.rules.push(index);
        for kind in &config.matcher.potential_kinds().unwrap_or_default() {
            if self.by_kind.len() <= kind {
                self.by_kind.resize_with(kind + 1, Vec::new);
            }
            self.by_kind[kind].push(index);
        }
    }
}

/// Languages in which ast-grep reads parts of HTML.
const EMBEDDED: [Language; 4] = [Language::JavaScript, Language::TypeScript, Language::Tsx, Language::Css];
