//! The stages that cost something, for units that nothing cheaper has answered: compress, budget,
//! model. They run once for each tier whose turn comes, all under one deadline and one budget: the
//! first tier is asked about everything, a further one about what those before it left unanswered,
//! and the one above them about what they are unsure of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::Options;
use crate::check::finding::Finding;
use crate::meter::budget::{Budget, Estimate, Room};
use crate::meter::denial;
use crate::meter::estimate::Counting;
use crate::meter::price::PriceSource;
use crate::meter::{Scope, Unit, Window};
use crate::model::Endpoint;
use crate::model::prompt::{Request, most, overhead, render};
use crate::model::recall::Memory;
use crate::model::review::{Terms, review};
use crate::model::tiers::{Tiers, may_take, until};
use crate::payload::pack::{Compressed, PackOptions, compress};
use crate::payload::redact::Redactor;
use crate::payload::route::{Reason, RoutedChange};
use crate::payload::tokenizer::Tokenizer;
use crate::payload::{Block, Payload, UnitRef};
use crate::report::turn::Turn;
use crate::report::{Answer, Barrier, Mode, Report};
use crate::tokens::{Grouped, PicoUsd};

/// How long after its deadline a run that is stuck may hold its reservations.
const GRACE: Duration = Duration::from_secs(30);

/// Asks about `units` until `end`. All that a preview leaves out is the sending, and with it every turn after the
/// first.
pub(super) fn ask(
    units: &[UnitRef],
    tokenizer: &Tokenizer,
    options: &Options,
    end: Instant,
    memory: Option<&mut Memory>,
    report: &mut Report,
) {
    let (budget, room) = budget(options, end, report);
    let tiers = match &budget {
        Some(budget) => options.tiers.learned(budget),
        None => options.tiers.clone(),
    };
    let desk = Desk { options, tiers: &tiers, tokenizer, redactor: Redactor::new(&options.rules) };
    let endpoint = tiers.first().cloned().unwrap_or_else(Endpoint::preview);
    let round = desk.round(units, &endpoint, room, &report.changes);
    report.model = options.tiers.first().map(Endpoint::name);
    report.standby = options.tiers.standby();
    if options.tiers.first().is_some() {
        report.turns.push(round.turn("first"));
    }
    report.place(&round.payloads, 0);
    report.leave_documentation(&round.documentation);
    report.expect(&round.payloads, &most(&round.requests), endpoint.price.as_ref());
    report.totals.limit_tokens = endpoint.with_margin(round.bound);
    report.watch(&options.alerts);
    for &(unit, reason) in &round.left_out {
        report.leave_unreviewed(unit, reason, &too_large(room));
    }

    match (report.mode, budget) {
        (Mode::Review, Some(budget)) => {
            refuse(&round, room, &budget, report);
            let run = Run {
                desk,
                budget: &budget,
                memory,
                report,
                end,
                answered: Vec::new(),
                unanswered: Vec::new(),
                said: BTreeMap::new(),
                doubts: Vec::new(),
                invented: 0,
                dearest: None,
            };
            run.finish(round);
            report.charge(&budget, endpoint.counting != Counting::Strict);
        }
        (mode, _) => {
            if mode == Mode::Review {
                report.bar(units);
            }
            report.requests = round.requests.into_iter().map(|request| request.body).collect();
        }
    }
}

/// The budget, where anything is to be sent, and the room that it has. A ledger that fails is a
/// barrier of its own: without it no limit can be kept.
fn budget(options: &Options, end: Instant, report: &mut Report) -> (Option<Budget>, Option<Room>) {
    let of_hook = options.limits.iter().filter(|it| it.window == Window::Hook && it.unit == Unit::Tokens);
    let hook = of_hook.map(|it| Room { window: it.window, scope: it.scope, tokens: it.most });
    let hook = hook.min_by_key(|room| room.tokens);
    if report.barrier.is_some() {
        return (None, hook);
    }
    let (limits, attribution) = (options.limits.clone(), options.attribution.clone());
    let opened = Budget::open_for(&options.run, end, &options.store, limits, attribution);
    match opened.and_then(|budget| Ok((budget.headroom()?, budget))) {
        Ok((room, budget)) => (Some(budget.with_lease(options.deadline + GRACE)), room),
        Err(error) => {
            report.barrier = Some(Barrier::store(&error));
            (None, hook)
        }
    }
}

