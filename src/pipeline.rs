//! The product on one screen: nine stages, in the order in which a change walks through them.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::change::classify::{ClassifyOptions, classify};
use crate::change::collect::{Range, collect};
use crate::change::parse::{ParseLimits, parse};
use crate::change::patch::patches;
use crate::check::check;
use crate::check::pack::RuleSet;
use crate::git::{GitError, Repository};
use crate::meter::budget::Budget;
use crate::meter::store::Place;
use crate::meter::{Attribution, Limits, Window};
use crate::model::Endpoint;
use crate::model::prompt::{most, overhead, render};
use crate::model::recall::Memory;
use crate::model::review::{Terms, review};
use crate::payload::pack::{PackOptions, compress};
use crate::payload::policy::Policy;
use crate::payload::redact::Redactor;
use crate::payload::route::{Reason, asked, route};
use crate::payload::tokenizer::Tokenizer;
use crate::payload::{Level, UnitRef};
use crate::report::alert::Thresholds;
use crate::report::{Barrier, Mode, Report};

/// How long after its deadline a run that is stuck may hold its reservations.
const GRACE: Duration = Duration::from_secs(30);

/// Runs a hook over a range of changes.
///
/// # Errors
/// Only git's. Whatever later stages meet becomes a line of the report.
pub fn run(repository: &Repository, range: Range, mode: Mode, options: &Options) -> Result<Report, GitError> {
    let mut set = collect(repository, range)?;
    let surroundings = std::mem::take(&mut set.surroundings);
    let mut report = Report::new(mode, options.attribution.clone(), set.base, set.tip);
    report.limit = options.limits.tokens(Window::Hook);
    report.required = options.required;

    let parsed = parse(set, &options.parse);
    let classified = classify(parsed, &options.classify);
    let checked = check(&classified, &surroundings, &options.rules);
    (report.findings, report.suppressed) = (checked.findings, checked.suppressed);
    report.changes = route(classified, &options.policy);
    report.barrier = if report.is_blocked() { Some(Barrier::blocked()) } else { options.barrier.clone() };

    let mut memory = memory(options, &report);
    if let Some(memory) = memory.as_mut().filter(|_| !options.ask_anew) {
        memory.recall(&mut report, &options.rules);
    }
    let units: Vec<_> = asked(&report.changes).collect();
    if mode == Mode::Review && report.is_blocked() {
        report.bar(&units);
    } else if mode == Mode::Preview || !units.is_empty() {
        let tokenizer = Tokenizer::load();
        match patches(repository, range) {
            Ok(Some(patches)) => report.compare(patches, |text| tokenizer.count(text)),
            Ok(None) => {}
            Err(error) => report.notes.push(error.to_string()),
        }
        ask(&units, &tokenizer, options, memory.as_mut(), &mut report);
    }
    if let Some(memory) = memory {
        memory.close(&mut report);
    }
    if mode == Mode::Review && range != Range::AllFiles {
        report.record(&options.state_directory, SystemTime::now());
    }
    Ok(report)
}

/// The stages that cost something, for units that nothing cheaper has answered: compress, budget,
/// model. All that a preview leaves out is the sending.
fn ask(
    units: &[UnitRef],
    tokenizer: &Tokenizer,
    options: &Options,
    memory: Option<&mut Memory>,
    report: &mut Report,
) {
    let mut endpoint = options.endpoint.clone().unwrap_or_else(Endpoint::preview);
    let (budget, limit) = budget(options, report);
    if let Some(budget) = &budget {
        endpoint.learn(budget);
    }
    let overhead = overhead(&endpoint, tokenizer);
    let call = options.limits.tokens(Window::Call).map(|tokens| endpoint.without_margin(tokens));
    let pack = PackOptions {
        highest: options.highest_level,
        documentation: options.policy.sends_documentation(),
        limit: limit.map(|(window, tokens)| (endpoint.without_margin(tokens), window.into())),
        units_per_request: endpoint.units_per_request(),
        tokens_per_request: endpoint.tokens_per_request().min(overhead.room_in(call)),
        overhead,
        counting: endpoint.counting,
    };
    let redactor = Redactor::new(&options.rules);
    let remainder = compress(units, &report.changes, tokenizer, &redactor, &pack);
    let requests: Vec<_> =
        remainder.payloads.iter().map(|payload| render(payload, &endpoint, tokenizer)).collect();
    report.model = options.endpoint.as_ref().map(Endpoint::name);
    report.place(&remainder, limit);
    report.totals.limit_tokens = endpoint.with_margin(remainder.bound);
    report.expect(&most(&requests), endpoint.price.as_ref());
    report.watch(&options.alerts);

    match (report.mode, budget) {
        (Mode::Review, Some(budget)) => {
            let terms = Terms {
                endpoint: &endpoint,
                because: "first",
                budget: &budget,
                raw_tokens: report.totals.raw_tokens.unwrap_or(0),
                deadline: Instant::now() + options.deadline,
            };
            let answers = review(&remainder.payloads, &requests, &terms);
            if let Some(memory) = memory {
                memory.keep(&remainder.payloads, &answers, &report.changes, &redactor);
            }
            report.answer(&remainder.payloads, answers);
            report.charge(&budget);
        }
        (Mode::Review, None) => report.bar(units),
        (Mode::Preview, _) => {}
    }
    report.requests = requests.into_iter().map(|request| request.body).collect();
}

