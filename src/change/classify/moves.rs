//! Definitions that went away in one place and came in another, and say the same: moved, between
//! files or into another definition; or renamed where they stood.
//!
//! Neither is proved to mean nothing: names resolve differently elsewhere, and others may use the
//! old one.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::Divided;
use super::unit::{Identity, Lone};
use crate::change::ChangeClass;

/// Fewer lines or leaves are alike by chance: a getter, an empty constructor.
const LEAST_LINES: usize = 3;
const LEAST_LEAVES: usize = 12;
/// Where the name is not there to tell.
const LEAST_LEAVES_NAMELESS: usize = 20;

/// A definition that stands alone: its file, and its place in the file's list.
type Place = (usize, usize);

/// Finds what moved and what was renamed, and classifies its units so. Each definition that went
/// away has at most one that came, and the other way round.
pub(super) fn find(changes: &mut [Divided]) {
    let mut taken = HashSet::new();
    for (old, new) in moved(changes, &mut taken) {
        let from = format!("{}:{}", path(changes, old), lone(changes, old).line);
        let to = format!("{}:{}", path(changes, new), lone(changes, new).line);
        let Some((before, after)) = identity(changes, old).zip(identity(changes, new)) else { continue };
        let how = match before.comments == after.comments {
            true => "moved unchanged",
            false => "moved with other comments",
        };
        let proof = format!("(blake3 {})", &after.hash.to_hex()[..8]);
        mark(changes, old, ChangeClass::Move, &format!("{how} to {to} {proof}"), None);
        mark(changes, new, ChangeClass::Move, &format!("{how} from {from} {proof}"), None);
    }
    for (old, new) in renamed(changes, &taken) {
        let Some((before, after)) = identity(changes, old).zip(identity(changes, new)) else { continue };
        let Some((was, is)) = before.name.clone().zip(after.name.clone()) else { continue };
        let proof = format!("and nothing else changed (blake3 {})", &after.nameless.to_hex()[..8]);
        mark(changes, old, ChangeClass::Rename, &format!("renamed to {is}, {proof}"), Some((&was, &is)));
        mark(changes, new, ChangeClass::Rename, &format!("renamed from {was}, {proof}"), Some((&was, &is)));
    }
}

fn lone(changes: &[Divided], (file, index): Place) -> &Lone {
    &changes[file].lone[index]
}

fn identity(changes: &[Divided], place: Place) -> Option<&Identity> {
    lone(changes, place).identity.as_ref()
}

/// Where a definition stands, or stood.
fn path(changes: &[Divided], place: Place) -> String {
    let change = &changes[place.0].change.parsed.change;
    let side = if lone(changes, place).is_new { &change.new } else { &change.old };
    side.as_ref().map_or_else(String::new, |side| side.path.to_text())
}

/// All that may have moved, large before small, so that what is inside goes with what is around it.
fn candidates(changes: &[Divided]) -> Vec<Place> {
    let all = changes.iter().enumerate().flat_map(|(file, change)| {
        change.lone.iter().enumerate().map(move |(index, lone)| ((file, index), lone))
    });
    let mut places: Vec<_> = all
        .filter_map(|(place, lone)| {
            let identity = lone.identity.as_ref()?;
            let is_substantial = identity.text_lines >= LEAST_LINES && identity.leaves >= LEAST_LEAVES;
            is_substantial.then_some((Reverse(identity.leaves), place))
        })
        .collect();
    places.sort_unstable();
    places.into_iter().map(|(_, place)| place).collect()
}

/// Pairs of equal definitions; those of one file first.
fn moved(changes: &[Divided], taken: &mut HashSet<Place>) -> Vec<(Place, Place)> {
    let is_whole = |place: &Place| identity(changes, *place).is_some_and(|it| it.is_whole);
    let places: Vec<Place> = candidates(changes).into_iter().filter(is_whole).collect();
    let mut gone: HashMap<_, Vec<Place>> = HashMap::new();
    for &place in places.iter().filter(|&&place| !lone(changes, place).is_new) {
        gone.entry(identity(changes, place).map(|it| it.hash)).or_default().push(place);
    }
    let mut pairs = Vec::new();
    for &new in places.iter().filter(|&&place| lone(changes, place).is_new) {
        let olds = identity(changes, new).and_then(|it| gone.get(&Some(it.hash)));
        let free = olds.into_iter().flatten().filter(|old| !taken.contains(*old));
        let nearest = free.min_by_key(|old| (old.0 != new.0, **old)).copied();
        let Some(old) = nearest.filter(|_| !taken.contains(&new)) else { continue };
        for (file, index) in [old, new] {
            let inside = changes[file].lone[index].inside;
            taken.extend((index..=index + inside).map(|index| (file, index)));
        }
        pairs.push((old, new));
    }
    pairs
}

/// Pairs of definitions in the same place that differ in their names alone; none where there is a
/// choice.
fn renamed(changes: &[Divided], taken: &HashSet<Place>) -> Vec<(Place, Place)> {
    let mut alike: BTreeMap<_, [Vec<Place>; 2]> = BTreeMap::new();
    for place in candidates(changes).into_iter().filter(|place| !taken.contains(place)) {
        let lone = lone(changes, place);
        if let Some(identity) = identity(changes, place)
            && lone.parent.is_none()
            && identity.leaves >= LEAST_LEAVES_NAMELESS
        {
            let key = (place.0, lone.around, *identity.nameless.as_bytes());
            alike.entry(key).or_default()[usize::from(lone.is_new)].push(place);
        }
    }
    let pairs = alike.into_values().filter_map(|[olds, news]| match (&olds[..], &news[..]) {
        (&[old], &[new]) => Some((old, new)),
        _ => None,
    });
    let differ = |(old, new): &(Place, Place)| {
        let name = |place| identity(changes, place).and_then(|it| it.name.as_ref());
        name(*old).zip(name(*new)).is_some_and(|(old, new)| old != new)
    };
    pairs.filter(differ).collect()
}

/// Gives the units of a definition, and of those inside it, a class.
fn mark(
    changes: &mut [Divided],
    (file, index): Place,
    class: ChangeClass,
    because: &str,
    names: Option<(&str, &str)>,
) {
    let Divided { change, lone } = &mut changes[file];
    let inside = lone[index].inside;
    for unit in lone[index..=index + inside].iter().filter_map(|lone| lone.unit) {
        let unit = &mut change.units[unit];
        unit.class = class;
        unit.because = because.to_owned();
        unit.renamed = names.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect();
    }
}
