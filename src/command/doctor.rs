//! `hookgate doctor`: everything that could keep a hook from its work, in one list.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::Command;

use anstyle::{AnsiColor, Style};

use super::install::program_directory;
use crate::cli::Hook;
use crate::config::trust::Consent;
use crate::config::{Config, Environment, UserConfig};
use crate::error::{Error, with_causes};
use crate::exit::ExitStatus;
use crate::git::Repository;
use crate::hook::install::{Occupant, SHIMS, has_chained, hooks_directory, occupant};
use crate::meter::Limits;
use crate::meter::budget::{Budget, BudgetError};
use crate::meter::cache::Cache;
use crate::meter::price::PriceSource;
use crate::meter::store::About;
use crate::model::Egress;
use crate::report::BILLED;
use crate::report::models::may_leave;
use crate::text::instead;
use crate::tokens::Count;

pub(super) fn execute(environment: &Environment, out: &mut dyn Write) -> Result<ExitStatus, Error> {
    let mut list = List::new(out);
    match git_version() {
        Ok(version) => list.ok("git", version)?,
        Err(error) => list.fail("git", format_args!("cannot be run: {error}; put it on PATH"))?,
    }
    match Repository::open(&environment.directory) {
        Ok(repository) => {
            list.ok("repository", repository.work_tree().display())?;
            shims(&repository, environment, &mut list)?;
            configuration(&repository, environment, &mut list)?;
        }
        Err(error) => {
            list.fail("repository", error)?;
            match UserConfig::load(environment) {
                Ok(user) => personal(&user, &[], environment, &mut list)?,
                Err(error) => list.fail("configuration", with_causes(&error))?,
            }
        }
    }
    Ok(list.status())
}

/// The lines of the report, each written as it is known.
pub(super) struct List<'a> {
    out: &'a mut dyn Write,
    has_failed: bool,
}

impl<'a> List<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, has_failed: false }
    }

    pub(super) fn status(&self) -> ExitStatus {
        if self.has_failed { ExitStatus::Failed } else { ExitStatus::Allowed }
    }

    fn ok(&mut self, subject: &str, message: impl Display) -> io::Result<()> {
        self.line(AnsiColor::Green.on_default(), "ok", subject, message)
    }

    fn warn(&mut self, subject: &str, message: impl Display) -> io::Result<()> {
        self.line(AnsiColor::Yellow.on_default(), "warn", subject, message)
    }

    fn fail(&mut self, subject: &str, message: impl Display) -> io::Result<()> {
        self.has_failed = true;
        self.line(AnsiColor::Red.on_default(), "fail", subject, message)
    }

    fn line(&mut self, style: Style, word: &str, subject: &str, message: impl Display) -> io::Result<()> {
        writeln!(self.out, "{style}{word:4}{style:#}  {subject}: {message}")
    }
}

fn git_version() -> io::Result<String> {
    let output = Command::new("git").arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().trim_start_matches("git version ").to_owned())
}

fn shims(repository: &Repository, environment: &Environment, list: &mut List<'_>) -> io::Result<()> {
    let hooks = match hooks_directory(repository) {
        Ok(hooks) => hooks,
        Err(error) => return list.fail("hooks", error),
    };
    let program = program_directory(environment);
    for shim in &SHIMS {
        let also = if has_chained(shim, &hooks) { "; the hook from before runs first" } else { "" };
        match occupant(shim, &hooks, program.as_deref()) {
            Ok(Occupant::Current) => list.ok(shim.hook, format_args!("installed{also}"))?,
            Ok(Occupant::Stale) => list.warn(
                shim.hook,
                "installed by another hookgate than this one; `hookgate install` updates it",
            )?,
            Ok(Occupant::Edited) => {
                list.warn(shim.hook, "its shim was edited: hookgate will neither update nor remove it")?
            }
            Ok(Occupant::Foreign) => list.warn(
                shim.hook,
                "not installed; `hookgate install` keeps the hook that is there and runs it first",
            )?,
            Ok(Occupant::Nobody) => list.warn(shim.hook, "not installed; run `hookgate install`")?,
            Err(error) => list.fail(shim.hook, error)?,
        }
    }
    Ok(())
}

