//! One side of a change as slicing reads it: lines, and what the syntax says of them.

use std::borrow::Cow;
use std::ops::Range;

use tree_sitter::Node;

use crate::change::binding;
use crate::change::definition::Outline;
use crate::change::parse::{Syntax, SyntaxTree};
use crate::change::profile::Profile;
use crate::change::{self, LineRange};

use super::redact::Session;
use super::strip::Strip;

/// One side of a change, with its lines at hand.
pub(super) struct Side<'a> {
    source: &'a str,
    /// First byte of each line.
    starts: Vec<usize>,
    code: Option<Code<'a>>,
    /// Lines of private keys, with what stands for them.
    keys: Vec<(LineRange, String)>,
}

/// What a syntax tree adds to the lines.
pub(super) struct Code<'a> {
    /// The tree.
    pub(super) tree: &'a SyntaxTree,
    /// What is known of the language.
    pub(super) profile: &'static Profile,
    /// The definitions.
    pub(super) outline: Outline,
    /// The imports at the top level.
    pub(super) imports: Vec<Node<'a>>,
    strip: Strip,
}

impl<'a> Side<'a> {
    /// Reads a side; none where it has no lines.
    #[must_use]
    pub(super) fn of(
        side: Option<&'a change::Side>,
        syntax: Option<&'a Syntax>,
        secrets: &mut Session<'_>,
    ) -> Option<Self> {
        let source = side?.content.text()?;
        let starts: Vec<usize> = std::iter::once(0)
            .chain(source.match_indices('\n').map(|(at, _)| at + 1))
            .filter(|&start| start < source.len())
            .collect();
        let keys = secrets.key_blocks(source);
        let mut read = Self { source, starts, code: None, keys };
        if let Some(Syntax::Tree(tree)) = syntax
            && tree.source() == source
            && let Some(profile) = Profile::of(tree.language())
        {
            let strip = Strip::of(tree, profile);
            let imports = binding::imports(tree, profile);
            read.code = Some(Code { tree, profile, outline: Outline::of(tree), imports, strip });
        }
        Some(read)
    }

    /// What the syntax says; none for a side that is no more than text.
    #[must_use]
    pub(super) fn code(&self) -> Option<&Code<'a>> {
        self.code.as_ref()
    }

    /// How many lines there are.
    #[must_use]
    pub(super) fn line_count(&self) -> u32 {
        self.starts.len() as u32
    }

    /// The line of a byte, from 1.
    #[must_use]
    pub(super) fn line_of(&self, byte: usize) -> u32 {
        self.starts.partition_point(|&start| start <= byte) as u32
    }

    /// The lines that a byte range touches, without the white space at its end.
    #[must_use]
    pub(super) fn lines_of(&self, bytes: &Range<usize>) -> Range<u32> {
        let text = self.source.get(bytes.clone()).unwrap_or_default();
        let len = text.trim_end().len();
        self.line_of(bytes.start)..self.line_of(bytes.start + len.saturating_sub(1)) + 1
    }

    /// The line as it stands, without its line break; a placeholder for a line of a private key.
    #[must_use]
    pub(super) fn raw(&self, line: u32) -> Option<Cow<'_, str>> {
        let bytes = self.bytes(line)?;
        self.key(line).or_else(|| self.source.get(bytes)).map(Cow::Borrowed)
    }

    /// What is sent of the line: all of it where there is no syntax, else what is left without
    /// comments and documentation, and none where that is nothing.
    #[must_use]
    pub(super) fn text(&self, line: u32) -> Option<Cow<'_, str>> {
        self.stripped(line, false)
    }

    /// As [`text`](Self::text), with documentation.
    #[must_use]
    pub(super) fn documented(&self, line: u32) -> Option<Cow<'_, str>> {
        self.stripped(line, true)
    }

    fn stripped(&self, line: u32, keep_documentation: bool) -> Option<Cow<'_, str>> {
        match &self.code {
            Some(code) if self.key(line).is_none() => {
                code.strip.line(self.source, self.bytes(line)?, keep_documentation)
            }
            _ => self.raw(line),
        }
    }

    /// What stands for the line if it belongs to a private key.
    fn key(&self, line: u32) -> Option<&str> {
        self.keys.iter().find(|(lines, _)| lines.contains(line)).map(|(_, placeholder)| placeholder.as_str())
    }

    /// Whether a line carries anything that is worth showing as context.
    #[must_use]
    pub(super) fn is_code(&self, line: u32) -> bool {
        self.text(line).is_some_and(|text| !text.trim().is_empty())
    }

    /// Whether the line begins within a multi-line string, so that its indentation is content.
    #[must_use]
    pub(super) fn begins_in_atom(&self, line: u32) -> bool {
        self.code.as_ref().zip(self.bytes(line)).is_some_and(|(code, line)| code.strip.is_content(line.start))
    }

    /// First byte of the line's first character that is not white space.
    #[must_use]
    pub(super) fn first_byte(&self, line: u32) -> Option<usize> {
        let bytes = self.bytes(line)?;
        let text = self.source.get(bytes.clone())?;
        Some(bytes.start + (text.len() - text.trim_start().len()))
    }

    fn start(&self, line: u32) -> usize {
        let index = (line as usize).saturating_sub(1);
        self.starts.get(index).copied().unwrap_or(self.source.len())
    }

    fn bytes(&self, line: u32) -> Option<Range<usize>> {
        let start = *self.starts.get((line as usize).checked_sub(1)?)?;
        let end = self.start(line + 1);
        let text = self.source.get(start..end)?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        Some(start..start + text.strip_suffix('\r').unwrap_or(text).len())
    }
}
