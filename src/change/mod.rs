//! What changed: blobs by object id, parsed once, classified with proof.

pub mod collect;
pub mod patch;
pub mod language;
pub mod profile;
pub mod parse;
pub mod binding;
pub mod definition;
pub mod stream;
pub mod classify;
#[cfg(test)]
pub(crate) mod sample;

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use crate::git::attributes::Origin;
use crate::git::{FileMode, ObjectId, RepoPath};
use language::Language;
use parse::{ParseLimits, Syntax};

/// All changes of one hook run.
#[derive(Debug)]
pub struct ChangeSet {
    /// The tree or commit compared against; none for a first commit.
    pub base: Option<ObjectId>,
    /// What is compared with it.
    pub tip: Tip,
    /// One entry a path, in git's order.
    pub changes: Vec<Change>,
    /// What stands around them.
    pub surroundings: Surroundings,
}

/// What a rule about names, links or branches has to know beside the changes themselves.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// The branch that is committed to; none where nothing is being committed, or to no branch.
    pub branch: Option<String>,
    /// Everything that the new side has; empty where no path came or went and no link changed.
    pub entries: Vec<Tracked>,
    /// The text of the new side's `.gitmodules`, where a submodule came.
    pub modules: Option<String>,
}

/// One path of the new side, whether or not it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// Where.
    pub path: RepoPath,
    /// What kind of entry it is.
    pub mode: FileMode,
    /// Where a symbolic link leads, as it is written; read only where a path went away.
    pub link: Option<RepoPath>,
}

/// The new side of a change set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tip {
    /// The index that git names for this commit.
    Index,
    /// A commit, of a push or a replay.
    Commit(ObjectId),
}

impl fmt::Display for Tip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index => f.write_str("index"),
            Self::Commit(id) => write!(f, "{id}"),
        }
    }
}

/// One path's difference, git's "delta".
#[derive(Debug)]
pub struct Change {
    /// The side before; none where the path was added.
    pub old: Option<Side>,
    /// The side after; none where the path was deleted.
    pub new: Option<Side>,
    /// Changed runs of lines without their context, in order, as `git diff` marks them.
    pub edits: Vec<Edit>,
    /// What the repository's attributes said before this change about who writes the file.
    pub origin: Option<Origin>,
}

impl Change {
    /// The path after the change, or before it for a deletion.
    #[must_use]
    pub fn path(&self) -> &RepoPath {
        match (&self.new, &self.old) {
            (Some(side), _) | (None, Some(side)) => &side.path,
            (None, None) => unreachable!("a change has at least one side"),
        }
    }
}

/// One path at one side of a change.
#[derive(Clone, Debug)]
pub struct Side {
    /// Where it is.
    pub path: RepoPath,
    /// What kind of entry it is.
    pub mode: FileMode,
    /// The blob, tree or commit it names.
    pub id: ObjectId,
    /// What it holds.
    pub content: Content,
    /// Bytes of the blob; none for a submodule and for what this clone lacks.
    pub size: Option<u64>,
    /// Where a symbolic link leads, as it is written.
    pub link: Option<RepoPath>,
}

/// The content of one side, as far as it can be read as text.
#[derive(Clone, Debug)]
pub enum Content {
    /// UTF-8 text.
    Text(String),
    /// Text in another encoding: each byte that is not UTF-8 stands as U+FFFD. Good enough for
    /// showing lines, never for a proof.
    Lossy(String),
    /// Nothing that has lines.
    Opaque(Opaque),
}

impl Content {
    /// The text, exact or lossy; none where there are no lines.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Lossy(text) => Some(text),
            Self::Opaque(_) => None,
        }
    }
}

/// Why a side has no lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opaque {
    /// A NUL byte within the first 8,000, which is git's own test.
    Binary,
    /// More bytes than [`collect::READ_LIMIT`].
    TooLarge,
    /// Not in this clone, as happens in a partial one.
    Missing,
    /// A symbolic link; its target is never followed.
    Symlink,
    /// A submodule's commit.
    Submodule,
}

/// Lines counted from 1: `start` and the `len` lines from there. Where `len` is 0, `start` is the
/// line after which the other side's lines stand, as in git's hunk headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineRange {
    /// First line, from 1.
    pub start: u32,
    /// How many lines.
    pub len: u32,
}

impl LineRange {
    /// Whether `line` is one of the lines.
    #[must_use]
    pub fn contains(&self, line: u32) -> bool {
        line >= self.start && line - self.start < self.len
    }

    /// Whether any of the lines is one of those from `first` to `last`.
    #[must_use]
    pub fn touches(&self, first: u32, last: u32) -> bool {
        self.len > 0 && self.start <= last && first <= self.last()
    }

    /// The last line; `start - 1` for an empty range.
    #[must_use]
    pub fn last(&self) -> u32 {
        (self.start + self.len).saturating_sub(1)
    }

    /// The lines themselves.
    #[must_use]
    pub fn lines(&self) -> Range<u32> {
        self.start..self.start + self.len
    }
}

/// A run of `old` lines replaced by `new` lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Lines that went away.
    pub old: LineRange,
    /// Lines that came.
    pub new: LineRange,
}

/// A change with its syntax, for all later stages: each side is parsed when a stage first asks for it.
#[derive(Debug)]
pub struct ParsedChange {
    /// What git said.
    pub change: Change,
    /// The language of the path, if it is known.
    pub language: Option<Language>,
    new: OnceLock<Option<Syntax>>,
    old: OnceLock<Option<Syntax>>,
    limits: ParseLimits,
}

