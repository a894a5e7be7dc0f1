//! What was found and what it cost, as one value that every format renders.

pub mod text;
pub mod json;
pub mod sarif;
pub mod github;
pub mod alert;
pub mod turn;
mod excerpt;
pub mod explain;
mod raw;
mod source;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
pub mod progress;
pub mod audit;
pub mod fixed;
pub mod cache;
pub mod models;
pub mod spend;
pub mod budget;
mod crossing;
mod table;
pub mod prices;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use alert::{Alert, Thresholds};
use turn::{Standby, Turn};

use crate::change::{LineRange, Tip};
use crate::check::Suppressed;
use crate::check::finding::{Finding, Severity};
use crate::check::pack::RuleSet;
use crate::cli::Format;
use crate::exit::ExitStatus;
use crate::git::{FilePatch, ObjectId, RepoPath};
use crate::meter::Attribution;
use crate::meter::budget::{Budget, BudgetError, RunTotals};
use crate::meter::crossing::Crossing;
use crate::meter::price::{Price, PriceSource};
use crate::meter::units::{self, UnitRow};
use crate::payload::route::{Decision, Reason, Route, RoutedChange};
use crate::payload::{Level, Payload, UnitRef};
use crate::tokens::{Grouped, PicoUsd, Usage};

/// What is said of a model that counts as free and reports a cost.
pub const BILLED: &str = "counts as free and reports what it costs: its price counts as unknown until the month ends; \
                          give its price, or say `gateway = true` of its provider";

/// Whether requests were sent or only built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `run`: what is asked is sent.
    Review,
    /// `dry-run`: the same requests are built and counted.
    Preview,
}

/// Everything there is to say about one run.
#[derive(Debug)]
pub struct Report {
    /// Whether requests were sent.
    pub mode: Mode,
    /// Repository, branch, team and hook.
    pub attribution: Attribution,
    /// What was compared against.
    pub base: Option<ObjectId>,
    /// What was compared.
    pub tip: Tip,
    /// Every change with the decision for each of its units: the coverage receipt.
    pub changes: Vec<RoutedChange>,
    /// What rules and models found.
    pub findings: Vec<Finding>,
    /// What rules found and nobody wants to hear of.
    pub suppressed: Vec<Suppressed>,
    /// What each unit's share of `git diff -U3` is, in tokens; empty where that was not counted.
    pub raw_tokens: BTreeMap<UnitRef, u64>,
    /// How much was made of each unit that was put into a request.
    pub placements: BTreeMap<UnitRef, Placement>,
    /// Tokens that each unit would have taken, had an earlier review not answered for it.
    pub saved: BTreeMap<UnitRef, u64>,
    /// Why no model is asked at all, where none is.
    pub barrier: Option<Barrier>,
    /// Whether the hook wants everything reviewed.
    pub required: bool,
    /// The hook run's token limit; none where nothing is limited.
    pub limit: Option<u64>,
    /// The model that is asked first, or would be.
    pub model: Option<ModelName>,
    /// Who was asked, in this order; in a preview who would be first.
    pub turns: Vec<Turn>,
    /// Who else is named.
    pub standby: Standby,
    /// The bodies of the requests, exactly as sent.
    pub requests: Vec<String>,
    /// Sums.
    pub totals: Totals,
    /// Thresholds that the payloads have crossed.
    pub alerts: Vec<Alert>,
    /// Limits of which more is used than they allow.
    pub crossed: Vec<Crossing>,
    /// One line each on what went wrong on the way, without changing the outcome.
    pub notes: Vec<String>,
}

/// Why no model is asked at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// The code.
    pub reason: Reason,
    /// What it is and what to do about it, in one line.
    pub message: String,
}

impl Barrier {
    /// A rule refuses the change, so that a review would be paid for nothing.
    #[must_use]
    pub fn blocked() -> Self {
        Self { reason: Reason::Blocked, message: "a rule refuses this change already".to_owned() }
    }

    /// The ledger failed: without it no limit can be kept, so that nothing may be sent.
    #[must_use]
    pub fn store(error: &BudgetError) -> Self {
        Self { reason: Reason::Store, message: error.to_string() }
    }
}

/// How much of a unit a request holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// How much of it.
    pub level: Level,
    /// Its tokens within the payload; of a unit that two tiers were asked about, within both.
    pub tokens: u64,
    /// Whose request it is: an index into the report's turns.
    pub turn: usize,
}

