//! Rule packs: the bundled ones, others that the user names, and which of their rules are in force.
//!
//! A pack is a TOML file. Its header says which languages its rules read, or none for rules that
//! read any text; each `[[rule]]` looks for a syntax (`ast`, an ast-grep rule object), for a text
//! (`regex`), or for what neither can say (`builtin`, by name). It is tried only on files that hold one
//! of its `keywords`, if it has some; a `regex` must have some:
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
//! `ignores`, globs for the path (`ignores` at the head of a pack is for all its rules). A table of
//! `tests` may have a `path`, where its code would stand, and `fixed`, what the fixes make of each `bad`
//! text. Packs are not loaded unless all their tests pass.
//! A pack with `secrets = true` lists secrets: its matches are masked in reports and taken out of
//! payloads, and it reads generated and vendored files as well.

mod ast_grep;
mod problem;
mod verify;
mod written;

pub use verify::Trial;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::OnceLock;

use ::regex::Regex;
use globset::GlobSet;

use super::ast::{self, SyntaxRules};
use super::baseline::Baseline;
use super::builtin::{self, Parameters};
use super::finding::Severity;
use super::keyword::Keywords;
use super::regex;
use super::rule::{Body, Match, Rule, Text};
use super::selection::{Override, Selection, Selector};
use crate::change::language::Language;
use crate::git::RepoPath;
use crate::text::nearest;
use ast_grep::AstGrepRules;
use written::Written;

pub use ast_grep::AstGrepProject;
pub use problem::{PackError, Problem, UnknownRule};

/// What the user changes about the rules.
#[derive(Clone, Debug, Default)]
pub struct RuleOptions {
    /// Rules that do not run: an id, `python/*` for all of a pack, or `*` for all but `secrets/*`.
    pub disabled: Vec<String>,
    /// Severities other than the packs' own, by the same names; the most exact one counts.
    pub severity: BTreeMap<String, Severity>,
    /// Names of the bundled packs that run, of those of [`bundled_packs`]; none for all of them. The
    /// pack of secrets runs in any case.
    pub bundled: Option<BTreeSet<String>>,
    /// What is different under some paths; of several the last one counts.
    pub overrides: Vec<Override>,
    /// Findings that are known and not wanted.
    pub baseline: Baseline,
    /// Packs to run beside the bundled ones.
    pub packs: Vec<PackSource>,
    /// ast-grep's rules to run beside those of packs.
    pub ast_grep: Vec<AstGrepProject>,
    /// Whether bundled rules come with their examples and explanations, which take time to read and
    /// which only people want.
    pub with_examples: bool,
    /// Paths that rules of ast-grep's do not read, of which packs read nothing but secrets.
    pub excluded: GlobSet,
    /// What is set of the builtin rules.
    pub parameters: Parameters,
}

