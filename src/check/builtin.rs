//! Rules whose answer takes a program: what neither a pattern on text nor one on syntax can say. A
//! pack names them, with their severity and words, by `builtin = "kebab-name"`.

mod data;
mod duplicate_key;
mod json;
mod lines;
mod links;
mod modes;
mod names;
mod unused_import;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use globset::GlobSet;
use tree_sitter::Node;

use super::finding::{Finding, Fix, Source};
use super::pack::RuleSet;
use super::rule::{Body, Match, Rule, Text};
use super::syntax;
use crate::change::parse::SyntaxTree;
use crate::change::{ClassifiedChange, Surroundings};
use crate::git::RepoPath;

/// The builtin rules, by the names that packs use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Builtin {
    /// White space at the end of a line.
    TrailingWhitespace,
    /// The same where two spaces at the end of a line break it.
    TrailingWhitespaceInMarkdown,
    /// A text that does not end with one line break.
    FinalNewline,
    /// Lines that end in LF beside others that end in CR LF.
    MixedLineEndings,
    /// U+FEFF before the text.
    ByteOrderMark,
    /// A character that is not shown.
    InvisibleCharacter,
    /// A text that is not JSON.
    InvalidJson,
    /// A text that is not JSON with comments.
    InvalidJsonWithComments,
    /// A key that a JSON object has twice.
    DuplicateJsonKey,
    /// A text that is not YAML.
    InvalidYaml,
    /// A key that a YAML mapping has twice.
    DuplicateYamlKey,
    /// A text that is not TOML.
    InvalidToml,
    /// A text that is not XML.
    InvalidXml,
    /// Two paths that are one where case does not count.
    CaseConflict,
    /// Two directories that are one where case does not count.
    DirectoryCaseConflict,
    /// A path that Windows cannot check out.
    IllegalWindowsName,
    /// A symbolic link into the repository, to where nothing is.
    BrokenSymlink,
    /// A symbolic link that became a file holding its target.
    DestroyedSymlink,
    /// A submodule that came.
    NewSubmodule,
    /// A submodule that `.gitmodules` does not know.
    UnlistedSubmodule,
    /// An executable text without a `#!` line.
    ExecutableWithoutShebang,
    /// A script that is not executable.
    ScriptNotExecutable,
    /// A file over the limit.
    LargeFile,
    /// A commit to a branch that is not committed to.
    ProtectedBranch,
    /// What the grammar of the language does not allow.
    SyntaxError,
    /// An import whose name stands nowhere else.
    UnusedImport,
    /// A literal key or case that stands twice.
    DuplicateKey,
    /// What is wrong with a comment that silences rules; found where those are read, in `suppress`.
    Suppression,
}

