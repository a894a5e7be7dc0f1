//! One pass over a text for the keywords of all rules of a pack. A rule whose keyword is not there
//! costs nothing more, not even the compilation of its regular expression.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::rule::Rule;

/// The keywords of a pack's rules.
pub(super) struct Keywords {
    /// Finds any keyword; none where there are none.
    any: Option<AhoCorasick>,
    /// The index of each keyword's rule.
    owners: Vec<usize>,
    /// Which rules have no keywords, and so are always tried.
    always: Vec<bool>,
}

impl Keywords {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let keywords = rules.iter().flat_map(|rule| &rule.keywords);
        let counts = rules.iter().enumerate().map(|(index, rule)| (index, rule.keywords.len()));
        // A table of states would be the fastest to search, but takes longer to build than most commits to
        // read.
        let mut any = AhoCorasick::builder();
        any.kind(Some(AhoCorasickKind::ContiguousNFA));
        Self {
            // It fails only for gigabytes of keywords.
            any: any.build(keywords).ok().filter(|any| any.patterns_len() > 0),
            owners: counts.flat_map(|(index, count)| std::iter::repeat_n(index, count)).collect(),
            always: rules.iter().map(|rule| rule.keywords.is_empty()).collect(),
        }
    }

    /// Which of the rules can match in the text, by index.
    pub(super) fn candidates(&self, text: &str) -> Vec<bool> {
        let mut candidates = self.always.clone();
        let Some(any) = &self.any else { return candidates };
        for found in any.find_overlapping_iter(text) {
            candidates[self.owners[found.pattern().as_usize()]] = true;
        }
        candidates
    }
}
