//! Definitions that stand on one side only are taken together with those inside them, as long as
//! they stay small: a new class is one unit, not one and one more for each of its methods.

use super::unit::{Lone, push_line};
use crate::change::{ChangeClass, LineRange, Step, Unit};

/// What is longer is divided, so that a unit can still be packed.
const MOST_LINES: u32 = 150;

/// Takes the units of definitions that stand inside others together, unless they are of another
/// kind, as is a method that has moved into a new class.
pub(super) fn gather(units: Vec<Unit>, all: &[Lone]) -> Vec<Unit> {
    let heads = heads(&units, all);
    let mut lone_of = vec![None; units.len()];
    for (index, lone) in all.iter().enumerate() {
        lone.unit.into_iter().for_each(|unit| lone_of[unit] = Some(index));
    }
    let mut gathered: Vec<Unit> = Vec::with_capacity(units.len());
    let mut place = vec![None; all.len()];
    for (mut unit, lone) in units.into_iter().zip(lone_of) {
        let Some(head) = lone.and_then(|lone| heads[lone]) else {
            gathered.push(unit);
            continue;
        };
        if let Some(place) = place[head] {
            let into: &mut Unit = &mut gathered[place];
            into.added = joined(&into.added, &unit.added);
            into.deleted = joined(&into.deleted, &unit.deleted);
            continue;
        }
        place[head] = Some(gathered.len());
        let Lone { is_new, range, .. } = &all[head];
        *(if *is_new { &mut unit.new } else { &mut unit.old }) = Some(range.clone());
        unit.steps = steps(all, &heads, head);
        unit.name = match all[head].is_file && unit.steps.len() == all.len() {
            true => "(file)".to_owned(),
            false => all[head].step.name.clone(),
        };
        gathered.push(unit);
    }
    gathered
}

/// For each definition the one that answers for it, which may be itself; none for what is too large
/// to be one unit with all that is inside it.
fn heads(units: &[Unit], all: &[Lone]) -> Vec<Option<usize>> {
    let kind_of = |lone: &Lone| lone.unit.map(|unit| (units[unit].class, units[unit].because.as_str()));
    let mut heads: Vec<Option<usize>> = Vec::with_capacity(all.len());
    let mut kinds: Vec<Option<(ChangeClass, &str)>> = Vec::with_capacity(all.len());
    for (index, lone) in all.iter().enumerate() {
        let outer = lone.parent.filter(|&parent| heads[parent].is_some());
        // What came here from elsewhere does not speak for what is around it.
        let is_own =
            |(class, _): &(ChangeClass, &str)| !matches!(class, ChangeClass::Move | ChangeClass::Rename);
        let inner = || all[index..=index + lone.inside].iter().filter_map(kind_of).find(is_own);
        let kind = kind_of(lone).or_else(|| outer.map_or_else(inner, |outer| kinds[outer]));
        heads.push(match outer {
            Some(outer) if kinds[outer] == kind => heads[outer],
            Some(_) => Some(index),
            // A file of nothing but definitions has their names.
            None if lone.is_file && lone.unit.is_none() => None,
            None => (!lone.is_divided && lone.lines <= MOST_LINES).then_some(index),
        });
        kinds.push(kind);
    }
    heads
}

/// The steps of all definitions that one answers for.
fn steps(all: &[Lone], heads: &[Option<usize>], head: usize) -> Vec<Step> {
    let inside = head..=head + all[head].inside;
    inside.filter(|&index| heads[index] == Some(head)).map(|index| all[index].step.clone()).collect()
}

/// The lines of both, ascending.
fn joined(some: &[LineRange], others: &[LineRange]) -> Vec<LineRange> {
    let mut lines: Vec<u32> = some.iter().chain(others).flat_map(LineRange::lines).collect();
    lines.sort_unstable();
    let mut ranges = Vec::new();
    lines.into_iter().for_each(|line| push_line(&mut ranges, line));
    ranges
}