/// How a builtin rule looks for what it finds.
enum Check {
    /// In one text.
    Text(fn(&Text<'_>) -> Vec<Hit>),
    /// At each node of some kinds.
    Nodes(NodeCheck),
    /// Among names, kinds and sizes of all that changed.
    Survey(fn(&Survey<'_>) -> Vec<Remark>),
    /// Where comments are read that silence rules.
    Elsewhere,
}

/// What looks at nodes of some kinds, one by one.
#[derive(Clone, Copy)]
pub(super) struct NodeCheck {
    pub(super) kinds: &'static [&'static str],
    pub(super) find: fn(&SyntaxTree, Node<'_>) -> Vec<Hit>,
}

impl Builtin {
    fn check(self) -> Check {
        use Check::{Elsewhere, Nodes, Survey, Text};
        match self {
            Self::TrailingWhitespace => Text(lines::trailing_whitespace),
            Self::TrailingWhitespaceInMarkdown => Text(lines::trailing_whitespace_in_markdown),
            Self::FinalNewline => Text(lines::final_newline),
            Self::MixedLineEndings => Text(lines::mixed_line_endings),
            Self::ByteOrderMark => Text(lines::byte_order_mark),
            Self::InvisibleCharacter => Text(lines::invisible_characters),
            Self::InvalidJson => Text(json::invalid),
            Self::InvalidJsonWithComments => Text(json::invalid_with_comments),
            Self::DuplicateJsonKey => Text(json::duplicate_keys),
            Self::InvalidYaml => Text(data::invalid_yaml),
            Self::DuplicateYamlKey => Text(data::duplicate_yaml_keys),
            Self::InvalidToml => Text(data::invalid_toml),
            Self::InvalidXml => Text(data::invalid_xml),
            Self::CaseConflict => Survey(names::case_conflicts),
            Self::DirectoryCaseConflict => Survey(names::directory_case_conflicts),
            Self::IllegalWindowsName => Survey(names::illegal_on_windows),
            Self::BrokenSymlink => Survey(links::broken),
            Self::DestroyedSymlink => Survey(links::destroyed),
            Self::NewSubmodule => Survey(links::new_submodules),
            Self::UnlistedSubmodule => Survey(links::unlisted_submodules),
            Self::ExecutableWithoutShebang => Survey(modes::executables_without_shebang),
            Self::ScriptNotExecutable => Survey(modes::scripts_not_executable),
            Self::LargeFile => Survey(modes::large_files),
            Self::ProtectedBranch => Survey(modes::protected_branch),
            Self::SyntaxError => Text(syntax_error),
            Self::UnusedImport => Text(unused_import::find),
            Self::DuplicateKey => Nodes(duplicate_key::CHECK),
            Self::Suppression => Elsewhere,
        }
    }

    /// Whether it looks at a text, and at nothing else.
    pub(super) fn is_of_text(self) -> bool {
        matches!(self.check(), Check::Text(_) | Check::Nodes(_))
    }

    /// How it looks at nodes, if that is how it looks.
    pub(super) fn of_nodes(self) -> Option<NodeCheck> {
        match self.check() {
            Check::Nodes(check) => Some(check),
            _ => None,
        }
    }

    /// Whether it looks at a change set rather than at a text, so that no language belongs to it.
    pub(super) fn is_survey(self) -> bool {
        matches!(self.check(), Check::Survey(_))
    }
}

/// What the user may set of the builtin rules.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// Branches that are not committed to.
    pub protected_branches: GlobSet,
    /// Bytes above which a file is large.
    pub large_file: u64,
}

impl Default for Parameters {
    /// No branch is protected, and a file is large above 500 KiB, as pre-commit-hooks has it.
    fn default() -> Self {
        Self { protected_branches: GlobSet::empty(), large_file: 500 << 10 }
    }
}

/// What a builtin rule found in a text.
pub(super) struct Hit {
    /// Where, in bytes of the text.
    pub(super) range: std::ops::Range<usize>,
    /// What is wrong here, where that is more than the rule's own message.
    pub(super) message: Option<String>,
    /// What would mend it.
    pub(super) fix: Option<Fix>,
}

impl Hit {
    /// The match of the rule that looked.
    pub(super) fn of(self, rule: &Rule) -> Match<'_> {
        let Self { range, message, fix } = self;
        Match { rule, range, message, fix }
    }
}

/// Adds the matches of a rule, if it is a builtin one over a text.
pub(super) fn find<'r>(rule: &'r Rule, text: &Text<'_>, matches: &mut Vec<Match<'r>>) {
    let Body::Builtin(builtin) = rule.body else { return };
    let Check::Text(check) = builtin.check() else { return };
    matches.extend(check(text).into_iter().map(|hit| hit.of(rule)));
}

/// What a builtin rule over a change set looks at.
struct Survey<'a> {
    changes: &'a [ClassifiedChange],
    surroundings: &'a Surroundings,
    parameters: &'a Parameters,
}

/// What a builtin rule says of a whole file.
struct Remark {
    path: RepoPath,
    /// What is wrong, where that is more than the rule's own message.
    message: Option<String>,
}

/// Runs the rules over the whole change set. Each of them sees for itself to what is new.
pub(super) fn survey(
    changes: &[ClassifiedChange],
    surroundings: &Surroundings,
    rules: &RuleSet,
) -> Vec<Finding> {
    let survey = Survey { changes, surroundings, parameters: rules.parameters() };
    let mut findings = Vec::new();
    for rule in rules.of_any_text().filter(|rule| rules.is_enabled(rule)) {
        let Body::Builtin(builtin) = rule.body else { continue };
        let Check::Survey(check) = builtin.check() else { continue };
        let remarks = check(&survey).into_iter().filter(|remark| rule.reads(&remark.path));
        findings.extend(remarks.map(|remark| Finding {
            severity: rules.severity(rule, &remark.path),
            path: remark.path,
            line: 1,
            end_line: 1,
            column: 1,
            end_column: 1,
            rule: rule.id.clone(),
            source: Source::Rule,
            confidence: rule.confidence,
            message: remark.message.unwrap_or_else(|| rule.message.clone()),
            note: rule.note.clone(),
            fix: None,
            excerpt: Arc::default(),
        }));
    }
    findings
}

/// What is wrong with the text alone; what a change brings is [`syntax::new_error`]'s to say.
fn syntax_error(text: &Text<'_>) -> Vec<Hit> {
    let error = syntax::error(text);
    error
        .map(|error| Hit { range: error.range, message: Some(error.message), fix: None })
        .into_iter()
        .collect()
}