/// A pack, or another file with rules, as it was read.
#[derive(Clone, Debug, Default)]
pub struct PackSource {
    /// What messages call the file.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// Rules ready to run: bundled packs are parsed, and their rules compiled, when a file first needs
/// them.
pub struct RuleSet {
    packs: Vec<Pack>,
    ast_grep: AstGrepRules,
    /// Bundled packs that do not run, whose rules options may name all the same.
    left_out: Vec<Pack>,
    selection: Selection,
    baseline: Baseline,
    parameters: Parameters,
}

struct Pack {
    file: String,
    source: Source,
    /// Languages that its rules read; empty for any text.
    languages: Vec<Language>,
    parsed: OnceLock<Parsed>,
}

/// Where the rules of a pack are read when they are first needed.
enum Source {
    /// The pack is read already.
    Read,
    /// TOML.
    Text(&'static str),
    /// JSON without examples and explanations.
    Compact(&'static str),
}

/// A pack's rules, and what is compiled of them.
struct Parsed {
    rules: Vec<Rule>,
    keywords: Keywords,
    /// One entry for each of the pack's languages.
    syntax: Vec<SyntaxRules>,
}

/// The names of the bundled packs that nobody can leave out.
const ALWAYS: [&str; 2] = ["hookgate", "secrets"];

/// A pack that comes with hookgate.
struct Bundled {
    file: &'static str,
    /// The languages of its header, so that a pack is parsed only when a file is in one of them.
    languages: &'static [&'static str],
    text: &'static str,
    /// The same as JSON, without examples and explanations.
    compact: &'static str,
}

/// All of `rules/`, as `build.rs` has read it.
const BUNDLED: &[Bundled] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// The names of the packs that come with hookgate.
pub fn bundled_packs() -> impl Iterator<Item = &'static str> {
    BUNDLED.iter().filter_map(|pack| pack.file.strip_prefix("rules/")?.strip_suffix(".toml"))
}

/// Rules whose id an earlier rule has, or one of a bundled pack. Of these only those are parsed that
/// could have it.
fn duplicates<'r>(rules: impl Iterator<Item = &'r Rule>, bundled: &[Pack]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut first: HashMap<&str, &Rule> = HashMap::new();
    for rule in rules {
        let mut packs = bundled.iter().filter(|pack| pack.may_have(&rule.id));
        let message = if packs.any(|pack| pack.parsed().rules.iter().any(|other| other.id == rule.id)) {
            format!("rule `{}` has the id of a bundled rule: give it another", rule.id)
        } else if let Some(first) = first.get(rule.id.as_str()) {
            format!("rule `{}` is not the first of this id: see {}:{}", rule.id, first.file, first.line)
        } else {
            first.insert(&rule.id, rule);
            continue;
        };
        problems.push(Problem { file: rule.file.clone(), line: rule.line, message });
    }
    problems
}

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
        let selection = Selection::new(&options)?;
        let is_selected = |pack: &Pack| {
            let name = pack.name();
            ALWAYS.contains(&name) || options.bundled.as_ref().is_none_or(|names| names.contains(name))
        };
        let (bundled, left_out): (Vec<_>, Vec<_>) =
            BUNDLED.iter().map(|pack| Pack::bundled(pack, options.with_examples)).partition(is_selected);
        let (packs, mut problems): (Vec<_>, Vec<_>) = options.packs.into_iter().map(Pack::load).unzip();
        let is_switched_on = |id: &str| options.severity.contains_key(id);
        let (ast_grep, wrong) = AstGrepRules::load(&options.ast_grep, options.excluded, is_switched_on);
        problems.push(wrong);
        let own = packs.iter().flat_map(|pack| &pack.parsed().rules).chain(ast_grep.rules());
        problems.push(duplicates(own, &bundled));
        let mut problems = problems.concat();
        if !problems.is_empty() {
            problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
            return Err(PackError::Invalid(problems));
        }
        let set = Self {
            packs: bundled.into_iter().chain(packs).collect(),
            ast_grep,
            left_out,
            selection,
            baseline: options.baseline,
            parameters: options.parameters,
        };
        let unknown: Vec<_> =
            set.selection.selectors().filter_map(|selector| set.unknown(selector)).collect();
        if unknown.is_empty() {
            return Ok(set);
        }
        Err(PackError::UnknownRules(unknown))
    }

    /// All rules that run, also disabled ones, pack by pack. Parses every pack.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.packs.iter().flat_map(|pack| &pack.parsed().rules).chain(self.ast_grep.rules())
    }

    /// What was read and does not run, such as an ast-grep rule for a language that hookgate does not
    /// parse.
    #[must_use]
    pub fn unsupported(&self) -> &[Problem] {
        self.ast_grep.unsupported()
    }

    /// The rule of this id, if it is in a bundled pack that runs.
    pub(super) fn bundled_rule(&self, id: &str) -> Option<&Rule> {
        let pack = self.packs.iter().find(|pack| id.split('/').next() == Some(pack.name()))?;
        pack.parsed().rules.iter().find(|rule| rule.id == id)
    }

    /// The rule of this id. Parses no pack but those that could have it.
    pub(super) fn rule(&self, id: &str) -> Option<&Rule> {
        let packs = self.packs.iter().chain(&self.left_out);
        let rules = packs.filter(|pack| pack.may_have(id)).flat_map(|pack| &pack.parsed().rules);
        rules.chain(self.ast_grep.rules()).find(|rule| rule.id == id)
    }

    /// The rule of this id.
    ///
    /// # Errors
    /// The id, with the nearest that there is.
    pub fn get(&self, id: &str) -> Result<&Rule, UnknownRule> {
        self.rule(id).ok_or_else(|| UnknownRule { id: id.to_owned(), nearest: self.nearest(id) })
    }

    /// The severity that findings of the rule have where no path says otherwise.
    #[must_use]
    pub fn usual_severity(&self, rule: &Rule) -> Severity {
        self.selection.usual_severity(&rule.id).unwrap_or(rule.severity)
    }

    /// The severity that findings of the rule have in this file.
    #[must_use]
    pub fn severity(&self, rule: &Rule, path: &RepoPath) -> Severity {
        self.selection.severity(&rule.id, path).unwrap_or_else(|| rule.severity_at(path))
    }

    /// Whether the rule runs at all.
    #[must_use]
    pub fn is_enabled(&self, rule: &Rule) -> bool {
        self.selection.is_enabled(&rule.id)
    }

    /// Which rules are in force where.
    pub(super) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Findings that are known and not wanted.
    #[must_use]
    pub fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// Ids and patterns of what counts as a secret, whether or not its findings are reported: no
    /// option takes one away.
    pub fn secret_patterns(&self) -> impl Iterator<Item = (&str, &Regex)> {
        self.of_any_text()
            .filter(|rule| rule.secret)
            .filter_map(|rule| Some((rule.id.as_str(), rule.regex()?)))
    }

    /// Where secrets stand in a text, whether or not they are reported, pattern by pattern.
    #[must_use]
    pub fn secrets_in(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for pack in self.packs.iter().filter(|pack| pack.languages.is_empty()) {
            let Parsed { rules, keywords, .. } = pack.parsed();
            if !rules.iter().any(|rule| rule.secret) {
                continue;
            }
            let candidates = rules.iter().zip(keywords.candidates(text)).filter(|(_, may_match)| *may_match);
            let patterns = candidates.filter(|(rule, _)| rule.secret).filter_map(|(rule, _)| rule.regex());
            found.extend(patterns.flat_map(|pattern| pattern.find_iter(text)).map(|found| found.range()));
        }
        found
    }

    /// Rules that no language belongs to, pack by pack.
    pub(super) fn of_any_text(&self) -> impl Iterator<Item = &Rule> {
        self.packs.iter().filter(|pack| pack.languages.is_empty()).flat_map(|pack| &pack.parsed().rules)
    }

    /// What is set of the builtin rules.
    pub(super) fn parameters(&self) -> &Parameters {
        &self.parameters
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

    /// Matches of the wanted rules that read files of this path, pack by pack.
    pub(super) fn find<'r>(
        &'r self,
        path: &RepoPath,
        text: &Text<'_>,
        wanted: impl Fn(&Rule) -> bool,
    ) -> Vec<Match<'r>> {
        let mut matches = Vec::new();
        for pack in &self.packs {
            pack.find(text, &wanted, &mut matches);
        }
        // Few rules match, and the globs of the others need not be compiled.
        matches.retain(|found| found.rule.reads(path));
        if let Some(tree) = text.tree.filter(|tree| tree.has_error()) {
            let is_of_syntax = |rule: &Rule| matches!(rule.body, Body::Syntax(_));
            matches.retain(|found| !is_of_syntax(found.rule) || ast::is_understood(tree, found));
        }
        self.ast_grep.find(path, text, &wanted, &mut matches);
        matches
    }

    /// The id that is most like this one, if one is.
    pub(super) fn nearest(&self, id: &str) -> Option<String> {
        nearest(id, self.rules().map(|rule| rule.id.as_str())).map(str::to_owned)
    }

    /// What is wrong with a name by which options mean rules, if no rule is meant.
    fn unknown(&self, selector: &Selector) -> Option<UnknownRule> {
        let id = selector.to_string();
        let mut all = self.rules().chain(self.left_out.iter().flat_map(|pack| &pack.parsed().rules));
        let nearest = match selector {
            Selector::All => return None,
            Selector::Rule(id) if self.rule(id).is_some() => return None,
            Selector::Rule(id) => self.nearest(id),
            Selector::Pack(_) if all.any(|rule| selector.has(&rule.id)) => return None,
            Selector::Pack(name) => {
                let packs = self.rules().filter_map(|rule| rule.id.split_once('/'));
                nearest(name, packs.map(|(pack, _)| pack)).map(|pack| format!("{pack}/*"))
            }
        };
        Some(UnknownRule { id, nearest })
    }
}

