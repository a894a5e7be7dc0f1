//! What must be asked: routed units, cut down to what a reviewer needs, without secrets.

pub mod policy;
pub mod route;
mod strip;
mod side;
mod imports;
mod slice;
pub mod redact;
pub mod tokenizer;
mod worth;
pub mod pack;
pub mod probe;

use crate::check::finding::Finding;
use crate::git::RepoPath;
use redact::Redacted;

/// Which form of payload this is: raised with every change of what a model reads of the same unit,
/// so that no earlier answer is taken for an answer to it.
pub const FORMAT: u32 = 2;

/// A unit's place: index of its change, index of the unit within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitRef {
    /// Index into the change set.
    pub change: usize,
    /// Index into the change's units.
    pub unit: usize,
}

/// How much of a unit is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The changed lines under the unit's name.
    Lines,
    /// Header, enclosing control flow, changed lines with their neighbours.
    Slice,
    /// The whole definition.
    Function,
}

impl Level {
    /// The word that reports use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Slice => "slice",
            Self::Function => "function",
        }
    }
}

/// The code of one request: redacted, compressed, and bound to the lines that a reply may name.
/// Only [`pack::compress`] makes one, and only of [`Redacted`] text; [`Payload::probe`] is the one that
/// holds nobody's code.
#[derive(Debug)]
pub struct Payload {
    text: Redacted,
    blocks: Vec<Block>,
    tokens: u64,
}

impl Payload {
    /// What the model reads as code.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text.as_str()
    }

    /// The units within, in order.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Tokens of [`text`](Self::text), counted.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// A payload without the packer, for the tests of later stages.
    #[cfg(test)]
    pub(crate) fn for_test(text: &str, blocks: Vec<Block>) -> Self {
        let tokens = tokenizer::Tokenizer::load().count(text);
        Self { text: Redacted::for_test(text), blocks, tokens }
    }
}

/// One unit within a payload.
#[derive(Debug)]
pub struct Block {
    /// Which unit it is.
    pub unit: UnitRef,
    /// Units in which the same edit is made: this block is sent for all of them, and what becomes
    /// of it becomes of them.
    pub also: Vec<UnitRef>,
    /// Its number within the payload, from 1: the `#2` of its first line.
    pub number: u32,
    /// The path it stands in.
    pub path: RepoPath,
    /// How much of it is sent.
    pub level: Level,
    /// Its share of the payload's tokens.
    pub tokens: u64,
    /// Lines that a finding may be about, in order: the changed ones.
    pub lines: Vec<SentLine>,
}

impl Block {
    /// All units that it is sent for.
    pub fn units(&self) -> impl Iterator<Item = UnitRef> + '_ {
        std::iter::once(self.unit).chain(self.also.iter().copied())
    }

    /// Whether a finding is about one of its lines.
    #[must_use]
    pub fn holds(&self, finding: &Finding) -> bool {
        finding.path == self.path && self.lines.iter().any(|line| line.number == finding.line)
    }
}

/// A changed line of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentLine {
    /// Line of the new side, from 1; of a deleted one, the line that stands in its place.
    pub number: u32,
    /// Whether it was sent with its number.
    pub is_numbered: bool,
    /// Whether the change took it away.
    pub is_deleted: bool,
    /// What was sent of it.
    pub text: String,
}
