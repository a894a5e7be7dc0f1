//! `hookgate run` and `hookgate dry-run`: one is what the shims call, the other shows the same
//! before it happens.

use std::io::{self, ErrorKind, Write};

use crate::check::fix::fix;
use crate::check::pack::RuleSet;
use crate::cli::{DryRun, Hook, Run, Scope};
use crate::config::file::BASELINE_FILE;
use crate::config::{Config, Environment};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::git::Repository;
use crate::meter::Limits;
use crate::payload::route::Reason;
use crate::pipeline::{self, Options};
use crate::report::{self, Mode, Outcome, Report};
use crate::text::one_line;

use super::range::{Branch, ORIGIN, Subject, Wanted, ranges, unpushed};

/// Reviews what a hook is about, and speaks only if there is something to say.
///
/// # Errors
/// No repository, a wrong configuration, or what git could not read.
pub(super) fn execute(
    args: &Run,
    verbose: bool,
    environment: &Environment,
    out: &mut impl Write,
) -> Result<ExitStatus, Error> {
    if environment.is_off() {
        return Ok(ExitStatus::Allowed);
    }
    if args.fix && args.hook != Hook::PreCommit && !args.all_files {
        let message = "what is committed already cannot be fixed: `hookgate run pre-commit --fix` mends what \
                       is staged, and with --all-files every tracked file";
        return Err(Error::Refused(message.to_owned()));
    }
    let repository = Repository::open(&environment.directory)?;
    let config = Config::load(&repository, environment)?;
    let mut options = config.options(args.hook)?;
    let wanted = if args.all_files { Wanted::AllFiles } else { between(&args.scope) };
    if args.all_files {
        options.ask_nobody("all files were asked for: rules only");
    } else if args.fix {
        options.ask_nobody("fixes were asked for: rules only");
    }
    options.ask_anew = args.no_cache;
    let remote = args.arguments.first().and_then(|remote| remote.to_str());
    let subjects = ranges(&repository, args.hook, wanted, remote)?;
    let mut reports = reports(&repository, subjects, Mode::Review, &mut options)?;
    for report in &mut reports {
        report.notes.extend(config.notes.iter().cloned());
        if args.all_files {
            report.notes.extend(gone(&options.rules, report));
        }
        if args.fix {
            let changes = report.changes.iter().map(|routed| &routed.classified);
            let fixed = fix(&repository, changes, &report.findings, &options.rules, &options.parse);
            report.notes.extend(report::fixed::notes(&fixed));
        }
    }
    said(report::write(&reports, &options.rules, args.format, verbose, out))?;
    let status = worst(&reports);
    // Taking syntax trees and rules apart piece by piece takes longer than the end of the process.
    std::mem::forget((reports, options));
    Ok(status)
}

/// Builds and counts the requests of a run, and sends nothing.
///
/// # Errors
/// As [`execute`].
pub(super) fn preview(
    args: &DryRun,
    verbose: bool,
    environment: &Environment,
    out: &mut impl Write,
) -> Result<ExitStatus, Error> {
    let repository = Repository::open(&environment.directory)?;
    let config = Config::load(&repository, environment)?;
    let mut options = config.options(args.hook)?;
    options.ask_anew = args.no_cache;
    if args.no_limit {
        options.limits = Limits::default();
    }
    let wanted = args.commit.as_deref().map_or_else(|| between(&args.scope), Wanted::Commit);
    let mut reports = previews(&repository, args.hook, wanted, &mut options)?;
    for report in &mut reports {
        report.notes.extend(config.notes.iter().cloned());
    }
    said(if args.show_payload {
        report::write_requests(&reports, out)
    } else {
        report::write(&reports, &options.rules, args.format, verbose, out)
    })?;
    Ok(worst(&reports))
}

/// What a run would say of what is wanted.
///
/// # Errors
/// As [`execute`].
pub(super) fn previews(
    repository: &Repository,
    hook: Hook,
    wanted: Wanted<'_>,
    options: &mut Options,
) -> Result<Vec<Report>, Error> {
    let mut subjects = ranges(repository, hook, wanted, None)?;
    if subjects.is_empty() {
        // Whoever asks for a preview without a terminal is not git, and names no refs.
        subjects = unpushed(repository, ORIGIN)?;
    }
    reports(repository, subjects, Mode::Preview, options)
}

/// What the baseline knows and nobody finds any more.
fn gone(rules: &RuleSet, report: &Report) -> Option<String> {
    const NAMED: usize = 5;
    let suppressed = report.suppressed.iter().map(|suppressed| &suppressed.finding);
    let gone = rules.baseline().gone(report.findings.iter().chain(suppressed));
    let mut names: Vec<_> = gone
        .iter()
        .take(NAMED)
        .map(|known| one_line(&format!("{} ({})", known.path, known.rule), 200))
        .collect();
    if gone.len() > NAMED {
        names.push(format!("{} more", gone.len() - NAMED));
    }
    let (count, names) = (gone.len(), names.join(", "));
    (count > 0).then(|| {
        format!("entries of {BASELINE_FILE} that match nothing any more: {count}, {names}; `hookgate baseline` drops them")
    })
}

/// Whoever closes the pipe has read enough, and what is refused is refused all the same.
fn said(written: io::Result<()>) -> io::Result<()> {
    written.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

pub(super) fn between(scope: &Scope) -> Wanted<'_> {
    match (&scope.from_ref, &scope.to_ref) {
        (Some(from), Some(to)) => Wanted::Between(from, to),
        _ => Wanted::Hook,
    }
}

/// All ranges are one run of the hook: what one of them takes of time, the next one lacks, as it does
/// of tokens, which the store adds up under the name of the run.
fn reports(
    repository: &Repository,
    subjects: Vec<Subject>,
    mode: Mode,
    options: &mut Options,
) -> Result<Vec<Report>, Error> {
    let checked_out = options.attribution.branch.clone();
    let mut end = None;
    let mut reports = Vec::new();
    for Subject { range, branch } in subjects {
        options.attribution.branch = match branch {
            Branch::CheckedOut => checked_out.clone(),
            Branch::Pushed(name) => name,
        };
        let report = pipeline::run(repository, range, mode, options, &mut end)?;
        if let Some(barrier) = report.barrier.as_ref().filter(|barrier| barrier.reason == Reason::Store) {
            // A ledger that fails is waited for once.
            options.barrier.get_or_insert_with(|| barrier.clone());
        }
        if mode == Mode::Preview {
            // Nobody is asked, and to read the ledger takes as long as it takes.
            end = None;
        }
        reports.push(report);
    }
    Ok(reports)
}

/// One push can have several ranges: it goes through if all of them do.
fn worst(reports: &[Report]) -> ExitStatus {
    let outcomes: Vec<_> = reports.iter().map(Report::outcome).collect();
    let has = |outcome| outcomes.contains(&outcome);
    let outcome = if has(Outcome::Blocked) {
        Outcome::Blocked
    } else if has(Outcome::Undecided) {
        Outcome::Undecided
    } else {
        Outcome::Allowed
    };
    outcome.into()
}
