//! One side of a change, for those who divide it.

use std::ops::Range;

use super::lines::Lines;
use crate::change::classify::trap::trap;
use crate::change::definition::{Definition, Outline};
use crate::change::parse::SyntaxTree;
use crate::change::profile::Profile;
use crate::change::stream::Streams;

/// One side with all that is known of it.
pub(super) struct Parsed<'a> {
    pub(super) tree: &'a SyntaxTree,
    pub(super) outline: Outline,
    pub(super) lines: Lines<'a>,
    /// None where nothing can be proved.
    pub(super) streams: Option<Streams<'a>>,
}

impl<'a> Parsed<'a> {
    pub(super) fn new(tree: &'a SyntaxTree) -> Self {
        let outline = Outline::of(tree);
        let streams = if trap(tree).is_none() { Streams::of(tree, &outline) } else { None };
        Self { tree, outline, lines: Lines::new(tree.source()), streams }
    }

    pub(super) fn definition(&self, region: usize) -> Option<&Definition> {
        self.outline.definitions.get(region.checked_sub(1)?)
    }

    /// The region around another.
    pub(super) fn around(&self, region: usize) -> usize {
        self.definition(region).and_then(|it| it.parent).map_or(0, |parent| parent + 1)
    }

    pub(super) fn name(&self, region: usize) -> &str {
        self.definition(region).map_or("(top level)", |it| &it.name)
    }

    /// Bytes of a region, with those inside it.
    pub(super) fn range(&self, region: usize) -> Range<usize> {
        self.definition(region).map_or(0..self.tree.source().len(), |it| it.range.clone())
    }

    /// What a region says, without layout and plain comments where the syntax is sound.
    pub(super) fn hash(&self, region: usize) -> blake3::Hash {
        match &self.streams {
            Some(streams) => streams.regions[region].full,
            None => blake3::hash(&self.tree.source().as_bytes()[self.range(region)]),
        }
    }

    /// Text of the definitions directly inside a region.
    pub(super) fn nested(&self, region: usize) -> Vec<&'a str> {
        let source = self.tree.source();
        let inside = self.outline.definitions.iter().filter(|it| it.parent == region.checked_sub(1));
        inside.map(|definition| &source[definition.range.clone()]).collect()
    }

    /// Whether nothing but a plain comment stands at these bytes.
    pub(super) fn is_comment(&self, extent: &Range<usize>) -> bool {
        let Some(streams) = &self.streams else { return false };
        let source = self.tree.source().as_ptr() as usize;
        streams.regions[self.region(extent.start)].comments.iter().any(|comment| {
            let start = comment.text.as_ptr() as usize - source;
            start <= extent.start && extent.end <= start + comment.text.len()
        })
    }

    /// Whether nothing but a comment of any kind or an import stands at these bytes.
    pub(super) fn is_comment_or_import(&self, extent: &Range<usize>) -> bool {
        let Some(profile) = Profile::of(self.tree.language()) else { return false };
        let mut node = self.tree.root().descendant_for_byte_range(extent.start, extent.end);
        while let Some(within) = node {
            if profile.is_comment(within.kind()) || profile.is_import(within.kind()) {
                return true;
            }
            node = within.parent();
        }
        false
    }

    /// The region around a byte, counted as in streams: 0 is the top level.
    pub(super) fn region(&self, byte: usize) -> usize {
        self.outline.enclosing(byte).map_or(0, |index| index + 1)
    }
}
