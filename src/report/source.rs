//! The texts that findings point into: for formats that count columns otherwise than in bytes, and
//! for fixes, which are ranges of bytes.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::Report;
use crate::check::finding::{Finding, Fix};
use crate::check::pack::RuleSet;
use crate::git::RepoPath;
use crate::text::{Lines, floor_boundary, to_u32};

/// Lines and columns from 1, the end exclusive. What a column counts is its maker's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Region {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) end_line: u32,
    pub(super) end_column: u32,
}

/// The new sides of the files that have findings.
pub(super) struct Sources<'r>(HashMap<&'r RepoPath, Source<'r>>);

/// A text and where its lines begin.
pub(super) struct Source<'r> {
    lines: Lines<'r>,
    secrets: OnceCell<Vec<Range<usize>>>,
}

impl<'r> Sources<'r> {
    /// The texts of a report that its findings, also the suppressed ones, point into.
    pub(super) fn of(report: &'r Report) -> Self {
        let suppressed = report.suppressed.iter().map(|suppressed| &suppressed.finding);
        let paths: HashSet<_> =
            report.findings.iter().chain(suppressed).map(|finding| &finding.path).collect();
        let sides = report.changes.iter().filter_map(|routed| routed.classified.parsed.change.new.as_ref());
        let wanted = sides.filter(|side| paths.contains(&side.path));
        Self(wanted.filter_map(|side| Some((&side.path, Source::new(side.content.text()?)))).collect())
    }

    /// The text that a finding points into; none for a file without lines.
    pub(super) fn of_finding(&self, finding: &Finding) -> Option<&Source<'r>> {
        self.0.get(&finding.path)
    }

    /// A fix that may be shown, and where it goes, in bytes: none where a secret is on its lines, which
    /// it might repeat.
    pub(super) fn fix<'f>(&self, finding: &'f Finding, rules: &RuleSet) -> Option<(&'f Fix, Region)> {
        let fix = finding.fix.as_ref()?;
        let source = self.of_finding(finding)?;
        let region = source.region(&fix.range)?;
        let (start, end) = (source.start(region.line), source.start(region.end_line.saturating_add(1)));
        let is_near = |secret: &Range<usize>| secret.start < end && start < secret.end;
        (!source.secrets(rules).iter().any(is_near)).then_some((fix, region))
    }

    /// Where a finding is, with columns in UTF-16 code units, which is what GitHub, editors and the
    /// SARIF of most tools count. The excerpt stands in for a text that is not there.
    pub(super) fn utf16_region(&self, finding: &Finding) -> Region {
        let source = self.of_finding(finding);
        let first = source.map_or(&*finding.excerpt, |source| source.line(finding.line));
        let last = match source {
            Some(source) => source.line(finding.end_line),
            None if finding.end_line == finding.line => &finding.excerpt,
            None => "",
        };
        Region {
            line: finding.line,
            column: utf16_column(first, finding.column),
            end_line: finding.end_line,
            end_column: utf16_column(last, finding.end_column),
        }
    }
}

impl<'r> Source<'r> {
    pub(super) fn new(text: &'r str) -> Self {
        Self { lines: Lines::of(text), secrets: OnceCell::new() }
    }

    /// Where secrets are, looked for when the first fix is to be shown.
    fn secrets(&self, rules: &RuleSet) -> &[Range<usize>] {
        self.secrets.get_or_init(|| rules.secrets_in(self.lines.text()))
    }

    /// A line without its end; empty where there is none.
    fn line(&self, number: u32) -> &'r str {
        &self.lines.text()[self.lines.range(number)]
    }

    /// The lines from `first` to `last` with their ends.
    pub(super) fn lines(&self, first: u32, last: u32) -> &'r str {
        let start = self.start(first);
        &self.lines.text()[start..self.start(last.saturating_add(1)).max(start)]
    }

    /// The byte at which a line begins; the end of the text where there is no such line.
    pub(super) fn start(&self, number: u32) -> usize {
        self.lines.start(number).unwrap_or(self.lines.text().len())
    }

    /// Lines and columns in bytes of a range; none for one that is not of this text.
    pub(super) fn region(&self, range: &Range<usize>) -> Option<Region> {
        self.lines.text().get(range.clone())?;
        let (line, column) = self.lines.position(range.start);
        let (end_line, end_column) = self.lines.position(range.end);
        Some(Region { line, column, end_line, end_column })
    }

    /// The same place with columns in UTF-16 code units.
    pub(super) fn to_utf16(&self, region: Region) -> Region {
        Region {
            column: utf16_column(self.line(region.line), region.column),
            end_column: utf16_column(self.line(region.end_line), region.end_column),
            ..region
        }
    }
}

/// A column in UTF-16 code units from one in bytes; both count from 1. What lies behind the end of
/// the line, such as the bytes of its ending, counts as one each.
fn utf16_column(line: &str, column: u32) -> u32 {
    let byte = column.saturating_sub(1) as usize;
    let before = &line[..floor_boundary(line, byte)];
    let behind = byte.saturating_sub(line.len());
    // Most lines are ASCII, and some are long and have many findings.
    let units = if before.is_ascii() { before.len() } else { before.encode_utf16().count() };
    to_u32(units + behind + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_are_counted_in_utf16_units() {
        // One byte and one unit, two and one, four and two.
        let line = "aé𝄞b";
        assert_eq!([1, 2, 4, 8, 9].map(|column| utf16_column(line, column)), [1, 2, 3, 5, 6]);
        assert_eq!(utf16_column("a", 3), 3, "the column after CR");
    }

    proptest! {
        /// The oracle cuts the text at the place and counts lines and units in what is before it.
        #[test]
        fn regions_are_where_the_bytes_are(
            text in "[a-cé𝄞\r\n]{0,40}",
            at in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let places: Vec<_> = (0..=text.len()).filter(|&byte| text.is_char_boundary(byte)).collect();
            let (a, b) = (places[at.0.index(places.len())], places[at.1.index(places.len())]);
            let range = a.min(b)..a.max(b);
            let source = Source::new(&text);
            let region = source.to_utf16(source.region(&range).unwrap());
            let position = |byte: usize| {
                let before = &text[..byte];
                let line = before.matches('\n').count() as u32 + 1;
                let since = before.rsplit('\n').next().unwrap_or_default();
                (line, since.encode_utf16().count() as u32 + 1)
            };
            prop_assert_eq!((region.line, region.column), position(range.start));
            prop_assert_eq!((region.end_line, region.end_column), position(range.end));
        }
    }
}
