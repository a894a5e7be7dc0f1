//! One rule, whatever file it was written in.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use ::regex::{Regex, RegexBuilder};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::ast::WrittenPattern;
use super::builtin::Builtin;
use super::finding::{Confidence, Fix, Severity};
use crate::change::LineRange;
use crate::change::language::Language;
use crate::change::parse::SyntaxTree;
use crate::git::RepoPath;
use crate::text::Lines;

/// Most bytes a compiled regular expression may take.
const REGEX_SIZE_LIMIT: usize = 1 << 20;

/// One rule of a pack.
pub struct Rule {
    /// Stable id, `python/breakpoint`.
    pub id: String,
    /// Harm if a match is what it seems; the pack's word, which options may overrule.
    pub severity: Severity,
    /// The same where only tests read the file, if it is another one there.
    pub severity_in_tests: Option<Severity>,
    /// Chance that a match is what it seems.
    pub confidence: Confidence,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it, in one line.
    pub note: Option<String>,
    /// Why it matters, in a few sentences.
    pub why: Option<String>,
    /// Languages it reads; empty for any text.
    pub languages: Vec<Language>,
    /// Code that it must match, and code that it must not.
    pub tests: Vec<Examples>,
    /// Whether its matches are secrets.
    pub secret: bool,
    /// The file that it is written in, from the top of the work tree or of hookgate's sources.
    pub file: String,
    /// Line of the rule in its file, from 1.
    pub line: usize,
    /// Texts of which a file must hold one for the rule to be tried; empty for any file.
    pub keywords: Vec<String>,
    pub(super) body: Body,
    pub(super) files: Option<LazyGlobs>,
    pub(super) ignores: Option<LazyGlobs>,
    /// What the whole pack ignores, compiled once for all its rules.
    pub(super) pack_ignores: Option<Arc<LazyGlobs>>,
}

/// Code to try a rule on.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Examples {
    /// Where the code would stand, for rules that depend on it.
    pub path: Option<String>,
    /// Texts in which the rule must match.
    pub bad: Vec<String>,
    /// What its fixes make of the texts of `bad`, in the same order; empty for a rule without fix.
    pub fixed: Vec<String>,
    /// Texts in which the rule must not match.
    pub good: Vec<String>,
}

/// What a rule looks for.
pub(super) enum Body {
    /// A syntax, compiled for each language apart.
    Syntax(WrittenPattern),
    /// What an ast-grep rule looks for, compiled with its project.
    AstGrep,
    /// A text.
    Text { pattern: LazyRegex, except: Option<LazyRegex>, fix: Option<String> },
    /// What neither of them can say.
    Builtin(Builtin),
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
    /// What is wrong here, where that is more than the rule's own message.
    pub(super) message: Option<String>,
    pub(super) fix: Option<Fix>,
}

impl Match<'_> {
    /// Whether it stands on one of the lines.
    pub(super) fn touches(&self, lines: &Lines<'_>, changed: &[LineRange]) -> bool {
        let (first, last) = lines.span(&self.range);
        changed.iter().any(|range| range.touches(first, last))
    }
}

impl Rule {
    /// Whether the rule reads files of this path.
    pub(super) fn reads(&self, path: &RepoPath) -> bool {
        self.files.as_ref().is_none_or(|globs| globs.has(path))
            && !self.ignores.as_ref().is_some_and(|globs| globs.has(path))
            && !self.pack_ignores.as_ref().is_some_and(|globs| globs.has(path))
    }

    /// Whether it is an ast-grep rule, which reads generated and third-party files as well.
    pub(super) fn is_of_ast_grep(&self) -> bool {
        matches!(self.body, Body::AstGrep)
    }

    /// Whether it looks at the nodes of a tree, and so has to know their language.
    pub(super) fn is_about_nodes(&self) -> bool {
        match self.body {
            Body::Syntax(_) | Body::AstGrep => true,
            Body::Text { .. } => false,
            Body::Builtin(builtin) => builtin.of_nodes().is_some(),
        }
    }

    /// Whether its findings stand on no line.
    #[must_use]
    pub fn is_about_file(&self) -> bool {
        matches!(self.body, Body::Builtin(builtin) if builtin.is_survey())
    }

    /// Whether it is certain that the rule would find in this text what there is to find: a rule about
    /// syntax does not where there is none, ast-grep has its own mind about which files it reads, and
    /// what is found beside a text is not found in it.
    pub(super) fn can_read(&self, text: &Text<'_>) -> bool {
        let has_tree = text.tree.is_some() || !text.language.is_some_and(|it| self.languages.contains(&it));
        let is_beside = matches!(self.body, Body::Builtin(builtin) if !builtin.is_of_text());
        has_tree && !is_beside && !self.is_of_ast_grep()
    }

