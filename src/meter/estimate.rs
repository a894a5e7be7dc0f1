//! How far a provider counts from us, learned of what it has reported.

use super::store::Experience;

/// How many requests are looked back on.
pub const SAMPLES: usize = 64;

/// With fewer requests than these, the usual margin counts unless it was too low already.
const ENOUGH: usize = 8;

/// No margin is higher, in thousandths: a provider that counts three times as much is not believed.
const HIGHEST: u64 = 2000;

/// What is added to everything that was seen, in thousandths: the next request is not one of them.
const SPARE: u64 = 10;

/// How input tokens are bounded from above before a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Counted by hookgate's own tokenizer, with so many thousandths more for another one.
    Margin(u64),
    /// The bytes of the text: no token of a byte-level tokenizer is less than one.
    Strict,
}

impl Counting {
    /// The most that the provider may count where `tokens` were measured.
    #[must_use]
    pub fn with_margin(self, tokens: u64) -> u64 {
        match self {
            Self::Margin(margin) => narrow((u128::from(tokens) * u128::from(1000 + margin)).div_ceil(1000)),
            Self::Strict => tokens,
        }
    }

    /// The most that may be measured so that the provider counts no more than `tokens`.
    #[must_use]
    pub fn without_margin(self, tokens: u64) -> u64 {
        match self {
            Self::Margin(margin) => narrow(u128::from(tokens) * 1000 / u128::from(1000 + margin)),
            Self::Strict => tokens,
        }
    }
}

fn narrow(tokens: u128) -> u64 {
    u64::try_from(tokens).unwrap_or(u64::MAX)
}

/// The margin for the next request, in thousandths of what is counted, learned of the last ones. Up
/// to `ENOUGH` of them, `usual` holds unless one was above it.
///
/// The most that was seen is the floor, so that one request above its reservation raises the margin at
/// once, and it takes [`SAMPLES`] requests to forget it. What is added shrinks with their number: the
/// spread of what was seen, once for eight of them and an eighth of it for sixty-four.
#[must_use]
pub fn margin(experience: &[Experience], usual: u64) -> u64 {
    let ratios = experience.iter().take(SAMPLES).filter_map(thousandths);
    let ratios: Vec<u64> = ratios.collect();
    let (Some(&least), Some(&most)) = (ratios.iter().min(), ratios.iter().max()) else { return usual };
    let spread = (most - least) * ENOUGH as u64 / ratios.len() as u64;
    let above = |ratio: u64| ratio.saturating_sub(1000).min(HIGHEST);
    if ratios.len() < ENOUGH { usual.max(above(most + SPARE)) } else { above(most + spread + SPARE) }
}

/// What was reported in thousandths of what was counted, upwards.
fn thousandths(experience: &Experience) -> Option<u64> {
    let Experience { counted, reported } = *experience;
    let ratio = (u128::from(reported) * 1000).checked_add(u128::from(counted).saturating_sub(1))?;
    Some(narrow(ratio.checked_div(u128::from(counted))?).min(1000 + HIGHEST))
}

/// How far counts were from what was reported, in percent of what was reported. Above zero, too much
/// was counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EstimateError {
    /// How many requests were compared.
    pub count: usize,
    /// The mean, in which too much and too little cancel out.
    pub mean: f64,
    /// What 95 of 100 requests are within, either way.
    pub p95: f64,
    /// The furthest, either way.
    pub worst: f64,
}

