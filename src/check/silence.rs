//! Who does not want to hear of a finding: a comment, the configuration, or the baseline.

use std::collections::HashMap;

use super::finding::{Finding, Source};
use super::pack::RuleSet;
use super::rule::Text;
use super::suppress::Comments;
use super::{Because, Checked, Sides, Suppressed};
use crate::change::ClassifiedChange;
use crate::git::RepoPath;

/// Divides findings about whole files: a comment silences them only for its file, since they stand on
/// no line of it.
pub(super) fn survey(found: Vec<Finding>, changes: &[ClassifiedChange], rules: &RuleSet) -> Checked {
    let mut checked = Checked::default();
    if found.is_empty() {
        return checked;
    }
    let changes: HashMap<_, _> = changes.iter().map(|change| (change.path(), change)).collect();
    for finding in found {
        // Nothing is parsed, least of all a large file, for comments that it does not hold.
        let change = changes.get(&finding.path).filter(|change| {
            let new = change.parsed.change.new.as_ref();
            new.and_then(|side| side.content.text()).is_some_and(Comments::may_be_in)
        });
        let because = match change {
            Some(change) => {
                change.parsed.with_new(|syntax| because_of(&finding, Sides::of(change, syntax), rules))
            }
            None => because_of(&finding, None, rules),
        };
        match because {
            Some(because) => checked.suppressed.push(Suppressed { finding, because }),
            None => checked.findings.push(finding),
        }
    }
    checked
}

/// Why a finding about a whole file is not wanted.
fn because_of(finding: &Finding, sides: Option<Sides<'_>>, rules: &RuleSet) -> Option<Because> {
    let nothing = Text { text: "", language: None, tree: None };
    let (text, comments) = match &sides {
        Some(sides) => (&sides.new, Comments::of(&sides.new, sides.place().is_prose()).of_file()),
        None => (&nothing, Comments::default()),
    };
    Silence::new(&finding.path, text, false, comments, rules).because(finding)
}

/// What silences the findings of one file.
pub(super) struct Silence<'a> {
    path: &'a RepoPath,
    text: &'a Text<'a>,
    /// Whether every line is new.
    is_new: bool,
    comments: Comments,
    rules: &'a RuleSet,
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
    pub(super) fn because(&mut self, finding: &Finding) -> Option<Because> {
        if let Some(because) = self.comments.because(finding, self.text) {
            return Some(because);
        }
        if let Some(globs) = self.rules.selection().disabled_by(&finding.rule, self.path) {
            return Some(Because::Configuration(globs));
        }
        self.is_known(finding).then_some(Because::Baseline)
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