/// Puts what has no room on the ledger, as one request that is not made. Where the store fails there is
/// no row, and nothing was taken that it could tell of.
fn refuse(round: &Round<'_>, room: Option<Room>, budget: &Budget, report: &Report) {
    let Some(room) = room.filter(|_| !round.left_out.is_empty()) else { return };
    let raw_tokens = round.left_out.iter().filter_map(|(unit, _)| report.raw_tokens.get(unit)).sum();
    let Endpoint { provider, model, tier, price, .. } = round.endpoint;
    let estimate = Estimate {
        input: 0,
        output: 0,
        price: *price,
        provider: provider.clone(),
        model: model.clone(),
        tier: tier.clone(),
        counted_input: 0,
        because: "first".to_owned(),
        breaker: "closed",
        raw_tokens,
        payload_tokens: 0,
        payload_hash: String::new(),
    };
    let _ = budget.refuse(&estimate, &denial::code(room.window, room.scope));
}

/// Why a unit is left out of a round that had this room.
fn too_large(room: Option<Room>) -> String {
    let Some(Room { window, scope, tokens }) = room else { return String::new() };
    let tokens = Grouped(tokens);
    match (window, scope) {
        (Window::Hook, _) => format!("does not fit the {tokens} tokens of this run"),
        (window, Scope::User) => {
            format!("does not fit what is left of your {}: {tokens} tokens", window.as_str())
        }
        (window, scope) => {
            let (scope, window) = (scope.as_str(), window.as_str());
            format!("does not fit what is left of the {scope}'s {window}: {tokens} tokens")
        }
    }
}

/// Where requests are made.
struct Desk<'a> {
    options: &'a Options,
    /// Whom to ask, with what each has taught of how it counts.
    tiers: &'a Tiers,
    tokenizer: &'a Tokenizer,
    redactor: Redactor,
}

/// The requests of one turn.
struct Round<'e> {
    endpoint: &'e Endpoint,
    /// Whether the endpoint is asked what it is unsure of.
    doubts: bool,
    payloads: Vec<Payload>,
    /// One a payload.
    requests: Vec<Request>,
    left_out: Vec<(UnitRef, Reason)>,
    documentation: BTreeMap<UnitRef, usize>,
    bound: u64,
}

impl Desk<'_> {
    /// What `endpoint` would be sent about `units` in this room. Nothing but compression makes a
    /// payload, so that each turn cuts, redacts and packs anew, as its endpoint counts.
    fn round<'e>(
        &self,
        units: &[UnitRef],
        endpoint: &'e Endpoint,
        room: Option<Room>,
        changes: &[RoutedChange],
    ) -> Round<'e> {
        let options = self.options;
        let doubts = self.tiers.above(endpoint).is_some();
        let overhead = overhead(endpoint, doubts, self.tokenizer);
        let call = options.limits.tokens(Window::Call).map(|tokens| endpoint.without_margin(tokens));
        let pack = PackOptions {
            highest: options.highest_level,
            documentation: options.policy.sends_documentation(),
            limit: room.map(|room| (endpoint.without_margin(room.tokens), room.window.into())),
            units_per_request: endpoint.units_per_request(),
            tokens_per_request: endpoint.tokens_per_request().min(overhead.room_in(call)),
            overhead,
            counting: endpoint.counting,
        };
        let Compressed { payloads, left_out, documentation, bound, .. } =
            compress(units, changes, self.tokenizer, &self.redactor, &pack);
        let render = |payload| render(payload, endpoint, doubts, self.tokenizer);
        let requests = payloads.iter().map(render).collect();
        Round { endpoint, doubts, payloads, requests, left_out, documentation, bound }
    }
}

impl Round<'_> {
    fn turn(&self, because: &str) -> Turn {
        Turn {
            model: self.endpoint.name(),
            because: because.to_owned(),
            requests: self.requests.len(),
            units: units(&self.payloads).count(),
            reviewed: 0,
            trouble: None,
        }
    }
}

fn units(payloads: &[Payload]) -> impl Iterator<Item = UnitRef> + '_ {
    payloads.iter().flat_map(Payload::blocks).flat_map(Block::units)
}

/// What a tier did not answer.
struct Unanswered {
    units: Vec<UnitRef>,
    tier: String,
    reason: Reason,
    /// What was sent, or tried to be.
    sent: Option<(Payload, Request)>,
}

/// A block that a tier answered and is unsure of, with what it found there.
struct Doubt {
    tier: String,
    units: Vec<UnitRef>,
    findings: Vec<Finding>,
}