/// Which model, by tier, provider and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName {
    /// The tier in the configuration.
    pub tier: String,
    /// The provider in the user's file.
    pub provider: String,
    /// The model's id at the provider.
    pub name: String,
}

/// Sums over a run. Tokens are `o200k_base` tokens unless a provider reported its own. A request that
/// was not answered, and in whose place another tier was asked, counts only for what was charged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Tokens of `git diff -U3` of the same change; none where they were not counted.
    pub raw_tokens: Option<u64>,
    /// Tokens of code in all requests.
    pub payload_tokens: u64,
    /// Tokens of all requests, instructions and schema included.
    pub input_tokens: u64,
    /// The most tokens that the replies may take.
    pub max_output_tokens: u64,
    /// What a limit has to hold for these requests: a bound of input and output together, with the
    /// margin for tokenizers that are not ours.
    pub limit_tokens: u64,
    /// Tokens that the replies took.
    pub output_tokens: u64,
    /// Tokens charged for this range, input and output.
    pub used_tokens: u64,
    /// Tokens still held for this range, whose request could not be settled.
    pub reserved_tokens: u64,
    /// What was charged, or for a preview the most that would be; none where it is unknown.
    pub cost: Option<PicoUsd>,
    /// Where the price comes from; none where there is none.
    pub price_source: Option<PriceSource>,
}

/// What came of one request.
#[derive(Debug)]
pub enum Answer {
    /// A reply that can be believed.
    Reviewed {
        /// What it found, on lines that were sent.
        findings: Vec<Finding>,
        /// How many more it claimed, on lines or in words that were not sent.
        dropped: usize,
        /// Numbers of the blocks that it is unsure of.
        unsure: Vec<u32>,
        /// What it took.
        usage: Usage,
        /// How long it took.
        elapsed: Duration,
    },
    /// None.
    Unreviewed {
        /// The code.
        reason: Reason,
        /// What happened and what to do, in one line.
        message: String,
    },
}

/// What an earlier review says of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recalled {
    /// When it was, and by whom, in one line.
    pub because: String,
    /// What it found, on the lines of today.
    pub findings: Vec<Finding>,
    /// Tokens that another review would take.
    pub tokens: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing stands against it.
    Allowed,
    /// At least one finding of severity `error`.
    Blocked,
    /// A review that the hook requires is missing.
    Undecided,
}

impl Outcome {
    /// The word that reports use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Blocked => "blocked",
            Self::Undecided => "undecided",
        }
    }
}

impl From<Outcome> for ExitStatus {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Allowed => Self::Allowed,
            Outcome::Blocked => Self::Blocked,
            Outcome::Undecided => Self::Undecided,
        }
    }
}

/// Changed lines that nobody reviewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReviewed<'r> {
    /// Where.
    pub path: &'r RepoPath,
    /// First and last line: of the new side, or of the old side for a pure deletion; none for a
    /// file without lines.
    pub lines: Option<(u32, u32)>,
    /// The code.
    pub reason: Reason,
    /// One line on what happened.
    pub because: &'r str,
}

impl Report {
    /// A report that knows what is compared, and nothing of it yet.
    #[must_use]
    pub fn new(mode: Mode, attribution: Attribution, base: Option<ObjectId>, tip: Tip) -> Self {
        Self {
            mode,
            attribution,
            base,
            tip,
            changes: Vec::new(),
            findings: Vec::new(),
            suppressed: Vec::new(),
            raw_tokens: BTreeMap::new(),
            placements: BTreeMap::new(),
            saved: BTreeMap::new(),
            barrier: None,
            required: false,
            limit: None,
            model: None,
            turns: Vec::new(),
            standby: Standby::default(),
            requests: Vec::new(),
            totals: Totals::default(),
            alerts: Vec::new(),
            crossed: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Whether a finding of severity `error` refuses the change.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// How the run ended. It is derived, never stored: findings block, and a required review that
    /// is missing leaves the run undecided.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.is_blocked() {
            Outcome::Blocked
        } else if self.required && self.not_reviewed().next().is_some() {
            Outcome::Undecided
        } else {
            Outcome::Allowed
        }
    }