/// Earlier reviews, where there is a question and somebody whom it may be put to. Whether that somebody
/// can be reached, and whether a limit has room, is not asked: the review exists.
fn memory(options: &Options, report: &Report) -> Option<Memory> {
    let is_asked = asked(&report.changes).next().is_some();
    let is_of_use = report.mode == Mode::Review || !options.ask_anew;
    let may_be_asked = match &report.barrier {
        Some(barrier) => !matches!(barrier.reason, Reason::Consent | Reason::Blocked),
        None => true,
    };
    let endpoint = options.endpoint.as_ref().filter(|_| is_asked && is_of_use && may_be_asked)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let documentation = options.policy.sends_documentation();
    let level = options.highest_level;
    Some(Memory::open(&options.state_directory, report, endpoint, level, documentation, now))
}

/// The budget, where anything is to be sent, and the window with the least room. A ledger that fails
/// is a barrier of its own: without it no limit can be kept.
fn budget(options: &Options, report: &mut Report) -> (Option<Budget>, Option<(Window, u64)>) {
    let hook = options.limits.tokens(Window::Hook).map(|tokens| (Window::Hook, tokens));
    if report.barrier.is_some() {
        return (None, hook);
    }
    let opened = Budget::open(&options.store, options.limits.clone(), options.attribution.clone());
    match opened.and_then(|budget| Ok((budget.headroom()?, budget))) {
        Ok((room, budget)) => (Some(budget.with_lease(options.deadline + GRACE)), room),
        Err(error) => {
            report.barrier = Some(Barrier::store(&error));
            (None, hook)
        }
    }
}

impl Options {
    /// Asks nobody, and so proves nothing: rules alone answer.
    pub fn ask_nobody(&mut self, because: &str) {
        self.policy.rules_only = Some(because.to_owned());
        self.classify.tables_only = true;
    }
}

/// Everything that a hook run depends on, resolved.
pub struct Options {
    /// Bounds of the parser.
    pub parse: ParseLimits,
    /// Additions to the tables of files.
    pub classify: ClassifyOptions,
    /// Rules to run.
    pub rules: RuleSet,
    /// Who answers what proofs and tables leave over.
    pub policy: Policy,
    /// The most that is sent of a unit.
    pub highest_level: Level,
    /// Limits in force.
    pub limits: Limits,
    /// What payloads may come to before the report says so.
    pub alerts: Thresholds,
    /// Who is charged.
    pub attribution: Attribution,
    /// Whom to ask; none where no tier of the hook is configured.
    pub endpoint: Option<Endpoint>,
    /// Whether earlier reviews do not count, so that everything is asked anew.
    pub ask_anew: bool,
    /// Why nobody may be asked: no model is configured, or the user has not consented.
    pub barrier: Option<Barrier>,
    /// Whether a missing review makes the run undecided.
    pub required: bool,
    /// Wall time for all requests together.
    pub deadline: Duration,
    /// Where ledger and reservations are kept.
    pub store: Place,
    /// Where reviews and the fate of units are kept.
    pub state_directory: PathBuf,
}
