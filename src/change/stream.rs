//! The bracketed stream: what a syntax tree says, with layout and plain comments taken out, so that
//! equal streams prove equal meaning.
//!
//! A tree is written as `Open(kind) … Leaf(kind, bytes) … Close`, every part with its length, and
//! hashed with BLAKE3. Closing marks are what tells a Python statement from one that was dedented;
//! leaves are never trimmed; bytes between leaves that are not white space are written too, since
//! some grammars have tokens without a node (the `br` of a Rust byte string). A nested definition is
//! replaced by its name and written to a stream of its own, so that each can be compared alone.
//! Where layout is known to mean something it is written as a mark; what is not known to be
//! meaningless stays in the stream.

mod writer;

use blake3::Hash;
use tree_sitter::Node;

use self::writer::{Writer, Written};
use super::definition::Outline;
use super::parse::SyntaxTree;
use super::profile::{Profile, Speech};

/// The streams of one side: first that of the top level, then one a definition, as in its outline.
#[derive(Debug)]
pub struct Streams<'tree> {
    /// One entry more than the outline has definitions.
    pub regions: Vec<RegionStream<'tree>>,
}

/// What one definition says, without those inside it.
#[derive(Debug)]
pub struct RegionStream<'tree> {
    /// The stream, with the names of nested definitions where they stand.
    pub full: Hash,
    /// The stream without any trace of nested definitions.
    pub bare: Hash,
    /// The stream as if the definition had no name, wherever it names itself.
    pub nameless: Hash,
    /// How many leaves the stream has.
    pub leaves: usize,
    /// Plain comments in order.
    pub comments: Vec<Comment<'tree>>,
}

/// A comment that means nothing to any program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Comment<'tree> {
    /// How many leaves of the stream stand before it.
    pub anchor: usize,
    /// Its text without trailing white space.
    pub text: &'tree str,
}

impl<'tree> Streams<'tree> {
    /// Writes the streams of a tree; none where it has an error or its language no profile.
    #[must_use]
    pub fn of(tree: &'tree SyntaxTree, outline: &Outline) -> Option<Self> {
        let profile = Profile::of(tree.language())?;
        if tree.has_error() {
            return None;
        }
        let written = Writer::new(tree, outline, profile).run(tree.root());
        Some(Self { regions: written.into_iter().map(finish).collect() })
    }

    /// The hash of all streams together.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut hasher = blake3::Hasher::new();
        for region in &self.regions {
            hasher.update(region.full.as_bytes());
        }
        hasher.finalize()
    }
}

/// The streams of one side as they were written, part by part: what two sides that are not equal
/// differ by. One entry a region, as in [`Streams`]; those that are not `wanted` are empty.
#[must_use]
pub fn scripts<'tree>(
    tree: &'tree SyntaxTree,
    outline: &Outline,
    profile: &'static Profile,
    wanted: impl Fn(usize) -> bool,
) -> Vec<Script<'tree>> {
    let writer = Writer::new(tree, outline, profile).keeping_parts(&wanted);
    let written = writer.run(tree.root()).into_iter().enumerate();
    let script = |(region, it): (usize, Written<'tree>)| match wanted(region) {
        true => Script { bytes: it.bytes, parts: it.parts },
        false => Script::default(),
    };
    written.map(script).collect()
}

/// The stream of one region, part by part.
#[derive(Debug, Default)]
pub struct Script<'tree> {
    bytes: Vec<u8>,
    parts: Vec<Part<'tree>>,
}

/// One part of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Part<'tree> {
    /// What it starts with.
    pub mark: Mark,
    /// The node that it was written for; none where it stands for none.
    pub node: Option<Node<'tree>>,
    /// Whom a directive speaks to.
    pub speech: Option<Speech>,
    /// Where it starts in the stream's bytes.
    start: usize,
}

impl<'tree> Script<'tree> {
    /// The parts in order, each with its bytes.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = (&Part<'tree>, &[u8])> {
        let ends = self.parts.iter().skip(1).map(|part| part.start).chain([self.bytes.len()]);
        let ends: Vec<usize> = ends.collect();
        self.parts.iter().zip(ends).map(|(part, end)| (part, &self.bytes[part.start..end]))
    }
}

/// What the parts of a stream start with.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A node with nodes inside it.
    Open = 1,
    /// Its end.
    Close,
    /// A token.
    Leaf,
    /// Bytes between leaves.
    Gap,
    /// A token that the parser made up.
    Missing,
    /// A nested definition.
    Definition,
    /// A line break where the language heeds one.
    Newline,
    /// No space between two operators of a token tree.
    Joint,
    /// Indented with a tab.
    Tab,
    /// A comment that means something.
    Directive,
}

fn finish(region: Written<'_>) -> RegionStream<'_> {
    let full = blake3::hash(&region.bytes);
    let without = |parts: &[std::ops::Range<usize>], instead: &[u8]| {
        if parts.is_empty() {
            return full;
        }
        let mut hasher = blake3::Hasher::new();
        let mut from = 0;
        for part in parts {
            hasher.update(&region.bytes[from..part.start]).update(instead);
            from = part.end;
        }
        hasher.update(&region.bytes[from..]);
        hasher.finalize()
    };
    let bare = without(&region.nested, &[]);
    // No text is so long.
    let nameless = without(&region.named, &u64::MAX.to_le_bytes());
    RegionStream { full, bare, nameless, leaves: region.leaves, comments: region.comments }
}
