//! The bill: what requests took, and what needed none, by whatever they are charged to.

mod csv;
mod json;
mod text;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use crate::cli::{By, SpendFormat};
use crate::meter::Attribution;
use crate::meter::calendar::window_ids;
use crate::meter::store::{LedgerRow, State};
use crate::meter::units::RecordedUnits;
use crate::tokens::{PicoUsd, percentile};

/// The requests of a period, grouped.
#[derive(Debug)]
pub struct Spend {
    by: Vec<By>,
    period: Period,
    groups: HashMap<Key, Sums>,
    total: Sums,
    /// One line each on what could not be counted.
    pub notes: Vec<String>,
}

/// From when to when, in ms since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first ms that counts.
    pub since: u64,
    /// The first ms that does not count any more; none where all that follows counts.
    pub until: Option<u64>,
}

impl Period {
    fn contains(self, time: u64) -> bool {
        time >= self.since && self.until.is_none_or(|until| time < until)
    }
}

/// What the keys of a group say, in their order; none where a request belongs to no such thing.
type Key = Vec<Option<String>>;

/// What a set of requests came to. Every request is one of `ok`, `denied`, `failed` and `open`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sums {
    /// All requests on the ledger.
    requests: u64,
    /// Those that gave a review.
    ok: u64,
    /// Those that were never held, since a limit, a breaker or a missing price forbade it.
    denied: u64,
    /// Those that were held, and gave none.
    failed: u64,
    /// Those that are under way.
    open: u64,
    /// Input tokens, those from the provider's cache included.
    input: u64,
    /// The part of them that the provider read from its cache.
    cached_input: u64,
    /// Output tokens.
    output: u64,
    /// Tokens that were reserved for the same requests.
    reserved: u64,
    /// What those with a known price cost.
    cost: PicoUsd,
    /// How many took tokens of an unknown price.
    unpriced: u64,
    /// What the electricity cost, where it is known of one of them.
    energy: Option<PicoUsd>,
    /// How long those took that were sent, in ms.
    latencies: Vec<u64>,
    /// What needed no request.
    avoided: Avoided,
}

/// Tokens that no model was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Avoided {
    /// Those that earlier reviews took, and other ones would have.
    cache: u64,
    /// Those of the plain diff of what was dropped with proof or answered by rules.
    diff: u64,
    /// Units that were, in runs that had nothing to send and counted no tokens.
    uncounted: u64,
}

impl Avoided {
    fn tokens(self) -> u64 {
        self.cache.saturating_add(self.diff)
    }
}

impl Sums {
    fn add(&mut self, row: &LedgerRow) {
        self.requests += 1;
        match row.state {
            State::Denied => self.denied += 1,
            State::Reserved | State::Dispatched => self.open += 1,
            State::Settled | State::ChargedFull if row.outcome.as_deref() == Some("ok") => self.ok += 1,
            State::Settled | State::ChargedFull | State::Released => self.failed += 1,
        }
        // What is not finished is no bill yet.
        let Some(usage) = &row.usage else { return };
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.input, usage.input);
        add(&mut self.cached_input, usage.cached_input);
        add(&mut self.output, usage.output);
        add(&mut self.reserved, row.estimate_input.saturating_add(row.estimate_output));
        match row.cost {
            Some(cost) => self.cost += cost,
            None => self.unpriced += u64::from(usage.input > 0 || usage.output > 0),
        }
        if let Some(energy) = row.energy {
            *self.energy.get_or_insert_default() += energy;
        }
        self.latencies.extend(row.latency_ms);
    }

    fn avoid(&mut self, units: &RecordedUnits) {
        let avoided = &mut self.avoided;
        match (units.route.as_str(), units.raw_tokens) {
            // What the review took stands for the unit; its share of the diff would count it twice.
            ("cache", _) => avoided.cache = avoided.cache.saturating_add(units.saved_tokens),
            ("drop" | "rules", Some(tokens)) => avoided.diff = avoided.diff.saturating_add(tokens),
            ("drop" | "rules", None) => avoided.uncounted = avoided.uncounted.saturating_add(units.units),
            _ => {}
        }
    }

    fn used(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// What everything cost; none where a part of it is unknown.
    fn known_cost(&self) -> Option<PicoUsd> {
        (self.unpriced == 0).then_some(self.cost)
    }

    /// The median and the 95th percentile of how long requests took, in ms.
    fn latency(&self) -> Option<[u64; 2]> {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        (!sorted.is_empty()).then(|| [50, 95].map(|percent| percentile(&sorted, percent)))
    }
}

