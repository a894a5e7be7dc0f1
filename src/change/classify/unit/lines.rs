//! Lines as git counts them, and the definitions on them.

use std::ops::Range;

use crate::change::Edit;
use crate::change::definition::Outline;

/// Where the lines of a text start.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(ends).filter(|&start| start < text.len()).collect();
        Self { text, starts }
    }

    pub(super) fn count(&self) -> usize {
        self.starts.len()
    }

    /// The line of a byte, from 1.
    pub(super) fn number(&self, byte: usize) -> u32 {
        self.starts.partition_point(|&start| start <= byte).max(1) as u32
    }

    /// Bytes of a line, from 1, without white space at its ends; a blank line's first byte.
    pub(super) fn extent(&self, line: u32) -> Range<usize> {
        let index = (line as usize).saturating_sub(1);
        let Some(&start) = self.starts.get(index) else { return self.text.len()..self.text.len() };
        let end = self.starts.get(index + 1).copied().unwrap_or(self.text.len());
        let line = &self.text[start..end];
        let inner = line.trim_ascii_start();
        match inner.is_empty() {
            true => start..start,
            false => end - inner.len()..start + line.trim_ascii_end().len(),
        }
    }

    pub(super) fn text(&self, extent: Range<usize>) -> &'a str {
        &self.text[extent]
    }
}

/// For each old line the new line that it is, if it did not change.
pub(super) fn kept(old_lines: usize, edits: &[Edit]) -> Vec<Option<u32>> {
    let mut kept = Vec::with_capacity(old_lines);
    let mut new = 1u32;
    for edit in edits {
        // An empty range names the line that it follows.
        let first = if edit.old.len == 0 { edit.old.start + 1 } else { edit.old.start };
        while kept.len() + 1 < first as usize && kept.len() < old_lines {
            kept.push(Some(new));
            new += 1;
        }
        kept.extend((0..edit.old.len).map(|_| None));
        new += edit.new.len;
    }
    while kept.len() < old_lines {
        kept.push(Some(new));
        new += 1;
    }
    kept.truncate(old_lines);
    kept
}

/// Calls `each` with every region that has bytes on a line: 0 for the top level, else one more than
/// the definition's index. Some regions may be named that only might.
pub(super) fn touching(outline: &Outline, extent: Range<usize>, mut each: impl FnMut(usize)) {
    let definitions = &outline.definitions;
    let region = |definition: Option<usize>| definition.map_or(0, |index| index + 1);
    let mut around = outline.enclosing(extent.start);
    each(region(around));
    while let Some(index) = around
        && definitions[index].range.end < extent.end
    {
        around = definitions[index].parent;
        each(region(around));
    }
    let first = definitions.partition_point(|definition| definition.range.start <= extent.start);
    let starting = definitions[first..].iter().enumerate();
    for (offset, definition) in starting.take_while(|(_, it)| it.range.start < extent.end) {
        each(region(Some(first + offset)));
        each(region(definition.parent));
    }
    // Several definitions may start at the line's first byte, one around the other.
    let at_start = definitions[..first].iter().enumerate().rev();
    for (index, definition) in at_start.take_while(|(_, it)| it.range.start == extent.start) {
        if definition.range.end < extent.end {
            each(region(Some(index)));
            each(region(definition.parent));
        }
    }
}
