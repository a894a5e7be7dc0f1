//! From one text to another over texts between them.

use std::collections::{HashMap, VecDeque};

use blake3::Hash;

/// What a definition says; none where it is not there.
type End = Option<Hash>;

/// The shortest way from `old` to `new` along `edges`, as indices of edges; among equally short ones
/// the first edges win. The way does not lead over none, and is never empty.
pub(super) fn chain(edges: &[(End, End)], old: End, new: End) -> Option<Vec<usize>> {
    let mut leaving: HashMap<End, Vec<usize>> = HashMap::new();
    for (index, (from, _)) in edges.iter().enumerate() {
        leaving.entry(*from).or_default().push(index);
    }
    // By which edge each text was reached first.
    let mut reached: HashMap<End, usize> = HashMap::new();
    let mut waiting = VecDeque::from([old]);
    while let Some(here) = waiting.pop_front() {
        if here.is_none() && old.is_some() {
            continue;
        }
        for &index in leaving.get(&here).into_iter().flatten() {
            let there = edges[index].1;
            if there != old && !reached.contains_key(&there) {
                reached.insert(there, index);
                waiting.push_back(there);
            }
        }
    }
    let mut way = Vec::new();
    let mut at = new;
    while at != old {
        let index = *reached.get(&at)?;
        way.push(index);
        at = edges[index].0;
    }
    way.reverse();
    (!way.is_empty()).then_some(way)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// The texts of a test, 0 for none.
    fn end(text: u8) -> End {
        (text > 0).then(|| blake3::hash(&[text]))
    }

    /// How many steps the shortest way takes, by trying all ways of up to as many steps as there are
    /// texts.
    fn distance(edges: &[(u8, u8)], old: u8, new: u8) -> Option<usize> {
        let mut here = vec![old];
        for steps in 1..=7 {
            let mut there: Vec<u8> =
                edges.iter().filter(|edge| here.contains(&edge.0)).map(|edge| edge.1).collect();
            there.sort_unstable();
            there.dedup();
            if there.contains(&new) {
                return Some(steps);
            }
            there.retain(|&text| text != 0);
            here = there;
        }
        None
    }

    proptest! {
        #[test]
        fn it_is_the_shortest_way(
            edges in vec((0_u8..6, 0_u8..6), 0..14),
            (old, new) in (0_u8..6, 0_u8..6).prop_filter("a way leads elsewhere", |(old, new)| old != new),
        ) {
            let ends: Vec<_> = edges.iter().map(|&(from, to)| (end(from), end(to))).collect();
            let way = chain(&ends, end(old), end(new));
            prop_assert_eq!(way.as_ref().map(Vec::len), distance(&edges, old, new));
            if let Some(way) = way {
                let mut at = old;
                for (step, &index) in way.iter().enumerate() {
                    prop_assert_eq!(edges[index].0, at);
                    prop_assert!(at != 0 || step == 0, "over none");
                    at = edges[index].1;
                }
                prop_assert_eq!(at, new);
            }
        }
    }

    #[test]
    fn nothing_leads_from_a_text_to_itself() {
        let around = [(end(1), end(2)), (end(2), end(1)), (end(1), end(1))];
        assert_eq!(chain(&around, end(1), end(1)), None);
    }
}
