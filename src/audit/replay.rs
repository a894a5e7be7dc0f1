//! One commit through the pipeline, reduced to what is summed up.

use std::collections::{BTreeMap, HashMap};

use crate::change::collect::Range;
use crate::change::patch::{patches, with_functions};
use crate::change::{Change, ChangeClass, Content, LineRange, Opaque, Side};
use crate::git::{FilePatch, GitError, ObjectId, RepoPath, Repository};
use crate::payload::route::{Route, RoutedChange};
use crate::payload::tokenizer::Tokenizer;
use crate::pipeline::{self, Options};
use crate::report::audit::{ChangedLines, Tokens};
use crate::report::{Mode, Report};

/// What one commit adds to the sums.
pub(super) struct Replayed {
    pub(super) answered: Answered,
    pub(super) tokens: Tokens,
    pub(super) lines: ChangedLines,
    /// Units by class; a file without units counts as one.
    pub(super) by_class: BTreeMap<ChangeClass, u64>,
    pub(super) requests: usize,
    pub(super) max_output_tokens: u64,
    /// What a token limit has to hold for all requests.
    pub(super) limit_tokens: u64,
}

/// Who answers a commit, the one who costs most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answered {
    /// Nobody has to: all of it is proved to mean nothing.
    Proof,
    /// Rules answer some of it.
    Policy,
    /// An earlier review answers some of it.
    Cache,
    /// Nobody, though somebody should.
    Nobody,
    /// A model.
    Model,
}

/// Replays a commit against its first parent; or says on one line why it cannot be read.
pub(super) fn replay(
    repository: &Repository,
    commit: ObjectId,
    options: &Options,
) -> Result<Replayed, String> {
    let said = |error: GitError| error.to_string();
    if repository.is_cut_off(commit).map_err(said)? {
        return Err("this clone is shallow and lacks its parent".to_owned());
    }
    let range = Range::Commits(repository.first_parent(commit).map_err(said)?, commit);
    let report = pipeline::run(repository, range, Mode::Preview, options, &mut None).map_err(said)?;
    let patches = patches(repository, range).map_err(said)?;
    let patches = patches.filter(|_| !lacks_a_blob(&report)).ok_or("this clone lacks an object of it")?;
    Ok(Replayed {
        answered: answered(&report),
        tokens: tokens(&report, &patches),
        lines: changed_lines(&report),
        by_class: by_class(&report),
        requests: report.requests.len(),
        max_output_tokens: report.totals.max_output_tokens,
        limit_tokens: report.totals.limit_tokens,
    })
}

fn changes(report: &Report) -> impl Iterator<Item = &Change> {
    report.changes.iter().map(|routed| &routed.classified.parsed.change)
}

fn lacks_a_blob(report: &Report) -> bool {
    let mut sides = changes(report).flat_map(|change| [&change.old, &change.new]).flatten();
    sides.any(|side| matches!(side.content, Content::Opaque(Opaque::Missing)))
}

fn answered(report: &Report) -> Answered {
    let decisions = report.changes.iter().flat_map(|routed| routed.units.iter().chain(&routed.file));
    let answered = decisions.map(|decision| match decision.route {
        Route::Drop => Answered::Proof,
        Route::Rules => Answered::Policy,
        Route::Cache => Answered::Cache,
        Route::NotReviewed(_) => Answered::Nobody,
        Route::Model => Answered::Model,
    });
    answered.max().unwrap_or(Answered::Proof)
}

fn by_class(report: &Report) -> BTreeMap<ChangeClass, u64> {
    let mut classes = BTreeMap::new();
    for RoutedChange { classified, .. } in &report.changes {
        let file = classified.units.is_empty().then_some(classified.class);
        for class in classified.units.iter().map(|unit| unit.class).chain(file) {
            *classes.entry(class).or_default() += 1;
        }
    }
    classes
}

/// The tokens of every form. Those of a patch are the sum of those of its files, since no token
/// reaches over the line break before `diff --git`.
fn tokens(report: &Report, patches: &[FilePatch]) -> Tokens {
    let tokenizer = Tokenizer::load();
    let mut tokens = Tokens {
        payload: report.totals.payload_tokens,
        input: report.totals.input_tokens,
        ..Tokens::default()
    };
    let mut before: HashMap<&RepoPath, &RoutedChange> = HashMap::new();
    let mut after: HashMap<&RepoPath, &RoutedChange> = HashMap::new();
    for routed in &report.changes {
        let Change { old, new, .. } = &routed.classified.parsed.change;
        before.extend(old.as_ref().map(|side| (&side.path, routed)));
        after.extend(new.as_ref().map(|side| (&side.path, routed)));
    }
    for patch in patches {
        let old = patch.old.as_ref().and_then(|path| before.get(path).copied());
        let new = patch.new.as_ref().and_then(|path| after.get(path).copied());
        let touched = || old.into_iter().chain(new);
        let plain = tokenizer.count(&patch.text);
        tokens.diff_u3 += plain;
        if touched().any(is_code) {
            tokens.diff_u3_code += plain;
        }
        if touched().any(is_sent) {
            tokens.diff_u3_sent += plain;
        }
        let change = touched().next().map(|routed| &routed.classified.parsed.change);
        let whole = change.and_then(|change| whole_functions(patch, change));
        tokens.diff_w += whole.map_or(plain, |text| tokenizer.count(&text));
    }
    let texts = changes(report).filter_map(|change| change.new.as_ref()?.content.text());
    tokens.full_files = texts.map(|text| tokenizer.count(text)).sum();
    tokens
}

