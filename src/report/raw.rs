//! What `git diff -U3` would have taken, unit by unit.

use std::collections::{BTreeMap, HashMap};

use super::line_count;
use crate::change::Unit;
use crate::git::{FilePatch, RepoPath};
use crate::payload::UnitRef;
use crate::payload::route::RoutedChange;

/// Tokens of the patch of each unit's file, divided among the file's units by their changed lines:
/// a hunk with its context can belong to several. `patches` come with their tokens.
#[must_use]
pub(super) fn shares(changes: &[RoutedChange], patches: &[(FilePatch, u64)]) -> BTreeMap<UnitRef, u64> {
    let mut after: HashMap<&RepoPath, u64> = HashMap::new();
    let mut before: HashMap<&RepoPath, u64> = HashMap::new();
    for (patch, tokens) in patches {
        match (&patch.new, &patch.old) {
            (Some(path), _) => after.insert(path, *tokens),
            (None, Some(path)) => before.insert(path, *tokens),
            (None, None) => None,
        };
    }
    let mut shares = BTreeMap::new();
    for (change, routed) in changes.iter().enumerate() {
        let sides = &routed.classified.parsed.change;
        let tokens = match (&sides.new, &sides.old) {
            (Some(side), _) => after.get(&side.path),
            (None, Some(side)) => before.get(&side.path),
            (None, None) => None,
        };
        let units = &routed.classified.units;
        let weights = units.iter().map(lines);
        for (unit, share) in divided(tokens.copied().unwrap_or(0), weights).into_iter().enumerate() {
            shares.insert(UnitRef { change, unit }, share);
        }
    }
    shares
}

/// Changed lines of a unit on both sides.
fn lines(unit: &Unit) -> u64 {
    line_count(&unit.added) + line_count(&unit.deleted)
}

/// An amount in whole parts that add up to it, each as near to its weight as that allows.
fn divided(amount: u64, weights: impl Iterator<Item = u64> + Clone) -> Vec<u64> {
    let total = weights.clone().sum::<u64>().max(1);
    let (mut weight_so_far, mut given) = (0, 0);
    let part = |weight| {
        weight_so_far += weight;
        let due = amount * weight_so_far / total;
        let part = due - given;
        given = due;
        part
    };
    weights.map(part).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_add_up_and_none_is_off_by_more_than_one(
            amount in 0..1_000_000_u64,
            weights in prop::collection::vec(1..500_u64, 1..40),
        ) {
            let parts = divided(amount, weights.iter().copied());
            prop_assert_eq!(parts.iter().sum::<u64>(), amount);
            let total: u64 = weights.iter().sum();
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!((*part as f64 - amount as f64 * *weight as f64 / total as f64).abs() <= 1.0);
            }
        }
    }
}
