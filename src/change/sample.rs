//! Changes made by hand, for tests.

use super::classify::{ClassifyOptions, classify};
use super::parse::{ParseLimits, parse};
use super::{
    Change, ChangeSet, ClassifiedChange, Content, Edit, LineRange, ParsedChange, Side, Surroundings, Tip,
};
use crate::git::{FileMode, ObjectId, RepoPath};

/// A change of one path, parsed and classified; an absent side is `None`.
pub(crate) fn classified(path: &str, old: Option<&str>, new: Option<&str>) -> ClassifiedChange {
    classify(vec![parsed(path, old, new)], &ClassifyOptions::default()).pop().unwrap()
}

/// A change of one path, parsed; an absent side is `None`.
pub(crate) fn parsed(path: &str, old: Option<&str>, new: Option<&str>) -> ParsedChange {
    let change = change(path, old, new);
    let set = ChangeSet {
        base: None,
        tip: Tip::Index,
        changes: vec![change],
        surroundings: Surroundings::default(),
    };
    parse(set, &ParseLimits::default()).pop().unwrap()
}

/// A change of one path.
pub(crate) fn change(path: &str, old: Option<&str>, new: Option<&str>) -> Change {
    let side = |text: &str| Side {
        path: RepoPath::new(path),
        mode: FileMode::Regular,
        id: ObjectId::ZERO,
        content: Content::Text(text.to_owned()),
        size: Some(text.len() as u64),
        link: None,
    };
    let edits = edits(old.unwrap_or_default(), new.unwrap_or_default());
    Change { old: old.map(side), new: new.map(side), edits, origin: None }
}

/// A shortest line difference, in git's terms.
pub(crate) fn edits(old: &str, new: &str) -> Vec<Edit> {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    // Length of the longest common subsequence of the lines from (i, j) on.
    let mut common = vec![vec![0u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = match old[i] == new[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut edits = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
            continue;
        }
        let (from_old, from_new) = (i, j);
        while (i < old.len() || j < new.len()) && !(i < old.len() && j < new.len() && old[i] == new[j]) {
            if j == new.len() || i < old.len() && common[i + 1][j] >= common[i][j + 1] {
                i += 1;
            } else {
                j += 1;
            }
        }
        let range = |from: usize, to: usize| LineRange {
            start: if from == to { from as u32 } else { from as u32 + 1 },
            len: (to - from) as u32,
        };
        edits.push(Edit { old: range(from_old, i), new: range(from_new, j) });
    }
    edits
}
