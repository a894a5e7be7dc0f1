//! What was reviewed before is not asked again: not when a commit is amended, rebased or reformatted,
//! and not when it is pushed.
//!
//! What counts is not the text of a request but where a unit leads from and to: each of its
//! [`Step`]s, on the same terms, or a chain of reviewed steps that ends up there. A review of less
//! than the hook's level, which a limit forced, counts like any other: asked again under the same
//! limit, the model would be shown no more.

mod anchor;

use std::path::Path;
use std::time::{Duration, Instant};

use blake3::Hash;

use super::Endpoint;
use super::prompt::version;
use super::tiers::Tiers;
use crate::change::{ClassifiedChange, Step, Unit};
use crate::check::finding::Finding;
use crate::check::pack::RuleSet;
use crate::meter::cache::shared::{Fetched, Shared, SharedError, Team};
use crate::meter::cache::{Cache, CacheError, Edge, Hit, Lookup, Miss, Review, Terms};
use crate::payload::redact::Redactor;
use crate::payload::route::{RoutedChange, asked};
use crate::payload::{Block, Level, Payload, UnitRef};
use crate::report::{Answer, Mode, Recalled, Report};
use crate::tokens::Count;
use anchor::{Anchor, Kept};

/// The version of what is kept of a review.
const FORMAT: u32 = 1;

/// Earlier reviews, as one run looks them up and adds to them. A cache that fails is none: that
/// costs tokens and a note, and never a commit.
pub struct Memory {
    cache: Option<Cache>,
    shared: Option<Shared>,
    now: u64,
    mode: Mode,
    level: Level,
    documentation: bool,
    /// Those of each tier that the run may ask, in that order: a review by any of them counts.
    terms: Vec<Terms>,
    repository: String,
    hits: Vec<Hit>,
    misses: Vec<Miss>,
    notes: Vec<String>,
}

/// What was said of a unit before, and by which model.
type Found = (Hit, Vec<Kept>, String);

impl Memory {
    /// Opens the cache in `directory`, and that of the `team` behind it, which is waited for until some
    /// moment if one is known, for a run that asks `tiers` about units at most at `level`, with their
    /// `documentation` or without. A preview leaves no trace. `now` is in ms since the epoch.
    #[must_use]
    pub fn open(
        directory: &Path,
        team: Option<(&Team, Option<Instant>)>,
        report: &Report,
        tiers: &Tiers,
        level: Level,
        documentation: bool,
        now: u64,
    ) -> Self {
        let opened = match report.mode {
            Mode::Review => Cache::open(directory, now).map(Some),
            Mode::Preview => match Cache::existing(directory, now) {
                Ok(None) if team.is_some() => Cache::passing(now).map(Some),
                existing => existing,
            },
        };
        let mut memory = Self {
            cache: None,
            shared: None,
            now,
            mode: report.mode,
            level,
            documentation,
            terms: Vec::new(),
            repository: report.attribution.repository.clone(),
            hits: Vec::new(),
            misses: Vec::new(),
            notes: Vec::new(),
        };
        for endpoint in tiers.asked.iter().chain(&tiers.escalation) {
            memory.terms.push(memory.terms_of(endpoint, tiers.above(endpoint).is_some()));
        }
        memory.cache = opened.unwrap_or_else(|error| memory.fail(&error));
        memory.shared =
            team.and_then(|(team, until)| Shared::new(team, until).map_err(|error| memory.part(&error)).ok());
        memory
    }

    /// On what terms `endpoint` reviews, where it is asked for its doubts or not.
    fn terms_of(&self, endpoint: &Endpoint, doubts: bool) -> Terms {
        let mut prompt = blake3::Hasher::new();
        prompt.update(&FORMAT.to_le_bytes());
        prompt.update(version(doubts).as_bytes()).update(&[u8::from(self.documentation)]);
        Terms {
            model: format!("{} {}", endpoint.provider, endpoint.model),
            level: self.level.as_str().to_owned(),
            prompt: prompt.finalize(),
        }
    }

