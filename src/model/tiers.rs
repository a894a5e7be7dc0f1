//! Whom a hook may ask, in which order, and when the next one's turn has come.

use std::fmt::Display;
use std::time::{Duration, Instant};

use super::Endpoint;
use crate::meter::budget::Budget;
use crate::payload::route::Reason;
use crate::report::turn::{Skipped, Standby};

/// The least time that a tier is given while another one waits, if there is so much.
const LEAST_TIME: Duration = Duration::from_secs(2);

/// The tiers of a hook, as its configuration allows them.
#[derive(Clone, Debug, Default)]
pub struct Tiers {
    /// Those that may be asked. The first is asked about everything, and each further one about what
    /// those before it left unanswered.
    pub asked: Vec<Endpoint>,
    /// Whom to ask again about what another tier is unsure of.
    pub escalation: Option<Endpoint>,
    /// Those that are named and not asked, with the reason.
    pub skipped: Vec<Skipped>,
}

impl Tiers {
    /// One tier and no other; nobody where there is none.
    #[must_use]
    pub fn only(endpoint: Option<Endpoint>) -> Self {
        Self { asked: endpoint.into_iter().collect(), ..Self::default() }
    }

    /// The tier that is asked first.
    #[must_use]
    pub fn first(&self) -> Option<&Endpoint> {
        self.asked.first()
    }

    /// The tier that `endpoint` leaves its doubts to; none where it is that tier itself.
    #[must_use]
    pub fn above(&self, endpoint: &Endpoint) -> Option<&Endpoint> {
        self.escalation.as_ref().filter(|escalation| escalation.tier != endpoint.tier)
    }

    /// The same, each endpoint with what `budget` remembers of how it counts.
    #[must_use]
    pub fn learned(&self, budget: &Budget) -> Self {
        let mut learned = self.clone();
        learned.asked.iter_mut().chain(&mut learned.escalation).for_each(|endpoint| endpoint.learn(budget));
        learned
    }

    /// Names a tier that is not asked.
    pub fn skip(&mut self, tier: &str, because: impl Display) {
        self.skipped.push(Skipped { tier: tier.to_owned(), because: because.to_string() });
    }

    /// Who else may be asked, for the report.
    #[must_use]
    pub fn standby(&self) -> Standby {
        let first = self.first().and_then(|endpoint| self.above(endpoint));
        Standby {
            next: self.asked.iter().skip(1).map(|endpoint| endpoint.tier.clone()).collect(),
            escalation: first.map(|endpoint| endpoint.tier.clone()),
            skipped: self.skipped.clone(),
        }
    }
}

/// Whether `next` may be asked about what another tier did not answer for `reason`. A limit in tokens
/// holds for every tier alike; one in money does not concern a tier that costs nothing.
#[must_use]
pub fn may_take(next: &Endpoint, reason: Reason) -> bool {
    match reason {
        Reason::Unreachable
        | Reason::Rejected
        | Reason::Breaker
        | Reason::Timeout
        | Reason::ShortRead
        | Reason::Schema
        | Reason::Refusal => true,
        Reason::Unpriced | Reason::BudgetDay | Reason::BudgetMonth => is_free(next),
        _ => false,
    }
}

fn is_free(endpoint: &Endpoint) -> bool {
    endpoint.price.is_some_and(|price| price.is_free())
}

/// When a tier that begins at `now` has to be done, if all have to be at `end`: a tier that another one
/// follows has half of what is left, so that one that hangs leaves time to be replaced.
#[must_use]
pub fn until(now: Instant, end: Instant, is_followed: bool) -> Instant {
    let left = end.saturating_duration_since(now);
    if is_followed { now + (left / 2).max(LEAST_TIME).min(left) } else { end }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{DIALECTS, endpoint};
    use super::*;
    use crate::meter::price::Price;

    #[test]
    fn a_tier_that_is_followed_has_half_of_what_is_left() {
        let now = Instant::now();
        let share = |left: u64, is_followed| {
            let end = now + Duration::from_millis(left);
            until(now, end, is_followed).duration_since(now).as_millis()
        };
        assert_eq!([share(20_000, true), share(20_000, false)], [10_000, 20_000]);
        assert_eq!([share(3_000, true), share(500, true), share(0, true)], [2_000, 500, 0]);
        assert_eq!(until(now, now - Duration::from_secs(1), true), now, "there is no time to give");
    }

    #[test]
    fn money_stops_nobody_who_costs_none() {
        let free = Endpoint { price: Some(Price::local()), ..endpoint(DIALECTS[0], "") };
        let unknown = Endpoint { price: None, ..free.clone() };
        let dear = Endpoint { price: Price::per_million(0.0, None, None, 0.1).ok(), ..free.clone() };
        for reason in [Reason::BudgetDay, Reason::BudgetMonth, Reason::Unpriced] {
            assert!(may_take(&free, reason) && !may_take(&unknown, reason) && !may_take(&dear, reason));
        }
        for reason in [Reason::BudgetCall, Reason::BudgetHook, Reason::Store, Reason::Consent, Reason::Secret]
        {
            assert!(!may_take(&free, reason), "{reason:?}");
        }
        for reason in [Reason::Unreachable, Reason::Timeout, Reason::Breaker, Reason::Refusal] {
            assert!(may_take(&dear, reason), "{reason:?}");
        }
    }

    #[test]
    fn a_tier_is_not_asked_about_its_own_doubts() {
        let cheap = endpoint(DIALECTS[0], "");
        let dear = Endpoint { tier: "dear".to_owned(), ..cheap.clone() };
        let tiers = Tiers {
            asked: vec![cheap.clone(), dear.clone()],
            escalation: Some(dear.clone()),
            ..Tiers::default()
        };
        assert_eq!(tiers.above(&cheap).map(|tier| tier.tier.as_str()), Some("dear"));
        assert!(tiers.above(&dear).is_none());
        assert!(Tiers::only(Some(cheap.clone())).above(&cheap).is_none());
    }
}