/// Whether the file is of a kind that is reviewed, whatever a policy makes of this change to it.
fn is_code(routed: &RoutedChange) -> bool {
    !matches!(
        routed.classified.class,
        ChangeClass::Generated
            | ChangeClass::Lock
            | ChangeClass::Vendored
            | ChangeClass::Docs
            | ChangeClass::Data
            | ChangeClass::Opaque
            | ChangeClass::Metadata
    )
}

fn is_sent(routed: &RoutedChange) -> bool {
    routed.units.iter().any(|decision| decision.route == Route::Model)
}

/// What `git diff -W` prints in place of a patch; none where that is the same, or where the change has
/// been divided: then it counts no more than the plain patch.
fn whole_functions(patch: &FilePatch, change: &Change) -> Option<String> {
    let is_at =
        |side: &Option<Side>, path: &Option<RepoPath>| side.as_ref().map(|side| &side.path) == path.as_ref();
    let is_whole = is_at(&change.old, &patch.old) && is_at(&change.new, &patch.new);
    let (old, new) = text(change.old.as_ref()).zip(text(change.new.as_ref()))?;
    (is_whole && !change.edits.is_empty()).then(|| with_functions(&patch.text, old, new, &change.edits))
}

/// The text of a side, empty where there is no such side; none where it has no lines.
fn text(side: Option<&Side>) -> Option<&str> {
    side.map_or(Some(""), |side| side.content.text())
}

fn changed_lines(report: &Report) -> ChangedLines {
    let mut lines = ChangedLines::default();
    for routed in &report.changes {
        for (unit, decision) in routed.classified.units.iter().zip(&routed.units) {
            let count = count(&unit.added) + count(&unit.deleted);
            *match decision.route {
                Route::Drop => &mut lines.dropped,
                Route::Rules => &mut lines.rules,
                Route::Cache => &mut lines.cache,
                Route::Model => &mut lines.sent,
                Route::NotReviewed(_) => &mut lines.not_reviewed,
            } += count;
        }
        let edits = &routed.classified.parsed.change.edits;
        let units = &routed.classified.units;
        let old: Vec<_> = edits.iter().map(|edit| edit.old).collect();
        let new: Vec<_> = edits.iter().map(|edit| edit.new).collect();
        lines.total += count(&old) + count(&new);
        lines.uncovered += uncovered(&old, units.iter().flat_map(|unit| &unit.deleted));
        lines.uncovered += uncovered(&new, units.iter().flat_map(|unit| &unit.added));
    }
    lines
}

fn count(ranges: &[LineRange]) -> u64 {
    ranges.iter().map(|range| u64::from(range.len)).sum()
}

/// How many lines are changed and not claimed once, or claimed and not changed.
fn uncovered<'u>(changed: &[LineRange], claimed: impl Iterator<Item = &'u LineRange>) -> u64 {
    // By how much the claims on a line and after it exceed those before it; a change takes one away.
    let mut steps: BTreeMap<u32, i64> = BTreeMap::new();
    let mut step = |range: &LineRange, by: i64| {
        *steps.entry(range.start).or_default() += by;
        *steps.entry(range.start + range.len).or_default() -= by;
    };
    changed.iter().for_each(|range| step(range, -1));
    claimed.for_each(|range| step(range, 1));
    let mut wrong = 0;
    let mut excess = 0;
    let mut since = 0;
    for (line, by) in steps {
        if excess != 0 {
            wrong += u64::from(line - since);
        }
        (excess, since) = (excess + by, line);
    }
    wrong
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranges(ranges: &[(u32, u32)]) -> Vec<LineRange> {
        ranges.iter().map(|&(start, len)| LineRange { start, len }).collect()
    }

    fn lost(changed: &[(u32, u32)], claimed: &[(u32, u32)]) -> u64 {
        uncovered(&ranges(changed), ranges(claimed).iter())
    }

    #[test]
    fn lost_lines_are_counted() {
        assert_eq!(lost(&[(3, 2), (9, 1)], &[(9, 1), (3, 1), (4, 1)]), 0);
        assert_eq!(lost(&[(3, 2)], &[]), 2, "in no unit");
        assert_eq!(lost(&[(3, 2)], &[(3, 2), (4, 1)]), 1, "in two units");
        assert_eq!(lost(&[(3, 2)], &[(2, 3)]), 1, "not changed");
        assert_eq!(lost(&[(3, 0)], &[]), 0, "a deletion has no lines on this side");
    }

    proptest! {
        /// The oracle counts line by line.
        #[test]
        fn lost_lines_are_counted_however_claimed(
            changed in prop::collection::btree_set(1..40_u32, 0..20),
            claimed in prop::collection::vec((1..40_u32, 0..6_u32), 0..12),
        ) {
            let changed: Vec<_> = changed.into_iter().map(|line| (line, 1)).collect();
            let is_wrong = |&line: &u32| {
                let claims = ranges(&claimed).iter().filter(|range| range.contains(line)).count();
                claims != usize::from(changed.contains(&(line, 1)))
            };
            prop_assert_eq!(lost(&changed, &claimed), (1..50).filter(is_wrong).count() as u64);
        }

        /// What the sums of patches rely on.
        #[test]
        fn no_token_reaches_into_the_next_files_patch(
            files in prop::collection::vec("(\\PC|[ \t\r\n/\\\\{};'a-z]){0,40}", 1..6),
        ) {
            let patches: Vec<_> = files.iter().map(|text| format!("diff --git a/a b/a\n{text}\n")).collect();
            let tokenizer = Tokenizer::load();
            let sum: u64 = patches.iter().map(|patch| tokenizer.count(patch)).sum();
            prop_assert_eq!(tokenizer.count(&patches.concat()), sum);
        }
    }
}