    /// Answers the units that were reviewed before, here or else on a machine of the team.
    pub fn recall(&mut self, report: &mut Report, rules: &RuleSet) {
        let places: Vec<UnitRef> = asked(&report.changes).collect();
        let mut redactor = None;
        for (place, found) in places.iter().zip(self.look_up(&places, &report.changes)) {
            let (hit, kept, model) = match found {
                Ok(found) => found,
                Err(miss) => {
                    self.misses.push(miss);
                    continue;
                }
            };
            let change = &report.changes[place.change].classified;
            let unit = &change.units[place.unit];
            let findings = match kept.is_empty() {
                true => Vec::new(),
                false => {
                    let redactor = redactor.get_or_insert_with(|| Redactor::new(rules));
                    Anchor::new(change, unit, redactor).map_or_else(Vec::new, |it| it.findings(&kept))
                }
            };
            let whose = if hit.is_shared() { " on another machine" } else { "" };
            let because = format!("reviewed before on {} by {model}{whose}", hit.date);
            report.recall(*place, Recalled { because, findings, tokens: hit.tokens });
            self.hits.push(hit);
        }
    }

    /// What is known of each of these units; nothing of any where there is no cache. The team is asked
    /// once, about all that is not known here.
    fn look_up(&mut self, places: &[UnitRef], changes: &[RoutedChange]) -> Vec<Result<Found, Miss>> {
        let edges = |place: &UnitRef| {
            let change = &changes[place.change].classified;
            edges(change, &change.units[place.unit])
        };
        let units: Vec<Vec<Edge>> = places.iter().map(edges).collect();
        let here: Option<Vec<_>> = units.iter().map(|edges| self.find(edges, &Fetched::default())).collect();
        let Some(mut found) = here else { return Vec::new() };
        let unknown = units.iter().zip(&found).filter(|(_, found)| found.is_err());
        let unknown: Vec<Edge> = unknown.flat_map(|(edges, _)| edges).copied().collect();
        if let Some(fetched) = self.fetch(&unknown) {
            for (edges, found) in units.iter().zip(&mut found).filter(|(_, found)| found.is_err()) {
                match self.find(edges, &fetched) {
                    Some(again) => *found = again,
                    None => return Vec::new(),
                }
            }
        }
        found
    }

    /// What is known of a unit, here and in what was fetched; none where there is no cache.
    fn find(&mut self, edges: &[Edge], fetched: &Fetched) -> Option<Result<Found, Miss>> {
        let mut first_miss = None;
        for terms in &self.terms {
            let miss = match self.cache.as_mut()?.find(terms, &self.repository, edges, fetched) {
                Ok(Lookup::Hit(hit)) => match anchor::read(&hit.said) {
                    Some(kept) => return Some(Ok((hit, kept, terms.model.clone()))),
                    None => Miss::Unreadable,
                },
                Ok(Lookup::Miss(miss)) => miss,
                Err(error) => return self.fail(&error),
            };
            first_miss.get_or_insert(miss);
        }
        first_miss.map(Err)
    }

    /// What the team knows of the definitions of these edges; none where it is not asked.
    fn fetch(&mut self, edges: &[Edge]) -> Option<Fetched> {
        let changed = edges.iter().filter(|edge| edge.old != edge.new);
        let mut places: Vec<Hash> = changed.map(|edge| edge.place).collect();
        places.sort_unstable_by_key(|place| *place.as_bytes());
        places.dedup();
        if places.is_empty() {
            return None;
        }
        let fetched =
            self.shared.as_mut()?.fetch(&places, self.now).map_err(|error| self.part(&error)).ok()?;
        if fetched.rejected > 0 {
            let rejected = Count(fetched.rejected, "shared review");
            self.notes.push(format!("{rejected} not counted: not sealed with the team's secret, or damaged"));
        }
        Some(fetched)
    }