impl ParsedChange {
    /// Syntax after; none where there is nothing or nothing with lines.
    #[must_use]
    #[expect(clippy::new_ret_no_self, reason = "it makes nothing: the sides of a change are old and new")]
    pub fn new(&self) -> Option<&Syntax> {
        self.new.get_or_init(|| self.parse(self.change.new.as_ref())).as_ref()
    }

    /// Syntax after, for a stage that may be the only one to ask: it is kept only if another one has
    /// asked before, so that thousands of files do not stay in memory together.
    pub fn with_new<T>(&self, ask: impl FnOnce(Option<&Syntax>) -> T) -> T {
        match self.new.get() {
            Some(kept) => ask(kept.as_ref()),
            None => ask(self.parse(self.change.new.as_ref()).as_ref()),
        }
    }

    /// Syntax before; none where there was nothing or nothing with lines.
    #[must_use]
    pub fn old(&self) -> Option<&Syntax> {
        self.old.get_or_init(|| self.parse(self.change.old.as_ref())).as_ref()
    }

    fn parse(&self, side: Option<&Side>) -> Option<Syntax> {
        parse::parse_side(side?, &self.limits)
    }
}

/// A change with its class and its units.
#[derive(Debug)]
pub struct ClassifiedChange {
    /// The change and its syntax.
    pub parsed: ParsedChange,
    /// What kind of change the whole file is.
    pub class: ChangeClass,
    /// One line on how the class was established: the proof, the table entry, or why there is none.
    pub because: String,
    /// The units that own the changed lines, in order; every changed line is in exactly one. Empty
    /// where the change has no lines.
    pub units: Vec<Unit>,
}

impl ClassifiedChange {
    /// The path after the change, or before it for a deletion.
    #[must_use]
    pub fn path(&self) -> &RepoPath {
        self.parsed.change.path()
    }
}

/// The smallest definition around changed lines: what is routed, sent and answered as one.
#[derive(Debug)]
pub struct Unit {
    /// Names from the outside in, `impl Auth / login`, printable and on one line; `(top level)` or
    /// `(file)` where no definition encloses the lines.
    pub name: String,
    /// What kind of change it is.
    pub class: ChangeClass,
    /// One line on how the class was established.
    pub because: String,
    /// Whether a proof says that the change means nothing, so that nobody has to look at it.
    pub proved: bool,
    /// Byte range of the definition on the old side; of all text for `(top level)` and `(file)`.
    pub old: Option<Range<usize>>,
    /// Byte range of the definition on the new side; of all text for `(top level)` and `(file)`.
    pub new: Option<Range<usize>>,
    /// Changed lines of the new side that belong to this unit, ascending, none empty.
    pub added: Vec<LineRange>,
    /// Changed lines of the old side that belong to this unit, ascending, none empty.
    pub deleted: Vec<LineRange>,
    /// What the unit leads from and to, one step a definition that it owns; none where nothing was
    /// to be proved.
    pub steps: Vec<Step>,
    /// Old and new names, where the change does no more than to use other names.
    pub renamed: Vec<(String, String)>,
}

/// One definition before and after, without layout and plain comments where the syntax is known:
/// what a review of the unit has answered, in whatever commit it comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The definition's name, as in [`Unit::name`].
    pub name: String,
    /// What it said; none where it was not there.
    pub old: Option<blake3::Hash>,
    /// What it says; none where it is gone.
    pub new: Option<blake3::Hash>,
}

impl Unit {
    /// First and last changed line as a reader of the new side counts them; for a pure deletion the
    /// line numbers of the old side.
    #[must_use]
    pub fn span(&self) -> (u32, u32) {
        let lines = if self.added.is_empty() { &self.deleted } else { &self.added };
        match (lines.first(), lines.last()) {
            (Some(first), Some(last)) => (first.start, last.last()),
            _ => (0, 0),
        }
    }
}

/// What a change amounts to. Everything that is not proved or named by a table is [`Real`].
///
/// [`Real`]: ChangeClass::Real
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeClass {
    /// Both sides have the same syntax and the same comments.
    Whitespace,
    /// Both sides have the same syntax; only plain comments differ.
    Comment,
    /// Only the path changed, or nothing but the executable bit.
    Metadata,
    /// The same imports in another order, and nothing else.
    ImportOrder,
    /// Imports came or went, and nothing else.
    Import,
    /// A definition stands elsewhere, and says the same.
    Move,
    /// Other names for the same things.
    Rename,
    /// Only comments that speak to a tool differ.
    Directive,
    /// Only documentation that is part of the program differs.
    Documentation,
    /// Only literals differ.
    Literal,
    /// Written by a program.
    Generated,
    /// A lock file of a package manager.
    Lock,
    /// Third-party code kept in the repository.
    Vendored,
    /// Prose.
    Docs,
    /// Configuration and data: checked for syntax and by rules.
    Data,
    /// A real change of code that only tests run.
    Test,
    /// No lines: binary, symbolic link, submodule.
    Opaque,
    /// Anything else.
    Real,
}

impl ChangeClass {
    /// The word that reports use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whitespace => "whitespace",
            Self::Comment => "comment",
            Self::Metadata => "metadata",
            Self::ImportOrder => "import-order",
            Self::Import => "import",
            Self::Move => "move",
            Self::Rename => "rename",
            Self::Directive => "directive",
            Self::Documentation => "documentation",
            Self::Literal => "literal",
            Self::Generated => "generated",
            Self::Lock => "lock",
            Self::Vendored => "vendored",
            Self::Docs => "docs",
            Self::Data => "data",
            Self::Test => "test",
            Self::Opaque => "opaque",
            Self::Real => "real",
        }
    }
}
