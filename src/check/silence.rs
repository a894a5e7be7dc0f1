//! Who does not want to hear of a finding: a comment, the configuration, or the baseline.

use std::collections::HashMap;

use super::finding::{Finding, Source};
use super::pack::RuleSet;
use super::rule::Text;
use super::suppress::Comments;
use crate::git::RepoPath;

/// What silences the findings of one file.
pub(super) struct Silence<'a> {
    pub(super) path: &'a RepoPath,
    pub(super) text: &'a Text<'a>,
    /// Whether every line is new.
    pub(super) is_new: bool,
    pub(super) comments: Comments,
    pub(super) rules: &'a RuleSet,
    /// How many findings of an id there were so far, of those that the baseline may answer for.
    seen: HashMap<String, usize>,
}

impl<'a> Silence<'a> {
    pub(super) fn new(
        path: &'a RepoPath,
        text: &'a Text<'a>,
        is_new: bool,
        comments: Comments,
        rules: &'a RuleSet,
    ) -> Self {
        Self { path, text, is_new, comments, rules, seen: HashMap::new() }
    }

    /// Why a finding is not wanted; none where it is.
    pub(super) fn because(&mut self, finding: &Finding) -> Option<String> {
        if let Some(because) = self.comments.because(finding, self.text) {
            return Some(because);
        }
        if let Some(globs) = self.rules.selection().disabled_by(&finding.rule, self.path) {
            return Some(format!("disabled by the configuration for {globs}"));
        }
        self.is_known(finding).then(|| "in the baseline".to_owned())
    }

    /// Whether the baseline answers for a finding, beside those that it has answered for. It does not
    /// for a secret that takes the place of another text: masked, one secret looks like the next.
    pub(super) fn is_known(&mut self, finding: &Finding) -> bool {
        let baseline = self.rules.baseline();
        if baseline.is_empty() || finding.source == Source::Secret && !self.is_new {
            return false;
        }
        let id = finding.id();
        let most = baseline.count(&id);
        let seen = self.seen.entry(id).or_default();
        *seen += 1;
        *seen <= most
    }
}