    /// Keeps what was said in answers that are believed to the last word: one that was cut off, or that
    /// claims what cannot be placed, may have found more than is known. Where a finding has no definition
    /// on the new side to be found in again, the review is not kept; nor is one that `endpoint`, where it
    /// was asked for its `doubts`, is unsure of.
    pub fn keep(
        &mut self,
        endpoint: &Endpoint,
        doubts: bool,
        payloads: &[Payload],
        answers: &[Answer],
        changes: &[RoutedChange],
        redactor: &Redactor,
    ) {
        let terms = self.terms_of(endpoint, doubts);
        let mut reviews = Vec::new();
        for (payload, answer) in payloads.iter().zip(answers) {
            let Answer::Reviewed { findings, dropped: 0, unsure, usage, elapsed } = answer else { continue };
            for block in payload.blocks().iter().filter(|block| !doubts || !unsure.contains(&block.number)) {
                let Some(said) = said(block, findings, changes, redactor) else { continue };
                let units: Vec<UnitRef> = block.units().collect();
                for &place in &units {
                    let change = &changes[place.change].classified;
                    let mut edges = edges(change, &change.units[place.unit]);
                    edges.retain(|edge| edge.old != edge.new);
                    // Shares of the block in its request, of the unit in its block, and of the edge in
                    // its unit.
                    let whole =
                        u128::from(payload.tokens().max(1)) * (units.len() * edges.len().max(1)) as u128;
                    let share = |of: u64| {
                        u64::try_from(u128::from(of) * u128::from(block.tokens) / whole).unwrap_or(u64::MAX)
                    };
                    let (tokens, millis) = (share(usage.total()), share(milliseconds(*elapsed)));
                    let review = |edge| Review { edge, said: said.clone(), tokens, millis };
                    reviews.extend(edges.into_iter().map(review));
                }
            }
        }
        if reviews.is_empty() {
            return;
        }
        if let Some(cache) = self.cache.as_mut()
            && let Err(error) = cache.store(&terms, &self.repository, &reviews)
        {
            self.fail::<()>(&error);
        }
        if let Some(shared) = self.shared.as_mut().filter(|shared| shared.writes())
            && let Err(error) = shared.store(&terms, &self.repository, &reviews, self.now)
        {
            self.part(&error);
        }
    }

    /// Counts what the lookups of the run came to, and notes on the report what went wrong.
    pub fn close(mut self, report: &mut Report) {
        if let Some(cache) = self.cache.as_mut().filter(|_| self.mode == Mode::Review)
            && (!self.hits.is_empty() || !self.misses.is_empty())
            && let Err(error) = cache.record(&self.hits, &self.misses)
        {
            self.fail::<()>(&error);
        }
        report.notes.append(&mut self.notes);
    }

    /// From here on there is no cache.
    fn fail<T>(&mut self, error: &CacheError) -> Option<T> {
        self.cache = None;
        self.notes.push(format!("earlier reviews do not count: {error}"));
        None
    }

    /// From here on nothing is shared: a server that does not answer is waited for once.
    fn part(&mut self, error: &SharedError) {
        self.shared = None;
        self.notes.push(format!("no reviews are shared: {error}"));
    }
}

/// What a unit leads from and to.
fn edges(change: &ClassifiedChange, unit: &Unit) -> Vec<Edge> {
    let edge = |step: &Step| Edge { place: place(change, &step.name), old: step.old, new: step.new };
    unit.steps.iter().map(edge).collect()
}

fn place(change: &ClassifiedChange, definition: &str) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for part in [change.path().as_bytes(), definition.as_bytes()] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.finalize()
}

/// What was said of a block, on paper; none where it could not be found again.
fn said(block: &Block, all: &[Finding], changes: &[RoutedChange], redactor: &Redactor) -> Option<String> {
    let findings: Vec<_> = all.iter().filter(|finding| block.holds(finding)).collect();
    if findings.is_empty() {
        return Some("[]".to_owned());
    }
    let change = &changes[block.unit.change].classified;
    Anchor::new(change, &change.units[block.unit.unit], redactor)?.write(&findings)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
