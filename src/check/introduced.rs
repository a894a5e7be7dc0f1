//! Which findings one side of a change has and the other has not.

use std::collections::HashMap;

use super::rule::{Match, Text};

/// Those of the matches that make a side have more of their kind than the other one: the same rule,
/// and the same text but for white space. Code that moved within its file, or was indented, introduces
/// nothing. Where some of a kind are new, it is those on changed lines.
pub(super) fn introduced<'m, 'r>(
    matches: &'m [Match<'r>],
    text: &Text<'_>,
    is_changed: impl Fn(&Match<'_>) -> bool,
    others: &[Match<'r>],
    other_text: &Text<'_>,
) -> Vec<&'m Match<'r>> {
    let mut surplus: HashMap<_, i64> = HashMap::new();
    for found in matches {
        *surplus.entry(kind_of(found, text)).or_default() += 1;
    }
    for found in others {
        *surplus.entry(kind_of(found, other_text)).or_default() -= 1;
    }
    let (changed, elsewhere): (Vec<_>, Vec<_>) = matches.iter().partition(|found| is_changed(found));
    let mut introduced: Vec<_> = changed.into_iter().chain(elsewhere).collect();
    introduced.retain(|found| {
        let left = surplus.entry(kind_of(found, text)).or_default();
        *left -= 1;
        *left >= 0
    });
    introduced
}

/// What makes two matches the same.
pub(super) fn kind_of<'r>(found: &Match<'r>, text: &Text<'_>) -> (&'r str, String) {
    let words: Vec<_> = text.text[found.range.clone()].split_whitespace().collect();
    (&found.rule.id, words.join(" "))
}