impl Spend {
    /// Nothing yet, of a period, to be grouped by `by`.
    #[must_use]
    pub fn new(by: Vec<By>, period: Period) -> Self {
        Self { by, period, groups: HashMap::new(), total: Sums::default(), notes: Vec::new() }
    }

    /// Counts a request, if it is of the period.
    pub fn request(&mut self, row: &LedgerRow) {
        if self.period.contains(row.time) {
            let key = self.by.iter().map(|by| of_request(by, row)).collect();
            self.groups.entry(key).or_default().add(row);
            self.total.add(row);
        }
    }

    /// Counts units, if they are of the period: among the group that they belong to, and in all.
    pub fn units(&mut self, units: &RecordedUnits) {
        if !self.period.contains(units.time) {
            return;
        }
        self.total.avoid(units);
        let key: Option<Key> = self.by.iter().map(|by| of_units(by, units)).collect();
        if let Some(key) = key.filter(|_| matches!(units.route.as_str(), "cache" | "drop" | "rules")) {
            self.groups.entry(key).or_default().avoid(units);
        }
    }

    /// Whether what was avoided can be told by group: what was not sent has no model, and no outcome.
    fn tells_avoided(&self) -> bool {
        self.by.iter().all(|by| of_units(by, &RecordedUnits::default()).is_some())
    }

    /// The groups, nested in the order of their keys: days and months as they come, everything else by
    /// what it cost and then by its tokens, the dearest first.
    fn sorted(&self) -> Vec<(&Key, &Sums)> {
        let mut weights: BTreeMap<&[Option<String>], (PicoUsd, u64)> = BTreeMap::new();
        for (key, sums) in &self.groups {
            for length in 1..=key.len() {
                let (cost, tokens) = weights.entry(&key[..length]).or_default();
                *cost += sums.cost;
                *tokens = tokens.saturating_add(sums.used());
            }
        }
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_cached_key(|(key, _)| {
            let place = |(at, by): (usize, &By)| {
                let weight = match by {
                    By::Day | By::Month => Reverse((PicoUsd::ZERO, 0)),
                    _ => Reverse(weights.get(&key[..=at]).copied().unwrap_or_default()),
                };
                (weight, key[at].clone())
            };
            self.by.iter().enumerate().map(place).collect::<Vec<_>>()
        });
        groups
    }

    /// Writes it; a table at most `width` characters wide, where that is said.
    ///
    /// # Errors
    /// A closed or full stream.
    pub fn write(&self, format: SpendFormat, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
        match format {
            SpendFormat::Text => out.write_all(text::render(self, width).as_bytes()),
            SpendFormat::Csv => out.write_all(csv::render(self).as_bytes()),
            SpendFormat::Json => writeln!(out, "{}", json::render(self)?),
        }
    }
}

/// What a key says of an attribution; none for keys that are no part of one.
fn of_attribution(by: &By, attribution: &Attribution) -> Option<Option<String>> {
    let Attribution { user, repository, branch, team, hook, stage, ci_run, labels } = attribution;
    // Rows of before there were users and stages have none.
    let named = |name: &String| Some(name.clone()).filter(|name| !name.is_empty());
    Some(match by {
        By::Repository => named(repository),
        By::Branch => branch.clone(),
        By::Team => team.clone(),
        By::User => named(user),
        By::Hook => named(hook),
        By::Stage => named(stage),
        By::Run => ci_run.clone(),
        By::Label(name) => labels.get(name).cloned(),
        By::Day | By::Month | By::Provider | By::Model | By::Tier | By::Reason | By::Because => return None,
    })
}

fn of_request(by: &By, row: &LedgerRow) -> Option<String> {
    of_attribution(by, &row.attribution).unwrap_or_else(|| {
        Some(match by {
            By::Provider => row.provider.clone(),
            By::Model => row.model.clone(),
            By::Tier => row.tier.clone(),
            By::Day => row.day.clone(),
            By::Month => row.day.get(..7).unwrap_or(&row.day).to_owned(),
            By::Because => row.because.clone(),
            // What has no outcome yet is told by where it stands.
            _ => row.outcome.clone().unwrap_or_else(|| row.state.as_str().to_owned()),
        })
    })
}

/// What a key says of units; none for keys that only a request has.
fn of_units(by: &By, units: &RecordedUnits) -> Option<Option<String>> {
    match by {
        By::Day => Some(Some(window_ids(units.time).0)),
        By::Month => Some(Some(window_ids(units.time).1)),
        _ => of_attribution(by, &units.attribution),
    }
}