/// The turns of one run.
struct Run<'a> {
    desk: Desk<'a>,
    budget: &'a Budget,
    memory: Option<&'a mut Memory>,
    report: &'a mut Report,
    /// When the last answer must be in.
    end: Instant,
    /// What was sent and answered.
    answered: Vec<(Payload, Request)>,
    unanswered: Vec<Unanswered>,
    /// What each tier in turn said of a unit that it did not answer.
    said: BTreeMap<UnitRef, String>,
    doubts: Vec<Doubt>,
    /// Claims of models about what they were not sent.
    invented: usize,
    /// What the dearest turn that was charged has cost, and who says so.
    dearest: Option<(PicoUsd, Option<PriceSource>)>,
}

impl Run<'_> {
    /// Every turn, beginning with `first`, and the sums of all.
    fn finish(mut self, first: Round<'_>) {
        let tiers = self.desk.tiers;
        let mut first = Some(first);
        for (index, endpoint) in tiers.asked.iter().enumerate() {
            let is_followed = index + 1 < tiers.asked.len();
            let next = match first.take() {
                Some(round) => Some((round, "first".to_owned())),
                None => self.take_over(endpoint),
            };
            if let Some((round, because)) = next {
                let until = until(Instant::now(), self.end, is_followed);
                self.turn(round, &because, until);
            }
        }
        self.escalate();
        let mut sent = self.answered;
        for Unanswered { units, reason, sent: tried, .. } in self.unanswered {
            for unit in units {
                let because = self.said.get(&unit).map_or("", String::as_str);
                self.report.leave_unreviewed(unit, reason, because);
            }
            sent.extend(tried);
        }
        let (payloads, requests): (Vec<_>, Vec<_>) = sent.into_iter().unzip();
        // Nothing was charged where nobody was asked: then it is the first one's price that would be.
        let source = self.report.totals.price_source;
        self.report.expect(&payloads, &most(&requests), None);
        self.report.totals.price_source = self.dearest.map_or(source, |(_, source)| source);
        self.report.requests = requests.into_iter().map(|request| request.body).collect();
        if self.invented > 0 {
            let note = format!("claims of the model about what it was not sent, dropped: {}", self.invented);
            self.report.notes.push(note);
        }
    }

    /// What `endpoint` is to be asked in place of those before it, and why.
    fn take_over<'e>(&mut self, endpoint: &'e Endpoint) -> Option<(Round<'e>, String)> {
        let is_mine = |it: &Unanswered| may_take(endpoint, it.reason);
        let Unanswered { tier, reason, .. } = self.unanswered.iter().find(|it| is_mine(it))?;
        let because = format!("failover:{tier}:{}", reason.as_str());
        let (mine, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.unanswered).into_iter().partition(is_mine);
        self.unanswered = others;
        let units = sorted(mine.iter().flat_map(|it| it.units.iter().copied()));
        match self.prepare(&units, endpoint) {
            Ok((round, room)) => {
                for unit in &units {
                    self.report.placements.remove(unit);
                }
                self.report.place(&round.payloads, self.report.turns.len());
                self.report.turns.push(round.turn(&because));
                for &(unit, reason) in &round.left_out {
                    self.say(unit, &format!("`{}`: {}", endpoint.tier, too_large(room)));
                    let tier = endpoint.tier.clone();
                    self.unanswered.push(Unanswered { units: vec![unit], tier, reason, sent: None });
                }
                Some((round, because))
            }
            Err(why) => {
                for &unit in &units {
                    self.say(unit, &format!("`{}` was not asked: {why}", endpoint.tier));
                }
                self.unanswered.extend(mine);
                None
            }
        }
    }

    /// The requests for another turn; or why there are none.
    fn prepare<'e>(
        &self,
        units: &[UnitRef],
        endpoint: &'e Endpoint,
    ) -> Result<(Round<'e>, Option<Room>), String> {
        if Instant::now() >= self.end {
            return Err("the deadline has passed".to_owned());
        }
        let room = self.budget.headroom().map_err(|error| error.to_string())?;
        let round = self.desk.round(units, endpoint, room, &self.report.changes);
        if round.requests.is_empty() { Err(too_large(room)) } else { Ok((round, room)) }
    }

    /// Sends the requests of a round, whose turn is the last one of the report. Returns the units
    /// that were answered.
    fn turn(&mut self, round: Round<'_>, because: &str, until: Instant) -> BTreeSet<UnitRef> {
        let Round { endpoint, doubts, payloads, requests, .. } = round;
        let raw_tokens = match because {
            "first" => self.report.totals.raw_tokens,
            _ => units(&payloads).map(|unit| self.report.raw_tokens.get(&unit).copied()).sum(),
        };
        let terms = Terms {
            endpoint,
            because,
            budget: self.budget,
            raw_tokens: raw_tokens.unwrap_or(0),
            deadline: until,
            by_hand: false,
        };
        let before = self.budget.taken();
        let mut source = endpoint.price.map(|price| price.source);
        let answers = review(&payloads, &requests, &terms);
        if let Some(memory) = self.memory.as_mut() {
            memory.keep(endpoint, doubts, &payloads, &answers, &self.report.changes, &self.desk.redactor);
        }
        let mut reviewed = BTreeSet::new();
        let mut trouble = None;
        for ((payload, request), answer) in payloads.into_iter().zip(requests).zip(answers) {
            let units: Vec<UnitRef> = payload.blocks().iter().flat_map(Block::units).collect();
            match answer {
                Answer::Reviewed { mut findings, dropped, unsure, usage, .. } => {
                    self.invented += dropped;
                    self.report.totals.output_tokens += usage.output;
                    if usage.reported_cost.is_some() {
                        source = Some(PriceSource::Reported);
                    }
                    reviewed.extend(units);
                    let is_unsure = |block: &&Block| doubts && unsure.contains(&block.number);
                    for block in payload.blocks().iter().filter(is_unsure) {
                        let of_block = findings.extract_if(.., |finding| block.holds(finding)).collect();
                        let (tier, units) = (endpoint.tier.clone(), block.units().collect());
                        self.doubts.push(Doubt { tier, units, findings: of_block });
                    }
                    self.report.findings.extend(findings);
                    self.answered.push((payload, request));
                }
                Answer::Unreviewed { reason, message } => {
                    for &unit in &units {
                        self.say(unit, &message);
                    }
                    trouble.get_or_insert(message);
                    let (tier, sent) = (endpoint.tier.clone(), Some((payload, request)));
                    self.unanswered.push(Unanswered { units, tier, reason, sent });
                }
            }
        }
        let after = self.budget.taken();
        if after.used > before.used {
            // What nobody knows the price of may be the dearest of all.
            let (cost, source) = match after.cost.zip(before.cost) {
                Some((after, before)) => (PicoUsd(after.0.saturating_sub(before.0)), source),
                None => (PicoUsd(u64::MAX), None),
            };
            if self.dearest.is_none_or(|(dearest, _)| cost > dearest) {
                self.dearest = Some((cost, source));
            }
        }
        if let Some(turn) = self.report.turns.last_mut() {
            turn.reviewed = reviewed.len();
            turn.trouble = trouble;
        }
        reviewed
    }

    /// Asks the tier above about what the others are unsure of. Its answer takes the place of theirs;
    /// where it gives none, theirs stands.
    fn escalate(&mut self) {
        let doubts = std::mem::take(&mut self.doubts);
        let (Some(endpoint), Some(doubt)) = (&self.desk.tiers.escalation, doubts.first()) else {
            return;
        };
        let because = format!("escalated:{}", doubt.tier);
        let asked = sorted(doubts.iter().flat_map(|doubt| doubt.units.iter().copied()));
        let prepared = self.prepare(&asked, endpoint);
        let mut turn = Turn {
            model: endpoint.name(),
            because: because.clone(),
            requests: 0,
            units: asked.len(),
            reviewed: 0,
            trouble: None,
        };
        let mut reviewed = BTreeSet::new();
        match prepared {
            Ok((round, room)) => {
                turn.requests = round.requests.len();
                let left_out = !round.left_out.is_empty();
                self.report.turns.push(turn);
                let number = self.report.turns.len() - 1;
                let before = (self.answered.len(), self.unanswered.len());
                reviewed = self.turn(round, &because, self.end);
                self.report.place(self.answered[before.0..].iter().map(|(payload, _)| payload), number);
                // They were answered, if only by a tier that is unsure.
                self.unanswered.truncate(before.1);
                if left_out && let Some(turn) = self.report.turns.last_mut() {
                    turn.trouble.get_or_insert(too_large(room));
                }
            }
            Err(why) => self.report.turns.push(Turn { trouble: Some(why), ..turn }),
        }
        let standing = doubts.into_iter().filter(|doubt| !doubt.units.iter().all(|it| reviewed.contains(it)));
        self.report.findings.extend(standing.flat_map(|doubt| doubt.findings));
    }

    /// Adds to what was said of a unit that was not answered.
    fn say(&mut self, unit: UnitRef, message: &str) {
        let said = self.said.entry(unit).or_default();
        if !said.is_empty() {
            said.push_str("; then ");
        }
        said.push_str(message);
    }
}

fn sorted(units: impl Iterator<Item = UnitRef>) -> Vec<UnitRef> {
    units.collect::<BTreeSet<_>>().into_iter().collect()
}