impl Pack {
    fn bundled(pack: &Bundled, with_examples: bool) -> Self {
        Self {
            file: pack.file.to_owned(),
            source: if with_examples { Source::Text(pack.text) } else { Source::Compact(pack.compact) },
            languages: pack.languages.iter().filter_map(|name| name.parse().ok()).collect(),
            parsed: OnceLock::new(),
        }
    }

    /// Parses, compiles and tries all of a user's pack at once, so that nothing is left to fail later.
    fn load(source: PackSource) -> (Self, Vec<Problem>) {
        let (pack, mut problems) = Self::read(source);
        problems.extend(pack.verify());
        (pack, problems)
    }

    fn read(source: PackSource) -> (Self, Vec<Problem>) {
        let Written { languages, rules, problems } = written::parse(&source.file, &source.text);
        let parsed = Parsed::new(rules, &languages);
        (Self { file: source.file, source: Source::Read, languages, parsed: parsed.into() }, problems)
    }

    /// The name of a bundled pack: with it begin the ids of its rules.
    fn name(&self) -> &str {
        let name = self.file.rsplit('/').next().unwrap_or(&self.file);
        name.strip_suffix(".toml").unwrap_or(name)
    }

    fn may_have(&self, id: &str) -> bool {
        self.parsed.get().is_some() || id.strip_prefix(self.name()).is_some_and(|rest| rest.starts_with('/'))
    }

