//! Where the lines of a text are.

use std::ops::Range;

/// A text and where its lines begin. Lines and columns count from 1, columns in bytes.
#[derive(Clone, Debug)]
pub struct Lines<'t> {
    text: &'t str,
    /// But for the first.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// Looks for the lines of a text.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        let newlines = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        Self { text, starts: newlines.map(|(at, _)| at + 1).collect() }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// Line and column of a byte.
    #[must_use]
    pub fn position(&self, byte: usize) -> (u32, u32) {
        let before = self.starts.partition_point(|&start| start <= byte);
        let start = before.checked_sub(1).map_or(0, |last| self.starts[last]);
        (to_u32(before + 1), to_u32(byte - start + 1))
    }

    /// First and last line of a range. The last byte counts, not the one after it, which may stand on
    /// the next line.
    #[must_use]
    pub fn span(&self, range: &Range<usize>) -> (u32, u32) {
        let last = range.end.saturating_sub(1).max(range.start);
        (self.position(range.start).0, self.position(last).0)
    }

    /// Where a line begins; none after the last one.
    #[must_use]
    pub fn start(&self, line: u32) -> Option<usize> {
        match (line as usize).checked_sub(2) {
            None => Some(0),
            Some(index) => self.starts.get(index).copied(),
        }
    }

    /// The bytes of a line without its break; none at the end of the text where there is no such line.
    #[must_use]
    pub fn range(&self, line: u32) -> Range<usize> {
        let start = self.start(line).unwrap_or(self.text.len());
        let end = self.start(line.saturating_add(1)).unwrap_or(self.text.len());
        start..start + self.text[start..end].trim_end_matches(['\n', '\r']).len()
    }
}

/// As much of a count as lines and columns may have.
#[must_use]
pub fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
