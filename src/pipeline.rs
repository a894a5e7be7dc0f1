//! The product on one screen: nine stages, in the order in which a change walks through them.

mod ask;

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use crate::change::classify::{ClassifyOptions, classify};
use crate::change::collect::{Range, collect};
use crate::change::parse::{ParseLimits, parse};
use crate::change::patch::patches;
use crate::check::check;
use crate::check::pack::RuleSet;
use crate::git::{GitError, Repository};
use crate::meter::budget::RunId;
use crate::meter::cache::shared::Team;
use crate::meter::calendar::since_epoch;
use crate::meter::store::Place;
use crate::meter::{Attribution, Limits, Window};
use crate::model::recall::Memory;
use crate::model::tiers::Tiers;
use crate::payload::Level;
use crate::payload::policy::Policy;
use crate::payload::route::{Reason, asked, route};
use crate::payload::tokenizer::Tokenizer;
use crate::report::alert::Thresholds;
use crate::report::{Barrier, Mode, Report};

/// Runs a hook over a range of changes. `end` is when the requests of its run have to be over, and is
/// set by the first range that has something to ask.
///
/// # Errors
/// Only git's. Whatever later stages meet becomes a line of the report.
pub fn run(
    repository: &Repository,
    range: Range,
    mode: Mode,
    options: &Options,
    end: &mut Option<Instant>,
) -> Result<Report, GitError> {
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

    let mut memory = memory(options, *end, &report);
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
        let end = *end.get_or_insert_with(|| Instant::now() + options.deadline);
        ask::ask(&units, &tokenizer, options, end, memory.as_mut(), &mut report);
    }
    if let Some(memory) = memory {
        memory.close(&mut report);
    }
    if mode == Mode::Review && range != Range::AllFiles {
        report.record(&options.state_directory, SystemTime::now());
    }
    Ok(report)
}

/// Earlier reviews, where there is a question and somebody whom it may be put to. Whether that somebody
/// can be reached, and whether a limit has room, is not asked: the review exists.
fn memory(options: &Options, end: Option<Instant>, report: &Report) -> Option<Memory> {
    let is_asked = asked(&report.changes).next().is_some();
    let is_of_use = report.mode == Mode::Review || !options.ask_anew;
    let may_be_asked = match &report.barrier {
        Some(barrier) => !matches!(barrier.reason, Reason::Consent | Reason::Blocked),
        None => true,
    };
    if options.tiers.first().is_none() || !is_asked || !is_of_use || !may_be_asked {
        return None;
    }
    let now = since_epoch(SystemTime::now());
    let documentation = options.policy.sends_documentation();
    let level = options.highest_level;
    let team = options.team.as_ref().map(|team| (team, end));
    Some(Memory::open(&options.state_directory, team, report, &options.tiers, level, documentation, now))
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
    /// The hook run, whose limits hold for all its ranges together.
    pub run: RunId,
    /// Limits in force.
    pub limits: Limits,
    /// What payloads may come to before the report says so.
    pub alerts: Thresholds,
    /// Who is charged.
    pub attribution: Attribution,
    /// Whom to ask.
    pub tiers: Tiers,
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
    /// Where a team shares its reviews; none where it does not.
    pub team: Option<Team>,
}