    /// Everything that nobody reviewed, or in a preview would.
    pub fn not_reviewed(&self) -> impl Iterator<Item = NotReviewed<'_>> {
        self.changes.iter().flat_map(move |routed| {
            let units = routed.classified.units.iter().map(|unit| Some(unit.span())).zip(&routed.units);
            let file = routed.file.iter().map(|decision| (None, decision));
            units.chain(file).filter_map(move |(lines, decision)| {
                let (reason, because) = match (decision.route, &self.barrier) {
                    (Route::NotReviewed(reason), _) => (reason, decision.because.as_str()),
                    (Route::Model, Some(barrier)) => (barrier.reason, barrier.message.as_str()),
                    _ => return None,
                };
                Some(NotReviewed { path: routed.classified.path(), lines, reason, because })
            })
        })
    }

    /// Takes an earlier review for the answer to a unit. What it said of two units at once is said once.
    pub fn recall(&mut self, unit: UnitRef, recalled: Recalled) {
        for finding in recalled.findings {
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
        self.saved.insert(unit, recalled.tokens);
        *self.decision(unit) = Decision { route: Route::Cache, because: recalled.because };
    }

    /// Notes where each unit of the payloads stands, in the requests of the turn of that number.
    pub fn place<'p>(&mut self, payloads: impl IntoIterator<Item = &'p Payload>, turn: usize) {
        for block in payloads.into_iter().flat_map(Payload::blocks) {
            let first = &self.changes[block.unit.change].classified;
            let because = format!("same edit as {}:{}", block.path, first.units[block.unit.unit].span().0);
            for (unit, tokens) in block.units().zip(std::iter::once(block.tokens).chain(std::iter::repeat(0)))
            {
                let before = self.placements.get(&unit).map_or(0, |placement| placement.tokens);
                let placement = Placement { level: block.level, tokens: before + tokens, turn };
                self.placements.insert(unit, placement);
                if turn == 0 && unit != block.unit {
                    self.decision(unit).because.clone_from(&because);
                }
            }
        }
    }

    /// Says of units with documentation that was left to rules how much of it was.
    pub fn leave_documentation(&mut self, documentation: &BTreeMap<UnitRef, usize>) {
        for (&unit, &lines) in documentation {
            if self.placements.contains_key(&unit) {
                let word = if lines == 1 { "line" } else { "lines" };
                self.decision(unit).because.push_str(&format!(
                    "; {lines} {word} of documentation left to rules ([review] documentation)"
                ));
            }
        }
    }

    /// Notes what the payloads hold, and what their requests may take at the most.
    pub fn expect<'p>(
        &mut self,
        payloads: impl IntoIterator<Item = &'p Payload>,
        most: &Usage,
        price: Option<&Price>,
    ) {
        self.totals.payload_tokens = payloads.into_iter().map(Payload::tokens).sum();
        self.totals.input_tokens = most.input;
        self.totals.max_output_tokens = most.output;
        self.totals.cost = price.map(|price| price.cost(most));
        self.totals.price_source = price.map(|price| price.source);
    }

    /// Compares the sums with what should not be crossed.
    pub fn watch(&mut self, thresholds: &Thresholds) {
        self.alerts = alert::alerts(thresholds, &self.totals);
    }

    /// Notes what was taken for this range. What the ledger could not be told stays reserved.
    ///
    /// `is_learned` says whether estimates are learned, and may thus be exceeded.
    pub fn charge(&mut self, budget: &Budget, is_learned: bool) {
        let RunTotals { used, reserved, cost, failure, billed, .. } = budget.taken();
        self.totals.used_tokens = used;
        self.totals.reserved_tokens = reserved;
        self.totals.cost = cost;
        if let Some(failure) = failure.filter(|_| reserved > 0) {
            let tokens = Grouped(reserved);
            self.notes.push(format!(
                "what was sent could not be charged yet, and {tokens} tokens stay reserved for it: {failure}"
            ));
        }
        for model in billed {
            self.notes.push(format!("{model} {BILLED}"));
        }
        // A store that fails has been told of.
        self.crossed = budget.crossed().unwrap_or_default();
        let sentences = self.crossed.iter().map(|crossing| crossing::sentence(crossing, is_learned));
        self.notes.extend(sentences);
    }

    /// Makes the barrier the fate of every unit that a model should have answered, whether or not it
    /// would have had a place.
    pub fn bar(&mut self, units: &[UnitRef]) {
        let Some(Barrier { reason, message }) = self.barrier.clone() else { return };
        for &unit in units {
            self.leave_unreviewed(unit, reason, &message);
        }
    }

    /// Lists a unit among those that nobody reviewed.
    pub fn leave_unreviewed(&mut self, unit: UnitRef, reason: Reason, because: &str) {
        *self.decision(unit) = Decision { route: Route::NotReviewed(reason), because: because.to_owned() };
    }

    fn decision(&mut self, unit: UnitRef) -> &mut Decision {
        &mut self.changes[unit.change].units[unit.unit]
    }

    /// Counts what `git diff -U3` would have taken, for the run and for each unit.
    pub fn compare(&mut self, patches: Vec<FilePatch>, count: impl Fn(&str) -> u64) {
        let counted = patches.into_iter().map(|patch| (count(&patch.text), patch));
        let counted: Vec<_> = counted.map(|(tokens, patch)| (patch, tokens)).collect();
        self.totals.raw_tokens = Some(counted.iter().map(|(_, tokens)| tokens).sum());
        self.raw_tokens = raw::shares(&self.changes, &counted);
    }

    /// Writes down, beside the ledger, what became of the units. Where that fails it costs a note,
    /// and never a commit.
    pub fn record(&mut self, state_directory: &Path, now: SystemTime) {
        let rows = self.unit_rows();
        if rows.is_empty() {
            return;
        }
        if let Err(error) = units::record(state_directory, &self.attribution, &rows, now) {
            let directory = state_directory.display();
            let note = format!("what became of the units could not be recorded in {directory}: {error}");
            self.notes.push(note);
        }
    }

    /// One row for each unit that was put into a request, and one for all others of a route and class.
    fn unit_rows(&self) -> Vec<UnitRow<'_>> {
        let mut rows = Vec::new();
        let mut groups: BTreeMap<(&str, &str), UnitRow<'_>> = BTreeMap::new();
        for (change, routed) in self.changes.iter().enumerate() {
            for (index, (unit, decision)) in routed.classified.units.iter().zip(&routed.units).enumerate() {
                let place = UnitRef { change, unit: index };
                let placement = self.placements.get(&place);
                let row = UnitRow {
                    route: decision.route.as_str(),
                    reason: unit.class.as_str(),
                    path: placement.map(|_| routed.classified.path().to_text()),
                    name: placement.map(|_| unit.name.as_str()),
                    units: 1,
                    lines: line_count(&unit.added) + line_count(&unit.deleted),
                    raw_tokens: self.raw_tokens.get(&place).copied(),
                    sent_tokens: placement.map_or(0, |placement| placement.tokens),
                    saved_tokens: self.saved.get(&place).copied().unwrap_or(0),
                };
                match (placement, groups.entry((row.route, row.reason))) {
                    (Some(_), _) => rows.push(row),
                    (None, Entry::Vacant(entry)) => _ = entry.insert(row),
                    (None, Entry::Occupied(mut entry)) => {
                        let group = entry.get_mut();
                        group.units += 1;
                        group.lines += row.lines;
                        group.saved_tokens += row.saved_tokens;
                        group.raw_tokens = group.raw_tokens.zip(row.raw_tokens).map(|(all, one)| all + one);
                    }
                }
            }
        }
        rows.extend(groups.into_values());
        rows
    }

    /// How many units there are.
    #[must_use]
    pub fn unit_count(&self) -> usize {
        self.changes.iter().map(|routed| routed.units.len()).sum()
    }
}