    /// What to do, where `why` does not say it already: it begins with the note of an ast-grep rule.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        let is_new = |note: &&str| self.why.as_ref().is_none_or(|why| !why.starts_with(note));
        self.note.as_deref().filter(is_new)
    }

    /// The pack's word on the harm of a match in this file.
    pub(super) fn severity_at(&self, path: &RepoPath) -> Severity {
        self.severity_in_tests.filter(|_| is_test_data(path)).unwrap_or(self.severity)
    }

    /// Globs of the paths that it reads; empty for all of them.
    #[must_use]
    pub fn files(&self) -> Vec<&str> {
        self.files.as_ref().map_or_else(Vec::new, LazyGlobs::written)
    }

    /// Globs of the paths among those that it does not read.
    #[must_use]
    pub fn ignores(&self) -> Vec<&str> {
        self.ignores.as_ref().map_or_else(Vec::new, LazyGlobs::written)
    }

    /// What is wrong with regular expressions and globs, which are otherwise compiled when needed.
    pub(super) fn fault(&self) -> Option<String> {
        let own = [self.files.as_ref(), self.ignores.as_ref(), self.pack_ignores.as_deref()];
        let globs = own.into_iter().flatten();
        if let Some(error) = globs.filter_map(|globs| globs.build().err()).next() {
            let glob = error.glob().unwrap_or_default();
            return Some(format!("rule `{}` has a wrong glob `{glob}`: {}", self.id, error.kind()));
        }
        let Body::Text { pattern, except, .. } = &self.body else { return None };
        let error = [Some(pattern), except.as_ref()].into_iter().flatten().find_map(|p| p.build().err())?;
        let error = match error {
            ::regex::Error::CompiledTooBig(limit) => {
                format!("compiled, it takes more than {} MiB, the most that one may take", limit >> 20)
            }
            // The last line says what is wrong, those above draw where.
            error => {
                let error = error.to_string();
                error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
            }
        };
        Some(format!("rule `{}` has a wrong regular expression: {error}", self.id))
    }

    /// The compiled pattern of a text rule.
    pub(super) fn regex(&self) -> Option<&Regex> {
        match &self.body {
            Body::Text { pattern, .. } => pattern.get(),
            Body::Syntax(_) | Body::AstGrep | Body::Builtin(_) => None,
        }
    }
}

/// Where files stand that only tests read.
pub(super) fn is_test_data(path: &RepoPath) -> bool {
    const NAMES: &[&[u8]] = &[
        b"test",
        b"tests",
        b"testdata",
        b"test-data",
        b"test_data",
        b"spec",
        b"fixtures",
        b"__fixtures__",
        b"corpus",
        b"snapshots",
        b"ui",
    ];
    path.as_bytes().split(|&byte| byte == b'/').any(|part| NAMES.contains(&part))
}

/// A regular expression that is compiled when it is first needed. `^` and `$` match at lines.
pub(super) struct LazyRegex {
    pattern: String,
    compiled: OnceLock<Option<Regex>>,
}

impl LazyRegex {
    pub(super) fn new(pattern: String) -> Self {
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

/// One glob as written.
pub(super) struct Glob {
    pattern: String,
    /// Whether `*` does not match `/`.
    literal_separator: bool,
    case_insensitive: bool,
}

impl Glob {
    /// A glob of a pack: `*` does not match `/`.
    pub(super) fn of_pack(pattern: String) -> Self {
        Self { pattern, literal_separator: true, case_insensitive: false }
    }

    /// A glob of an ast-grep rule: `*` matches `/` as well.
    pub(super) fn of_ast_grep(pattern: String, case_insensitive: bool) -> Self {
        Self { pattern, literal_separator: false, case_insensitive }
    }
}

/// Globs that are compiled when a path is first tried.
pub(super) struct LazyGlobs {
    globs: Vec<Glob>,
    /// What paths below it are relative to; empty for the top of the work tree.
    directory: String,
    compiled: OnceLock<GlobSet>,
}

impl LazyGlobs {
    pub(super) fn new(globs: Vec<Glob>) -> Self {
        Self { globs, directory: String::new(), compiled: OnceLock::new() }
    }

    fn written(&self) -> Vec<&str> {
        self.globs.iter().map(|glob| glob.pattern.as_str()).collect()
    }

    /// The same globs over paths from a directory, for those that are below it.
    pub(super) fn below(self, directory: &str) -> Self {
        Self { directory: directory.to_owned(), ..self }
    }

    fn build(&self) -> Result<GlobSet, globset::Error> {
        let mut set = GlobSetBuilder::new();
        for glob in &self.globs {
            let mut builder = GlobBuilder::new(&glob.pattern);
            builder.literal_separator(glob.literal_separator).case_insensitive(glob.case_insensitive);
            set.add(builder.build()?);
        }
        set.build()
    }

    /// Globs that do not compile, which loading their pack has refused, match nothing.
    fn has(&self, path: &RepoPath) -> bool {
        let path = path.to_path();
        let path = path.strip_prefix(&self.directory).unwrap_or(&path);
        self.compiled.get_or_init(|| self.build().unwrap_or_default()).is_match(path)
    }
}