fn configuration(repository: &Repository, environment: &Environment, list: &mut List<'_>) -> io::Result<()> {
    let config = match Config::load(repository, environment) {
        Ok(config) => config,
        Err(error) => return list.fail("configuration", with_causes(&error)),
    };
    // Both hooks, since each has its own section; the rules are the same.
    let loaded = config.options(Hook::PrePush).and_then(|_| config.options(Hook::PreCommit));
    match loaded {
        Ok(options) => {
            for problem in options.rules.unsupported() {
                list.warn("rules", problem)?;
            }
            let yours = if config.user.path.exists() { "yours is" } else { "yours would be" };
            let path = config.user.path.display();
            list.ok("configuration", format_args!("all files and rules load; {yours} {path}"))?;
        }
        Err(error) => list.fail("configuration", with_causes(&error))?,
    }
    for note in &config.notes {
        list.warn("configuration", note)?;
    }
    match &config.consent {
        Consent::NotNeeded => list.ok("consent", "none is needed")?,
        Consent::Given => list.ok("consent", "given to what hookgate.toml asks for")?,
        Consent::Missing | Consent::Outdated { .. } => list.warn(
            "consent",
            "missing, so that no model is asked; `hookgate trust` shows what hookgate.toml asks for",
        )?,
    }
    let asked: Vec<_> =
        [Hook::PreCommit, Hook::PrePush].into_iter().flat_map(|hook| config.tiers(hook)).collect();
    personal(&config.user, &asked, environment, list)?;
    sharing(&config, list)
}

/// What is the user's own, whatever the repository, which asks for the tiers `asked`.
fn personal(
    user: &UserConfig,
    asked: &[&str],
    environment: &Environment,
    list: &mut List<'_>,
) -> io::Result<()> {
    tiers(user, asked, list)?;
    prices(user, list)?;
    network(environment, list)?;
    ledger(user, list)?;
    cache(user, list)
}

/// Prices that the user's file gives to models of no tier: probably another one was meant.
fn prices(user: &UserConfig, list: &mut List<'_>) -> io::Result<()> {
    let tiers = user.file.tiers.values().map(|tier| format!("{}/{}", tier.provider, tier.model));
    let tiers: Vec<_> = tiers.collect();
    let tiers: Vec<_> = tiers.iter().map(String::as_str).collect();
    for model in user.file.prices.keys().filter(|model| !tiers.contains(&model.as_str())) {
        let instead = instead(model, &tiers);
        let about = format_args!("[prices.{model:?}] is of no tier: no hook uses it{instead}");
        list.warn("prices", about)?;
    }
    Ok(())
}

/// Variables that lead what is sent to other machines another way. Their values are not shown: a
/// proxy's address may hold a password.
fn network(environment: &Environment, list: &mut List<'_>) -> io::Result<()> {
    let set =
        |names: &[&'static str]| names.iter().copied().find(|name| environment.variable(name).is_some());
    if let Some(name) = set(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]) {
        list.ok("proxy", format_args!("{name} names one for requests to other machines"))?;
    }
    if let Some(name) = set(&["SSL_CERT_FILE", "SSL_CERT_DIR"]) {
        list.ok(
            "certificates",
            format_args!("{name} says which authorities are trusted, and not the system"),
        )?;
    }
    Ok(())
}