/// Writes the reports of one hook run, which `rules` has checked: text or annotations a report, one
/// line of JSON a report, one SARIF document.
///
/// # Errors
/// A closed or full stream.
pub fn write(
    reports: &[Report],
    rules: &RuleSet,
    format: Format,
    verbose: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut each = |render: &dyn Fn(&Report) -> io::Result<String>| {
        reports.iter().try_for_each(|report| out.write_all(render(report)?.as_bytes()))
    };
    match format {
        Format::Text => each(&|report| Ok(text::render(report, rules, verbose))),
        Format::Json => each(&|report| Ok(json::render(report, rules)? + "\n")),
        Format::Github => each(&|report| Ok(github::render(report))),
        Format::Sarif => writeln!(out, "{}", sarif::render(reports, rules)?),
    }
}

/// Writes the bodies of all requests, byte for byte, one a line.
///
/// # Errors
/// A closed or full stream.
pub fn write_requests(reports: &[Report], out: &mut impl Write) -> io::Result<()> {
    reports.iter().flat_map(|report| &report.requests).try_for_each(|body| writeln!(out, "{body}"))
}

/// How many lines the ranges hold.
fn line_count(ranges: &[LineRange]) -> u64 {
    ranges.iter().map(|range| u64::from(range.len)).sum()
}