    fn parsed(&self) -> &Parsed {
        self.parsed.get_or_init(|| {
            let rules = match self.source {
                Source::Read => Vec::new(),
                Source::Text(text) => written::parse(&self.file, text).rules,
                Source::Compact(json) => written::parse_compact(&self.file, &self.languages, json),
            };
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
    use super::problem::Lines;
    use super::*;

    #[test]
    fn every_bundled_rule_matches_its_bad_examples_and_none_of_its_good_ones() {
        let rules = RuleSet::new(RuleOptions { with_examples: true, ..RuleOptions::default() }).unwrap();
        let problems: Vec<_> = rules.packs.iter().flat_map(Pack::verify).collect();
        assert!(problems.is_empty(), "{}", Lines(&problems));
    }

    /// What a rule looks for in a syntax.
    fn pattern(rule: &Rule) -> Option<serde_json::Value> {
        let Body::Syntax(written) = &rule.body else { return None };
        let written = written.read().unwrap();
        Some(serde_json::to_value((written.core, written.fix)).unwrap())
    }

    #[test]
    fn bundled_packs_are_sound_and_the_same_in_both_forms() {
        for pack in BUNDLED {
            let written = written::parse(pack.file, pack.text);
            assert!(written.problems.is_empty(), "{}", Lines(&written.problems));
            let compact = written::parse_compact(pack.file, &written.languages, pack.compact);
            let ids = |rules: &[Rule]| rules.iter().map(|rule| rule.id.clone()).collect::<Vec<_>>();
            assert_eq!(ids(&compact), ids(&written.rules));
            for (compact, written) in compact.iter().zip(&written.rules) {
                assert_eq!(pattern(compact), pattern(written), "{}", written.id);
            }
            assert!(!compact.is_empty(), "{}", pack.file);
            let unexplained = written.rules.iter().filter(|rule| rule.why.is_none());
            assert_eq!(unexplained.map(|rule| &rule.id).collect::<Vec<_>>(), Vec::<&String>::new());
        }
    }

    #[test]
    fn the_pack_of_the_documentation_loads() {
        let page = include_str!("../../docs/rules.md");
        let pack = page.split("```toml\n").skip(1).find(|it| it.contains("[[rule.tests]]")).unwrap();
        let text = pack.split("```").next().unwrap().to_owned();
        let packs = vec![PackSource { file: "docs/rules.md".to_owned(), text }];
        let set = RuleSet::new(RuleOptions { packs, ..RuleOptions::default() }).unwrap();
        assert_eq!(set.parsed_packs(), ["docs/rules.md"]);
    }

    #[test]
    fn the_documentation_names_every_bundled_pack() {
        let page = include_str!("../../docs/rules.md");
        let missing: Vec<_> = bundled_packs().filter(|name| !page.contains(&format!("`{name}`"))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