/// Where reservations and the ledger are kept, and what that place promises.
pub(super) fn ledger(user: &UserConfig, list: &mut List<'_>) -> io::Result<()> {
    // No limit, since nothing is reserved: this opens the ledger and closes it.
    let budget = Budget::open_to_read(&user.store(), Limits::default(), user.attribution("doctor"));
    let told = |budget: Budget| Ok((budget.about()?, budget.waiting().cloned(), billed(user, &budget)?));
    match budget.and_then(told) {
        Ok((About { place, facts, warnings, refusal }, waiting, billed)) => {
            list.ok("ledger", format_args!("{place}, {}", facts.join(", ")))?;
            if let Some(refusal) = refusal {
                list.fail("ledger", format_args!("no call can be made: {refusal}"))?;
            }
            if let Some(waiting) = waiting {
                let because = &waiting.because;
                list.warn("ledger", format_args!("{waiting} wait until it takes writes: {because}"))?;
            }
            for model in billed {
                list.warn("price", format_args!("{model} {BILLED}"))?;
            }
            for warning in warnings {
                list.warn("ledger", warning)?;
            }
            Ok(())
        }
        Err(error) => list.fail("ledger", error),
    }
}

/// The models that count as free and have reported a cost.
fn billed(user: &UserConfig, budget: &Budget) -> Result<BTreeSet<String>, BudgetError> {
    let mut billed = BTreeSet::new();
    for endpoint in user.file.tiers.keys().filter_map(|name| user.endpoint(name).ok()) {
        let is_free = endpoint.price.is_some_and(|price| price.is_free());
        if is_free && budget.has_billed(&endpoint.provider, &endpoint.model)? {
            billed.insert(format!("{}/{}", endpoint.provider, endpoint.model));
        }
    }
    Ok(billed)
}

/// Whether reviews can be shared with the team, where they are to be; the server is the ledger's.
fn sharing(config: &Config, list: &mut List<'_>) -> io::Result<()> {
    match config.team(Hook::PreCommit) {
        Ok(None) => Ok(()),
        Ok(Some(team)) => match team.check() {
            Ok(()) if team.writes => list.ok("shared reviews", "read, and added to"),
            Ok(()) => list.ok("shared reviews", "read; [cache] writers does not name this run"),
            Err(error) => list.warn("shared reviews", error),
        },
        Err(error) => list.fail("shared reviews", error),
    }
}

/// Without earlier reviews everything works, and costs more.
fn cache(user: &UserConfig, list: &mut List<'_>) -> io::Result<()> {
    let opened = Cache::existing(&user.state_directory, 0);
    let counted = opened.and_then(|cache| {
        cache.map(|mut cache| Ok((cache.statistics(0, 1)?.entries, cache.path().to_owned()))).transpose()
    });
    match counted {
        Ok(Some((entries, path))) => {
            let entries = Count(usize::try_from(entries).unwrap_or(usize::MAX), "review");
            list.ok("cache", format_args!("{entries} in {}", path.display()))
        }
        Ok(None) => list.ok("cache", "no review yet"),
        Err(error) => list.warn("cache", error),
    }
}

/// Every tier that is defined, and every one that is asked for and is not.
fn tiers(user: &UserConfig, asked: &[&str], list: &mut List<'_>) -> io::Result<()> {
    let mut names: Vec<&str> = user.file.tiers.keys().map(String::as_str).collect();
    for &name in asked {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for name in names {
        let subject = format!("tier {name}");
        match user.endpoint(name) {
            Ok(endpoint) => {
                let egress = endpoint.egress();
                let key = endpoint
                    .key
                    .map_or_else(|| "no key".to_owned(), |key| format!("key from {}", key.origin));
                let price = format!("price {}", PriceSource::of(endpoint.price.as_ref()));
                let is_gateway = endpoint.gateway == Some(true);
                let gateway = if is_gateway { ", your own gateway: told who asks" } else { "" };
                let about = format!("{} at {}, {key}, {price}{gateway}", endpoint.model, endpoint.base_url);
                match egress {
                    Egress::MayLeave => {
                        list.warn(&subject, format_args!("{about}; it {}", may_leave(&endpoint.provider)))?
                    }
                    Egress::Stays | Egress::Leaves => list.ok(&subject, about)?,
                }
            }
            Err(reason) => list.warn(&subject, reason)?,
        }
    }
    Ok(())
}