/// Compares counts with what was reported; none where there is nothing to compare.
#[must_use]
pub fn error(experience: &[Experience]) -> Option<EstimateError> {
    let compared = experience.iter().filter(|seen| seen.counted > 0 && seen.reported > 0);
    let errors = compared.map(|seen| (seen.counted as f64 / seen.reported as f64 - 1.0) * 100.0);
    let errors: Vec<f64> = errors.collect();
    let mut sizes: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    // The nearest rank: the smallest size that 95 % are not above.
    let rank = (sizes.len() * 95).div_ceil(100).saturating_sub(1);
    Some(EstimateError {
        count: errors.len(),
        mean: errors.iter().sum::<f64>() / errors.len() as f64,
        p95: *sizes.get(rank)?,
        worst: *sizes.last()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn seen(pairs: &[(u64, u64)]) -> Vec<Experience> {
        pairs.iter().map(|&(counted, reported)| Experience { counted, reported }).collect()
    }

    #[test]
    fn nothing_is_learned_of_little() {
        assert_eq!(margin(&[], 300), 300);
        assert_eq!(margin(&seen(&[(100, 80); 7]), 300), 300);
        // Too low already: raised at once.
        assert_eq!(margin(&seen(&[(100, 150)]), 300), 510);
    }

    #[test]
    fn a_provider_that_counts_alike_needs_little() {
        assert_eq!(margin(&seen(&[(1000, 1120); 8]), 300), 130);
        // What it counts less is no reason to reserve less than was counted.
        assert_eq!(margin(&seen(&[(1000, 700); 64]), 300), 0);
        // Eight samples add their whole spread, sixty-four an eighth of it.
        let mut pairs = vec![(1000, 1100); 8];
        pairs[3] = (1000, 1180);
        assert_eq!(margin(&seen(&pairs), 300), 270);
        pairs.resize(64, (1000, 1100));
        assert_eq!(margin(&seen(&pairs), 300), 200);
    }

    #[test]
    fn an_overrun_raises_at_once_and_is_forgotten_slowly() {
        let mut pairs = vec![(1000, 1100); 64];
        pairs.insert(0, (1000, 1400));
        assert!(margin(&seen(&pairs), 300) >= 400);
        // Newest first: after 64 more it is out of sight.
        let mut later = vec![(1000, 1100); 63];
        later.push((1000, 1400));
        assert!(margin(&seen(&later), 300) >= 400);
        later.insert(0, (1000, 1100));
        assert_eq!(margin(&seen(&later), 300), 110);
    }

    #[test]
    fn a_server_that_counts_nonsense_moves_nothing_out_of_bounds() {
        assert_eq!(margin(&seen(&[(1, u64::MAX); 64]), 300), HIGHEST);
        assert_eq!(margin(&seen(&[(0, 5); 64]), 300), 300);
    }

    #[test]
    fn the_error_is_of_what_was_reported() {
        let error = error(&seen(&[(800, 1000), (1000, 1000), (1200, 1000), (900, 1000)])).unwrap();
        assert_eq!(error.count, 4);
        assert!((error.mean + 2.5).abs() < 1e-9, "{error:?}");
        assert!((error.worst - 20.0).abs() < 1e-9 && (error.p95 - 20.0).abs() < 1e-9, "{error:?}");
        assert_eq!(super::error(&[]), None);
    }

    proptest! {
        /// Whatever the margin was learned of would have fit into it.
        #[test]
        fn what_was_seen_fits(pairs in vec((1u64..100_000, 1u64..150_000), 1..80), usual in 0u64..400) {
            let pairs: Vec<_> = pairs.into_iter().filter(|&(counted, reported)| reported <= counted * 3).collect();
            let learned = Counting::Margin(margin(&seen(&pairs), usual));
            for &(counted, reported) in pairs.iter().take(SAMPLES) {
                prop_assert!(learned.with_margin(counted) >= reported);
            }
        }

        /// What may be measured never becomes more than the limit.
        #[test]
        fn the_margin_is_taken_off_and_put_on(limit in any::<u64>(), margin in 0u64..=HIGHEST) {
            let counting = Counting::Margin(margin);
            let measured = counting.without_margin(limit);
            prop_assert!(counting.with_margin(measured) <= limit);
            prop_assert!(measured == u64::MAX || counting.with_margin(measured + 1) > limit || limit == u64::MAX);
        }
    }
}
