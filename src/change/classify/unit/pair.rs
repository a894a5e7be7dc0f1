//! Which definition of the old side is which of the new side.

use std::collections::HashMap;

use super::Parsed;
use crate::change::definition::Outline;

/// A definition with its counterpart. Regions are counted as in streams: 0 is the top level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) old: Option<usize>,
    pub(super) new: Option<usize>,
}

/// All definitions of both sides; the first pair is the top level.
pub(super) struct Pairs {
    pub(super) all: Vec<Pair>,
    /// The pair of each old region.
    pub(super) of_old: Vec<usize>,
    /// The pair of each new region.
    pub(super) of_new: Vec<usize>,
}

impl Pairs {
    /// Pairs definitions of the same name: first those whose header starts on a line that did not
    /// change, then in order. `kept` maps old lines to new ones.
    pub(super) fn of(old: Option<&Parsed<'_>>, new: Option<&Parsed<'_>>, kept: &[Option<u32>]) -> Self {
        let none = Outline::default();
        let olds = &old.map_or(&none, |side| &side.outline).definitions;
        let news = &new.map_or(&none, |side| &side.outline).definitions;
        let mut partner: Vec<Option<usize>> = vec![None; olds.len()];
        let mut taken = vec![false; news.len()];

        if let (Some(old), Some(new)) = (old, new) {
            let mut by_line: HashMap<(u32, &str), usize> = HashMap::new();
            for (index, definition) in news.iter().enumerate() {
                by_line.insert((new.lines.number(definition.header.start), &definition.name), index);
            }
            for (index, definition) in olds.iter().enumerate() {
                let line = old.lines.number(definition.header.start);
                let target = kept.get(line as usize - 1).copied().flatten();
                let found = target.and_then(|line| by_line.get(&(line, definition.name.as_str())));
                if let Some(&found) = found
                    && !taken[found]
                {
                    partner[index] = Some(found);
                    taken[found] = true;
                }
            }
        }
        let mut left: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, definition) in news.iter().enumerate().rev().filter(|(index, _)| !taken[*index]) {
            left.entry(&definition.name).or_default().push(index);
        }
        for (index, definition) in olds.iter().enumerate() {
            if partner[index].is_none() {
                partner[index] = left.get_mut(definition.name.as_str()).and_then(Vec::pop);
            }
        }

        let mut all = vec![Pair { old: Some(0), new: Some(0) }];
        let mut of_new = vec![0; news.len() + 1];
        let mut of_old = vec![0; olds.len() + 1];
        for (index, partner) in partner.into_iter().enumerate() {
            of_old[index + 1] = all.len();
            if let Some(partner) = partner {
                of_new[partner + 1] = all.len();
            }
            all.push(Pair { old: Some(index + 1), new: partner.map(|it| it + 1) });
        }
        for (region, pair) in of_new.iter_mut().enumerate().skip(1).filter(|(_, pair)| **pair == 0) {
            *pair = all.len();
            all.push(Pair { old: None, new: Some(region) });
        }
        Self { all, of_old, of_new }
    }
}
