//! From what past commits needed to the limits that would have held most of them.

use crate::report::audit::{Candidate, PerCommit};
use crate::tokens::percentile;

/// What part of the mean is proposed.
const PERCENT_OF_MEAN: u64 = 80;

/// What commits need of a limit, and the limits to choose from, where one request takes `floor` tokens
/// before any code; none where no commit needs any.
pub(super) fn propose(mut needs: Vec<u64>, floor: u64) -> Option<(PerCommit, Vec<Candidate>)> {
    if needs.is_empty() {
        return None;
    }
    needs.sort_unstable();
    let mean = needs.iter().sum::<u64>() / needs.len() as u64;
    let [p50, p90, p95] = [50, 90, 95].map(|percent| percentile(&needs, percent));
    let candidate = |(name, tokens)| {
        let denied = needs.len() - needs.partition_point(|&need| need <= tokens);
        Candidate { name, tokens, denied, sends_nothing: tokens <= floor }
    };
    let limits = [("mean-20%", mean * PERCENT_OF_MEAN / 100), ("p50", p50), ("p90", p90), ("p95", p95)];
    Some((PerCommit { p50, p90, p95, mean }, limits.into_iter().map(candidate).collect()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fifth_below_the_mean_is_proposed() {
        let (per_commit, limits) = propose(vec![1000, 100, 400], 0).unwrap();
        assert_eq!(per_commit, PerCommit { p50: 400, p90: 1000, p95: 1000, mean: 500 });
        let limits: Vec<_> = limits.iter().map(|limit| (limit.name, limit.tokens, limit.denied)).collect();
        assert_eq!(limits, [("mean-20%", 400, 1), ("p50", 400, 1), ("p90", 1000, 0), ("p95", 1000, 0)]);
        assert_eq!(propose(Vec::new(), 0), None);
    }

    #[test]
    fn a_limit_without_room_for_code_sends_nothing() {
        let (_, limits) = propose(vec![1060, 1080, 1100], 1050).unwrap();
        let limits: Vec<_> = limits.iter().map(|limit| (limit.tokens, limit.sends_nothing)).collect();
        assert_eq!(limits, [(864, true), (1080, false), (1100, false), (1100, false)]);
        assert!(propose(vec![1050], 1050).unwrap().1[1].sends_nothing, "no token is left for code");
    }

    proptest! {
        #[test]
        fn as_many_commits_are_denied_as_need_more(needs in prop::collection::vec(0..9000_u64, 1..200)) {
            let (_, limits) = propose(needs.clone(), 0).unwrap();
            for limit in &limits {
                prop_assert_eq!(limit.denied, needs.iter().filter(|&&need| need > limit.tokens).count());
            }
            prop_assert!(limits[1].denied * 2 <= needs.len());
            prop_assert!(limits[2].denied * 10 <= needs.len());
            prop_assert!(limits[3].denied * 20 <= needs.len());
        }
    }
}
