//! Where the lines of a text are.

use super::rule::Match;
use crate::change::LineRange;

/// Where the lines of a text begin, but for the first.
#[derive(Default)]
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at + 1).collect())
    }

    /// Line and column of a byte, from 1.
    pub(super) fn position(&self, offset: usize) -> (u32, u32) {
        let before = self.0.partition_point(|&start| start <= offset);
        let start = before.checked_sub(1).map_or(0, |last| self.0[last]);
        (to_u32(before + 1), to_u32(offset - start + 1))
    }

    /// Where a line, counted from 1, begins; none after the last one.
    pub(super) fn start(&self, line: u32) -> Option<usize> {
        match (line as usize).checked_sub(2) {
            None => Some(0),
            Some(index) => self.0.get(index).copied(),
        }
    }

    /// First and last line of a match. The last byte counts, not the one after it, which may stand on
    /// the next line.
    pub(super) fn span(&self, found: &Match<'_>) -> (u32, u32) {
        let last = found.range.end.saturating_sub(1).max(found.range.start);
        (self.position(found.range.start).0, self.position(last).0)
    }

    /// Whether a match stands on one of the lines.
    pub(super) fn touch(&self, found: &Match<'_>, changed: &[LineRange]) -> bool {
        let (first, last) = self.span(found);
        changed.iter().any(|range| range.touches(first, last))
    }
}

pub(super) fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
